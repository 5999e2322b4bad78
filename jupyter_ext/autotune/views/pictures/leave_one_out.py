"""How well the model predicts: each observation compared with its prediction from the other observations."""

from collections.abc import Iterable, Sequence

from autotune.values import number_text, spread_text
from autotune.views.pictures.chart import (
    Axis,
    axis_between,
    beyond,
    dot,
    draw_axes,
    svg,
    text,
    whisker,
)
from autotune_pictures.parts.ranges import clamped, usual_range
from autotune_wire.insights import LeftOut

WIDTH, HEIGHT = 380, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 22, 40
MAX_DOTS = 400


def draw_leave_one_out(points: Sequence[LeftOut], kept: Iterable[float] = ()) -> str:
    """Draw predicted against observed values, each with one standard deviation up and down.

    The predictions of a good model lie near the diagonal. A few runs that lie far out do not flatten the others: the
    axes end before them, and a triangle at the edge stands for each.

    Args:
        points: One or more observations with their predictions.
        kept: Values that the axes hold wherever they lie, such as the best one.
    """
    observed, predicted = (usual_range(values, kept) for values in zip(*map(_place, points), strict=True))
    x = axis_between(min(observed[0], predicted[0]), max(observed[1], predicted[1]), LEFT, WIDTH - RIGHT)
    y = Axis(x.low, x.high, HEIGHT - BOTTOM, TOP)
    every = -(-len(points) // MAX_DOTS)
    parts = [
        draw_axes(x, y, "observed", "predicted from the other runs"),
        f'<path class="at-even" d="M{x.start} {y.start}L{x.end} {y.end}"/>',
        *(_point(point, x, y) for point in points[::every]),
    ]
    n_beyond = sum(any(map(x.side, _place(point))) for point in points)
    if n_beyond:
        parts.append(text(WIDTH - RIGHT, TOP - 8, f"{n_beyond} beyond the edge (triangles)", "end"))
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


def _place(point: LeftOut) -> tuple[float, float]:
    return clamped(point.observed), clamped(point.mean)


def _point(point: LeftOut, x: Axis, y: Axis) -> str:
    observed, predicted = _place(point)
    place, height = x.place(observed), y.place(predicted)
    title = f"observed {number_text(point.observed)}, predicted {spread_text(point.mean, point.sd)}"
    if y.side(predicted):
        return beyond(place, height, (0, -y.side(predicted)), title)
    if x.side(observed):
        return beyond(place, height, (x.side(observed), 0), title)
    low, high = y.place(clamped(point.mean - point.sd)), y.place(clamped(point.mean + point.sd))
    return whisker(place, low, high) + dot(place, height, title)
