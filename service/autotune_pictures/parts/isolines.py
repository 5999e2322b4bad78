"""Lines of equal value on a grid."""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, floor, log10

Point = tuple[float, float]

# The corners of a square in turn, as steps to the right and up.
_CORNERS = ((0, 0), (1, 0), (1, 1), (0, 1))


def round_levels(low: float, high: float, n_about: int = 8) -> list[float]:
    """Return about ``n_about`` multiples of 1, 2 or 5 times a power of ten strictly inside a range."""
    if not high > low:
        return []
    rough = (high - low) / n_about
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = ceil(low / step), floor(high / step)
    return [index * step for index in range(first, last + 1) if low < index * step < high]


def isoline(
    values: Mapping[tuple[int, int], float], shape: tuple[int, int], level: float
) -> Iterator[tuple[Point, Point]]:
    """Return the line along which the values are at a level, as segments in units of columns and rows.

    Each square between four neighbouring values is looked at alone ("marching squares"): the line enters and leaves
    where a side has one end below the level. In a saddle, which has four such sides, neighbours are joined.

    Args:
        values: The value at a column and a row; squares with a missing corner have no line.
        shape: The numbers of columns and rows.
        level: The level.
    """
    for column in range(shape[0] - 1):
        for row in range(shape[1] - 1):
            corners = [(column + right, row + up) for right, up in _CORNERS]
            if all(corner in values for corner in corners):
                ends = _crossings(corners, [values[corner] for corner in corners], level)
                yield from zip(ends[::2], ends[1::2], strict=True)


def _crossings(corners: Sequence[tuple[int, int]], values: Sequence[float], level: float) -> list[Point]:
    found = []
    for place in range(4):
        (x, y), (next_x, next_y) = corners[place], corners[(place + 1) % 4]
        one, other = values[place], values[(place + 1) % 4]
        if (one < level) != (other < level):
            share = (level - one) / (other - one)
            found.append((x + share * (next_x - x), y + share * (next_y - y)))
    return found
