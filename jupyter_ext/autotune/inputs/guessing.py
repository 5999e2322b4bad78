"""The first value to try of a covariate whose description names none: the middle of its range, or its first option."""

import math
from typing import Any

from autotune.values import number_text


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
