"""How much each covariate matters for each response."""

from collections.abc import Mapping

from autotune_pictures.parts.frame import BLUE, GREY, WIDTH, Spec, framed, message
from autotune_pictures.parts.goals import goal_text, label_of, response_of
from autotune_pictures.parts.runs import hovered
from autotune_pictures.parts.texts import label_expression, label_lines, title_lines
from autotune_wire.experiments import Experiment
from autotune_wire.insights import InsightsReply

MAX_BARS = 16
NOT_VARIED = "not varied yet"
_ROW, _LINE = 24, 13
_CHARACTERS = 26


def importance(experiment: Experiment, insights: InsightsReply, response: str | None = None) -> Spec:
    """Draw the share of each covariate in the variation of the predicted response, the largest first.

    A covariate that had one value in all runs has no bar: nobody knows how much it matters.

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
    panels = [_panel(experiment, name, shares, insights.not_varied) for name, shares in found.items()]
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


def _panel(experiment: Experiment, response: str, shares: Mapping[str, float], not_varied: list[str]) -> Spec:
    shown: list[tuple[str, float | None]] = list(shares.items())
    if len(shown) > MAX_BARS:
        rest = list(shares.values())[MAX_BARS - 1 :]
        shown = [*shown[: MAX_BARS - 1], (f"{len(rest)} others", sum(rest))]
    unknown = not_varied[: MAX_BARS // 4]
    shown += [(name, None) for name in unknown]
    if len(not_varied) > len(unknown):
        shown.append((f"{len(not_varied) - len(unknown)} others", None))
    texts = [name for name, _ in shown]
    rows = [_row(place, name, share) for place, (name, share) in enumerate(shown)]
    longest = max((share for _, share in shown if share is not None), default=1.0) or 1.0
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
    end = {"type": "text", "align": "left", "dx": 5, "color": GREY, "fontSize": 11}
    height = len(rows) * max(_ROW, 8 + _LINE * label_lines(texts, _CHARACTERS))
    return {
        "width": WIDTH - 120,
        "height": height,
        "data": {"values": rows},
        "layer": [
            {"mark": {"type": "bar", "color": BLUE, "height": 13}, "encoding": {"x": x, "y": y, "tooltip": tooltip}},
            {"mark": end, "encoding": {"x": x, "y": y, "text": {"field": "text"}, "tooltip": tooltip}},
        ],
    }


def _row(place: int, name: str, share: float | None) -> dict[str, object]:
    text = NOT_VARIED if share is None else f"{share:.0%}"
    return {"row": place, "name": name, "share": max(share or 0.0, 0.0), "text": text}


def _most(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in list(shares.items())[:3])
