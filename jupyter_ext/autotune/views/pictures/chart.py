"""Axes, ticks, dots and texts of the small pictures, as inline SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from autotune_pictures.parts.ranges import widened

_MARGIN = 0.06
_RELATIVE_SLACK = 1e-9
"""Ticks may miss a multiple of their step by this share, which is rounding."""


@dataclass(frozen=True)
class Axis:
    """One axis of a picture.

    Attributes:
        low: The smallest value, in the unit of the data.
        high: The largest value.
        start: The pixel of the smallest value.
        end: The pixel of the largest value; below ``start`` on an axis that points up.
    """

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Return the pixel of a value; a value outside the axis is placed at its edge."""
        share = min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)
        return self.start + share * (self.end - self.start)

    def side(self, value: float) -> int:
        """Return -1 for a value below the axis, 1 for a value above the axis, and 0 for a value on the axis."""
        return (value > self.high) - (value < self.low)

    def ticks(self, n_about: int) -> list[tuple[float, str]]:
        """Return about ``n_about`` round values with their labels; ``n_about`` is at least 2."""
        found = ticks(self.low, self.high, n_about)
        step = found[1] - found[0] if len(found) > 1 else self.high - self.low
        return [(value, label(value, step)) for value in found]


def axis_between(low: float, high: float, start: float, end: float) -> Axis:
    """Return an axis with room for a range, and some room around the range."""
    low, high = widened(low, high)
    margin = (high - low) * _MARGIN
    return Axis(low - margin, high + margin, start, end)


def draw_axes(x: Axis, y: Axis, x_label: str = "", y_label: str = "", n_ticks: tuple[int, int] = (5, 5)) -> str:
    """Draw the grid lines of the y axis and the tick labels of both axes; an axis with ``n_ticks`` 0 has no ticks."""
    left, right, bottom = min(x.start, x.end), max(x.start, x.end), max(y.start, y.end)
    rows = y.ticks(n_ticks[1]) if n_ticks[1] else []
    columns = x.ticks(n_ticks[0]) if n_ticks[0] else []
    parts = [
        f'<line class="at-grid" x1="{left:g}" x2="{right:g}" y1="{y.place(value):.1f}" y2="{y.place(value):.1f}"/>'
        + text(left - 6, y.place(value) + 4, shown, "end")
        for value, shown in rows
    ]
    parts += [text(x.place(value), bottom + 15, shown) for value, shown in columns]
    if x_label:
        parts.append(text((left + right) / 2, bottom + 30, x_label))
    if y_label:
        parts.append(text(left - 40, min(y.start, y.end) - 8, y_label, "start"))
    return "".join(parts)


def text(x: float, y: float, shown: str, anchor: str = "middle") -> str:
    """Draw a small text at a point, in pixels."""
    return f'<text class="at-tick" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(shown)}</text>'


def dot(x: float, y: float, title: str, kind: str = "at-model", radius: float = 3.2) -> str:
    """Draw a dot whose title shows when the mouse points at the dot."""
    return (
        f'<circle class="at-dot {kind}" r="{radius}" cx="{x:.1f}" cy="{y:.1f}"><title>{escape(title)}</title></circle>'
    )


def beyond(x: float, y: float, to: tuple[int, int], title: str, kind: str = "at-model") -> str:
    """Draw a triangle at the edge of a picture, for a value that lies beyond the edge.

    Args:
        x: The place on the edge, in pixels.
        y: The place on the edge, in pixels.
        to: The direction in which the value lies: -1, 0 or 1 to the right, and downwards.
        title: What shows when the mouse points at the triangle.
        kind: The class that colours the triangle.
    """
    right, down = to
    tip = f"M{x:.1f} {y:.1f}"
    back = f"l{-7 * right - 4 * down} {-7 * down - 4 * right}l{8 * down} {8 * right}z"
    return f'<path class="at-dot {kind}" d="{tip}{back}"><title>{escape(title)}</title></path>'


def svg(width: int, height: int, parts: Sequence[str], description: str) -> str:
    """Put the parts of a picture together; the picture shrinks with the page and is never wider than ``width``."""
    return (
        f'<svg class="at-chart" viewBox="0 0 {width} {height}" style="max-width:{width}px" role="img" '
        f'aria-label="{escape(description)}">{"".join(parts)}</svg>'
    )


def ticks(low: float, high: float, n_about: int) -> list[float]:
    """Return about ``n_about`` multiples of 1, 2 or 5 times a power of ten inside a range.

    Args:
        low: The lower end.
        high: The upper end; the range must be wider than 1e-9 times its larger end, see ``widened``.
        n_about: The wanted number of ticks, at least 2.
    """
    rough = (high - low) / n_about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - _RELATIVE_SLACK))
    first, last = math.ceil(low / step - _RELATIVE_SLACK), math.floor(high / step + _RELATIVE_SLACK)
    return [index * step for index in range(first, last + 1)]


def label(value: float, step: float) -> str:
    """Write the label of a tick with the decimals that set it apart from the next tick.

    Args:
        value: The value at the tick.
        step: The distance to the next tick.
    """
    if abs(value) < step / 2:
        return "0"
    if max(abs(value), step) >= 1e6 or step < 1e-5:
        return f"{value:.6g}"
    return f"{value:.{max(0, -math.floor(math.log10(step) + _RELATIVE_SLACK))}f}"
