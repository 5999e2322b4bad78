"""The curves of the runs: what each reported while it was under way."""

from collections.abc import Sequence
from typing import Any

from autotune_pictures.parts.axes import response_axis
from autotune_pictures.parts.frame import BLUE, GREY, HEIGHT, ORANGE, RED, WIDTH, Spec, framed, message
from autotune_pictures.parts.goals import goal_text
from autotune_pictures.parts.ranges import Span, span_of
from autotune_pictures.parts.runs import hovered
from autotune_pictures.parts.texts import counted, number_text
from autotune_wire.experiments import Experiment
from autotune_wire.reports import Curve, Curves
from autotune_wire.responses import AnyObjective, merit, objectives_of

MAX_CURVES = 100
"""Most curves that a picture draws: the newest, and of those that were completed the best."""
MAX_POINTS = 100
"""Most points of a curve that are drawn."""

_LOOKS = {
    "best": (RED, [1, 0]),
    "completed": (GREY, [1, 0]),
    "running": (BLUE, [1, 0]),
    "stopped": (ORANGE, [5, 3]),
    "other": (GREY, [2, 3]),
}
"""Colour and dashes by what a run is: no two differ by their colour alone, but for the best, which is drawn thick."""


def curves(experiment: Experiment, reported: Curves) -> Spec:
    """Draw a line for each run that reported: its value by step. Runs that were stopped early end in a dot.

    Args:
        experiment: The experiment.
        reported: What its runs reported.
    """
    title = f"Curves of {experiment.name}"
    if not reported.curves:
        return message(title, "No run has reported a value yet.")
    objective = objectives_of(experiment.responses)[reported.response]
    best = _best(objective, reported.curves)
    shown = _drawn(reported.curves, best)
    span = span_of([value for _, curve in shown for value in curve.values], [] if best is None else best[1].values)
    rows = [row for n, curve in shown for row in _rows(n, curve, "best" if best == (n, curve) else _kind(curve), span)]
    x = {
        "field": "x",
        "type": "quantitative",
        "title": "step",
        "axis": {"format": ",d", "grid": False, "tickMinStep": 1},
    }
    y = response_axis("y", span, goal_text(reported.response, experiment.responses[reported.response]))
    kinds = [kind for kind in _LOOKS if any(row["kind"] == kind for row in rows)]
    legend = {"orient": "bottom", "title": None, "symbolType": "stroke"}
    channels: Spec = {"x": x, "y": y, "detail": {"field": "run"}, "tooltip": _tooltip()}
    for channel, place in (("stroke", 0), ("strokeDash", 1)):
        scale = {"domain": kinds, "range": [_LOOKS[kind][place] for kind in kinds]}
        channels[channel] = {"field": "kind", "type": "nominal", "scale": scale, "legend": legend}
    width = {"condition": {"test": "datum.kind === 'best'", "value": 2.6}, "value": 1.4}
    ends = {"field": "kind", "type": "nominal", "scale": channels["stroke"]["scale"], "legend": None}
    layers = [
        {"mark": {"type": "line", "opacity": 0.85, "clip": True}, "encoding": channels | {"strokeWidth": width}},
        {
            "transform": [{"filter": "datum.is_end"}],
            "mark": {"type": "point", "filled": True, "size": 34, "clip": True},
            "encoding": {"x": x, "y": y, "color": ends, "tooltip": _tooltip()},
        },
    ]
    n = len(reported.curves)
    notes = [f"{len(shown):,} of {n:,} runs drawn"] if len(shown) < n else []
    body = {"layer": layers, "width": WIDTH, "height": HEIGHT, "data": {"name": "curves"}}
    n_stopped = sum(curve.state == "stopped" for curve in reported.curves)
    description = f"{title}: {counted(n, 'run')} reported, {n_stopped} of them stopped early."
    return framed(body, title, notes, description, curves=rows)


def _best(objective: AnyObjective, all_: Sequence[Curve]) -> tuple[int, Curve] | None:
    completed = [(n, curve) for n, curve in enumerate(all_, start=1) if curve.state == "completed"]
    return max(completed, key=lambda pair: (merit(objective, pair[1].values[-1]), -pair[0]), default=None)


def _drawn(all_: Sequence[Curve], best: tuple[int, Curve] | None) -> list[tuple[int, Curve]]:
    """Return the curves to draw with their numbers, the best one last, above the others."""
    numbered = list(enumerate(all_, start=1))
    newest = [pair for pair in numbered[-MAX_CURVES:] if pair != best]
    return newest if best is None else [*newest[-(MAX_CURVES - 1) :], best]


def _kind(curve: Curve) -> str:
    return curve.state if curve.state in _LOOKS else "other"


def _rows(number: int, curve: Curve, kind: str, span: Span) -> list[dict[str, Any]]:
    """Return the points of a curve; of very many every so many, and the last."""
    n = len(curve.steps)
    every = -(-n // MAX_POINTS)
    places = sorted({*range(0, n, every), n - 1})
    return [
        {
            "run": number,
            "kind": kind,
            "x": curve.steps[place],
            "y": span.place(curve.values[place]),
            "value": number_text(curve.values[place]),
            "why": curve.why or "\N{EN DASH}",
            "is_end": kind == "stopped" and place == n - 1,
        }
        for place in places
    ]


def _tooltip() -> list[dict[str, str]]:
    return hovered({"run": "run", "kind": "it is", "x": "step", "value": "value", "why": "to be stopped because"})
