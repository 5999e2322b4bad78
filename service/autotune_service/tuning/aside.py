"""Long computations, done beside the event loop so that everybody else is served meanwhile."""

import asyncio
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from autotune_wire.constraints import Constraint, ForbiddenCombination, LinearConstraint
from autotune_wire.space import CatCovariate, Space

_FEW = 2000  # values: a thread costs as much as looking at some hundred of them
_A_RUN = 10  # values: what is made of a run besides its configuration costs as much

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


def size_of(space: Space, constraints: Sequence[Constraint]) -> int:
    """Return how many options and values a space and its constraints list."""
    n_options = sum(covariate.n_values for covariate in space.values() if isinstance(covariate, CatCovariate))
    return n_options + sum(
        len(values)
        for constraint in constraints
        if isinstance(constraint, ForbiddenCombination)
        for values in constraint.combination.values()
    )


def n_values_of(n_runs: int, space: Space, constraints: Sequence[Constraint]) -> int:
    """Return at how many values the work on runs looks: each run is checked in the space and by all constraints."""
    n_terms = sum(
        len(constraint.weights) if isinstance(constraint, LinearConstraint) else len(constraint.combination)
        for constraint in constraints
    )
    return n_runs * (_A_RUN + len(space) + n_terms)
