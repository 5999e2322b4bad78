"""The Pareto front in the live panel: its curve of hypervolume, its picture and its table."""

import re
from collections.abc import Sequence
from dataclasses import replace
from html import escape, unescape

from autotune.panel.state import Dot, PanelState
from autotune.panel.still import beside, image
from autotune.panel.style import legend
from autotune.views.fronts import Front, FrontRun, front_caption, front_table, named_reference
from autotune.views.pictures.front import draw_front
from autotune.views.pictures.style import grid
from autotune_pictures.parts.dominance import gains_of
from autotune_wire.responses import Objective, Responses

VOLUME = "hypervolume"
WIDEST = 900
"""The largest width of the picture of the front, in pixels."""
MAX_DOTS = 40
"""How many runs on the front, and how many others, a frame shows. All of it is sent with every redraw."""
MAX_PAIRS = 3
"""How many pairs of objectives have a frame."""
MAX_ROWS = 8
"""How many runs the table shows."""
_ORANGE = "#dd6b20"
_PICTURE = re.compile(r'(<svg [^>]*viewBox="0 0 (\d+) (\d+)"[^>]*aria-label="([^"]*)".*?</svg>)', re.DOTALL)


def by_volume(state: PanelState) -> PanelState:
    """Return the state with the hypervolume after each observation in the place of the response, for the curve."""
    steps = dict(state.progress.volumes(state.objectives))
    volume = 0.0
    dots = []
    for number, dot in enumerate(state.dots, start=1):
        volume = steps.get(number, volume)
        dots.append(replace(dot, response=volume if state.objectives.keys() <= dot.measured.keys() else None))
    responses: Responses = {VOLUME: Objective(goal="maximize")}
    return replace(state, direction="maximize", responses=responses, dots=tuple(dots), waiting={}, taken={})


def volume_of(state: PanelState) -> float | None:
    """Return the hypervolume of the front; None while no run is on it."""
    volumes = state.progress.volumes(state.objectives)
    return volumes[-1][1] if volumes else None


def newest_on_front(state: PanelState) -> Dot | None:
    """Return the newest observation on the front; None while there is none."""
    return state.dots[state.progress.front[-1][0] - 1] if state.progress.front else None


def front_html(state: PanelState) -> str:
    """Write the part of the panel that shows the front; empty while no run is on it."""
    if not state.progress.front:
        return ""
    front = _front_of(state)
    shown = replace(front, runs=front.runs[:MAX_ROWS])
    covariates = list(dict.fromkeys(name for run in shown.runs for name in run.covars))
    table = grid(*front_table(shown, state.responses, covariates))
    drawn = replace(front, runs=_some(front.runs), others=_some(front.others))
    found = _PICTURE.findall(draw_front(drawn, state.objectives, front.reference))[:MAX_PAIRS]
    width, height = int(found[0][1]), int(found[0][2])
    picture = image(
        beside([svg for svg, *_ in found], width, height),
        unescape("; ".join(description for *_, description in found)),
        min(width * len(found), WIDEST),
    )
    caption, more = front_caption(front, state.responses), len(front.runs) - len(shown.runs)
    caption += f"; the table shows {MAX_ROWS} of them" if more > 0 else ""
    caption += "; some pairs are left out here" if len(state.objectives) > MAX_PAIRS else ""
    return (
        f'<div class="at-part"><b>Pareto front</b><div class="at-soft">{escape(caption)}</div>'
        f"{picture}{_legend(front)}{table}</div>"
    )


def _legend(front: Front) -> str:
    marks = [(_ORANGE, "\N{BLACK CIRCLE}", "on the front")]
    if any(not run.is_out for run in front.others):
        marks.append(("#8b949e", "\N{BLACK CIRCLE}", "another run is better"))
    if any(run.is_broken for run in front.others):
        marks.append(("#da3633", "\N{BLACK CIRCLE}", "breaks a threshold"))
    if any(run.is_open for run in front.others):
        marks.append(("#8b949e", "\N{WHITE CIRCLE}", "lacks a threshold's response"))
    if front.reference:
        marks.append(("#808080", "\N{BOX DRAWINGS LIGHT TRIPLE DASH HORIZONTAL}", "reference point"))
    return legend(marks)


def _some(runs: Sequence[FrontRun]) -> list[FrontRun]:
    """Return all runs, or of many every so many and the newest."""
    every = -(-len(runs) // MAX_DOTS) or 1
    return [run for place, run in enumerate(runs) if place % every == 0 or run.is_newest]


def _front_of(state: PanelState) -> Front:
    objectives = state.objectives
    numbers = {number for number, _ in state.progress.front}
    newest = max(numbers)
    ordered = sorted(state.progress.front, key=lambda numbered: numbered[1], reverse=True)
    runs = [_run(number, state.dots[number - 1], number == newest and len(numbers) > 1) for number, _ in ordered]
    others = [
        _run(number, dot, False)
        for number, dot in enumerate(state.dots, start=1)
        if number not in numbers
        and not (dot.is_failed or dot.is_excluded)
        and gains_of(objectives, dot.measured) is not None
    ]
    reference = named_reference(objectives, state.progress.reference(objectives))
    return Front(runs, others, volume_of(state), reference)


def _run(number: int, dot: Dot, is_newest: bool) -> FrontRun:
    return FrontRun(dot.measured, dict(dot.covars), f"run {number}", dot.is_broken, dot.is_open, is_newest)
