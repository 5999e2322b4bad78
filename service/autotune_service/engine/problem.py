"""What the engine is asked and what it answers; importing this loads neither torch nor numpy."""

from dataclasses import dataclass

from autotune_wire.base import Configuration
from autotune_wire.experiments import AcqFunc, Direction
from autotune_wire.space import Space
from autotune_wire.suggestions import Source


@dataclass(frozen=True, slots=True)
class Problem:
    """Everything that the next suggestions depend on.

    Args:
        space: The d covariates, in column order.
        direction: Which responses are good.
        acq_func: The acquisition's name.
        seed: Makes the answer a function of the problem.
        told: The configurations that were run, oldest first.
        responses: Their responses, same order, in their own unit.
        pending: Configurations that are suggested but not told yet.
        n: How many suggestions are wanted.
    """

    space: Space
    direction: Direction
    acq_func: AcqFunc
    seed: int
    told: list[Configuration]
    responses: list[float]
    pending: list[Configuration]
    n: int


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A configuration to try, where it comes from and what the model expects of it, in the response's unit."""

    covars: Configuration
    source: Source
    reason: str
    mean: float | None = None
    sd: float | None = None
