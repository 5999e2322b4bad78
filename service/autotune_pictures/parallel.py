"""All covariates side by side, with a line for each run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autotune_pictures.importance import by_importance
from autotune_pictures.parts.axes import PLAIN_LABELS, CovariateAxis, covariate_axis
from autotune_pictures.parts.frame import BLUE, GREY, ORANGE, RED, Spec, framed, message
from autotune_pictures.parts.goals import goal_text, label_of, response_of
from autotune_pictures.parts.isolines import round_levels
from autotune_pictures.parts.ranges import Span, span_of
from autotune_pictures.parts.runs import EXCLUDED, FAILED, TOPS, Run, drawn, drawn_note, hover_of, marked
from autotune_pictures.parts.texts import counted, lines_of, number_text, text_width, title_lines, value_text
from autotune_wire.experiments import Experiment
from autotune_wire.insights import InsightsReply
from autotune_wire.observations import Observation
from autotune_wire.responses import Objective

MAX_AXES = 10
MAX_LINES = 300
_AXIS_WIDTH, _HEIGHT = 110, 300
_LABEL = 11
"""The size of the labels' type, in pixels."""
_TICKS = 5
_MOST_LABELS = 16
_APART = 0.07
"""The share of an axis that two labels must lie apart."""


@dataclass(frozen=True)
class _Column:
    """One upright axis: a covariate's or the response's."""

    name: str
    axis: CovariateAxis | Span

    @property
    def title(self) -> str:
        """What stands above the axis: the name, with the unit of a covariate."""
        return self.name if isinstance(self.axis, Span) else self.axis.title

    def share(self, run: Run, response: str) -> float | None:
        """Return how far up the run is, from 0 to 1; None if it has no value here."""
        if isinstance(self.axis, Span):
            value = run.value(response)
            return None if value is None else _share(self.axis, value)
        place = self.axis.place(run.covars[self.name]) if self.name in run.covars else None
        return None if place is None else self.axis.share(place)

    def ticks(self) -> list[tuple[float, str]]:
        """Return the heights with a label, from 0 to 1, and the labels."""
        if isinstance(self.axis, Span):
            levels = round_levels(self.axis.low, self.axis.high, _TICKS)
            return [(_share(self.axis, level), number_text(level)) for level in levels]
        if self.axis.options:
            every = -(-len(self.axis.options) // _MOST_LABELS)
            texts = [_cut(value_text(option)) for option in self.axis.options]
            return [(self.axis.share(place), text) for place, text in enumerate(texts) if place % every == 0]
        low, high = self.axis.low, self.axis.high
        inner = self.axis.powers(_TICKS) if self.axis.is_log else round_levels(low, high, _TICKS)
        apart = [level for level in inner if _APART < self.axis.share(level) < 1 - _APART]
        return [(self.axis.share(value), number_text(value)) for value in (low, *apart, high)]


def parallel(
    experiment: Experiment,
    observations: Sequence[Observation],
    response: str | None = None,
    insights: InsightsReply | None = None,
) -> Spec:
    """Draw a line for each run through its values of the covariates and, at the right, its response.

    Lines are coloured by the response; the best run is drawn on top, failed and excluded runs are grey and dashed.

    Args:
        experiment: The experiment.
        observations: All its observations, oldest first.
        response: The response; the first objective if not given.
        insights: If given, the covariates stand in the order in which they matter.

    Raises:
        PictureError: If the experiment has no such response.
    """
    name = response_of(experiment, response)
    title = f"Covariates and {label_of(name)} of each run: {experiment.name}"
    runs = marked(experiment, observations, name)
    if not runs:
        return message(title, "No run has been told yet.")
    columns, n_covariates = _columns(experiment, runs, name, insights)
    shown = drawn(runs, MAX_LINES)
    rows = [_row(experiment, run, columns, name) for run in shown]
    notes = drawn_note(len(shown), len(runs))
    if n_covariates > len(columns) - 1:
        notes.append(f"{len(columns) - 1} of {n_covariates} covariates drawn")
    notes += ["Grey and dashed: failed or excluded"] if any(run.mark in {FAILED, EXCLUDED} for run in shown) else []
    layers = [*_lines(experiment, shown, columns, name), *_scale_layers(columns)]
    body = {"layer": layers, "width": _AXIS_WIDTH * len(columns), "height": _HEIGHT}
    description = f"{title}: {counted(len(runs), 'run')}, {counted(len(columns) - 1, 'covariate')}."
    return framed(body, title, notes, description, runs=rows)


def _columns(
    experiment: Experiment, runs: Sequence[Run], response: str, insights: InsightsReply | None
) -> tuple[list[_Column], int]:
    space = experiment.covars
    names = list(space) if insights is None else by_importance(experiment, insights, response)
    columns = []
    for name in names[:MAX_AXES]:
        values = [run.covars[name] for run in runs if name in run.covars]
        columns.append(_Column(name, covariate_axis(name, space[name], values)))
    return [*columns, _Column(label_of(response), _span(runs, response))], len(names)


def _span(runs: Sequence[Run], response: str) -> Span:
    values = [(run.mark, value) for run in runs if run.mark != EXCLUDED and (value := run.value(response)) is not None]
    return span_of((value for _, value in values), [value for mark, value in values if mark in TOPS])


def _row(experiment: Experiment, run: Run, columns: Sequence[_Column], response: str) -> dict[str, Any]:
    row = hover_of(experiment).row(run)
    for place, column in enumerate(columns):
        share = column.share(run, response)
        if share is not None:
            row[f"a{place}"] = round(share, 4)
    value = run.value(response)
    if value is not None and run.mark not in {FAILED, EXCLUDED}:
        row["value"] = float(f"{value:.5g}")
    return row


def _lines(experiment: Experiment, runs: Sequence[Run], columns: Sequence[_Column], response: str) -> list[Spec]:
    goal = experiment.responses[response]
    domain = [columns[-1].axis.low, columns[-1].axis.high]
    scale: Spec = {"domain": domain, "range": [BLUE, ORANGE], "clamp": True}
    if isinstance(goal, Objective) and goal.goal == "minimize":
        scale["reverse"] = True
    legend = {"title": title_lines(goal_text(response, goal), 18), "labelExpr": PLAIN_LABELS, "gradientLength": 160}
    colour = {"field": "value", "type": "quantitative", "scale": scale, "legend": legend}
    fields = [f"a{place}" for place in range(len(columns))]
    base = {
        "x": {"field": "at", "type": "quantitative", "scale": {"domain": [-0.5, len(columns) - 0.5]}, "axis": None},
        "y": {"field": "y", "type": "quantitative", "scale": {"domain": [0, 1]}, "axis": None},
    }
    fold: list[Spec] = [
        {"fold": fields, "as": ["axis", "y"]},
        {"filter": "isValid(datum.y)"},
        {"calculate": "toNumber(slice(datum.axis, 1))", "as": "at"},
    ]
    tooltip = hover_of(experiment).tooltip(runs)
    tops = ", ".join(repr(mark) for mark in sorted(TOPS))
    is_top = f"indexof([{tops}], datum.mark) >= 0"
    layers: list[tuple[str, Spec, Spec]] = [
        (f"!isValid(datum.value) && !({is_top})", {"color": GREY, "strokeDash": [4, 3], "opacity": 0.5}, {}),
        (f"isValid(datum.value) && !({is_top})", {"opacity": 0.6, "strokeWidth": 1.4}, {"color": colour}),
        (is_top, {"color": RED, "strokeWidth": 3}, {}),
    ]
    detail = {"field": "run", "type": "nominal"}
    lines: list[Spec] = [
        {
            "transform": [{"filter": kept}],
            "mark": {"type": "line"} | look,
            "encoding": {"detail": detail, "order": {"field": "at", "type": "quantitative"}} | channels,
        }
        for kept, look, channels in layers
    ]
    # A line shows one row's values wherever the mouse points at it, and so does each of its corners.
    corners = {"type": "point", "opacity": 0, "size": 80, "filled": True}
    lines.append({"mark": corners, "encoding": {"tooltip": tooltip}})
    return [{"data": {"name": "runs"}, "transform": fold, "encoding": base, "layer": lines}]


def _scale_layers(columns: Sequence[_Column]) -> list[Spec]:
    """Return the layers of the upright axes, their names above, and their labels on plates above the lines."""
    x = {"field": "at", "type": "quantitative", "scale": {"domain": [-0.5, len(columns) - 0.5]}, "axis": None}
    y = {"field": "y", "type": "quantitative", "scale": {"domain": [0, 1]}, "axis": None}
    lines = [lines_of(column.title, 15, 42) for column in columns]
    names = [{"at": place, "text": "\n".join(shown)} for place, shown in enumerate(lines)]
    plates = [
        {"at": place + 5 / _AXIS_WIDTH, "end": place + (12 + text_width(text, _LABEL)) / _AXIS_WIDTH, "text": text}
        | {"y": height, "low": height - 8 / _HEIGHT, "high": height + 8 / _HEIGHT}
        for place, column in enumerate(columns)
        for height, text in column.ticks()
    ]
    text = {"field": "text", "type": "nominal"}
    name: Spec = {"type": "text", "color": GREY, "fontSize": 12, "lineBreak": "\n", "baseline": "top"}
    name["y"] = -12 - 15 * max(map(len, lines))
    plate = {"type": "rect", "color": GREY, "opacity": 0.85, "cornerRadius": 3}
    label = {"type": "text", "align": "left", "dx": 3, "color": "#ffffff", "fontSize": _LABEL, "baseline": "middle"}
    ends = {"x": x, "x2": {"field": "end"}, "y": y | {"field": "low"}, "y2": {"field": "high"}}
    return [
        {"data": {"values": names}, "mark": {"type": "rule", "color": GREY}, "encoding": {"x": x}},
        {"data": {"values": names}, "mark": name, "encoding": {"x": x, "text": text}},
        {"data": {"values": plates}, "mark": plate, "encoding": ends},
        {"data": {"values": plates}, "mark": label, "encoding": {"x": x, "y": y, "text": text}},
    ]


def _share(span: Span, value: float) -> float:
    return (span.place(value) - span.low) / (span.high - span.low)


def _cut(text: str) -> str:
    return lines_of(text, 200, 14)[0]
