"""The Pareto front of two objectives."""

from collections.abc import Mapping, Sequence

from autotune.values import number_text
from autotune.views.chart import Axis, axis_of, clamped, dot, frame, svg
from autotune.views.shown import configuration_text
from autotune_wire.insights import ParetoPoint
from autotune_wire.responses import Objective

WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 22, 40


def draw_front(
    points: Sequence[ParetoPoint], objectives: Mapping[str, Objective], reference: Mapping[str, float] | None
) -> str:
    """Draw the observations that no other beats, and the line that parts what is reached from what is not.

    Args:
        points: One or more.
        objectives: The two objectives by name, the first one across.
        reference: The worst values of interest, if they are known.
    """
    across, up = objectives
    corner = [reference] if reference and across in reference and up in reference else []
    x = axis_of([one[across] for one in [*_responses(points), *corner]], LEFT, WIDTH - RIGHT)
    y = axis_of([one[up] for one in [*_responses(points), *corner]], HEIGHT - BOTTOM, TOP)
    ordered = sorted(points, key=lambda one: one.responses[across])
    x_label, y_label = (f"{name} ({objectives[name].goal})" for name in (across, up))
    parts = [frame(x, y, x_label, y_label), _line([one.responses for one in ordered], across, up, objectives, x, y)]
    parts += [_reference(one[across], one[up], x, y) for one in corner]
    parts += [_point(one, across, up, x, y) for one in ordered]
    return svg(WIDTH, HEIGHT, parts, f"Pareto front of {across} and {up}")


def _responses(points: Sequence[ParetoPoint]) -> list[Mapping[str, float]]:
    return [one.responses for one in points]


def _line(
    ordered: Sequence[Mapping[str, float]],
    across: str,
    up: str,
    objectives: Mapping[str, Objective],
    x: Axis,
    y: Axis,
) -> str:
    places = [(x.place(clamped(one[across])), y.place(clamped(one[up]))) for one in ordered]
    # Between two points lies what neither reaches: where more is better across, the next point holds up to its own x.
    goes_up_first = objectives[across].goal == "maximize"
    path = f"M{places[0][0]:.1f} {places[0][1]:.1f}"
    for right, height in places[1:]:
        path += f"V{height:.1f}H{right:.1f}" if goes_up_first else f"H{right:.1f}V{height:.1f}"
    return f'<path class="at-best" d="{path}"/>'


def _reference(across: float, up: float, x: Axis, y: Axis) -> str:
    right, height = x.place(clamped(across)), y.place(clamped(up))
    return (
        f'<path class="at-mark" d="M{right:.1f} {y.start:.1f}V{y.end:.1f}M{x.start:.1f} {height:.1f}H{x.end:.1f}">'
        "<title>the worst values still of interest</title></path>"
    )


def _point(one: ParetoPoint, across: str, up: str, x: Axis, y: Axis) -> str:
    values = ", ".join(f"{name} {number_text(value)}" for name, value in one.responses.items())
    title = f"{values} at {configuration_text(one.covars)}"
    return dot(x.place(clamped(one.responses[across])), y.place(clamped(one.responses[up])), title, "at-top", 4.2)
