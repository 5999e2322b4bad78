"""The frame of a picture: its title and notes, colours for light and dark, and what every layer of points shares."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from autotune_pictures.parts.runs import (
    BEST,
    BROKEN,
    ELSEWHERE,
    EXCLUDED,
    FAILED,
    FRONT,
    MEASURED,
    OPEN,
    STOPPED,
    UNMEASURED,
)
from autotune_pictures.parts.texts import lines_of

Spec = dict[str, Any]
"""A Vega-Lite 5 specification, or a part of one: plain data that ``json.dumps`` writes."""

SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
RUNS: Spec = {"name": "runs"}
"""Where the rows of the runs are, see ``framed``."""
WIDTH, HEIGHT = 480, 300
"""The size of a picture's plot, in pixels."""

GREY = "#7a7a7a"
"""A grey that can be read on white (4.3 : 1) and on black (4.9 : 1), as the background is that of the page."""
BLUE, RED, PINK, GREEN, ORANGE = "#2a84c6", "#d55e00", "#c2649c", "#009e73", "#c97c00"
"""Colours that stand out from white and from black (3 : 1 or more), in hues that the colour-blind can tell apart."""
COLOURS = "viridis"
"""The colour scale of predicted values: it grows lighter evenly and can be told apart by the colour-blind."""

_TRIANGLES = {
    "up": "\N{BLACK UP-POINTING TRIANGLE}",
    "down": "\N{BLACK DOWN-POINTING TRIANGLE}",
    "left": "\N{BLACK LEFT-POINTING TRIANGLE}",
    "right": "\N{BLACK RIGHT-POINTING TRIANGLE}",
}
_CROSS = "M-1,-1L1,1M1,-1L-1,1"
_BAR = "M0,-1L0,1"
_PLUS = "M-1,0L1,0M0,-1L0,1"
_MARKS = {
    BEST: ("diamond", RED, RED),
    FRONT: ("diamond", RED, RED),
    MEASURED: ("circle", BLUE, BLUE),
    ELSEWHERE: (_PLUS, GREEN, "transparent"),
    BROKEN: ("square", PINK, "transparent"),
    OPEN: ("triangle-down", GREY, "transparent"),
    FAILED: (_CROSS, RED, "transparent"),
    STOPPED: ("triangle-right", ORANGE, "transparent"),
    UNMEASURED: (_BAR, GREY, "transparent"),
    EXCLUDED: ("circle", GREY, "transparent"),
}
"""Shape, outline and filling by mark: no two marks differ by their colour alone."""

CONFIG: Spec = {
    "background": "transparent",
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": GREY,
        "titleColor": GREY,
        "tickColor": GREY,
        "domainColor": GREY,
        "gridColor": GREY,
        "gridOpacity": 0.2,
        "labelFontSize": 11,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelOverlap": "greedy",
        "labelSeparation": 4,
    },
    "legend": {
        "labelColor": GREY,
        "titleColor": GREY,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "labelLimit": 220,
        "titleLimit": 220,
    },
    "title": {
        "color": GREY,
        "subtitleColor": GREY,
        "anchor": "start",
        "fontSize": 14,
        "subtitleFontSize": 11,
        "subtitleFontWeight": "normal",
        "offset": 12,
        "subtitlePadding": 4,
    },
}


def framed(body: Spec, title: str, notes: Sequence[str], description: str, **data: Any) -> Spec:
    """Put a picture together.

    Args:
        body: The layers, or the concatenated panels.
        title: What the picture shows.
        notes: What stands below the title, a line or more each.
        description: The text alternative.
        data: Rows of data that several parts share, by name.
    """
    room = 80
    subtitle = [line for note in notes for line in lines_of(note, room + 10, 400)]
    spec: Spec = {
        "$schema": SCHEMA,
        "description": description,
        "title": {"text": lines_of(title, room - 12, 150)} | ({"subtitle": subtitle} if subtitle else {}),
        "config": CONFIG,
    }
    return spec | ({"datasets": data} if data else {}) | body


