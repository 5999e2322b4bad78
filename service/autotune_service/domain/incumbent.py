"""Which observation is the best."""

from collections.abc import Mapping

from autotune_wire.responses import AnyObjective, Response, merit, thresholds_of


def is_better(objective: AnyObjective, response: float, than: float | None) -> bool:
    """Return whether a response beats ``than``, the best one so far; of two equal ones the earlier stays best."""
    return than is None or merit(objective, response) > merit(objective, than)


def meets_thresholds(responses: Mapping[str, Response], values: Mapping[str, float]) -> bool:
    """Return whether a run meets every threshold; a threshold whose response was not measured is not met.

    Args:
        responses: The experiment's responses.
        values: The measured value of each response, in its own unit.
    """
    return all(
        name in values
        and (values[name] >= threshold.bound if threshold.goal == ">=" else values[name] <= threshold.bound)
        for name, threshold in thresholds_of(responses).items()
    )
