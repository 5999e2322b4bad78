"""Round numbers for the labels of an axis."""

import math

_FEW = 1e-9
"""Ranges narrower than this part of their values cannot be labelled apart with six digits or so."""
_TINY = 1e-280
"""Below it a fifth of a range may have no finite logarithm any more."""


def widened(low: float, high: float) -> tuple[float, float]:
    """Give a range around two ends that has a width, also where both ends are the same."""
    size = max(abs(low), abs(high))
    if high - low > max(_FEW * size, _TINY):
        return low, high
    pad = size / 10 if size > _TINY else 1.0
    return low - pad, high + pad


def ticks(low: float, high: float, n_about: int) -> list[float]:
    """Give about ``n_about`` multiples of 1, 2 or 5 times a power of ten inside a range.

    Args:
        low: The lower end.
        high: The upper end, larger by at least the 1e-9th part of the ends.
        n_about: At least 2.
    """
    rough = (high - low) / n_about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - _FEW))
    first, last = math.ceil(low / step - _FEW), math.floor(high / step + _FEW)
    return [index * step for index in range(first, last + 1)]


def label(value: float, step: float) -> str:
    """Write a tick with as many decimals as its distance to the next one asks for."""
    if abs(value) < step / 2:
        return "0"
    if max(abs(value), step) >= 1e6 or step < 1e-5:
        return f"{value:.6g}"
    return f"{value:.{max(0, -math.floor(math.log10(step) + _FEW))}f}"