def message(title: str, text: str) -> Spec:
    """Return a picture that says why there is nothing to draw."""
    mark = {"type": "text", "color": GREY, "fontSize": 13, "align": "left", "x": 0, "lineHeight": 18}
    layer = {"mark": mark | {"text": lines_of(text, 64, 400)}, "data": {"values": [{}]}, "width": WIDTH, "height": 60}
    return framed(layer, title, [], f"{title}: {text}")


def mark_legend(marks: Iterable[str]) -> Spec:
    """Return the channels that draw a run by its mark, with one legend below the picture."""
    found = set(marks)
    shown = [mark for mark in _MARKS if mark in found]
    columns = zip(*(_MARKS[mark] for mark in shown), strict=True) if shown else ([], [], [])
    legend = {"orient": "bottom", "title": None, "columns": 4, "symbolSize": 70, "symbolStrokeWidth": 1.6}
    channels: Spec = {}
    for channel, look in zip(("shape", "stroke", "fill"), columns, strict=True):
        scale = {"domain": shown, "range": list(look)}
        channels[channel] = {"field": "mark", "type": "nominal", "scale": scale, "legend": legend}
    return channels


def points(
    x: Spec, y: Spec, legend: Spec, tooltip: list[dict[str, str]], data: Spec | None = None, **mark: Any
) -> Spec:
    """Return the layer of the runs, without those whose field ``beyond`` says that they lie past an edge.

    Args:
        x: The horizontal channel.
        y: The vertical channel.
        legend: The channels of ``mark_legend``.
        tooltip: The tooltip channel.
        data: Where the rows are; the rows ``runs`` that all parts share if not given.
        mark: Further properties of the points.
    """
    style = {"type": "point", "size": 46, "strokeWidth": 1.6, "opacity": 0.9, "fillOpacity": 0.75} | mark
    encoding = {"x": x, "y": y, "tooltip": tooltip} | legend
    inside = [{"filter": "!datum.beyond"}]
    return {"data": data or RUNS, "transform": inside, "mark": style, "encoding": encoding}


def beyond(x: Spec, y: Spec, tooltip: list[dict[str, str]], data: Spec | None = None) -> list[Spec]:
    """Return the layer of triangles at the edges, for runs whose field ``beyond`` names the edge they lie past."""
    sides = [{"test": f"datum.beyond === '{side}'", "value": f"triangle-{side}"} for side in ("up", "down", "left")]
    shape = {"condition": sides, "value": "triangle-right"}
    return [
        {
            "data": data or RUNS,
            "transform": [{"filter": "datum.beyond"}],
            "mark": {"type": "point", "filled": True, "size": 60, "color": BLUE},
            "encoding": {"x": x, "y": y, "shape": shape, "tooltip": tooltip},
        }
    ]


def triangles(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the triangles that ``beyond`` draws for these rows, each kind once; an empty text if it draws none."""
    sides = {row["beyond"] for row in rows if "beyond" in row}
    return "".join(sign for side, sign in _TRIANGLES.items() if side in sides)


def rule(channel: str, value: float, text: str, encoding: Spec, *, is_bound: bool = True) -> list[Spec]:
    """Return a dashed line at a value, with its text outside the plot, at the line's end.

    Args:
        channel: ``x`` for a vertical line, ``y`` for a horizontal one.
        value: Where the line is.
        text: What the line is.
        encoding: The channel whose scale the line shares; the field is replaced.
        is_bound: Whether the line is something to meet, such as a threshold, and so has a colour.
    """
    colour = PINK if is_bound else GREY
    place = {channel: encoding | {"field": "at"}}
    data = {"values": [{"at": value, "what": text}]}
    tip = [{"field": "what", "type": "nominal", "title": "line"}]
    line = {"type": "rule", "strokeDash": [5, 4], "color": colour, "strokeWidth": 1.4}
    shown: Spec = {"type": "text", "text": text, "color": colour, "fontSize": 11, "align": "left"}
    # Outside the plot, where no run is.
    shown |= {"dx": 2, "y": -7} if channel == "x" else {"dx": 5, "x": "width"}
    layers = [{"data": data, "mark": line, "encoding": place | {"tooltip": tip}}]
    return [*layers, {"data": data, "mark": shown, "encoding": place}]
