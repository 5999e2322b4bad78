"""The history: each run's response in the order of the runs, and the best so far."""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import accumulate
from typing import Any

from autotune_pictures.parts.axes import response_axis
from autotune_pictures.parts.errors import PictureError
from autotune_pictures.parts.frame import (
    GREY,
    HEIGHT,
    RED,
    WIDTH,
    Spec,
    beyond,
    framed,
    mark_legend,
    message,
    points,
    rule,
    triangles,
)
from autotune_pictures.parts.goals import goal_text, label_of, line_of, response_of
from autotune_pictures.parts.ranges import Span, span_of
from autotune_pictures.parts.runs import (
    BEST,
    EXCLUDED,
    FAILED,
    UNMEASURED,
    Run,
    counts,
    drawn,
    drawn_note,
    hover_of,
    marked,
)
from autotune_pictures.parts.texts import counted, label_expression, number_text
from autotune_wire.experiments import Experiment
from autotune_wire.observations import Observation
from autotune_wire.responses import merit, primary_of

_DASHES = [[1, 0], [8, 3], [2, 3], [8, 3, 2, 3]]
"""How the lines of other searches are dashed: all are grey."""
BELOW = 0.08
"""The share of the range that is added below it for runs without a response."""


def history(
    experiment: Experiment,
    observations: Sequence[Observation],
    response: str | None = None,
    beside: Mapping[str, Sequence[float]] | None = None,
) -> Spec:
    """Draw the response of each run in the order of the runs, with the best so far as a line.

    Runs without the response stand at the foot of the picture: failed as a cross, not measured as a bar. A run whose
    response lies far out is a triangle at the edge.

    Args:
        experiment: The experiment.
        observations: All its observations, oldest first.
        response: The response; the first objective if not given.
        beside: Other searches, drawn as grey lines: for each name the best so far after each run.

    Raises:
        PictureError: If the experiment has no such response, or ``beside`` is not valid.
    """
    name = response_of(experiment, response)
    others = _others(beside)
    runs = marked(experiment, observations, name)
    title = f"History of {experiment.name}"
    if not runs:
        return message(title, "No run has been told yet.")
    span = _span(experiment, runs, name, [value for values in others.values() for value in values])
    shown = drawn(runs)
    tooltip = hover_of(experiment).tooltip(shown)
    x = run_axis(max(len(runs), *map(len, others.values())) if others else len(runs))
    y = response_axis("y", span, goal_text(name, experiment.responses[name]))
    found = rows(experiment, shown, name, span)
    layers = [
        *_beside(others, span, x, y),
        *_bests(experiment, runs, name, span, x, y),
        points(x, y, mark_legend(run.mark for run in shown), tooltip),
        *beyond(x, y, tooltip),
    ]
    line = line_of(experiment.responses[name])
    if line is not None and not span.side(line[0]):
        layers = [*rule("y", line[0], f"{line[1]} {number_text(line[0])}", y), *layers]
    notes = drawn_note(len(shown), len(runs)) + beyond_note(found)
    body = {"layer": layers, "width": WIDTH, "height": HEIGHT}
    return framed(body, title, notes, _description(experiment, runs, name, others), runs=found)


def rows(experiment: Experiment, runs: Sequence[Run], response: str, span: Span) -> list[dict[str, Any]]:
    """Return the rows of runs whose height is a response; a run without the response stands at the foot."""
    hover = hover_of(experiment)
    foot = span.low + BELOW / 2 * (span.high - span.low)
    found = []
    for run in runs:
        value = run.value(response)
        row = hover.row(run) | {"x": run.number, "y": foot if value is None else span.place(value)}
        if value is not None and span.side(value):
            row["beyond"] = "up" if span.side(value) > 0 else "down"
        found.append(row)
    return found


def run_axis(n_runs: int) -> Spec:
    """Return the horizontal channel of the runs in their order."""
    ends = [0.5, n_runs + 0.5]
    axis: Spec = {"format": ",d", "grid": False}
    if n_runs <= 12:
        axis["values"] = list(range(1, n_runs + 1))
    scale = {"domain": ends, "nice": False, "zero": False}
    return {"field": "x", "type": "quantitative", "scale": scale, "axis": axis, "title": "run"}


def beyond_note(found: Sequence[dict[str, Any]]) -> list[str]:
    """Write what the triangles at the edges are, as they are drawn, if there are any."""
    n = sum("beyond" in row for row in found)
    return [f"{counted(n, 'run')} beyond the edge ({triangles(found)})"] if n else []


def best_so_far(experiment: Experiment, runs: Sequence[Run], response: str) -> list[tuple[int, float]]:
    """Return the number of each run that counts, with the best of the first objective up to it."""
    good = [(run.number, value) for run in runs if counts(run) and (value := run.value(response)) is not None]
    key = partial(merit, primary_of(experiment.responses)[1])
    bests: Iterable[float] = accumulate((value for _, value in good), lambda best, value: max(best, value, key=key))
    return list(zip((number for number, _ in good), bests, strict=True))


