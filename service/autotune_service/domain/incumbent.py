"""Which observation is the best."""

from collections.abc import Mapping

from autotune_wire.experiments import Direction
from autotune_wire.responses import Response, thresholds_of


def is_better(direction: Direction, response: float, than: float | None) -> bool:
    """Whether a response beats the best one so far; of two equal ones the earlier stays best."""
    if than is None:
        return True
    return response > than if direction == "maximize" else response < than


def meets_thresholds(responses: Mapping[str, Response], values: Mapping[str, float]) -> bool:
    """Whether what a run gave is on the good side of every threshold; what was not measured is not known to be.

    Args:
        responses: The experiment's responses.
        values: What was measured, by response, each in its own unit.
    """
    return all(
        name in values and (values[name] >= one.bound if one.goal == ">=" else values[name] <= one.bound)
        for name, one in thresholds_of(responses).items()
    )
