"""How well the model predicts: each run's response against its prediction from the other runs."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from autotune_pictures.parts.axes import response_axis
from autotune_pictures.parts.frame import (
    GREY,
    HEIGHT,
    RUNS,
    Spec,
    beyond,
    framed,
    mark_legend,
    message,
    points,
    triangles,
)
from autotune_pictures.parts.goals import goal_text, label_of, response_of
from autotune_pictures.parts.ranges import Span, clamped, span_of
from autotune_pictures.parts.runs import MAX_RUNS, MEASURED, TOPS, Run, drawn_note, hover_of, hovered, marked
from autotune_pictures.parts.texts import counted, number_text
from autotune_wire.experiments import Experiment
from autotune_wire.insights import InsightsReply, LeftOut
from autotune_wire.observations import Observation

SIZE = HEIGHT + 20


def crossval(
    experiment: Experiment,
    observations: Sequence[Observation] | None,
    insights: InsightsReply,
    response: str | None = None,
) -> Spec:
    """Draw the response that each run was predicted to have from the other runs, against what was observed.

    The predictions of a good model lie near the diagonal; of 100 runs about 95 lie within two standard deviations.

    Args:
        experiment: The experiment.
        observations: All its observations, oldest first; None draws points without marks and values of their own.
        insights: The insights into the experiment.
        response: The response; the first objective if not given.

    Raises:
        PictureError: If the experiment has no such response.
    """
    name = response_of(experiment, response)
    title = f"Each run of {experiment.name} predicted from the other runs"
    left_out = insights.leave_one_out.get(name, [])
    if not left_out:
        return message(title, f"There is no model of {label_of(name)} yet: it needs more runs.")
    span = _span(left_out)
    every = -(-len(left_out) // MAX_RUNS)
    runs = {run.observation.observation_uuid: run for run in marked(experiment, observations or [], name)}
    shown = sorted(left_out[::every], key=lambda point: _mark(runs, point) in TOPS)
    rows = [_row(experiment, runs.get(point.observation_uuid), point, span) for point in shown]
    quality = quality_text(left_out)
    notes = [f"{quality}; bars: \N{PLUS-MINUS SIGN} 1 sd of a measurement", *drawn_note(len(shown), len(left_out))]
    notes += [f"{edges} beyond the edge"] if (edges := triangles(rows)) else []
    found = [run for point in shown if (run := runs.get(point.observation_uuid)) is not None]
    marks = [_mark(runs, point) for point in shown]
    body = {"layer": _layers(experiment, found, marks, span, name), "width": SIZE, "height": SIZE}
    description = f"{title}: {label_of(name)} of {counted(len(left_out), 'run')}, {quality}."
    return framed(body, title, notes, description, runs=rows)


def _mark(runs: Mapping[UUID, Run], point: LeftOut) -> str:
    run = runs.get(point.observation_uuid)
    return MEASURED if run is None else run.mark


def quality_text(points: Sequence[LeftOut]) -> str:
    """Write R squared, and how many observations lie within two standard deviations of their predictions."""
    n_within = sum(abs(point.observed - point.mean) <= 2 * point.sd for point in points)
    within = f"{n_within} of {len(points)} within 2 sd"
    share = explained(points)
    return within if share is None else f"R\N{SUPERSCRIPT TWO} {share:.2f}, {within}"


def explained(points: Sequence[LeftOut]) -> float | None:
    """Return R squared, the share of the observations' variation that the predictions explain.

    Returns:
        1 for perfect predictions, below 0 where the mean of the observations would predict better. None where the
        observations do not vary.
    """
    observed = [clamped(point.observed) for point in points]
    mean = sum(observed) / len(observed) if observed else 0.0
    total = sum((value - mean) ** 2 for value in observed)
    rest = sum((value - clamped(point.mean)) ** 2 for value, point in zip(observed, points, strict=True))
    return 1 - rest / total if 0 < total < float("inf") else None


def _span(points: Sequence[LeftOut]) -> Span:
    observed, predicted = span_of(point.observed for point in points), span_of(point.mean for point in points)
    return Span(min(observed.low, predicted.low), max(observed.high, predicted.high))


def _row(experiment: Experiment, run: Run | None, point: LeftOut, span: Span) -> dict[str, Any]:
    row = {"mark": MEASURED} if run is None else hover_of(experiment).row(run)
    row |= {
        "x": span.place(point.observed),
        "y": span.place(point.mean),
        "low": span.place(point.mean - point.sd),
        "high": span.place(point.mean + point.sd),
        "observed": number_text(point.observed),
        "predicted": f"{number_text(point.mean)} ± {number_text(point.sd)}",
    }
    if side := span.side(point.mean):
        row["beyond"] = "up" if side > 0 else "down"
    elif side := span.side(point.observed):
        row["beyond"] = "right" if side > 0 else "left"
    return row


def _layers(experiment: Experiment, runs: Sequence[Run], marks: Sequence[str], span: Span, response: str) -> list[Spec]:
    y = response_axis("y", span, f"{label_of(response)}, predicted")
    x = response_axis("x", span, f"{goal_text(response, experiment.responses[response])}, observed")
    titles = {"predicted": "predicted from the others"}
    tooltip = hover_of(experiment).tooltip(runs, titles) if runs else hovered({"observed": "observed"} | titles)
    diagonal = {"values": [{"x": span.low, "y": span.low}, {"x": span.high, "y": span.high}]}
    bars = {"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}}
    return [
        {
            "data": diagonal,
            "mark": {"type": "line", "color": GREY, "strokeDash": [5, 4], "strokeWidth": 1.2},
            "encoding": {"x": x, "y": y},
        },
        {"data": RUNS, "mark": {"type": "rule", "color": GREY, "opacity": 0.55}, "encoding": bars},
        points(x, y, mark_legend(marks), tooltip),
        *beyond(x, y, tooltip),
    ]
