"""The range of values that a picture shows, which a few that lie far out cannot widen."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

LARGEST = 1e150
"""Larger numbers are drawn at this value, because the width of an axis that holds them may not be finite."""
_MARGIN = 0.06
RELATIVE_SLACK = 1e-9
"""A range narrower than this share of its values is widened: labels of about six digits cannot show it."""
_CORE = 0.8
"""The share of the values whose shortest range decides what lies far out, see ``usual_range``."""
_FAR = 2.0
"""A value lies far out if it is farther from that range than this multiple of the range's width."""
_TINY = 1e-280
"""A narrower range is widened: a fifth of it may round to 0, which has no logarithm."""


def clamped(value: float) -> float:
    """Limit a number to the range that can be drawn."""
    return min(max(value, -LARGEST), LARGEST)


def usual_range(values: Iterable[float], kept: Iterable[float] = ()) -> tuple[float, float]:
    """Return the range of the values without those that lie far out, so that a few cannot flatten all others.

    A value lies far out if it is farther from the shortest range that holds four fifths of the values than twice the
    width of that range. At most a fifth of the values lies far out, and none of fewer than five values.

    Args:
        values: One or more values.
        kept: Values that the range holds wherever they lie.
    """
    ordered = sorted(clamped(value) for value in values)
    n_core = math.ceil(_CORE * len(ordered))
    widths = [(ordered[start + n_core - 1] - ordered[start], start) for start in range(len(ordered) - n_core + 1)]
    width, start = min(widths)
    low, high = ordered[start] - _FAR * width, ordered[start + n_core - 1] + _FAR * width
    # Where most values are the same, the others are all there is to see.
    inside = [value for value in ordered if low <= value <= high] if width > 0 else ordered
    inside += [clamped(value) for value in kept]
    return min(inside), max(inside)


def widened(low: float, high: float) -> tuple[float, float]:
    """Return the range itself, or a wider one around it where both ends are nearly the same."""
    size = max(abs(low), abs(high))
    if high - low > max(RELATIVE_SLACK * size, _TINY):
        return low, high
    pad = size / 10 if size > _TINY else 1.0
    return low - pad, high + pad


@dataclass(frozen=True)
class Span:
    """The range of a response that a picture shows.

    Attributes:
        low: The lowest value.
        high: The highest value.
    """

    low: float
    high: float

    def side(self, value: float) -> int:
        """Return -1 for a value below the range, 1 for a value above it, else 0."""
        return (value > self.high) - (value < self.low)

    def place(self, value: float) -> float:
        """Return the value, or the end of the range beyond which the value lies."""
        return min(max(value, self.low), self.high)


def span_of(values: Iterable[float], kept: Iterable[float] = (), wished: Iterable[float] = ()) -> Span:
    """Return the range of a response that a picture shows, with some room around it.

    Args:
        values: The values to show; those that lie far out are left out of the range.
        kept: Values that the range holds wherever they lie, such as the best one.
        wished: Values that the range holds only if that does not make it more than twice as wide, such as a threshold.
    """
    shown = list(values)
    low, high = usual_range(shown or list(kept) or list(wished) or [0.0, 1.0], kept)
    low, high = widened(low, high)
    width = high - low
    near = [value for value in wished if low - width <= value <= high + width]
    low, high = min([low, *near]), max([high, *near])
    margin = (high - low) * _MARGIN
    return Span(low - margin, high + margin)
