"""The picture of the Pareto front: two objectives in one frame, three or four in a frame for each pair."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations, pairwise

from autotune.values import number_text
from autotune.views.fronts import Front, FrontRun
from autotune.views.pictures.chart import (
    Axis,
    axis_between,
    beyond,
    dot,
    draw_axes,
    svg,
)
from autotune.views.shown import configuration_text, counted
from autotune_pictures.parts.ranges import clamped, usual_range
from autotune_wire.responses import AnyObjective, Target, merit

WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 22, 40
MAX_DOTS = 400
"""With more runs on the front, or more others, only some are drawn; the limit is that of all frames together."""
_PAIR = 0.72
"""The size of a frame among several, as a share of a single one."""


def draw_front(front: Front, objectives: Mapping[str, AnyObjective], reference: Mapping[str, float] | None) -> str:
    """Draw the runs on the front among the others: orange on the front, pale where another run is better.

    Two objectives are drawn with the line around all that the front dominates. For three or four, each pair has a frame
    of its own and no line, as a run that looks worse in one pair may be better in the objective left out.

    Args:
        front: One or more runs on the front, and the others.
        objectives: The objectives by name, two or more.
        reference: The reference point of the hypervolume, the worst values of interest; None draws no such point.
    """
    pairs = list(combinations(objectives, 2))
    small = replace(front, runs=_some(front.runs, len(pairs)), others=_some(front.others, len(pairs)))
    return "".join(_pair(small, {name: objectives[name] for name in pair}, reference, len(pairs)) for pair in pairs)


def _some(runs: Sequence[FrontRun], n_frames: int) -> list[FrontRun]:
    """Return the runs to draw: all, or of very many every so many, so that the picture stays small."""
    every = -(-len(runs) * n_frames // MAX_DOTS) or 1
    return [run for place, run in enumerate(runs) if place % every == 0 or run.is_newest]


def front_legend(front: Front) -> str:
    """Write what the marks of the picture stand for."""
    marks = [("at-dot at-top", "on the front")]
    marks += [("at-dot at-pale", "another run is better")] if any(not run.is_out for run in front.others) else []
    marks += [("at-dot at-broken", "breaks a threshold")] if any(run.is_broken for run in front.others) else []
    marks += [("at-dot at-open", "lacks a threshold's response")] if any(run.is_open for run in front.others) else []
    shown = "".join(
        f'<span><svg><circle class="{kind}" cx="9" cy="5" r="3.4"/></svg>{text}</span>' for kind, text in marks
    )
    if any(run.is_newest for run in front.runs):
        shown += '<span><svg><circle class="at-ring" cx="9" cy="5" r="4.2"/></svg>the newest on the front</span>'
    if front.reference:
        shown += '<span><svg><path class="at-mark" d="M1 5H17"/></svg>reference point</span>'
    return f'<div class="at-legend">{shown}</div>'


def _pair(
    front: Front, objectives: Mapping[str, AnyObjective], reference: Mapping[str, float] | None, n_frames: int
) -> str:
    across, up = objectives.items()
    is_one_of_many = n_frames > 1
    runs = sorted(((_drawn(run.responses, across, up), run) for run in front.runs), key=lambda pair: pair[0])
    others = [(_drawn(run.responses, across, up), run) for run in front.others]
    corner = []
    if reference and across[0] in reference and up[0] in reference:
        # The service sends that of a target as a distance below 0.
        corner = [
            tuple(-reference[name] if isinstance(goal, Target) else reference[name] for name, goal in (across, up))
        ]
    width, height = (round(size * (_PAIR if is_one_of_many else 1)) for size in (WIDTH, HEIGHT))
    reached = [spot for spot, _ in runs]
    columns = zip(*reached, *corner, *(spot for spot, _ in others), strict=True)
    ends = ((LEFT, width - RIGHT), (height - BOTTOM, TOP))
    x, y = (
        axis_between(*usual_range(values, kept), *pixels)
        for values, kept, pixels in zip(columns, zip(*reached, strict=True), ends, strict=True)
    )
    parts = [draw_axes(x, y, _label(*across), _label(*up), (4, 4) if is_one_of_many else (5, 5))]
    parts += [_run(run, spot, x, y, _kind(run)) for spot, run in others]
    if not is_one_of_many:
        parts.append(_line(reached, across[1].goal == "maximize", x, y))
    parts += [_reference(right, height, x, y) for right, height in corner]
    parts += [_run(run, spot, x, y, "at-top") for spot, run in runs]
    parts += [_ring(*spot, x, y) for spot, run in runs if run.is_newest]
    return svg(width, height, parts, _description([run for _, run in runs], across, up))


def _drawn(
    measured: Mapping[str, float], across: tuple[str, AnyObjective], up: tuple[str, AnyObjective]
) -> tuple[float, float]:
    """Return the place of a run in the units of the axes: a response, or the distance of a response from its target."""
    right, height = (
        clamped(abs(measured[name] - goal.target) if isinstance(goal, Target) else measured[name])
        for name, goal in (across, up)
    )
    return right, height


def _label(name: str, objective: AnyObjective) -> str:
    if isinstance(objective, Target):
        return f"distance of {name} from {number_text(objective.target)}"
    return f"{name} ({objective.goal})"


def _description(runs: Sequence[FrontRun], across: tuple[str, AnyObjective], up: tuple[str, AnyObjective]) -> str:
    bests = [
        f"best {name} {number_text(max((run.responses[name] for run in runs), key=partial(merit, objective)))}"
        for name, objective in (across, up)
    ]
    return f"Pareto front of {across[0]} and {up[0]}: {counted(len(runs), 'run')}, {', '.join(bests)}"


def _line(reached: Sequence[tuple[float, float]], is_right_better: bool, x: Axis, y: Axis) -> str:
    places = [(x.place(right), y.place(height)) for right, height in reached]
    # Where more of the x objective is better, a point dominates what lies to its left: between two points the line has
    # the height of the right one. Where less is better, the height of the left one.
    path = f"M{places[0][0]:.1f} {places[0][1]:.1f}"
    for (_, _), (right, height) in pairwise(places):
        path += f"V{height:.1f}H{right:.1f}" if is_right_better else f"H{right:.1f}V{height:.1f}"
    return f'<path class="at-best" d="{path}"/>'


def _reference(across: float, up: float, x: Axis, y: Axis) -> str:
    right, height = x.place(clamped(across)), y.place(clamped(up))
    return (
        f'<path class="at-mark" d="M{right:.1f} {y.start:.1f}V{y.end:.1f}M{x.start:.1f} {height:.1f}H{x.end:.1f}">'
        "<title>reference point: the worst values of interest</title></path>"
    )


def _kind(run: FrontRun) -> str:
    return "at-broken" if run.is_broken else "at-open" if run.is_open else "at-pale"


def _run(run: FrontRun, spot: tuple[float, float], x: Axis, y: Axis, kind: str) -> str:
    across, up = spot
    values = ", ".join(f"{name} {number_text(value)}" for name, value in run.responses.items())
    title = f"{run.label}: {values}" if run.label else values
    title += f" at {configuration_text(run.covars)}" if run.covars else ""
    title += ", breaks a threshold" if run.is_broken else ", lacks a threshold's response" if run.is_open else ""
    place, height = x.place(across), y.place(up)
    if y.side(up):
        return beyond(place, height, (0, -y.side(up)), title, kind)
    if x.side(across):
        return beyond(place, height, (x.side(across), 0), title, kind)
    return dot(place, height, title, kind, 4.2 if kind == "at-top" else 3.0)


def _ring(across: float, up: float, x: Axis, y: Axis) -> str:
    return f'<circle class="at-ring" r="7.5" cx="{x.place(across):.1f}" cy="{y.place(up):.1f}"/>'
