"""How well the model foretells: each observation beside what a model without it expects."""

from collections.abc import Sequence

from autotune.values import number_text, spread_text
from autotune.views.chart import Axis, axis_of, clamped, dot, frame, svg, whisker
from autotune_wire.insights import LeftOut

WIDTH, HEIGHT = 380, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 22, 40
MAX_DOTS = 400


def draw_foretold(points: Sequence[LeftOut]) -> str:
    """Draw observed against predicted values, with a standard deviation either way; a good model is on the diagonal.

    Args:
        points: One or more.
    """
    both = axis_of([value for one in points for value in (one.observed, one.mean)], LEFT, WIDTH - RIGHT)
    x, y = both, Axis(both.low, both.high, HEIGHT - BOTTOM, TOP)
    every = -(-len(points) // MAX_DOTS)
    parts = [
        frame(x, y, "observed", "predicted without it"),
        f'<path class="at-even" d="M{x.start} {y.start}L{x.end} {y.end}"/>',
        *(_point(one, x, y) for one in points[::every]),
    ]
    return svg(WIDTH, HEIGHT, parts, "Observed against predicted")


def foretold_text(points: Sequence[LeftOut]) -> str:
    """Write how well the model foretells: the share of the variation, and how often its spread holds."""
    held = sum(abs(one.observed - one.mean) <= 2 * one.sd for one in points)
    holds = f"{held} of {len(points)} within 2 sd"
    share = explained(points)
    return holds if share is None else f"R\N{SUPERSCRIPT TWO} {share:.2f}, {holds}"


def explained(points: Sequence[LeftOut]) -> float | None:
    """Give the share of the variation that is foretold, 1 at best; None where nothing varies.

    It is below 0 where the mean of the observations would foretell better.
    """
    observed = [clamped(one.observed) for one in points]
    mean = sum(observed) / len(observed) if observed else 0.0
    total = sum((value - mean) ** 2 for value in observed)
    rest = sum((value - clamped(one.mean)) ** 2 for value, one in zip(observed, points, strict=True))
    return 1 - rest / total if 0 < total < float("inf") else None


def _point(one: LeftOut, x: Axis, y: Axis) -> str:
    place = x.place(clamped(one.observed))
    title = f"observed {number_text(one.observed)}, predicted {spread_text(one.mean, one.sd)}"
    low, high = y.place(clamped(one.mean - one.sd)), y.place(clamped(one.mean + one.sd))
    return whisker(place, low, high) + dot(place, y.place(clamped(one.mean)), title)
