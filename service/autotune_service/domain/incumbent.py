"""Which observation is the best."""

from autotune_wire.experiments import Direction


def is_better(direction: Direction, response: float, than: float | None) -> bool:
    """Whether a response beats the best one so far; of two equal ones the earlier stays best."""
    if than is None:
        return True
    return response > than if direction == "maximize" else response < than
