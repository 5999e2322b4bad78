"""Numbers of other libraries converted to Python's own, and numbers written for people."""

import math
from decimal import Decimal
from typing import Any


def plain(value: Any) -> Any:
    """Replace every scalar of numpy, pandas or torch, and every Decimal, by Python's own, inside dicts and lists too.

    The scalars are identified by their method ``item()``, so none of these libraries is imported.
    """
    if isinstance(value, dict):
        return {plain(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, bool | int | float | str) and type(value).__module__ == "builtins":
        return value
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        return value.item()
    if isinstance(value, Decimal):  # as databases give numbers
        return math.nan if value.is_nan() else float(value)
    return value


def is_missing(value: Any) -> bool:
    """Return whether a cell of a table is empty: None, NaN (a Decimal too), or the NA or NaT of pandas."""
    if type(value).__name__ in {"NAType", "NaTType", "NoneType"}:
        return True
    if isinstance(value, Decimal):
        return value.is_nan()
    return isinstance(value, float) and math.isnan(value)


def number_text(value: float) -> str:
    """Write a number for a person with six significant digits, more than a noisy response carries."""
    return f"{value:.6g}"


def value_text(value: int | float | str) -> str:
    """Write the value of a covariate for a person; whole numbers in full."""
    return number_text(value) if isinstance(value, float) else str(value)


def exact_text(value: int | float | str) -> str:
    """Write the value of a covariate, a bound or a target so that the same value is read again."""
    text = value_text(value)
    return repr(value) if isinstance(value, float) and float(text) != value else text


def spread_text(mean: float, sd: float) -> str:
    """Write a predicted mean and standard deviation: the sd with two digits, the mean with as many decimals."""
    if not 1e-9 < sd < 1e9 or abs(mean) >= 1e9:
        return f"{number_text(mean)} ± {sd:.2g}"
    decimals = max(0, 1 - math.floor(math.log10(sd)))
    return f"{mean:.{decimals}f} ± {sd:.{decimals}f}"


def short(shown: str, n_characters: int) -> str:
    """Cut a text to a number of characters, the last one an ellipsis."""
    return shown if len(shown) <= n_characters else f"{shown[: n_characters - 1]}\N{HORIZONTAL ELLIPSIS}"
