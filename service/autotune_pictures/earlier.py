"""How much each earlier experiment counts in the model of each response."""

from autotune_pictures.parts.errors import PictureError
from autotune_pictures.parts.frame import BLUE, GREY, WIDTH, Spec, framed, message
from autotune_pictures.parts.goals import label_of, response_of
from autotune_pictures.parts.runs import hovered
from autotune_pictures.parts.texts import label_expression, label_lines
from autotune_wire.experiments import Experiment
from autotune_wire.insights import InsightsReply
from autotune_wire.learning import EarlierWeight

_ROW, _LINE, _CHARACTERS = 30, 13, 26
_BAND = 2.0  # standard deviations that the line around a weight shows


def earlier(experiment: Experiment, insights: InsightsReply, response: str | None = None) -> Spec:
    """Draw the weight of each earlier experiment in the model of each response, with two standard deviations.

    Args:
        experiment: The experiment.
        insights: The insights into the experiment.
        response: The response; all responses if not given.

    Raises:
        PictureError: If the experiment has no such response, or learns from no earlier experiment.
    """
    if not experiment.learn_from:
        raise PictureError(f"{experiment.name} learns from no earlier experiment: create one with learn_from")
    names = list(experiment.responses) if response is None else [response_of(experiment, response)]
    weights = [weight for weight in insights.earlier if weight.response in names]
    title = f"What {experiment.name} learns from earlier experiments"
    if not weights:
        if not any(one.n_runs for one in experiment.learn_from):
            return message(title, "Nothing: they had measured nothing when this experiment was created.")
        return message(title, "There is no model yet that says so: it needs a run.")
    labels = [_label(weight, len(experiment.responses) > 1) for weight in weights]
    bands = [(weight.weight - _BAND * weight.sd, weight.weight + _BAND * weight.sd) for weight in weights]
    rows = [
        {"row": k, "name": label, "weight": weight.weight, "low": low, "high": high, "text": _text(weight)}
        for k, (label, weight, (low, high)) in enumerate(zip(labels, weights, bands, strict=True))
    ]
    ends = [0.0, 1.0, *(end for band in bands for end in band)]
    x = {
        "field": "low",
        "type": "quantitative",
        "scale": {"domain": [min(ends), max(ends)]},
        "axis": {"tickCount": 6},
        "title": "weight in the model",
    }
    axis = {"labelExpr": label_expression(labels, _CHARACTERS), "labelLimit": 180, "grid": False, "ticks": False}
    y = {"field": "row", "type": "ordinal", "axis": axis | {"domain": False}, "title": None}
    tooltip = hovered({"name": "earlier experiment", "text": "weight"})
    band = {"x": x, "x2": {"field": "high"}, "y": y, "tooltip": tooltip}
    dot = {"x": {"field": "weight", "type": "quantitative"}, "y": y, "tooltip": tooltip}
    marked = {"data": {"values": [{"at": 0.0}, {"at": 1.0}]}, "mark": {"type": "rule", "color": GREY, "opacity": 0.6}}
    body: Spec = {
        "width": WIDTH - 120,
        "height": len(rows) * max(_ROW, 8 + _LINE * label_lines(labels, _CHARACTERS)),
        "layer": [
            marked | {"encoding": {"x": {"field": "at", "type": "quantitative"}}},
            {"data": {"values": rows}, "mark": {"type": "rule", "color": BLUE, "strokeWidth": 2}, "encoding": band},
            {"data": {"values": rows}, "mark": {"type": "point", "color": BLUE, "filled": True}, "encoding": dot},
        ],
    }
    notes = ["0: it tells nothing; 1: the response has the same shape; the line is two standard deviations each way"]
    said = "; ".join(f"{label}: {_text(weight)}" for label, weight in zip(labels, weights, strict=True))
    return framed(body, title, notes, f"{title}: {said}.")


def _label(weight: EarlierWeight, has_others: bool) -> str:
    return f"{weight.name}, {label_of(weight.response)}" if has_others else weight.name


def _text(weight: EarlierWeight) -> str:
    return f"{weight.weight:.2f} ± {weight.sd:.2f}"