def step_rows(steps: Sequence[tuple[int, float]], n_runs: int, span: Span | None = None) -> list[dict[str, float]]:
    """Return the corners of a stair: the first step, each change, and the end at the last run."""
    changes = [step for place, step in enumerate(steps) if place == 0 or step[1] != steps[place - 1][1]]
    ends = [*changes, (n_runs, steps[-1][1])] if steps else []
    return [{"x": number, "y": value if span is None else span.place(value), "shown": value} for number, value in ends]


def _others(beside: Any) -> dict[str, list[float]]:
    """Check the other searches, and return them as plain numbers."""
    if beside is None:
        return {}
    if not isinstance(beside, Mapping):
        raise PictureError(f"beside is a {type(beside).__name__}; it must be a dict with a list of numbers by name")
    if len(beside) > len(_DASHES):
        raise PictureError(f"beside has {len(beside)} searches; it can have {len(_DASHES)} at most")
    others = {}
    for name, values in beside.items():
        try:
            numbers = [float(value) for value in values]
        except (TypeError, ValueError):
            numbers = []
        if not numbers or not all(map(math.isfinite, numbers)):
            raise PictureError(f"beside[{name!r}] must be a finite number for each run: the best up to it")
        others[str(name)] = numbers
    return others


def _span(experiment: Experiment, runs: Sequence[Run], response: str, others: Sequence[float]) -> Span:
    values = [value for run in runs if run.mark != EXCLUDED and (value := run.value(response)) is not None]
    kept = [value for run in runs if run.mark == BEST and (value := run.value(response)) is not None]
    line = line_of(experiment.responses[response])
    span = span_of(values, kept, [*others, *([] if line is None else [line[0]])])
    if any(run.value(response) is None for run in runs):
        return Span(span.low - BELOW * (span.high - span.low), span.high)
    return span


def _bests(experiment: Experiment, runs: Sequence[Run], response: str, span: Span, x: Spec, y: Spec) -> list[Spec]:
    if response != primary_of(experiment.responses)[0]:
        return []
    steps = step_rows(best_so_far(experiment, runs, response), len(runs), span)
    for step in steps:
        step["text"] = number_text(step["shown"])  # type: ignore[assignment]
    tooltip = [{"field": "text", "type": "nominal", "title": "best so far"}]
    mark = {"type": "line", "interpolate": "step-after", "color": RED, "strokeWidth": 1.8, "opacity": 0.85}
    return [{"data": {"values": steps}, "mark": mark, "encoding": {"x": x, "y": y, "tooltip": tooltip}}]


def _beside(others: Mapping[str, Sequence[float]], span: Span, x: Spec, y: Spec) -> list[Spec]:
    """Return the layer of other searches: grey lines, told apart by their dashes."""
    if not others:
        return []
    stairs = [
        {"x": step["x"], "y": step["y"], "which": which, "search": name, "text": number_text(step["shown"])}
        for which, (name, values) in enumerate(others.items())
        for step in step_rows(list(enumerate(values, start=1)), len(values), span)
    ]
    legend = {
        "orient": "bottom",
        "title": None,
        "labelExpr": label_expression(list(others), 40),
        "symbolType": "stroke",
        "symbolStrokeColor": GREY,
    }
    scale = {"domain": list(range(len(others))), "range": _DASHES[: len(others)]}
    dash = {"field": "which", "type": "nominal", "scale": scale, "legend": legend}
    tooltip = [
        {"field": "search", "type": "nominal", "title": "search"},
        {"field": "text", "type": "nominal", "title": "best so far"},
    ]
    mark = {"type": "line", "interpolate": "step-after", "color": GREY, "strokeWidth": 2}
    return [
        {"data": {"values": stairs}, "mark": mark, "encoding": {"x": x, "y": y, "strokeDash": dash, "tooltip": tooltip}}
    ]


def _description(
    experiment: Experiment, runs: Sequence[Run], response: str, others: Mapping[str, Sequence[float]]
) -> str:
    marks = [f"{n} {mark}" for mark in (FAILED, EXCLUDED, UNMEASURED) if (n := sum(run.mark == mark for run in runs))]
    text = f"History of {experiment.name}: {counted(len(runs), 'run')}"
    text += f", {', '.join(marks)}" if marks else ""
    best = next((run for run in runs if run.mark == BEST), None)
    if best is not None and (value := best.value(response)) is not None:
        text += f"; the best {label_of(response)} is {number_text(value)}, of run {best.number}"
    ends = [
        f"{name} reaches {number_text(values[-1])} in {counted(len(values), 'run')}" for name, values in others.items()
    ]
    return f"{'; '.join([text, *ends])}."
