"""The rows of a list that are left and look best: which bottle to open next."""

from autotune_pictures.parts.axes import response_axis
from autotune_pictures.parts.errors import PictureError
from autotune_pictures.parts.frame import BLUE, WIDTH, Spec, framed, message, rule
from autotune_pictures.parts.goals import goal_text, label_of
from autotune_pictures.parts.ranges import clamped, span_of
from autotune_pictures.parts.runs import hovered
from autotune_pictures.parts.texts import configuration_text, counted, label_expression, label_lines, number_text
from autotune_wire.candidates import RankedCandidate
from autotune_wire.experiments import Experiment
from autotune_wire.insights import InsightsReply
from autotune_wire.responses import primary_of

_CHARACTERS, _ROW, _LINE = 30, 26, 13
_BEST = "best so far"


def candidates(experiment: Experiment, insights: InsightsReply) -> Spec:
    """Draw the predicted response of the rows that are left and look best, the best at the top.

    Args:
        experiment: The experiment.
        insights: The insights into the experiment.

    Raises:
        PictureError: If the experiment has no list.
    """
    title = f"Rows that are left in the list of {experiment.name}"
    if experiment.candidates is None:
        raise PictureError("candidates needs an experiment whose suggestions are rows of a list; this one has no list")
    ranked = insights.candidates
    if not ranked:
        return message(title, "No row is left, or there is no model yet that predicts them.")
    name = primary_of(experiment.responses)[0]
    rows = [_row(experiment, row, place) for place, row in enumerate(ranked)]
    texts = [label_text(row) for row in ranked]
    best = None if insights.best_observed is None else clamped(insights.best_observed.response)
    ends = [clamped(row.mean + sign * row.sd) for row in ranked for sign in (-1, 1)]
    span = span_of(ends, [] if best is None else [best])
    x = response_axis("mean", span, goal_text(name, experiment.responses[name]))
    labels = {"labelExpr": label_expression(texts, _CHARACTERS), "labelLimit": 210, "grid": False, "ticks": False}
    y = {"field": "row", "type": "ordinal", "axis": labels | {"domain": False}, "title": None}
    tooltip = hovered({"name": "row", "values": "values", "text": "predicted"})
    bar: Spec = {"type": "rule", "color": BLUE, "strokeWidth": 2, "clip": True}
    dot: Spec = {"type": "point", "filled": True, "size": 70, "color": BLUE, "opacity": 1, "clip": True}
    layers: list[Spec] = [
        {"mark": bar, "encoding": {"x": x | {"field": "low"}, "x2": {"field": "high"}, "y": y, "tooltip": tooltip}},
        {"mark": dot, "encoding": {"x": x, "y": y, "tooltip": tooltip}},
    ]
    layers += [] if best is None else rule("x", best, _BEST, x, is_bound=False)
    height = len(rows) * max(_ROW, 8 + _LINE * label_lines(texts, _CHARACTERS))
    n_left = experiment.candidates.n_left
    notes = ["Predicted, \N{PLUS-MINUS SIGN} 1 sd"]
    notes += [] if n_left is None else [f"the best of {counted(n_left, 'row')} that are neither told nor withdrawn"]
    body = {"data": {"values": rows}, "layer": layers, "width": WIDTH - 150, "height": height}
    said = "; ".join(f"{text}: {label_of(name)} {row['text']}" for text, row in zip(texts[:3], rows[:3], strict=True))
    return framed(body, title, [", ".join(notes)], f"{title}: {said}.")


def label_text(row: RankedCandidate) -> str:
    """Write the number of a row and its details."""
    details = [str(cell) for cell in row.details.values() if cell is not None]
    return " ".join([str(row.number), *details])


def _row(experiment: Experiment, row: RankedCandidate, place: int) -> dict[str, object]:
    mean, sd = clamped(row.mean), clamped(row.sd)
    text = f"{number_text(mean)} \N{PLUS-MINUS SIGN} {number_text(sd)}"
    values = configuration_text(row.covars, experiment.covars)
    ends = {"low": clamped(mean - sd), "high": clamped(mean + sd)}
    return {"row": place, "name": label_text(row), "values": values, "mean": mean, "text": text, **ends}
