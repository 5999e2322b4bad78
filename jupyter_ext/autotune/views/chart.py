"""Axes and frames of the small pictures: inline SVG, drawn like the panel's curve."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

LARGEST = 1e150
"""Numbers beyond it are drawn here, as the width of the axis would not be a finite number."""
_MARGIN = 0.06
_FINE = (1, 2, 5)
_FEW = 1e-9
"""Ranges narrower than this part of their values cannot be labelled apart with six digits or so."""
_TINY = 1e-280
"""Below it a fifth of a range may have no finite logarithm any more."""


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
