"""How well the model predicts: each observation compared with its prediction from the other observations."""

from collections.abc import Sequence

from autotune.values import number_text, spread_text
from autotune.views.chart import Axis, axis_of, clamped, dot, draw_axes, svg, whisker
from autotune_wire.insights import LeftOut

WIDTH, HEIGHT = 380, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 22, 40
MAX_DOTS = 400


def draw_leave_one_out(points: Sequence[LeftOut]) -> str:
    """Draw predicted against observed values, each with one standard deviation up and down.

    The predictions of a good model lie near the diagonal.

    Args:
        points: One or more observations with their predictions.
    """
    x = axis_of([value for point in points for value in (point.observed, point.mean)], LEFT, WIDTH - RIGHT)
    y = Axis(x.low, x.high, HEIGHT - BOTTOM, TOP)
    every = -(-len(points) // MAX_DOTS)
    parts = [
        draw_axes(x, y, "observed", "predicted from the other runs"),
        f'<path class="at-even" d="M{x.start} {y.start}L{x.end} {y.end}"/>',
        *(_point(point, x, y) for point in points[::every]),
    ]
    return svg(WIDTH, HEIGHT, parts, "Observed against predicted")


def leave_one_out_text(points: Sequence[LeftOut]) -> str:
    """Write R squared, and how many observations lie within two standard deviations of their predictions."""
    n_within = sum(abs(point.observed - point.mean) <= 2 * point.sd for point in points)
    within = f"{n_within} of {len(points)} within 2 sd"
    share = explained(points)
    return within if share is None else f"R\N{SUPERSCRIPT TWO} {share:.2f}, {within}"


def explained(points: Sequence[LeftOut]) -> float | None:
    """Return R squared, the share of the observations' variation that the predictions explain.

    Returns:
        1 for perfect predictions, below 0 where the mean of the observations would predict better. None where the
        observations do not vary.
    """
    observed = [clamped(point.observed) for point in points]
    mean = sum(observed) / len(observed) if observed else 0.0
    total = sum((value - mean) ** 2 for value in observed)
    rest = sum((value - clamped(point.mean)) ** 2 for value, point in zip(observed, points, strict=True))
    return 1 - rest / total if 0 < total < float("inf") else None


def _point(point: LeftOut, x: Axis, y: Axis) -> str:
    place = x.place(clamped(point.observed))
    title = f"observed {number_text(point.observed)}, predicted {spread_text(point.mean, point.sd)}"
    low, high = y.place(clamped(point.mean - point.sd)), y.place(clamped(point.mean + point.sd))
    return whisker(place, low, high) + dot(place, y.place(clamped(point.mean)), title)
