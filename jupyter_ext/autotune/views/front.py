"""The picture of the Pareto front of two objectives."""

from collections.abc import Mapping, Sequence

from autotune.values import number_text
from autotune.views.chart import Axis, axis_of, clamped, dot, draw_axes, svg
from autotune.views.shown import configuration_text
from autotune_wire.insights import ParetoPoint
from autotune_wire.responses import Objective

WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 22, 40


def draw_front(
    points: Sequence[ParetoPoint], objectives: Mapping[str, Objective], reference: Mapping[str, float] | None
) -> str:
    """Draw the observations on the front, and the line around all that they dominate.

    Args:
        points: One or more observations that no other observation dominates.
        objectives: The two objectives by name, the first one on the x axis.
        reference: The reference point of the hypervolume, the worst values of interest; None draws no such point.
    """
    across, up = objectives
    corner = [reference] if reference and across in reference and up in reference else []
    ordered = sorted(points, key=lambda point: point.responses[across])
    reached = [point.responses for point in ordered]
    x = axis_of([responses[across] for responses in [*reached, *corner]], LEFT, WIDTH - RIGHT)
    y = axis_of([responses[up] for responses in [*reached, *corner]], HEIGHT - BOTTOM, TOP)
    x_label, y_label = (f"{name} ({objectives[name].goal})" for name in (across, up))
    parts = [draw_axes(x, y, x_label, y_label), _line(reached, across, up, objectives, x, y)]
    parts += [_reference(worst[across], worst[up], x, y) for worst in corner]
    parts += [_point(point, across, up, x, y) for point in ordered]
    return svg(WIDTH, HEIGHT, parts, f"Pareto front of {across} and {up}")


def _line(
    reached: Sequence[Mapping[str, float]],
    across: str,
    up: str,
    objectives: Mapping[str, Objective],
    x: Axis,
    y: Axis,
) -> str:
    places = [(x.place(clamped(responses[across])), y.place(clamped(responses[up]))) for responses in reached]
    # Where more of the x objective is better, a point dominates what lies to its left: between two points the line has
    # the height of the right one. Where less is better, the height of the left one.
    goes_up_first = objectives[across].goal == "maximize"
    path = f"M{places[0][0]:.1f} {places[0][1]:.1f}"
    for right, height in places[1:]:
        path += f"V{height:.1f}H{right:.1f}" if goes_up_first else f"H{right:.1f}V{height:.1f}"
    return f'<path class="at-best" d="{path}"/>'


def _reference(across: float, up: float, x: Axis, y: Axis) -> str:
    right, height = x.place(clamped(across)), y.place(clamped(up))
    return (
        f'<path class="at-mark" d="M{right:.1f} {y.start:.1f}V{y.end:.1f}M{x.start:.1f} {height:.1f}H{x.end:.1f}">'
        "<title>reference point: the worst values of interest</title></path>"
    )


def _point(point: ParetoPoint, across: str, up: str, x: Axis, y: Axis) -> str:
    values = ", ".join(f"{name} {number_text(value)}" for name, value in point.responses.items())
    title = f"{values} at {configuration_text(point.covars)}"
    return dot(x.place(clamped(point.responses[across])), y.place(clamped(point.responses[up])), title, "at-top", 4.2)
