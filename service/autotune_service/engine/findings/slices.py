"""Slices: the predictions along one covariate at a time, through one configuration."""

from collections.abc import Mapping

import numpy as np

from autotune_service.engine.arrays import Array
from autotune_service.engine.findings.fitted import Fitted
from autotune_service.engine.interface import Prediction, SlicePoint
from autotune_service.engine.space.region import Region
from autotune_wire.base import Configuration, Value
from autotune_wire.constraints import LinearConstraint
from autotune_wire.space import CatCovariate

_POINTS = 25


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
    rows = np.repeat(encoding.encode([center]), _POINTS, axis=0)
    if isinstance(column.covariate, CatCovariate) or (column.is_grid and len(column.grid) <= _POINTS):
        rows = rows[np.zeros(len(column.grid), dtype=np.int64)]
        rows[:, j] = column.grid
    else:
        rows[:, j] = np.linspace(0.0, 1.0, _POINTS)
    rows = np.unique(encoding.snap(rows), axis=0)  # a changed value can make other covariates inactive
    totals = [
        constraint
        for constraint in fitted.given.constraints
        if isinstance(constraint, LinearConstraint)
        and constraint.relation == "=="
        and constraint.weights.get(column.name)
    ]
    if not totals:
        return rows
    recipes = []
    for place in rows[:, j].tolist():
        value = column.decode(place)
        region = Region(encoding, totals, {column.name: value})
        recipe = region.settled(encoding.encode([_in_proportion(center, column.name, value, totals[0])]))
        recipes.append(recipe[region.holds(recipe)])
    return np.concatenate(recipes)


def _in_proportion(center: Configuration, name: str, value: Value, total: LinearConstraint) -> Configuration:
    """Return a configuration with another value of one covariate, the others in a sum scaled so that the sum stays."""
    others = {other: float(center[other]) for other, weight in total.weights.items() if other != name and weight}
    left = total.bound - total.weights[name] * float(value)
    parts = sum(total.weights[other] * amount for other, amount in others.items())
    if parts == 0:
        others = dict.fromkeys(others, 1.0)
        parts = sum(total.weights[other] for other in others)
    factor = left / parts if parts else 1.0
    return {**center, **{other: amount * factor for other, amount in others.items()}, name: value}
