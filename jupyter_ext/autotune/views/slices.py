"""The predicted response along one covariate at a time, the others fixed."""

from collections.abc import Iterable, Sequence
from itertools import chain

from autotune.values import spread_text, value_text
from autotune.views.chart import Axis, axis_of, clamped, dot, draw_axes, short, svg, text, whisker
from autotune_wire.base import Value
from autotune_wire.insights import SlicePoint
from autotune_wire.space import CatCovariate, Covariate

WIDTH, HEIGHT = 228, 170
LEFT, RIGHT, TOP, BOTTOM = 50, 10, 22, 22
MAX_OPTIONS = 12


def response_axis(slices: Iterable[Sequence[SlicePoint]]) -> Axis:
    """Return the axis that the slices of one response share, so that slices with a larger effect look steeper."""
    points = chain.from_iterable(slices)
    ends = [end for point in points for end in (point.mean - point.sd, point.mean + point.sd)]
    return axis_of(ends or [0.0], HEIGHT - BOTTOM, TOP)


def draw_slice(name: str, covariate: Covariate, points: Sequence[SlicePoint], y: Axis, best: Value | None) -> str:
    """Draw the predicted mean and standard deviation along one covariate.

    Args:
        name: The name of the covariate.
        covariate: The covariate.
        points: The predictions, in the order of the covariate's values.
        y: The axis of the response.
        best: The covariate's value in the best observed run, marked by a line or a dot of another colour; None marks
            nothing.
    """
    draw = _options if isinstance(covariate, CatCovariate) else _numbers
    title = text(WIDTH / 2, 12, short(name, 28))
    return svg(WIDTH, HEIGHT, [title, draw(covariate, points, y, best)], f"The response along {name}")


def _numbers(covariate: Covariate, points: Sequence[SlicePoint], y: Axis, best: Value | None) -> str:
    assert not isinstance(covariate, CatCovariate)
    x = Axis(covariate.min, covariate.max, LEFT, WIDTH - RIGHT, covariate.log)
    axes = draw_axes(x, y, n_ticks=(3, 4))
    if not points:
        return axes
    places = [x.place(float(point.value)) for point in points]
    upper = _path(places, [y.place(clamped(point.mean + point.sd)) for point in points])
    lower = _path(places[::-1], [y.place(clamped(point.mean - point.sd)) for point in points[::-1]])
    mean = _path(places, [y.place(clamped(point.mean)) for point in points])
    least, most = min(points, key=lambda point: point.mean), max(points, key=lambda point: point.mean)
    title = f"<title>{_point_text(least)} … {_point_text(most)}</title>"
    parts = [axes, f'<path class="at-band" d="M{upper}L{lower}Z"/>', title]
    if isinstance(best, int | float):
        place = x.place(float(best))
        parts.append(f'<path class="at-mark" d="M{place:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
    return "".join([*parts, f'<path class="at-mean" d="M{mean}"/>'])


def _options(covariate: Covariate, points: Sequence[SlicePoint], y: Axis, best: Value | None) -> str:
    shown = points[:MAX_OPTIONS]
    x = Axis(-0.5, max(len(shown), 1) - 0.5, LEFT, WIDTH - RIGHT)
    room = max(3, round(30 / max(len(shown), 1)))
    parts = [draw_axes(x, y, n_ticks=(0, 4))]
    for index, point in enumerate(shown):
        place = x.place(index)
        low, high = (y.place(clamped(point.mean + side * point.sd)) for side in (-1, 1))
        kind = "at-top" if point.value == best else "at-model"
        parts += [whisker(place, low, high), dot(place, y.place(clamped(point.mean)), _point_text(point), kind)]
        parts.append(text(place, HEIGHT - BOTTOM + 15, short(value_text(point.value), room)))
    return "".join(parts)


def _path(xs: Sequence[float], ys: Sequence[float]) -> str:
    return "L".join(f"{x:.1f} {y:.1f}" for x, y in zip(xs, ys, strict=True))


def _point_text(point: SlicePoint) -> str:
    return f"{value_text(point.value)}: {spread_text(point.mean, point.sd)}"
