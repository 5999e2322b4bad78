"""A few configurations drawn at random in a space, to show what a description allows before it is used."""

import math
from collections.abc import Mapping, Sequence
from random import Random

from autotune_wire.base import Configuration, Value
from autotune_wire.constraints import Constraint, LinearConstraint
from autotune_wire.space import CatCovariate, ContCovariate, Covariate, IntCovariate, is_active

MAX_TRIES = 5000
"""How many configurations are drawn at most: a preview must not take longer than a key press."""


def draw_samples(
    space: Mapping[str, Covariate], constraints: Sequence[Constraint], n: int, seed: int = 0
) -> list[Configuration]:
    """Draw configurations that meet all constraints, each covariate alike over its range and scale.

    In a sum that must equal its bound, the last covariate without a step takes what the others leave.

    Args:
        space: The covariates by name.
        constraints: The constraints.
        n: How many to draw.
        seed: The seed of the draws.

    Returns:
        The configurations; fewer than ``n`` if the constraints leave little of the space.
    """
    random = Random(seed)  # nosec B311 # a picture, no secret
    sums = [one for one in constraints if isinstance(one, LinearConstraint) and one.relation == "=="]
    samples: list[Configuration] = []
    for _try in range(MAX_TRIES):
        drawn = {name: _value(random, covariate) for name, covariate in space.items()}
        for one in sums:
            _balance(space, drawn, one)
        sample = {name: value for name, value in drawn.items() if is_active(space, name, drawn)}
        if _is_inside(space, sample) and all(constraint.holds(sample) for constraint in constraints):
            samples.append(sample)
            if len(samples) == n:
                break
    return samples


def _value(random: Random, covariate: Covariate) -> Value:
    if isinstance(covariate, CatCovariate):
        return random.choice(covariate.options)  # nosec B311 # as above
    share = random.random()  # nosec B311 # as above
    if covariate.log:
        value = math.exp(math.log(covariate.min) + share * (math.log(covariate.max) - math.log(covariate.min)))
        if isinstance(covariate, IntCovariate):
            return covariate.value_at(covariate.index_near(value))
        return min(max(value, covariate.min), covariate.max)
    n_values = covariate.n_values
    if n_values is None:
        return covariate.min + share * (covariate.max - covariate.min)
    return covariate.value_at(min(int(share * n_values), n_values - 1))


def _balance(space: Mapping[str, Covariate], drawn: Configuration, one: LinearConstraint) -> None:
    for name, weight in reversed(one.weights.items()):
        covariate = space[name]
        if weight and isinstance(covariate, ContCovariate) and covariate.n_values is None:
            rest = math.fsum(factor * float(drawn[other]) for other, factor in one.weights.items() if other != name)
            drawn[name] = (one.bound - rest) / weight
            return


def _is_inside(space: Mapping[str, Covariate], sample: Configuration) -> bool:
    return all(
        isinstance(covariate, CatCovariate) or covariate.min <= float(sample[name]) <= covariate.max
        for name, covariate in space.items()
        if name in sample
    )
