"""What the live panel shows of runs that report and are stopped early."""

import base64
import re
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from fake_service import NOW, event, observation, suggestion

from autotune.panel.html import panel_html
from autotune.panel.reports import MAX_CURVES, MAX_POINTS, Line, Reports, draw_reports, reports_of, with_report
from autotune.panel.state import PanelState, with_event
from autotune_wire.frames import Event
from autotune_wire.reports import Curves

UUIDS = [uuid4() for _ in range(3)]


def after(*facts):
    state = PanelState("brownies", "maximize", as_of=datetime(2026, 1, 2, tzinfo=UTC))
    for kind, data in facts:
        state = with_event(state, Event.model_validate(event(state.last_seq + 1, kind, data)))
    return state


def reported(uuid, step, value, why=None):
    data = {"suggestion_uuid": str(uuid), "step": step, "value": value, "should_stop": why is not None, "why": why}
    return ("reported", data)


def told(response, uuid, **more):
    return ("observation_added", observation({"x": 0.5}, response, str(uuid), **more))


def test_reports_grow_into_lines_in_the_order_of_the_steps():
    state = after(reported(UUIDS[0], 2, 0.5), reported(UUIDS[0], 1, 0.25), reported(UUIDS[1], 1, 0.1, "too little"))
    assert dict(state.reports.lines) == {
        UUIDS[0]: Line(((1, 0.25), (2, 0.5))),
        UUIDS[1]: Line(((1, 0.1),), why="too little"),
    }


def test_lines_end_as_their_runs_do():
    state = after(
        *(reported(uuid, 1, 0.5) for uuid in UUIDS),
        told(None, UUIDS[0], stopped_step=1, stopped_value=0.5),
        told(0.7, UUIDS[1]),
        ("suggestion_abandoned", {"suggestion_uuid": str(UUIDS[2]), "worker": None, "reason": ""}),
    )
    assert [line.kind for line in state.reports.lines.values()] == ["stopped", "ended", "ended"]
    assert [(dot.is_stopped, dot.is_out) for dot in state.dots] == [(True, True), (False, False)]


def test_panel_says_what_is_under_way_what_is_to_be_stopped_and_what_was():
    state = after(
        reported(UUIDS[0], 1, 0.5),
        reported(UUIDS[1], 1, 0.25, "it is <worse>"),
        reported(UUIDS[2], 1, 0.5),
        told(None, UUIDS[2], stopped_step=1, stopped_value=0.5),
    )
    html = panel_html(state)
    assert "2 runs under way, 1 to be stopped" in html
    assert "To be stopped: it is &lt;worse&gt;." in html
    assert "observation, 1 stopped early" in html
    pictures = [base64.b64decode(found).decode() for found in re.findall(r"base64,([^\"]+)", html)]
    assert ["at-halted" in picture.partition("</style>")[2] for picture in pictures] == [False, True]


def test_panel_without_reports_shows_none():
    assert "under way" not in panel_html(after(("suggestion_created", {**suggestion(), "superseded": []})))


def test_lines_of_fetched_curves_are_those_of_the_events():
    curve = {"suggestion_uuid": str(UUIDS[0]), "observation_uuid": None, "steps": [1, 2], "values": [0.5, 0.75]}
    curve |= {"should_stop": False, "why": None, "time_updated": NOW}
    of = {
        state: reports_of(Curves.model_validate({"response": "y", "curves": [{**curve, "state": state}]}))
        for state in ("running", "completed", "stopped", "of a newer service")
    }
    assert [reports.lines[UUIDS[0]].kind for reports in of.values()] == ["running", "ended", "stopped", "ended"]
    assert of["running"] == after(reported(UUIDS[0], 1, 0.5), reported(UUIDS[0], 2, 0.75)).reports


def test_only_the_newest_runs_have_lines_and_long_ones_are_thinned():
    reports = Reports()
    for number in range(MAX_CURVES + 5):
        reports = with_report(reports, reported(UUID(int=number), 1, 1.0)[1])
    assert [*reports.lines] == [UUID(int=number) for number in range(5, MAX_CURVES + 5)]
    long = Reports({UUIDS[0]: Line(tuple((step, float(step)) for step in range(1000)))})
    assert draw_reports(long).count("L") <= MAX_POINTS + 1


@pytest.mark.parametrize("values", [(1.7e308, -1.7e308), (0.0, 0.0), (1e-300, 2e-300)])
def test_lines_of_any_values_are_drawn(values):
    svg = draw_reports(Reports({UUIDS[0]: Line(tuple(enumerate(values)))}))
    assert "nan" not in svg
    assert "inf" not in svg
