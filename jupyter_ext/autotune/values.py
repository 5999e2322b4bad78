"""Numbers of other libraries, made plain."""

import math
from typing import Any


def plain(value: Any) -> Any:
    """Replace every scalar of numpy, pandas or torch by Python's own, inside dicts and lists too.

    Such scalars are known by their ``item()``, so none of these libraries is imported.
    """
    if isinstance(value, dict):
        return {plain(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, bool | int | float | str) and type(value).__module__ == "builtins":
        return value
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        return value.item()
    return value


def is_missing(value: Any) -> bool:
    """Whether a cell of a table holds nothing: None, NaN, or what pandas has in their place."""
    if type(value).__name__ in {"NAType", "NaTType", "NoneType"}:
        return True
    return isinstance(value, float) and math.isnan(value)


def is_true(value: Any) -> bool | None:
    """Read the truth of a cell: true, false or empty, in any case, and 1 or 0; None where it is something else."""
    if is_missing(value) or value == "":
        return False
    return {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}.get(str(value).lower())


def number_text(value: float) -> str:
    """Write a number for a person: six digits, which is more than a noisy response carries."""
    return f"{value:.6g}"


def value_text(value: int | float | str) -> str:
    """Write the value of a covariate for a person; whole numbers in full."""
    return number_text(value) if isinstance(value, float) else str(value)


def spread_text(mean: float, sd: float) -> str:
    """Write a prediction with two digits of its standard deviation, and as many decimals in its mean."""
    if not 1e-9 < sd < 1e9 or abs(mean) >= 1e9:
        return f"{number_text(mean)} ± {sd:.2g}"
    decimals = max(0, 1 - math.floor(math.log10(sd)))
    return f"{mean:.{decimals}f} ± {sd:.{decimals}f}"
