"""The predicted response along one covariate at a time, the others fixed."""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import chain, groupby
from math import hypot

from autotune.values import spread_text, value_text
from autotune.views.pictures.chart import (
    Axis,
    axis_between,
    beyond,
    dot,
    draw_axes,
    short,
    svg,
    text,
    whisker,
)
from autotune_pictures.parts.ranges import clamped, usual_range
from autotune_wire.base import Value
from autotune_wire.insights import SlicePoint
from autotune_wire.space import CatCovariate, Covariate

WIDTH, HEIGHT = 228, 170
LEFT, RIGHT, TOP, BOTTOM = 50, 10, 22, 22
MAX_OPTIONS = 12


def response_axis(
    slices: Iterable[Sequence[SlicePoint]],
    measured: Sequence[float] = (),
    kept: Sequence[float] = (),
    noise_sd: float = 0.0,
) -> Axis:
    """Return the axis that the slices of one response share, so that slices with a larger effect look steeper.

    The end of a slice whose predictions lie far beyond all that was measured does not flatten the others: the axis ends
    a quarter of the measured range beyond it, or where the better part of each slice ends.

    Args:
        slices: The predictions of each slice.
        measured: The measured responses; a few that lie far out count no more than the others.
        kept: Values that the axis holds wherever they lie, such as the best one.
        noise_sd: The standard deviation between repeats of one run.
    """
    drawn = [points for points in slices if points]
    points = list(chain.from_iterable(drawn))
    ends = [clamped(end) for point in points for end in _ends(point, noise_sd)] or [0.0]
    low, high = min(ends), max(ends)
    if measured:
        least, most = usual_range(measured, kept)
        room = (most - least) / 4
        parts = [usual_range(point.mean for point in points) for points in drawn]
        low = max(low, min([least - room, *(part[0] for part in parts)]))
        high = min(high, max([most + room, *(part[1] for part in parts)]))
    return axis_between(low, high, HEIGHT - BOTTOM, TOP)


def lies_beyond(points: Iterable[SlicePoint], y: Axis) -> bool:
    """Return whether a prediction lies beyond the axis, so that a triangle stands for it."""
    return any(y.side(clamped(point.mean)) for point in points)


def draw_slice(
    name: str, covariate: Covariate, points: Sequence[SlicePoint], y: Axis, best: Value | None, noise_sd: float = 0.0
) -> str:
    """Draw the predicted mean along one covariate, with one standard deviation up and down.

    Where a run would not be suggested the curve is dashed, and the dot of an option is hollow.

    Args:
        name: The name of the covariate.
        covariate: The covariate.
        points: The predictions, in the order of the covariate's values.
        y: The axis of the response.
        best: The covariate's value in the best configuration, marked by a line or a dot of another colour; None marks
            nothing.
        noise_sd: The standard deviation between repeats of one run. A wider and paler band, or a thinner whisker, has
            this noise in it: a next measurement is expected there.
    """
    is_single = isinstance(covariate, CatCovariate) or covariate.min == covariate.max
    draw = _options if is_single else _numbers
    title = text(WIDTH / 2, 12, short(name, 28))
    return svg(WIDTH, HEIGHT, [title, draw(covariate, points, y, best, noise_sd)], f"The response along {name}")


def refusals(covariate: Covariate, points: Sequence[SlicePoint]) -> list[str]:
    """Write for each stretch of a slice where a run would not be suggested why, as ``0.7 to 1: a + b is 1.2, ...``."""
    found = []
    is_choice = isinstance(covariate, CatCovariate)
    # The reason names values that change from point to point: a stretch of numbers is told by the reason at its end.
    for key, stretch in groupby(points, key=lambda point: point.why_not if is_choice else point.why_not is not None):
        if not key:
            continue
        inner = list(stretch)
        values = [str(point.value) if is_choice else f"{point.value:.3g}" for point in inner]
        ends = ", ".join(values) if is_choice else " to ".join(dict.fromkeys((values[0], values[-1])))
        # The first stretch ends where the curve begins, so that its worst case is its first point.
        worst = inner[0] if inner[0] is points[0] and inner[-1] is not points[-1] else inner[-1]
        found.append(f"{ends}: {worst.why_not}")
    return found


