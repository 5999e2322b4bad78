"""When the runs were told, and by whom."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from uuid import UUID

from autotune_pictures.parts.frame import WIDTH, Spec, framed, mark_legend, message, points
from autotune_pictures.parts.goals import response_of
from autotune_pictures.parts.runs import drawn, drawn_note, hover_of, jitter, marked
from autotune_pictures.parts.texts import counted, label_expression
from autotune_wire.experiments import Experiment
from autotune_wire.observations import Observation

MAX_TELLERS = 12
UNKNOWN = "not known"
_LANE, _SPREAD = 44, 0.6
_SHORT_S = 60.0
"""The shortest time for which the longest pause between two runs is told, in seconds."""
_LABELS = (
    "utcseconds(datum.value) ? utcFormat(datum.value, '%H:%M:%S') "
    ": utchours(datum.value) || utcminutes(datum.value) ? utcFormat(datum.value, '%H:%M') "
    ": utcdate(datum.value) > 1 ? utcFormat(datum.value, '%d %b') : utcFormat(datum.value, '%b %Y')"
)
"""A Vega expression for the labels of times: what has changed since the label before is what matters."""


def timeline(
    experiment: Experiment,
    observations: Sequence[Observation],
    tellers: Mapping[UUID, str] | None = None,
    response: str | None = None,
) -> Spec:
    """Draw when each run was told, in a lane for each user who told runs.

    Args:
        experiment: The experiment.
        observations: All its observations, oldest first.
        tellers: The addresses of the users who told them, by uuid.
        response: The response by which the runs are marked; the first objective if not given.

    Raises:
        PictureError: If the experiment has no such response.
    """
    name = response_of(experiment, response)
    runs = marked(experiment, observations, name)
    title = f"When the runs of {experiment.name} were told"
    if not runs:
        return message(title, "No run has been told yet.")
    known = tellers or {}
    told_by = [UNKNOWN if run.told_by is None else known.get(run.told_by, UNKNOWN) for run in observations]
    lanes = list(dict.fromkeys(told_by))
    named = (
        lanes if len(lanes) <= MAX_TELLERS else [*lanes[: MAX_TELLERS - 1], f"{len(lanes) - MAX_TELLERS + 1} others"]
    )
    shown, hover = drawn(runs), hover_of(experiment)
    rows = []
    for run in shown:
        teller = told_by[run.number - 1]
        lane = min(lanes.index(teller), len(named) - 1)
        # Runs that were told together would lie on each other.
        place = {"x": _milliseconds(run.observation.time_created), "y": lane + _SPREAD * jitter(run.number)}
        rows.append(hover.row(run) | place | {"by": teller})
    y_axis = {
        "values": list(range(len(named))),
        "labelExpr": label_expression(named, 20),
        "grid": False,
        "labelLimit": 160,
    }
    y_scale = {"domain": [len(named) - 0.5, -0.5], "nice": False, "zero": False}
    y = {"field": "y", "type": "quantitative", "axis": y_axis, "scale": y_scale, "title": None}
    x_scale = {"type": "utc", "nice": False, "padding": 12}
    x_axis = {"labelExpr": _LABELS, "tickCount": 6, "grid": False}
    x = {"field": "x", "type": "temporal", "scale": x_scale, "axis": x_axis, "title": "told (UTC)"}
    layer = points(x, y, mark_legend(run.mark for run in shown), hover.tooltip(shown, {"by": "told by"}))
    body = {"layer": [layer], "width": WIDTH, "height": max(90, _LANE * len(named))}
    notes = [_pace([run.observation.time_created for run in runs]), *drawn_note(len(shown), len(runs))]
    return framed(body, title, notes, f"{title}: {notes[0]}, told by {counted(len(lanes), 'user')}.", runs=rows)


def _milliseconds(moment: datetime) -> int:
    return round(moment.astimezone(UTC).timestamp() * 1000)


def _pace(moments: Sequence[datetime]) -> str:
    first, last = min(moments), max(moments)
    text = f"{counted(len(moments), 'run')}, {first:%Y-%m-%d %H:%M} UTC"
    lasted = (last - first).total_seconds()
    if lasted < 1:
        return text if len(moments) == 1 else f"{text}, all at once"
    if lasted < _SHORT_S:  # as of runs that are loaded, of which the pauses say nothing
        return f"{text}, within {_duration(lasted)}"
    waits = [(after - before).total_seconds() for before, after in pairwise(sorted(moments))]
    text = text.replace(" UTC", f" to {last:%Y-%m-%d %H:%M} UTC")
    return f"{text}; longest pause {_duration(max(waits))}"


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.0f} s"
