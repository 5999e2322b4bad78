"""The Pareto front in the live panel: its curve of hypervolume, its picture and its table."""

from dataclasses import replace

from autotune.panel.state import Dot, PanelState
from autotune.views.fronts import Front, FrontRun, front_caption, front_table, named_reference
from autotune.views.pictures.front import MAX_DOTS, draw_front, front_legend
from autotune.views.pictures.style import figure, grid, part
from autotune_pictures.parts.dominance import gains_of
from autotune_wire.responses import Objective, Responses

VOLUME = "hypervolume"


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
    covariates = list(dict.fromkeys(name for run in front.runs for name in run.covars))
    picture = draw_front(front, state.objectives, front.reference)
    table = grid(*front_table(front, state.responses, covariates))
    body = f'<div class="at-row">{picture}</div>{front_legend(front)}{table}'
    return part("Pareto front", figure(front_caption(front, state.responses), body))


def _front_of(state: PanelState) -> Front:
    objectives = state.objectives
    numbers = {number for number, _ in state.progress.front}
    newest = max(numbers)
    ordered = sorted(state.progress.front, key=lambda numbered: numbered[1], reverse=True)
    runs = [_run(number, state.dots[number - 1], number == newest and len(numbers) > 1) for number, _ in ordered]
    others = [
        (number, dot)
        for number, dot in enumerate(state.dots, start=1)
        if number not in numbers
        and not (dot.is_failed or dot.is_excluded)
        and gains_of(objectives, dot.measured) is not None
    ]
    every = -(-len(others) // MAX_DOTS) or 1
    return Front(
        runs,
        [_run(number, dot, False) for number, dot in others[::every]],
        volume_of(state),
        named_reference(objectives, state.progress.reference(objectives)),
    )


def _run(number: int, dot: Dot, is_newest: bool) -> FrontRun:
    return FrontRun(dot.measured, dict(dot.covars), f"run {number}", dot.is_broken, is_newest)
