"""The configurations of which a picture needs predictions: on a grid of two covariates, or of three shares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isclose

from autotune_pictures.parts.axes import CovariateAxis, covariate_axis
from autotune_pictures.parts.errors import PictureError, chosen
from autotune_wire.base import Configuration, Value
from autotune_wire.constraints import Constraint, LinearConstraint
from autotune_wire.experiments import Experiment
from autotune_wire.space import ContCovariate, Covariate, is_active

BEST_PREDICTED = "the best predicted"
N_STEPS = 31
"""Most values of one covariate: 31 x 31 configurations are what one request may ask predictions of."""


@dataclass(frozen=True)
class Step:
    """A value of a covariate, its place on the axis, and the ends of the cell around it."""

    value: Value
    place: float
    low: float
    high: float


@dataclass(frozen=True)
class Grid:
    """Configurations that differ in two covariates.

    Attributes:
        x: The steps of the horizontal covariate.
        y: The steps of the vertical covariate.
        names: The two covariates.
        at: The configuration that has the values of the others.
        what: What this configuration is, for the mark that shows where it is.
        cells: For each configuration, its column and its row.
        configurations: The configurations, to be predicted in this order.
    """

    x: Sequence[Step]
    y: Sequence[Step]
    names: tuple[str, str]
    at: Configuration
    what: str
    cells: Sequence[tuple[int, int]]
    configurations: Sequence[Configuration]


def grid_of(experiment: Experiment, x: str, y: str, at: Configuration, what: str = BEST_PREDICTED) -> Grid:
    """Return the grid of two covariates.

    If one is a share of a mixture, the other shares grow or shrink in proportion, so that the sum stays. If one is
    active only for some values of another covariate, that one has such a value.

    Args:
        experiment: The experiment.
        x: The horizontal covariate.
        y: The vertical covariate.
        at: The values of the others, where known; their guesses where not.
        what: What this configuration is.

    Raises:
        PictureError: If the two are not two covariates of the experiment.
    """
    space = experiment.covars
    names = chosen("x", x, list(space)), chosen("y", y, [name for name in space if name != x])
    columns, rows = (steps_of(covariate_axis(name, space[name])) for name in names)
    cells, found = [], []
    for column, step in enumerate(columns):
        for row, other in enumerate(rows):
            configuration = _with(space, experiment.constraints, at, {x: step.value, y: other.value})
            if configuration is not None:
                cells.append((column, row))
                found.append(configuration)
    return Grid(columns, rows, names, at, what, cells, found)


def steps_of(axis: CovariateAxis) -> list[Step]:
    """Return the values of a covariate to be predicted, from the lowest to the highest."""
    covariate = axis.covariate
    if axis.options:
        return [Step(option, place, place - 0.5, place + 0.5) for place, option in enumerate(axis.options)]
    assert not hasattr(covariate, "options")
    n_values = covariate.n_values
    if n_values is not None and n_values <= N_STEPS:
        values: list[Value] = [covariate.value_at(index) for index in range(n_values)]
    elif n_values is None:
        values = [axis.at(index / (N_STEPS - 1)) for index in range(N_STEPS)]
    else:
        near = (covariate.index_near(axis.at(index / (N_STEPS - 1))) for index in range(N_STEPS))
        values = [covariate.value_at(index) for index in dict.fromkeys(near)]
    places = [float(value) for value in values]
    shares = [axis.share(place) for place in places]
    inner = [axis.at((one + other) / 2) for one, other in pairwise(shares)]
    ends = [axis.low, *inner, axis.high]
    return [Step(*step) for step in zip(values, places, ends[:-1], ends[1:], strict=True)]


@dataclass(frozen=True)
class Triangle:
    """Configurations that differ in three shares of a mixture.

    Attributes:
        names: The shares: at the top, at the left and at the right corner.
        lows: The least amount of each.
        room: What is left to share out above the least amounts.
        at: The configuration that has the values of the others.
        shares: For each configuration, how what is left is shared out; three numbers whose sum is 1.
        configurations: The configurations, to be predicted in this order.
    """

    names: tuple[str, str, str]
    lows: tuple[float, float, float]
    room: float
    at: Configuration
    shares: Sequence[tuple[float, float, float]]
    configurations: Sequence[Configuration]


def mixture_of(experiment: Experiment) -> list[str]:
    """Return the shares of the experiment's mixture: three or more in one sum that is held; none if there is none."""
    constraint = _mixture(experiment)
    return [] if constraint is None else _shares(experiment, constraint)


