"""Axes and frames of the small pictures: inline SVG, drawn like the panel's curve."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from autotune.axis import label, ticks, widened

LARGEST = 1e150
"""Numbers beyond it are drawn here, as the width of the axis would not be a finite number."""
_MARGIN = 0.06
_FINE = (1, 2, 5)


@dataclass(frozen=True)
class Axis:
    """An axis: the data's ends, and the places in the picture that they stand at."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def place(self, value: float) -> float:
        """Give the place of a value; those outside stand at the edge."""
        low, high, inner = (self._scaled(one) for one in (self.low, self.high, value))
        share = min(max((inner - low) / (high - low), 0.0), 1.0)
        return self.start + share * (self.end - self.start)

    def ticks(self, n_about: int) -> list[tuple[float, str]]:
        """Give round values with their labels; at least 2 are asked for."""
        if self.is_log and self.high / self.low >= 10:
            return [(value, f"{value:g}") for value in self._powers(n_about)]
        found = ticks(self.low, self.high, n_about)
        step = found[1] - found[0] if len(found) > 1 else self.high - self.low
        return [(value, label(value, step)) for value in found]

    def _scaled(self, value: float) -> float:
        return math.log10(max(value, self.low)) if self.is_log else value

    def _powers(self, n_about: int) -> list[float]:
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        factors = _FINE if (last - first) * len(_FINE) <= n_about else (1,)
        every = max(1, -(-(last - first) // (n_about + 1)))
        found = [factor * 10.0**power for power in range(first, last + 1, every) for factor in factors]
        return [value for value in found if self.low * (1 - 1e-9) <= value <= self.high * (1 + 1e-9)]


def axis_of(values: Iterable[float], start: float, end: float) -> Axis:
    """Give a linear axis that has room for all values, of which there is one at least."""
    finite = [clamped(value) for value in values]
    low, high = widened(min(finite), max(finite))
    margin = (high - low) * _MARGIN
    return Axis(low - margin, high + margin, start, end)


def clamped(value: float) -> float:
    """Bring a number into the range that can be drawn."""
    return min(max(value, -LARGEST), LARGEST)


def frame(x: Axis, y: Axis, x_label: str = "", y_label: str = "", n_ticks: tuple[int, int] = (5, 5)) -> str:
    """Draw the grid of the y axis, and the labels of both; an axis whose number of ticks is 0 has none."""
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
    """Write a small text."""
    return f'<text class="at-tick" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(shown)}</text>'


def whisker(x: float, low: float, high: float) -> str:
    """Draw a standard deviation either way."""
    return f'<path class="at-whisker" d="M{x:.1f} {low:.1f}V{high:.1f}"/>'


def dot(x: float, y: float, title: str, kind: str = "at-model", radius: float = 3.2) -> str:
    """Draw a dot with a text that shows when it is pointed at."""
    return (
        f'<circle class="at-dot {kind}" r="{radius}" cx="{x:.1f}" cy="{y:.1f}"><title>{escape(title)}</title></circle>'
    )


def svg(width: int, height: int, parts: Sequence[str], says: str) -> str:
    """Put a picture together; it shrinks with the page and never grows beyond its own size."""
    return (
        f'<svg class="at-chart" viewBox="0 0 {width} {height}" style="max-width:{width}px" role="img" '
        f'aria-label="{escape(says)}">{"".join(parts)}</svg>'
    )


def short(shown: str, n_characters: int) -> str:
    """Cut a text that has no room."""
    return shown if len(shown) <= n_characters else f"{shown[: n_characters - 1]}\N{HORIZONTAL ELLIPSIS}"
