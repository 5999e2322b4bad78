"""Long computations, done beside the event loop so that everybody else is served meanwhile."""

import asyncio
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from autotune_wire.constraints import Constraint, LinearConstraint
from autotune_wire.space import Space

_FEW = 2000  # values: a thread costs as much as looking at some hundred of them

P = ParamSpec("P")
T = TypeVar("T")


async def aside(n_values: int, compute: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Compute something that needs no transaction, in a thread if it takes long.

    Args:
        n_values: About how many values the computation looks at.
        compute: The computation.
        args: Its arguments.
        kwargs: Its arguments by name.
    """
    if n_values <= _FEW:
        return compute(*args, **kwargs)
    return await asyncio.to_thread(compute, *args, **kwargs)


def n_values_of(n_runs: int, space: Space, constraints: Sequence[Constraint]) -> int:
    """Return at how many values a check of runs looks: each is checked in the space and by all constraints."""
    n_terms = sum(
        len(constraint.weights) if isinstance(constraint, LinearConstraint) else len(constraint.combination)
        for constraint in constraints
    )
    return n_runs * (len(space) + n_terms)
