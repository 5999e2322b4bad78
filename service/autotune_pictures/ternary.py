"""The predicted response over three shares of a mixture, with the runs on it."""

from collections.abc import Sequence
from math import sqrt
from typing import Any

from autotune_pictures.contour import is_reversed, response_colour
from autotune_pictures.parts.errors import PictureError
from autotune_pictures.parts.frame import GREY, RUNS, Spec, framed, mark_legend, points
from autotune_pictures.parts.goals import label_of, response_of
from autotune_pictures.parts.grids import Triangle
from autotune_pictures.parts.runs import Run, drawn, drawn_note, hover_of, hovered, marked
from autotune_pictures.parts.texts import configuration_text, counted, labelled, lines_of, number_text, rule_of
from autotune_wire.experiments import Experiment
from autotune_wire.insights import PredictReply
from autotune_wire.observations import Observation

SIDE = 380
"""The length of the triangle's sides, in pixels."""
_HEIGHT = sqrt(3) / 2
_HEXAGON = "M0,-1L.866,-.5L.866,.5L0,1L-.866,.5L-.866,-.5Z"
_TICKS = 5
_MARGIN = 0.16

Share = tuple[float, float, float]


def ternary(
    experiment: Experiment,
    observations: Sequence[Observation],
    triangle: Triangle,
    reply: PredictReply,
    response: str | None = None,
) -> Spec:
    """Draw the predicted response over three shares of a mixture; each corner is all that can be of one of them.

    Where a run would not be suggested the colours are veiled.

    Args:
        experiment: The experiment.
        observations: All its observations, oldest first.
        triangle: The configurations that were predicted, from ``triangle_of``.
        reply: The predictions of ``triangle.configurations``, in their order.
        response: The response; the first objective if not given.

    Raises:
        PictureError: If the experiment has no such response, or the predictions are not those of the triangle.
    """
    name = response_of(experiment, response)
    if len(reply.predictions) != len(triangle.shares):
        raise PictureError(f"reply has {len(reply.predictions)} predictions; it must have {len(triangle.shares)}")
    runs = marked(experiment, observations, name, triangle.at or None)
    cells = _cell_rows(triangle, reply, name)
    shown = drawn(runs)
    layers = _cells(experiment, triangle, cells, name) + _scaffold(experiment, triangle) + _points(experiment, shown)
    title = f"{label_of(name)} over {', '.join(triangle.names)}: {experiment.name}"
    notes = [] if cells else [f"There is no model of {label_of(name)} yet: it needs more runs"]
    notes += ["Brighter is better"] if cells and is_reversed(experiment.responses[name]) else []
    others = {key: value for key, value in triangle.at.items() if key not in triangle.names}
    notes += [f"The others: {configuration_text(others, experiment.covars)}"] if others else []
    reason = next((reason for reason in reply.why_not if reason is not None), None)
    notes += [f"Veiled: would not be suggested, as {rule_of(reason)}"] if reason else []
    notes += drawn_note(len(shown), len(runs))
    size = round(SIDE * (1 + 2 * _MARGIN))
    body = {"layer": layers, "width": size, "height": round(SIDE * (_HEIGHT + 2 * _MARGIN))}
    return framed(
        body, title, notes, _description(title, triangle, runs, cells), runs=_run_rows(experiment, triangle, shown)
    )


def _cell_rows(triangle: Triangle, reply: PredictReply, response: str) -> list[dict[str, Any]]:
    refusals = reply.why_not or [None] * len(triangle.shares)
    rows = []
    for share, predicted, reason in zip(triangle.shares, reply.predictions, refusals, strict=True):
        if response in predicted:
            point = predicted[response]
            row = _place(share) | {"value": float(f"{point.mean:.5g}")}
            row["text"] = f"{number_text(point.mean)} ± {number_text(point.sd)}"
            row |= {f"s{index}": number_text(amount) for index, amount in enumerate(_amounts(triangle, share))}
            rows.append(
                row | ({"why": "may be"} if reason is None else {"why": f"no: {rule_of(reason)}", "refused": True})
            )
    return rows


def _cells(experiment: Experiment, triangle: Triangle, rows: list[dict[str, Any]], response: str) -> list[Spec]:
    if not rows:
        return []
    goal = experiment.responses[response]
    colour, _ = response_colour(response, goal, [row["value"] for row in rows], SIDE)
    titles = {f"s{index}": name for index, name in enumerate(triangle.names)}
    titles |= {"text": f"predicted {label_of(response)}", "why": "suggested"}
    n_steps = round(1 / min((part for share in triangle.shares for part in share if part > 1e-9), default=1.0))
    radius = SIDE / n_steps / sqrt(3)
    # A little larger than a cell, as seams would show between two of them.
    mark = {"type": "point", "filled": True, "shape": _HEXAGON, "size": (2 * radius * 1.1) ** 2, "opacity": 1}
    x, y = _channels()
    cells: list[Spec] = [{"mark": mark, "encoding": {"color": colour, "tooltip": hovered(titles)}}]
    if any("refused" in row for row in rows):
        # Two veils that lap over each other would show.
        veil = mark | {"size": (2 * radius) ** 2, "color": "#ffffff", "opacity": 0.55, "tooltip": None}
        cells.append({"transform": [{"filter": "datum.refused"}], "mark": veil})
    return [{"data": {"values": rows}, "encoding": {"x": x, "y": y}, "layer": cells}]


