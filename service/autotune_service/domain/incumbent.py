"""Which observation is the best."""

from autotune_wire.responses import AnyObjective, merit


def is_better(objective: AnyObjective, response: float, than: float | None) -> bool:
    """Return whether a response beats ``than``, the best one so far; of two equal ones the earlier stays best."""
    return than is None or merit(objective, response) > merit(objective, than)
