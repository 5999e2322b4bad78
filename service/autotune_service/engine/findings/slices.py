"""Slices: the predictions along one covariate at a time, through one configuration."""

from collections.abc import Mapping, Sequence, Set

import numpy as np

from autotune_service.engine.arrays import Array
from autotune_service.engine.findings.fitted import Fitted
from autotune_service.engine.interface import Prediction, SlicePoint
from autotune_service.engine.space.columns import Column
from autotune_service.engine.space.encoding import SAME
from autotune_service.engine.space.region import Region
from autotune_wire.base import Configuration
from autotune_wire.constraints import LinearConstraint
from autotune_wire.space import CatCovariate, Space

_POINTS = 25
_MOST_STEPS = 20  # rounding each share leaves at most half a step of each


def slices(fitted: Fitted, center: Configuration) -> dict[str, dict[str, list[SlicePoint]]]:
    """Predict along each covariate that is active at a configuration, the others unchanged.

    A covariate in a sum with a fixed total, such as a share of a mixture, changes at the others' cost: they grow or
    shrink in proportion (the direction of Cox 1971, "A note on polynomial response functions for mixtures"). Values
    that no recipe has are left out. A point that breaks another constraint, or is predicted to miss a threshold, says
    so.

    Returns:
        The points by response and covariate, in ascending order of the covariate's places.
    """
    found: dict[str, dict[str, list[SlicePoint]]] = {name: {} for name in fitted.surrogates}
    for j, column in enumerate(fitted.encoding.columns):
        if column.name not in center:
            continue
        rows = _along(fitted, center, j)
        configurations = [fitted.encoding.decode(other) for other in rows]
        predictions = fitted.predictions(rows)
        why_not = [
            _why_not(fitted, configuration, {name: points[k] for name, points in predictions.items()})
            for k, configuration in enumerate(configurations)
        ]
        for name, points in predictions.items():
            found[name][column.name] = [
                SlicePoint(column.decode(place), point, why)
                for place, point, why in zip(rows[:, j].tolist(), points, why_not, strict=True)
            ]
    return found


def _why_not(fitted: Fitted, configuration: Configuration, predictions: Mapping[str, Prediction]) -> str | None:
    for constraint in fitted.given.constraints:
        if not constraint.holds(configuration):
            return constraint.violation(configuration)
    return fitted.missed_threshold(predictions)


def _along(fitted: Fitted, center: Configuration, j: int) -> Array:
    """Return the rows of a slice along column j, shape (n, d)."""
    encoding, column = fitted.encoding, fitted.encoding.columns[j]
    totals = [
        constraint
        for constraint in fitted.given.constraints
        if isinstance(constraint, LinearConstraint) and constraint.relation == "=="
    ]
    row = encoding.encode([center])[0]
    if not any(constraint.weights.get(column.name) for constraint in totals):
        rows = np.repeat(row[None], len(places := _places(column, 0.0, 1.0)), axis=0)
        rows[:, j] = places
        return np.unique(encoding.snap(rows), axis=0)  # a changed value can make other covariates inactive
    # A context is what it is, so the others alone trade off.
    held = {name: center[name] for name, covariate in encoding.space.items() if covariate.role == "context"}
    low, high = Region(encoding, totals, held).reach(j)
    recipes = []
    for place in np.unique(np.append(_places(column, low, high), row[j])).tolist():
        fixed = {**held, column.name: column.decode(place)}
        region = Region(encoding, totals, fixed)
        recipe = region.settled(encoding.encode([_recipe(encoding.space, totals, center, column.name, fixed)]))
        recipes.append(recipe[region.holds(recipe)])
    return np.concatenate(recipes)


def _places(column: Column, low: float, high: float) -> Array:
    """Return the places of a slice along a column, those of its settings where they are few."""
    if isinstance(column.covariate, CatCovariate):
        return column.grid
    if column.is_grid and len(column.grid) <= _POINTS:
        return column.grid[(column.grid >= low - SAME) & (column.grid <= high + SAME)]
    return column.snap(np.linspace(low, high, _POINTS))


def _recipe(
    space: Space, totals: Sequence[LinearConstraint], center: Configuration, name: str, fixed: Configuration
) -> Configuration:
    """Change one covariate of a recipe, the other free ones in its sums in proportion, within their ranges.

    Where these are in further sums, the rest of those follows in proportion. Numbers with steps are rounded, and then
    moved by single steps as long as the sums come nearer to their totals.
    """
    recipe: Configuration = {**center, **fixed}
    wanted: dict[str, float] = {}
    left = sorted(totals, key=lambda total: not total.weights.get(name))
    while total := next((total for total in left if (fixed.keys() | wanted.keys()) & total.weights.keys()), None):
        left.remove(total)
        moved = _in_proportion(recipe, total, fixed.keys() | wanted.keys())
        wanted |= moved
        for other, amount in moved.items():
            covariate = space[other]
            assert not isinstance(covariate, CatCovariate)
            recipe[other] = min(max(amount, covariate.min), covariate.max)
            if covariate.n_values is not None:
                recipe[other] = covariate.value_at(covariate.index_near(amount))
    stepped = [other for other in wanted if space[other].n_values is not None]
    for _ in range(_MOST_STEPS if stepped else 0):
        moves = [
            (_gap(totals, moved), abs(float(moved[other]) - wanted[other]), i, moved)
            for other in stepped
            for i, moved in enumerate(_beside(space, recipe, other))
        ]
        nearest = min(moves, key=lambda move: move[:3], default=None)
        if nearest is None or nearest[0] >= _gap(totals, recipe):
            break
        recipe = nearest[3]
    return recipe


def _in_proportion(recipe: Configuration, total: LinearConstraint, held: Set[str]) -> dict[str, float]:
    """Return the amounts of the members of a sum that are not held, scaled so that the sum has its total."""
    others = {name: float(recipe[name]) for name, weight in total.weights.items() if weight and name not in held}
    left = total.bound - sum(weight * float(recipe[name]) for name, weight in total.weights.items() if name in held)
    parts = sum(total.weights[name] * amount for name, amount in others.items())
    if parts == 0:
        others = dict.fromkeys(others, 1.0)
        parts = sum(total.weights[name] for name in others)
    return {name: amount * left / parts for name, amount in others.items()} if parts else others


def _beside(space: Space, recipe: Configuration, name: str) -> list[Configuration]:
    """Return the recipes in which a number with steps has its next lower or its next higher value."""
    covariate = space[name]
    assert not isinstance(covariate, CatCovariate)
    assert covariate.n_values is not None
    index = covariate.index_near(float(recipe[name]))
    return [{**recipe, name: covariate.value_at(k)} for k in (index - 1, index + 1) if 0 <= k < covariate.n_values]


def _gap(totals: Sequence[LinearConstraint], recipe: Configuration) -> float:
    return sum(abs(total.total(recipe) - total.bound) for total in totals)