def _scaffold(experiment: Experiment, triangle: Triangle) -> list[Spec]:
    """Return the layers of the sides, the lines across, their amounts, and the names at the corners."""
    x, y = _channels()
    lines, labels = [], []
    for which in range(3):
        for tick in range(_TICKS + 1):
            part = tick / _TICKS
            one, other = _at(which, part, 1), _at(which, part, 2)
            ends = _place(one), _place(other)
            is_side = tick == 0
            lines.append(
                {"x": ends[0]["x"], "y": ends[0]["y"], "x2": ends[1]["x"], "y2": ends[1]["y"], "side": is_side}
            )
            if 0 < tick < _TICKS:
                amount = triangle.lows[which] + part * triangle.room
                labels.append(_outwards(one, 0.075) | {"text": number_text(amount)})
    names = [
        _outwards(_at(which, 1.0, 1), 0.09)
        | {"text": "\n".join(lines_of(labelled(name, experiment.covars[name].unit), 22))}
        for which, name in enumerate(triangle.names)
    ]
    ends_channel = {"x": x, "y": y, "x2": {"field": "x2"}, "y2": {"field": "y2"}}
    opacity = {"condition": {"test": "datum.side", "value": 1}, "value": 0.3}
    rule = {"mark": {"type": "rule", "color": GREY}, "encoding": ends_channel | {"opacity": opacity}}
    layers: list[Spec] = [{"data": {"values": lines}} | rule]
    for rows, size in ((labels, 11), (names, 13)):
        mark = {"type": "text", "color": GREY, "fontSize": size, "lineBreak": "\n", "baseline": "middle"}
        encoding = {"x": x, "y": y, "text": {"field": "text", "type": "nominal"}}
        layers.append({"data": {"values": rows}, "mark": mark, "encoding": encoding})
    return layers


def _run_rows(experiment: Experiment, triangle: Triangle, runs: Sequence[Run]) -> list[dict[str, Any]]:
    hover = hover_of(experiment)
    return [hover.row(run) | _place(share) for run in runs if (share := _share_of(triangle, run)) is not None]


def _points(experiment: Experiment, runs: Sequence[Run]) -> list[Spec]:
    if not runs:
        return []
    x, y = _channels()
    legend, tooltip = mark_legend(run.mark for run in runs), hover_of(experiment).tooltip(runs)
    disc = {"type": "point", "filled": True, "color": "#ffffff", "size": 120, "opacity": 0.85}
    return [
        {"data": RUNS, "mark": disc, "encoding": {"x": x, "y": y}},
        points(x, y, legend, tooltip, size=40),
    ]


def _share_of(triangle: Triangle, run: Run) -> Share | None:
    """Return how a run shares out the three amounts; None if it lacks one of them, or shares out nothing."""
    amounts = [run.covars.get(name) for name in triangle.names]
    if any(amount is None or isinstance(amount, str) for amount in amounts):
        return None
    parts = [float(amount) - low for amount, low in zip(amounts, triangle.lows, strict=True) if amount is not None]
    # An amount below its least one lies outside the triangle: the run is drawn at the edge.
    parts = [max(part, 0.0) for part in parts]
    total = sum(parts)
    if total <= 1e-9 * triangle.room:
        return None
    top, left, right = (part / total for part in parts)
    return top, left, right


def _amounts(triangle: Triangle, share: Share) -> list[float]:
    return [low + part * triangle.room for low, part in zip(triangle.lows, share, strict=True)]


def _at(which: int, part: float, rest: int) -> Share:
    """Return the share with a part for one corner and the rest for the next corner (1) or the one after it (2)."""
    parts = [0.0, 0.0, 0.0]
    parts[which], parts[(which + rest) % 3] = part, 1 - part
    return parts[0], parts[1], parts[2]


def _place(share: Share) -> dict[str, Any]:
    top, _, right = share
    return {"x": round(right + top / 2, 4), "y": round(top * _HEIGHT, 4)}


def _outwards(share: Share, distance: float) -> dict[str, Any]:
    """Return the place of a share, moved away from the middle of the triangle."""
    place = _place(share)
    across, up = place["x"] - 0.5, place["y"] - _HEIGHT / 3
    length = sqrt(across**2 + up**2) or 1.0
    return {"x": place["x"] + distance * across / length, "y": place["y"] + distance * up / length}


def _channels() -> tuple[Spec, Spec]:
    ends = ("x", [-_MARGIN, 1 + _MARGIN]), ("y", [-_MARGIN, _HEIGHT + _MARGIN])
    x, y = (
        {
            "field": field,
            "type": "quantitative",
            "axis": None,
            "scale": {"domain": domain, "nice": False, "zero": False},
        }
        for field, domain in ends
    )
    return x, y


def _description(title: str, triangle: Triangle, runs: Sequence[Run], cells: list[dict[str, Any]]) -> str:
    text = f"{title}, with {counted(len(runs), 'run')}"
    if not cells:
        return f"{text}; there is no model yet."
    ends = []
    for cell in (min(cells, key=lambda row: row["value"]), max(cells, key=lambda row: row["value"])):
        amounts = ", ".join(f"{name} {cell[f's{index}']}" for index, name in enumerate(triangle.names))
        ends.append(f"{number_text(cell['value'])} at {amounts}")
    return f"{text}; predicted from {' to '.join(ends)}."