def triangle_of(experiment: Experiment, names: Sequence[str], at: Configuration, n_steps: int = 24) -> Triangle:
    """Return the grid of three shares of a mixture, the other shares as in ``at``.

    A share with a step is predicted at the step that is nearest to its place.

    Args:
        experiment: The experiment.
        names: Three shares.
        at: The values of the others, where known; their guesses where not.
        n_steps: Into how many parts each side is divided.

    Raises:
        PictureError: If the experiment has no mixture, or the names are not three of its shares.
    """
    constraint = _mixture(experiment)
    if constraint is None:
        raise PictureError(
            "ternary needs a mixture: three or more cont covariates in one constraint with == and equal weights"
        )
    allowed = _shares(experiment, constraint)
    if len(set(names)) != 3:
        raise PictureError(
            f"shares is {list(names)!r}; it must be three different ones of: {', '.join(map(repr, allowed))}"
        )
    top, left, right = (chosen("shares", name, allowed) for name in names)
    space = experiment.covars
    full = _full(space, at)
    weight = constraint.weights[top]
    others = sum(float(full[name]) for name in constraint.weights if name not in names)
    lows = tuple(_bounds(space[name])[0] for name in (top, left, right))
    room = constraint.bound / weight - others - sum(lows)
    if room <= 0:
        raise PictureError(f"shares is {list(names)!r}; the other shares leave nothing for these three to share out")
    shares, found = [], []
    for across in range(n_steps + 1):
        for up in range(n_steps + 1 - across):
            share = (up / n_steps, 1 - (up + across) / n_steps, across / n_steps)
            amounts = {name: low + room * part for name, low, part in zip((top, left, right), lows, share, strict=True)}
            amounts = _in_steps(space, constraint.weights, amounts)
            if all(amount <= _bounds(space[name])[1] + 1e-9 * room for name, amount in amounts.items()):
                shares.append(share)
                found.append(
                    {name: value for name, value in {**full, **amounts}.items() if is_active(space, name, full)}
                )
    return Triangle((top, left, right), (lows[0], lows[1], lows[2]), room, at, shares, found)


def _mixture(experiment: Experiment) -> LinearConstraint | None:
    for constraint in experiment.constraints:
        if isinstance(constraint, LinearConstraint) and constraint.relation == "==":
            weights = list(constraint.weights.values())
            are_equal = weights[0] > 0 and all(isclose(weight, weights[0]) for weight in weights)
            if are_equal and len(_shares(experiment, constraint)) >= 3:
                return constraint
    return None


def _shares(experiment: Experiment, constraint: LinearConstraint) -> list[str]:
    space = experiment.covars
    return [name for name in constraint.weights if isinstance(space[name], ContCovariate)]


def _bounds(covariate: Covariate) -> tuple[float, float]:
    assert isinstance(covariate, ContCovariate)
    return covariate.min, covariate.max


def _full(space: Mapping[str, Covariate], at: Configuration) -> Configuration:
    return {name: at.get(name, covariate.guess) for name, covariate in space.items()}


def _with(
    space: Mapping[str, Covariate], constraints: Sequence[Constraint], at: Configuration, values: Configuration
) -> Configuration | None:
    """Return a configuration with some values; None if no configuration can have them."""
    full = {**_full(space, at), **values}
    for name in values:
        condition = space[name].active_if
        if condition is not None and full[condition.covariate] not in condition.values:
            if condition.covariate in values:
                return None
            full[condition.covariate] = condition.values[0]
    for constraint in constraints:
        if isinstance(constraint, LinearConstraint) and constraint.relation == "==":
            balanced = _balanced(space, constraint, full, values)
            if balanced is None:
                return None
            full |= balanced
    return {name: value for name, value in full.items() if is_active(space, name, full)}


def _balanced(
    space: Mapping[str, Covariate], constraint: LinearConstraint, full: Configuration, kept: Configuration
) -> Configuration | None:
    """Return the other shares of a sum, in proportion, so that the sum holds; None if they would be below 0."""
    weights = constraint.weights
    others = [name for name in weights if name not in kept and isinstance(space[name], ContCovariate)]
    present = sum(weights[name] * float(full[name]) for name in others)
    if not others or not any(name in kept for name in weights) or present <= 0:
        return {}
    held = sum(weights[name] * float(full[name]) for name in weights if name not in others)
    factor = (constraint.bound - held) / present
    if factor < -1e-9:
        return None
    return {**_in_steps(space, weights, {name: float(full[name]) * max(factor, 0.0) for name in others})}


def _in_steps(
    space: Mapping[str, Covariate], weights: Mapping[str, float], amounts: Mapping[str, float]
) -> dict[str, float]:
    """Return amounts of the same sum, each at the nearest value of its covariate; the largest takes what is left.

    A share with a step cannot be suggested between its steps, so all of a picture would be veiled.
    """
    largest = max(amounts, key=lambda name: amounts[name])
    near = {name: _near(space[name], amount) for name, amount in amounts.items()}
    moved = sum(weights[name] * (near[name] - amount) for name, amount in amounts.items() if name != largest)
    rest = amounts[largest] - moved / weights[largest]
    nearest = _near(space[largest], rest)
    return {**near, largest: nearest if isclose(nearest, rest, abs_tol=1e-9) else rest}


def _near(covariate: Covariate, amount: float) -> float:
    """Return the value nearest to an amount within the bounds; one outside stays, so that it is seen to be outside."""
    assert isinstance(covariate, ContCovariate)
    if covariate.n_values is None or not covariate.min <= amount <= covariate.max:
        return amount
    return float(covariate.value_at(covariate.index_near(amount)))
