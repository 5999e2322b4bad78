"""The first value to try of a covariate whose description names none: the middle of its range, or its first option.

Where the middles break a linear constraint, such as the sum of a mixture, they move until they meet it.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from autotune.values import number_text
from autotune_wire.constraints import LinearConstraint


def with_guess(covariate: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a covariate with a ``guess``, unless it has one or its bounds are not usable.

    On a logarithmic scale the middle is the geometric mean. A middle between two steps moves to the lower one.
    """
    if "guess" in covariate:
        return covariate
    if covariate["vtype"] == "cat":
        return {**covariate, "guess": covariate["options"][0]}
    low, high = covariate["min"], covariate["max"]
    if not low <= high or (covariate.get("log") and low <= 0):
        return {**covariate, "guess": low}  # the check of the whole description names what is wrong
    return {**covariate, "guess": _middle(covariate, low, high)}


def _middle(covariate: dict[str, Any], low: float, high: float) -> float:
    is_whole, step = covariate["vtype"] == "int", covariate.get("step")
    middle = math.exp((math.log(low) + math.log(high)) / 2) if covariate.get("log") else low + (high - low) / 2
    if step is not None and step > 0:
        middle = low + step * math.floor((high - low) / step / 2)
    rounded = round(middle) if is_whole else float(number_text(middle))
    return min(max(rounded, low), high)


def fitted(covariates: Mapping[str, Any], made: Collection[str], constraints: Sequence[Any]) -> dict[str, Any]:
    """Return the covariates with guesses that meet the linear constraints, where moving the made ones is enough.

    Each made guess moves by the same share of its way to the bound of its covariate. What cannot be met so stays as it
    is: the check of the whole description names it.

    Args:
        covariates: The descriptions, each with its guess.
        made: The covariates whose guesses nobody gave.
        constraints: The constraints as the service takes them; only the linear ones count.
    """
    found = dict(covariates)
    for constraint in constraints:
        try:
            linear = LinearConstraint.model_validate(constraint)
        except ValidationError:
            continue  # the check of the whole description names what is wrong
        movable = [name for name in linear.weights if name in made and _is_movable(found[name])]
        if movable and all(_has_number(found.get(name)) for name in linear.weights):
            found |= _moved(found, linear, movable)
    return found


def _moved(covariates: Mapping[str, Any], linear: LinearConstraint, movable: Sequence[str]) -> dict[str, Any]:
    """Return the movable covariates with guesses that meet one constraint; none if they meet it, or cannot."""
    weights, relation, bound = linear.weights, linear.relation, linear.bound
    gap = bound - sum(weight * covariates[name]["guess"] for name, weight in weights.items())
    if gap == 0 or (relation == "<=" and gap > 0) or (relation == ">=" and gap < 0):
        return {}
    ends = {name: "max" if (weights[name] > 0) == (gap > 0) else "min" for name in movable}
    ways = {name: covariates[name][ends[name]] - covariates[name]["guess"] for name in movable}
    reach = sum(weights[name] * way for name, way in ways.items())
    if reach == 0 or gap / reach > 1:
        return {}
    near = {
        name: _rounded(covariates[name], covariates[name]["guess"] + gap / reach * way) for name, way in ways.items()
    }
    widest = max(movable, key=lambda name: abs(ways[name]))
    rest = bound - sum(
        weight * near.get(name, covariates[name]["guess"]) for name, weight in weights.items() if name != widest
    )
    last = covariates[widest]
    near[widest] = min(max(float(f"{rest / weights[widest]:.12g}"), last["min"]), last["max"])
    return {name: {**covariates[name], "guess": value} for name, value in near.items()}


def _rounded(covariate: Mapping[str, Any], value: float) -> float:
    low, high, step = float(covariate["min"]), float(covariate["max"]), covariate.get("step")
    near = float(f"{value:.3g}") if not step else float(f"{low + step * round((value - low) / step):.12g}")
    return min(max(near, low), high)


def _is_movable(covariate: Any) -> bool:
    return isinstance(covariate, Mapping) and covariate.get("vtype") == "cont"


def _has_number(covariate: Any) -> bool:
    return isinstance(covariate, Mapping) and isinstance(covariate.get("guess"), int | float)