def _numbers(covariate: Covariate, points: Sequence[SlicePoint], y: Axis, best: Value | None, noise_sd: float) -> str:
    assert not isinstance(covariate, CatCovariate)
    x = Axis(covariate.min, covariate.max, LEFT, WIDTH - RIGHT, covariate.log)
    parts = [draw_axes(x, y, n_ticks=(3, 4))]
    if not points:
        return parts[0]
    places = [x.place(float(point.value)) for point in points]
    if noise_sd > 0:
        parts.append(_band(places, points, y, noise_sd, "at-noise"))
    parts.append(_band(places, points, y, 0.0, "at-band"))
    least, most = min(points, key=lambda point: point.mean), max(points, key=lambda point: point.mean)
    parts.append(f"<title>{escape(_point_text(least))} … {escape(_point_text(most))}</title>")
    if isinstance(best, int | float):
        place = x.place(float(best))
        parts.append(f'<path class="at-mark" d="M{place:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
    heights = [y.place(clamped(point.mean)) for point in points]
    start = 0
    for is_refused, stretch in groupby(points, key=lambda point: point.why_not is not None):
        inner = list(stretch)
        first, end = start, start + len(inner)
        start = end
        # A dashed stretch reaches to the solid ones beside it, so that the curve has no gaps.
        first, end = (max(first - 1, 0), min(end + 1, len(points))) if is_refused else (first, end)
        kind = "at-mean at-refused" if is_refused else "at-mean"
        reason = f"<title>{escape(_point_text(inner[-1]))}</title>" if is_refused else ""
        parts.append(f'<path class="{kind}" d="M{_path(places[first:end], heights[first:end])}">{reason}</path>')
    return "".join([*parts, *_triangles(places, points, y)])


def _triangles(places: Sequence[float], points: Sequence[SlicePoint], y: Axis) -> list[str]:
    """Draw one triangle in the middle of each stretch of predictions beyond the axis."""
    numbered = list(zip(places, points, strict=True))
    parts = []
    for side, stretch in groupby(numbered, key=lambda pair: y.side(clamped(pair[1].mean))):
        if side:
            inner = list(stretch)
            place, point = inner[len(inner) // 2]
            parts.append(beyond(place, y.place(clamped(point.mean)), (0, -side), _point_text(point)))
    return parts


def _options(covariate: Covariate, points: Sequence[SlicePoint], y: Axis, best: Value | None, noise_sd: float) -> str:
    shown = points[:MAX_OPTIONS]
    x = Axis(-0.5, max(len(shown), 1) - 0.5, LEFT, WIDTH - RIGHT)
    room = max(3, round(30 / max(len(shown), 1)))
    parts = [draw_axes(x, y, n_ticks=(0, 4))]
    for index, point in enumerate(shown):
        place, height = x.place(index), y.place(clamped(point.mean))
        kind = "at-top" if point.value == best else "at-model" if point.why_not is None else "at-first"
        if noise_sd > 0:
            parts.append(whisker(place, *_span(point, y, noise_sd), "at-thin"))
        parts.append(whisker(place, *_span(point, y, 0.0)))
        side = y.side(clamped(point.mean))
        title = _point_text(point)
        parts.append(beyond(place, height, (0, -side), title, kind) if side else dot(place, height, title, kind))
        parts.append(text(place, HEIGHT - BOTTOM + 15, short(value_text(point.value), room)))
    return "".join(parts)


def _band(places: Sequence[float], points: Sequence[SlicePoint], y: Axis, noise_sd: float, kind: str) -> str:
    spans = [_span(point, y, noise_sd) for point in points]
    upper, lower = _path(places, [high for _, high in spans]), _path(places[::-1], [low for low, _ in spans[::-1]])
    return f'<path class="{kind}" d="M{upper}L{lower}Z"/>'


def _span(point: SlicePoint, y: Axis, noise_sd: float) -> tuple[float, float]:
    low, high = _ends(point, noise_sd)
    return y.place(clamped(low)), y.place(clamped(high))


def _ends(point: SlicePoint, noise_sd: float) -> tuple[float, float]:
    sd = hypot(point.sd, noise_sd)
    return point.mean - sd, point.mean + sd


def _path(xs: Sequence[float], ys: Sequence[float]) -> str:
    return "L".join(f"{x:.1f} {y:.1f}" for x, y in zip(xs, ys, strict=True))


def _point_text(point: SlicePoint) -> str:
    reason = "" if point.why_not is None else f"; would not be suggested: {point.why_not}"
    return f"{value_text(point.value)}: {spread_text(point.mean, point.sd)}{reason}"
