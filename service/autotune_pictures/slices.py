"""The response along one covariate at a time, with the runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from math import hypot
from typing import Any

from autotune_pictures.history import beyond_note
from autotune_pictures.importance import by_importance
from autotune_pictures.parts.axes import CovariateAxis, covariate_axis, response_axis
from autotune_pictures.parts.frame import BLUE, GREY, RED, Spec, beyond, framed, mark_legend, message, points, rule
from autotune_pictures.parts.goals import goal_text, label_of, line_of, response_of
from autotune_pictures.parts.ranges import Span, clamped, span_of
from autotune_pictures.parts.runs import EXCLUDED, TOPS, Run, drawn, drawn_note, hover_of, hovered, jitter, marked
from autotune_pictures.parts.texts import configuration_text, number_text, rule_of, value_text
from autotune_wire.base import Configuration
from autotune_wire.experiments import Experiment
from autotune_wire.insights import InsightsReply, SlicePoint
from autotune_wire.observations import Observation

MAX_SLICES = 8
MAX_REFUSALS = 4
_MAX_RUNS = 400
_WIDTH, _HEIGHT, _COLUMNS = 240, 180, 2
_FOOT = 0.08
"""The share of the range that is added below it for runs without a response."""


@dataclass(frozen=True)
class _Slices:
    """What all panels have in common."""

    runs: Sequence[Run]
    response: str
    span: Span
    y: Spec
    noise_sd: float
    best: Configuration
    tooltip: list[dict[str, str]]
    line: list[Spec]


def slices(
    experiment: Experiment, observations: Sequence[Observation], insights: InsightsReply, response: str | None = None
) -> Spec:
    """Draw the predicted response along each covariate, the others as in the best predicted configuration.

    The band is one standard deviation of the expected response, and the paler band that of a next measurement. Where a
    run would not be suggested the curve is grey and dashed. The runs are where they were made: they differ in the other
    covariates too, so they need not lie on the curve.

    Args:
        experiment: The experiment.
        observations: All its observations, oldest first.
        insights: The insights into the experiment.
        response: The response; the first objective if not given.

    Raises:
        PictureError: If the experiment has no such response.
    """
    name = response_of(experiment, response)
    title = f"{label_of(name)} along one covariate at a time: {experiment.name}"
    curves = insights.slices.get(name, {})
    covariates = [covariate for covariate in by_importance(experiment, insights, name) if curves.get(covariate)]
    if not covariates:
        return message(title, f"There is no model of {label_of(name)} yet: it needs more runs.")
    kept = {covariate: curves[covariate] for covariate in covariates[:MAX_SLICES]}
    common, runs = _common(experiment, observations, insights, name, kept)
    axes = [_axis(experiment, covariate, runs) for covariate in kept]
    panels = [_panel(common, axis, kept[axis.name], f"x{place}") for place, axis in enumerate(axes)]
    rows = [_row(experiment, run, axes, common) for run in common.runs]
    best = configuration_text(common.best, experiment.covars)
    of_runs = drawn_note(len(common.runs), len(runs)) + beyond_note(rows)
    notes = _notes(common, best, kept, len(covariates), of_runs)
    body = {"concat": panels, "columns": _COLUMNS, "spacing": 28}
    description = f"{title}; {'; '.join(_effect(covariate, curve) for covariate, curve in kept.items())}."
    return framed(body, title, notes, description, runs=rows)


def _common(
    experiment: Experiment,
    observations: Sequence[Observation],
    insights: InsightsReply,
    response: str,
    curves: dict[str, list[SlicePoint]],
) -> tuple[_Slices, list[Run]]:
    best = {} if insights.best_predicted is None else insights.best_predicted.covars
    runs = marked(experiment, observations, response, best or None)
    means = [clamped(point.mean) for point in chain.from_iterable(curves.values())]
    measured = [value for run in runs if run.mark != EXCLUDED and (value := run.value(response)) is not None]
    line = line_of(experiment.responses[response])
    kept = _bests(insights, runs, response)
    span = span_of([*measured, *means], kept, [] if line is None else [line[0]])
    if any(run.value(response) is None for run in runs):
        span = Span(span.low - _FOOT * (span.high - span.low), span.high)
    y = response_axis("y", span, goal_text(response, experiment.responses[response]))
    shown = drawn(runs, _MAX_RUNS)
    drawn_line = []
    if line is not None and not span.side(line[0]):
        drawn_line = rule("y", line[0], f"{line[1]} {number_text(line[0])}", y)
    tooltip = hover_of(experiment).tooltip(shown)
    return _Slices(shown, response, span, y, insights.noise_sds.get(response, 0.0), best, tooltip, drawn_line), runs


def _bests(insights: InsightsReply, runs: Sequence[Run], response: str) -> list[float]:
    """Return the responses of the best run and of the best predicted one, which the axis holds wherever they lie."""
    found = [value for run in runs if run.mark in TOPS and (value := run.value(response)) is not None]
    best = insights.best_predicted
    if best is not None and response in best.predictions:
        found.append(best.predictions[response].mean)
    return found


def _axis(experiment: Experiment, covariate: str, runs: Sequence[Run]) -> CovariateAxis:
    values = [run.covars[covariate] for run in runs if covariate in run.covars]
    return covariate_axis(covariate, experiment.covars[covariate], values)


def _row(experiment: Experiment, run: Run, axes: Sequence[CovariateAxis], common: _Slices) -> dict[str, Any]:
    value, span = run.value(common.response), common.span
    foot = span.low + _FOOT / 2 * (span.high - span.low)
    row = hover_of(experiment).row(run) | {"y": foot if value is None else span.place(value)}
    for place, axis in enumerate(axes):
        at = axis.place(run.covars[axis.name]) if axis.name in run.covars else None
        if at is not None:
            row[f"x{place}"] = axis.inside(at) + (jitter(run.number) if axis.options else 0)
    if value is not None and span.side(value):
        row["beyond"] = "up" if span.side(value) > 0 else "down"
    return row


def _panel(common: _Slices, axis: CovariateAxis, curve: Sequence[SlicePoint], field: str) -> Spec:
    x, y = axis.encoding("x", _WIDTH), common.y
    titles = {"value": axis.title, "predicted": f"predicted {label_of(common.response)}", "why_not": "suggested"}
    draw = _option_layers if axis.options else _number_layers
    layers = [*common.line, *draw(x, y, common.noise_sd > 0, hovered(titles))]
    best = axis.place(common.best[axis.name]) if axis.name in common.best else None
    if best is not None and not axis.options:
        mark = {"type": "rule", "color": RED, "strokeDash": [2, 3], "strokeWidth": 1.4}
        layers.append({"data": {"values": [{"x": axis.inside(best)}]}, "mark": mark, "encoding": {"x": x}})
    place = x | {"field": field}
    legend = mark_legend(run.mark for run in common.runs)
    if common.runs:
        layers += [points(place, y, legend, common.tooltip, size=30, opacity=0.75)]
        layers += beyond(place, y, common.tooltip)
    data = {"values": list(_curve_rows(common, axis, curve))}
    return {"width": _WIDTH, "height": _HEIGHT, "data": data, "layer": layers}


def _curve_rows(common: _Slices, axis: CovariateAxis, curve: Sequence[SlicePoint]) -> Iterator[dict[str, Any]]:
    span = common.span
    groups = groupby(curve, key=lambda point: point.why_not is not None)
    stretches = [(number, point) for number, (_, stretch) in enumerate(groups) for point in stretch]
    for number, point in stretches:
        at = axis.place(point.value)
        if at is None:
            continue
        total = hypot(point.sd, common.noise_sd)
        yield {
            "x": axis.inside(at),
            "y": span.place(point.mean),
            "low": span.place(point.mean - point.sd),
            "high": span.place(point.mean + point.sd),
            "lowest": span.place(point.mean - total),
            "highest": span.place(point.mean + total),
            "stretch": number,
            "value": value_text(point.value),
            "predicted": f"{number_text(point.mean)} ± {number_text(point.sd)}",
            "why_not": f"no: {rule_of(point.why_not)}" if point.why_not else "may be",
            "refused": point.why_not is not None,
        }


def _number_layers(x: Spec, y: Spec, has_noise: bool, tip: list[dict[str, str]]) -> list[Spec]:
    bands = [("lowest", "highest", 0.12)] if has_noise else []
    bands.append(("low", "high", 0.25))
    layers: list[Spec] = [
        {
            "mark": {"type": "area", "color": BLUE, "opacity": opacity},
            "encoding": {"x": x, "y": y | {"field": low}, "y2": {"field": high}},
        }
        for low, high, opacity in bands
    ]
    # The dashes run below all of the curve, so that it has no gap where they begin.
    dashed = {"type": "line", "color": GREY, "strokeDash": [4, 3]}
    solid = {"type": "line", "color": BLUE, "strokeWidth": 2}
    stretches = {"x": x, "y": y, "detail": {"field": "stretch"}}
    layers += [
        {"mark": dashed, "encoding": {"x": x, "y": y}},
        {"transform": [{"filter": "!datum.refused"}], "mark": solid, "encoding": stretches},
    ]
    # A curve itself shows one row's values wherever the mouse points at it.
    hover = {"type": "point", "opacity": 0, "size": 60}
    return [*layers, {"mark": hover, "encoding": {"x": x, "y": y, "tooltip": tip}}]


def _option_layers(x: Spec, y: Spec, has_noise: bool, tip: list[dict[str, str]]) -> list[Spec]:
    colour = {"condition": {"test": "datum.refused", "value": GREY}, "value": BLUE}
    bars = [("lowest", "highest", 1, 0.5)] if has_noise else []
    bars.append(("low", "high", 4, 0.6))
    layers: list[Spec] = [
        {
            "mark": {"type": "rule", "strokeWidth": width, "opacity": opacity},
            "encoding": {"x": x, "y": y | {"field": low}, "y2": {"field": high}, "color": colour},
        }
        for low, high, width, opacity in bars
    ]
    mean = {"type": "tick", "orient": "horizontal", "thickness": 3, "size": 22}
    encoding = {"x": x, "y": y, "color": colour, "tooltip": tip}
    return [*layers, {"mark": mean, "encoding": encoding}]


def _notes(
    common: _Slices, best: str, curves: dict[str, list[SlicePoint]], n_covariates: int, of_runs: list[str]
) -> list[str]:
    notes = [f"The others as in the best predicted run: {best}" if best else "The others at their guesses"]
    band = "Band: \N{PLUS-MINUS SIGN} 1 sd of the expected response"
    notes.append(f"{band}; paler: of a next measurement" if common.noise_sd > 0 else band)
    notes += of_runs
    hidden = n_covariates - len(curves)
    notes += [f"{hidden} covariates that matter less are not drawn"] if hidden else []
    reasons = [f"{name} {reason}" for name, curve in curves.items() for reason in _refusals(curve)]
    if reasons:
        shown = "; ".join(reasons[:MAX_REFUSALS])
        notes.append(f"Grey: would not be suggested. {shown}{' ...' if len(reasons) > MAX_REFUSALS else ''}")
    return notes


def _refusals(curve: Sequence[SlicePoint]) -> Iterator[str]:
    """Write for each stretch of a slice where a run would not be suggested why, as ``0.7 to 1: a + b is 1.2, ...``."""
    is_choice = isinstance(curve[0].value, str)
    # The reason names values that change from point to point: a stretch of numbers is told by the reason at its end.
    for key, stretch in groupby(curve, key=lambda point: point.why_not if is_choice else point.why_not is not None):
        if not key:
            continue
        inner = list(stretch)
        values = [value_text(point.value) for point in inner]
        ends = ", ".join(values) if is_choice else " to ".join(dict.fromkeys((values[0], values[-1])))
        # The first stretch ends where the curve begins, so that its worst case is its first point.
        worst = inner[0] if inner[0] is curve[0] and inner[-1] is not curve[-1] else inner[-1]
        yield f"{ends}: {rule_of(worst.why_not or '')}"


def _effect(name: str, curve: Sequence[SlicePoint]) -> str:
    least, most = min(curve, key=lambda point: point.mean), max(curve, key=lambda point: point.mean)
    ends = (f"{number_text(point.mean)} at {value_text(point.value)}" for point in (least, most))
    return f"{name}: {' to '.join(ends)}"
