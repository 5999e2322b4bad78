"""What runs report while they are under way, in the live panel: a line for each of the newest runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from uuid import UUID

from autotune.views.pictures.chart import axis_between, draw_axes
from autotune_pictures.parts.ranges import clamped
from autotune_wire.reports import Curves

WIDTH, HEIGHT = 560, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 546, 16, 154
MAX_CURVES = 20
"""How many runs have a line: those that began to report last."""
MAX_POINTS = 80
"""How many points of a line are drawn at most."""

Kind = Literal["running", "ended", "stopped"]
_LOOKS: dict[Kind, str] = {"ended": "at-past", "stopped": "at-halted", "running": "at-under"}
"""The class of a line by what became of its run; the runs under way are drawn last, above the others."""


@dataclass(frozen=True)
class Line:
    """What one run reported.

    Attributes:
        points: The value of each step, in the order of the steps.
        kind: Whether the run is under way, has ended, or was stopped early.
        why: Why the run is to be stopped; empty if it is not.
    """

    points: tuple[tuple[int, float], ...] = ()
    kind: Kind = "running"
    why: str = ""


@dataclass(frozen=True)
class Reports:
    """The lines of the newest runs, by the uuid of each suggestion, in the order in which the runs first reported."""

    lines: Mapping[UUID, Line] = field(default_factory=dict)

    @property
    def running(self) -> list[Line]:
        """The lines of the runs under way."""
        return [line for line in self.lines.values() if line.kind == "running"]


def reports_of(curves: Curves) -> Reports:
    """Return the lines of curves as they were fetched."""
    kinds: dict[str, Kind] = {"running": "running", "stopped": "stopped"}
    return Reports(
        {
            curve.suggestion_uuid: Line(
                tuple(zip(curve.steps, curve.values, strict=True)), kinds.get(curve.state, "ended"), curve.why or ""
            )
            for curve in curves.curves[-MAX_CURVES:]
        }
    )


def with_report(reports: Reports, data: Mapping[str, Any]) -> Reports:
    """Return the lines after an event ``reported``."""
    uuid = UUID(data["suggestion_uuid"])
    line = reports.lines.get(uuid, Line())
    points = dict(line.points) | {data["step"]: data["value"]}
    lines = {**reports.lines, uuid: replace(line, points=tuple(sorted(points.items())), why=data.get("why") or "")}
    return Reports(dict(list(lines.items())[-MAX_CURVES:]))


def with_end(reports: Reports, suggestion_uuid: UUID | None, *, is_stopped: bool) -> Reports:
    """Return the lines after the run of a suggestion has ended."""
    line = None if suggestion_uuid is None else reports.lines.get(suggestion_uuid)
    if line is None or suggestion_uuid is None:
        return reports
    kind: Kind = "stopped" if is_stopped else "ended"
    return Reports({**reports.lines, suggestion_uuid: replace(line, kind=kind)})


def draw_reports(reports: Reports) -> str:
    """Draw the lines; there must be one."""
    points = [point for line in reports.lines.values() for point in line.points]
    steps, values = [step for step, _ in points], [clamped(value) for _, value in points]
    x = axis_between(min(steps), max(steps), _LEFT, _RIGHT)
    y = axis_between(min(values), max(values), _BOTTOM, _TOP)
    parts = [draw_axes(x, y, "step", n_ticks=(6, 4))]
    for kind, look in _LOOKS.items():
        lines = [line.points for line in reports.lines.values() if line.kind == kind]
        thinned = [one[:: -(-len(one) // MAX_POINTS)] + one[-1:] for one in lines if one]
        paths = ["M" + "L".join(f"{x.place(at):.1f} {y.place(value):.1f}" for at, value in one) for one in thinned]
        # A run that reported once is a dot: a line of no length.
        ends = [f"M{x.place(one[-1][0]):.1f} {y.place(one[-1][1]):.1f}h0" for one in thinned]
        parts += [f'<path class="{look}" d="{"".join(paths)}"/>'] if paths else []
        parts += [f'<path class="{look} at-end" d="{"".join(ends)}"/>'] if ends else []
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}">{"".join(parts)}</svg>'
