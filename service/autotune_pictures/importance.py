"""How much each covariate matters for each response."""

from collections.abc import Mapping
from typing import NamedTuple

from autotune_pictures.parts.frame import BLUE, GREY, WIDTH, Spec, framed, message
from autotune_pictures.parts.goals import goal_text, label_of, response_of
from autotune_pictures.parts.runs import hovered
from autotune_pictures.parts.texts import label_expression, label_lines, title_lines
from autotune_wire.experiments import Experiment
from autotune_wire.insights import InsightsReply

MAX_BARS = 16
NOT_VARIED = "not varied yet"
_ROW, _LINE = 24, 13
_CHARACTERS, _PALE = 26, 0.5
_MOST_PARTS, _LEAST_PART = 3, 0.05
"""How many descriptors of a covariate are shown, and from which share in how unlike its options are."""


def importance(experiment: Experiment, insights: InsightsReply, response: str | None = None) -> Spec:
    """Draw the share of each covariate in the variation of the predicted response, the largest first.

    A covariate that had one value in all runs has no bar: nobody knows how much it matters. Below one whose options
    have descriptors stand the descriptors that tell most, each with its part of the covariate's share.

    Args:
        experiment: The experiment.
        insights: The insights into the experiment.
        response: The response; all responses that have a model if not given.

    Raises:
        PictureError: If the experiment has no such response.
    """
    names = list(experiment.responses) if response is None else [response_of(experiment, response)]
    found = {name: shares for name in names if (shares := varied(insights, name))}
    title = f"How much each covariate of {experiment.name} matters"
    if not found:
        return message(title, "There is no model yet that says so: it needs more runs.")
    panels = [_panel(experiment, name, shares, insights) for name, shares in found.items()]
    body: Spec = panels[0] if len(panels) == 1 else {"vconcat": panels, "spacing": 24}
    most = "; ".join(f"{label_of(name)}: {_most(shares)}" for name, shares in found.items())
    notes = ["Share in the variation of the predicted response"]
    return framed(body, title, notes, f"{title}: {most}.")


def varied(insights: InsightsReply, response: str) -> dict[str, float]:
    """Return the shares of the covariates that had more than one value, the largest first."""
    shares = insights.importance.get(response, {})
    kept = {name: share for name, share in shares.items() if name not in insights.not_varied}
    return dict(sorted(kept.items(), key=lambda item: -item[1]))


def by_importance(experiment: Experiment, insights: InsightsReply, response: str | None = None) -> list[str]:
    """Return all covariates, those first that matter most for a response; constants come last.

    Raises:
        PictureError: If the experiment has no such response.
    """
    space = experiment.covars
    ranked = [name for name in varied(insights, response_of(experiment, response)) if name in space]
    constants = {name for name, covariate in space.items() if covariate.n_values == 1}
    return list(dict.fromkeys([*ranked, *(name for name in space if name not in constants), *space]))


def _panel(experiment: Experiment, response: str, shares: Mapping[str, float], insights: InsightsReply) -> Spec:
    descriptors, not_varied = insights.descriptors.get(response, {}), insights.not_varied
    shown = [row for name, share in shares.items() for row in _rows_of(name, share, descriptors.get(name, {}))]
    if len(shown) > MAX_BARS:
        rest = [row for row in shown[MAX_BARS - 1 :] if row.whole is None]
        shown = [*shown[: MAX_BARS - 1], _Row(f"{len(rest)} others", sum(row.share or 0.0 for row in rest))]
    unknown = not_varied[: MAX_BARS // 4]
    shown += [_Row(name, None) for name in unknown]
    if len(not_varied) > len(unknown):
        shown.append(_Row(f"{len(not_varied) - len(unknown)} others", None))
    texts = [row.label for row in shown]
    rows = [row.to_data(place) for place, row in enumerate(shown)]
    longest = max((row.share for row in shown if row.share is not None), default=1.0) or 1.0
    x = {
        "field": "share",
        "type": "quantitative",
        "scale": {"domain": [0, longest]},
        "axis": {"format": ".0%", "tickCount": 4},
        "title": title_lines(goal_text(response, experiment.responses[response]), 50),
    }
    labels = {"labelExpr": label_expression(texts, _CHARACTERS), "labelLimit": 180, "grid": False, "ticks": False}
    y = {"field": "row", "type": "ordinal", "axis": labels | {"domain": False}, "title": None}
    tooltip = hovered({"name": "covariate", "text": "share"})
    opacity = {"condition": {"test": "datum.is_part", "value": _PALE}, "value": 1.0}
    bar = {"type": "bar", "color": BLUE, "height": 13}
    end = {"type": "text", "align": "left", "dx": 5, "color": GREY, "fontSize": 11}
    height = len(rows) * max(_ROW, 8 + _LINE * label_lines(texts, _CHARACTERS))
    return {
        "width": WIDTH - 120,
        "height": height,
        "data": {"values": rows},
        "layer": [
            {"mark": bar, "encoding": {"x": x, "y": y, "opacity": opacity, "tooltip": tooltip}},
            {"mark": end, "encoding": {"x": x, "y": y, "text": {"field": "text"}, "tooltip": tooltip}},
        ],
    }


class _Row(NamedTuple):
    """A bar: of a covariate, or of one of its descriptors.

    Attributes:
        name: The name of what the bar is of.
        share: Its share in the variation of the response; None if that is not known.
        whole: The covariate whose descriptor it is; None if it is no descriptor.
    """

    name: str
    share: float | None
    whole: str | None = None

    @property
    def label(self) -> str:
        return self.name if self.whole is None else f"by {self.name}"

    def to_data(self, place: int) -> dict[str, object]:
        text = NOT_VARIED if self.share is None else f"{self.share:.0%}"
        name = self.name if self.whole is None else f"{self.whole}: {self.name}"
        share = max(self.share or 0.0, 0.0)
        return {"row": place, "name": name, "share": share, "text": text, "is_part": self.whole is not None}


def _rows_of(name: str, share: float, descriptors: Mapping[str, float]) -> list[_Row]:
    telling = [(one, part) for one, part in descriptors.items() if part >= _LEAST_PART][:_MOST_PARTS]
    return [_Row(name, share), *(_Row(one, share * part, name) for one, part in telling)]


def _most(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in list(shares.items())[:3])
