"""The axes of covariates and responses, and where on them a value lies."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autotune_pictures.parts.ranges import RELATIVE_SLACK, Span, clamped, widened
from autotune_pictures.parts.texts import label_expression, labelled, title_lines, value_text
from autotune_wire.base import Value
from autotune_wire.space import CatCovariate, Covariate

MAX_OPTIONS = 24
"""Most options that an axis has room for."""

PLAIN_LABELS = (
    "datum.value != 0 && (abs(datum.value) >= 1e6 || abs(datum.value) < 1e-4) "
    "? replace(format(datum.value, '.3~e'), '+', '') : datum.label"
)
"""A Vega expression for the labels of numbers: very large and very small ones as 1.5e7."""
LOG_LABELS = (
    "abs(datum.value) >= 1e5 || abs(datum.value) < 1e-3 "
    "? replace(format(datum.value, '.3~e'), '+', '') : format(datum.value, '.3~r')"
)


@dataclass(frozen=True)
class CovariateAxis:
    """The axis of one covariate; its options lie at 0, 1, 2 ..., so that all axes are axes of numbers.

    Attributes:
        name: The name of the covariate.
        covariate: The covariate.
        low: The lowest place, positive if the axis is logarithmic.
        high: The highest place.
    """

    name: str
    covariate: Covariate
    low: float
    high: float

    @property
    def title(self) -> str:
        """The name of the covariate with its unit."""
        return labelled(self.name, self.covariate.unit)

    @property
    def is_log(self) -> bool:
        """Whether equal ratios have equal distances."""
        return not isinstance(self.covariate, CatCovariate) and self.covariate.log and self.low > 0

    @property
    def options(self) -> list[Value]:
        """The options that the axis has room for; none of a number."""
        return list(self.covariate.options[:MAX_OPTIONS]) if isinstance(self.covariate, CatCovariate) else []

    def place(self, value: Value) -> float | None:
        """Return the place of a value, which may lie beyond the axis; None for an option that is not on it."""
        if isinstance(self.covariate, CatCovariate):
            return float(self.options.index(value)) if value in self.options else None
        return None if isinstance(value, str) else clamped(float(value))

    def inside(self, place: float) -> float:
        """Return the place, or the end of the axis beyond which it lies."""
        return min(max(place, self.low), self.high)

    def side(self, place: float) -> int:
        """Return -1 for a place below the axis, 1 for a place above it, else 0."""
        slack = RELATIVE_SLACK * (self.high - self.low)
        return (place > self.high + slack) - (place < self.low - slack)

    def share(self, place: float) -> float:
        """Return how far along the axis a place lies, from 0 to 1."""
        ends = (self.low, self.high, self.inside(place))
        low, high, inner = map(math.log, ends) if self.is_log else ends
        return (inner - low) / (high - low)

    def at(self, share: float) -> float:
        """Return the place that lies a share of the way along the axis."""
        if not self.is_log:
            return self.low + share * (self.high - self.low)
        low, high = math.log(self.low), math.log(self.high)
        return min(max(math.exp(low + share * (high - low)), self.low), self.high)

    def rounded(self, place: float) -> float:
        """Return a place with no more digits than can be seen."""
        if self.is_log:
            return float(f"{place:.{4 if self.high > 100 * self.low else 5}g}")
        return round(place, 3 - math.floor(math.log10(self.high - self.low)))

    def encoding(self, field: str, room: int) -> dict[str, Any]:
        """Return the channel of this axis in Vega-Lite.

        Args:
            field: The field of the data.
            room: How many pixels long the axis is.
        """
        scale: dict[str, Any] = {"domain": [self.low, self.high], "nice": False, "zero": False}
        axis: dict[str, Any] = {"labelExpr": PLAIN_LABELS, "tickCount": max(2, room // 60)}
        if self.options:
            # Beside an upright axis there is room for all that a label may hold; below a level one, for its share.
            n_characters = 18 if field.startswith("y") else max(4, min(16, room // len(self.options) // 7))
            texts = [value_text(option) for option in self.options]
            labels = label_expression(texts, n_characters)
            axis = {"values": list(range(len(texts))), "labelExpr": labels, "grid": False, "labelLimit": 130}
        elif self.is_log:
            scale["type"] = "log"
            axis = {"labelExpr": LOG_LABELS, "tickCount": max(2, room // 70)} | self._ticks(max(2, room // 40))
        title = title_lines(self.title, max(12, room // 7))
        return {"field": field, "type": "quantitative", "scale": scale, "axis": axis, "title": title}

    def powers(self, most: int) -> list[float]:
        """Return the powers of ten on a logarithmic axis, about so many at most."""
        first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        every = max(1, -(-(last - first + 1) // most))
        return [10.0**power for power in range(first, last + 1, every)]

    def _ticks(self, most: int) -> dict[str, Any]:
        powers = self.powers(most)
        return {"values": powers} if len(powers) > 1 else {}


def covariate_axis(name: str, covariate: Covariate, values: Sequence[Value] = ()) -> CovariateAxis:
    """Return the axis of a covariate: its range, and as much around it as measured values need.

    Args:
        name: The name of the covariate.
        covariate: The covariate.
        values: Measured values, which may lie beyond the range; half a range around it is shown at most.
    """
    if isinstance(covariate, CatCovariate):
        return CovariateAxis(name, covariate, -0.5, len(covariate.options[:MAX_OPTIONS]) - 0.5)
    low, high = widened(clamped(float(covariate.min)), clamped(float(covariate.max)))
    if covariate.log and low > 0:
        room = (high / low) ** 0.5
        floor, ceiling = low / room, high * room
    else:
        floor, ceiling = low - (high - low) / 2, high + (high - low) / 2
    measured = [float(value) for value in values if not isinstance(value, str)]
    inside = [value for value in measured if floor <= value <= ceiling]
    return CovariateAxis(name, covariate, min([low, *inside]), max([high, *inside]))


def response_axis(field: str, span: Span, title: str) -> dict[str, Any]:
    """Return the vertical channel of a response in Vega-Lite."""
    return {
        "field": field,
        "type": "quantitative",
        "scale": {"domain": [span.low, span.high], "nice": False, "zero": False},
        "axis": {"labelExpr": PLAIN_LABELS, "tickCount": 5},
        "title": title_lines(title, 34),
    }
