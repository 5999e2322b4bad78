"""The Pareto front: which runs no other run is better than in every objective."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from autotune_pictures.parts.axes import response_axis
from autotune_pictures.parts.dominance import Point, front_of, gains_of, hypervolume, reference_of
from autotune_pictures.parts.errors import PictureError
from autotune_pictures.parts.frame import HEIGHT, RED, Spec, beyond, framed, mark_legend, message, points, rule
from autotune_pictures.parts.goals import label_of
from autotune_pictures.parts.ranges import Span, span_of
from autotune_pictures.parts.runs import FRONT, MAX_RUNS, Run, counts, drawn, drawn_note, hover_of, marked
from autotune_pictures.parts.texts import counted, number_text
from autotune_wire.experiments import Experiment
from autotune_wire.observations import Observation
from autotune_wire.responses import AnyObjective, Target, objectives_of, primary_of

_SMALL = 230


@dataclass(frozen=True)
class Front:
    """The runs of an experiment with several objectives, those on the front marked, and the reference point.

    Attributes:
        runs: The runs that measured all objectives.
        reference: The reference point, each number to be maximized; empty while no run counts.
        volume: The hypervolume above the reference point.
    """

    runs: Sequence[Run]
    reference: Point
    volume: float


def front_among(experiment: Experiment, observations: Sequence[Observation]) -> Front:
    """Find the Pareto front of an experiment.

    Raises:
        PictureError: If the experiment has one objective.
    """
    objectives = objectives_of(experiment.responses)
    if len(objectives) < 2:
        raise PictureError(
            "pareto and hypervolume need two objectives or more, and the experiment has one: draw history"
        )
    primary = primary_of(experiment.responses)[0]
    runs = marked(experiment, observations, primary, front=())
    measured = {
        run.number: gains for run in runs if (gains := gains_of(objectives, run.observation.responses)) is not None
    }
    numbers = [run.number for run in runs if counts(run) and run.number in measured]
    reached = [measured[number] for number in numbers]
    if not reached:
        return Front([run for run in runs if run.number in measured], (), 0.0)
    chosen = [numbers[place] for place in front_of(reached)]
    reference = reference_of(reached, objectives)
    again = marked(experiment, observations, primary, front=chosen)
    volume = hypervolume([measured[number] for number in chosen], reference)
    return Front([run for run in again if run.number in measured], reference, volume)


def pareto(experiment: Experiment, observations: Sequence[Observation]) -> Spec:
    """Draw the runs by their objectives, with those on the Pareto front marked.

    Two objectives are drawn with the line around all that the front dominates. For three or four, each pair has a frame
    of its own and no line, as a run that looks worse in one pair may be better in the objective left out.

    Args:
        experiment: The experiment.
        observations: All its observations, oldest first.

    Raises:
        PictureError: If the experiment has one objective.
    """
    front = front_among(experiment, observations)
    title = f"Pareto front of {experiment.name}"
    if not front.runs:
        return message(title, "No run has measured all objectives yet.")
    objectives = objectives_of(experiment.responses)
    spans = {name: _span(front, name, objective) for name, objective in objectives.items()}
    pairs = list(combinations(objectives, 2))
    shown = drawn(front.runs, MAX_RUNS // len(pairs))
    tooltip, legend = hover_of(experiment).tooltip(shown), mark_legend(run.mark for run in shown)
    size = HEIGHT + 40 if len(pairs) == 1 else _SMALL
    panels: list[Spec] = []
    sets: dict[str, Any] = {}
    for across, up in pairs:
        rows = [_row(experiment, run, objectives, spans, (across, up)) for run in shown]
        x, y = (_axis(name, objectives[name], spans[name], field) for name, field in ((across, "x"), (up, "y")))
        name = f"runs of pair {len(panels)}"
        data, sets[name] = {"name": name}, rows
        layers = _reference(front, objectives, spans, (across, up), (x, y))
        layers += _line(front, objectives, (x, y)) if len(pairs) == 1 else []
        layers += [points(x, y, legend, tooltip, data), *beyond(x, y, tooltip, data)]
        panels.append({"width": size, "height": size, "layer": layers})
    body: Spec = panels[0] if len(panels) == 1 else {"concat": panels, "columns": 2, "spacing": 28}
    n_front = sum(run.mark == FRONT for run in front.runs)
    notes = (
        [f"{counted(n_front, 'run')} on the front; hypervolume {number_text(front.volume)}"] if front.reference else []
    )
    notes += drawn_note(len(shown), len(front.runs))
    return framed(body, title, notes, _description(title, front, objectives), **sets)


def drawn_value(objective: AnyObjective, value: float) -> float:
    """Return what the axis of an objective shows of a value: of a target, the distance from it."""
    return abs(value - objective.target) if isinstance(objective, Target) else value


def _span(front: Front, name: str, objective: AnyObjective) -> Span:
    values = [drawn_value(objective, run.observation.responses[name]) for run in front.runs]
    kept = [drawn_value(objective, run.observation.responses[name]) for run in front.runs if run.mark == FRONT]
    wished = [] if objective.reference is None else [objective.reference]
    return span_of(values, kept, wished)


def _axis(name: str, objective: AnyObjective, span: Span, field: str) -> Spec:
    if isinstance(objective, Target):
        return response_axis(field, span, f"distance of {label_of(name)} from {number_text(objective.target)}")
    return response_axis(field, span, f"{label_of(name)} ({objective.goal})")


def _row(
    experiment: Experiment,
    run: Run,
    objectives: dict[str, AnyObjective],
    spans: dict[str, Span],
    pair: tuple[str, str],
) -> dict[str, Any]:
    row = hover_of(experiment).row(run)
    for name, field, sides in zip(pair, "xy", (("left", "right"), ("down", "up")), strict=True):
        value = drawn_value(objectives[name], run.observation.responses[name])
        row[field] = spans[name].place(value)
        if side := spans[name].side(value):
            row["beyond"] = sides[side > 0]
    return row


def _line(front: Front, objectives: dict[str, AnyObjective], channels: tuple[Spec, Spec]) -> list[Spec]:
    (across, right), (up, upwards) = objectives.items()
    rows = sorted(
        (drawn_value(right, run.observation.responses[across]), drawn_value(upwards, run.observation.responses[up]))
        for run in front.runs
        if run.mark == FRONT
    )
    # Where more of the x objective is better, a point dominates what lies to its left: between two points the line has
    # the height of the right one. Where less is better, the height of the left one.
    step = "step-before" if right.goal == "maximize" else "step-after"
    data = {"values": [{"x": x, "y": y} for x, y in rows]}
    mark = {"type": "line", "interpolate": step, "color": RED, "strokeWidth": 1.6, "opacity": 0.8}
    return [{"data": data, "mark": mark, "encoding": {"x": channels[0], "y": channels[1]}}]


def _reference(
    front: Front,
    objectives: dict[str, AnyObjective],
    spans: dict[str, Span],
    pair: tuple[str, str],
    channels: tuple[Spec, Spec],
) -> list[Spec]:
    if not front.reference:
        return []
    worst = dict(zip(objectives, front.reference, strict=True))
    layers: list[Spec] = []
    for name, channel, encoding in zip(pair, "xy", channels, strict=True):
        # The number of an objective to minimize, and the distance of a target, are turned to be maximized.
        value = worst[name] if objectives[name].goal == "maximize" else -worst[name]
        if not spans[name].side(value):
            layers += rule(channel, value, "reference", encoding, is_bound=False)
    return layers


def _description(title: str, front: Front, objectives: dict[str, AnyObjective]) -> str:
    on_front = [run for run in front.runs if run.mark == FRONT]
    if not on_front:
        return f"{title}: no run counts yet."
    ranges = []
    for name in objectives:
        values = [run.observation.responses[name] for run in on_front]
        ranges.append(f"{label_of(name)} {number_text(min(values))} to {number_text(max(values))}")
    return f"{title}: {counted(len(on_front), 'run')} of {len(front.runs)} on the front, {', '.join(ranges)}."
