import asyncio
import json
from threading import Event
from typing import Any

import pytest
from fake_service import SPACE, event, observation, suggestion
from stream_server import sends, stream_server

from autotune.experiment import Experiment
from autotune.panel.live import Panel
from autotune_wire.experiments import Experiment as ExperimentReply
from processes import wait_until

pytestmark = pytest.mark.usefixtures("no_waits")


def _told(seq: int, response: float) -> dict[str, Any]:
    return event(seq, "observation_added", observation({"x": 0.5}, response))


@pytest.fixture
def experiment_at(service):
    made = []

    def make(server, last_seq: int) -> Experiment:
        told = service.add({"name": "brownies", "covars": SPACE, "last_seq": last_seq})
        told["last_seq"] = last_seq
        experiment = Experiment(service.connection(url=server.url), ExperimentReply.model_validate(told))
        made.append(experiment)
        return experiment

    yield make
    for experiment in made:
        experiment.connection.close()


async def _until(panel: Panel, text: str) -> None:
    drawn = asyncio.Event()

    def look(change: dict[str, Any]) -> None:
        if text in change["new"]:
            drawn.set()

    panel._widget.observe(look, "value")
    if text not in panel._widget.value:
        await asyncio.wait_for(drawn.wait(), 5)


async def test_panel_shows_at_once_what_has_happened(experiment_at):
    with stream_server(sends(event(1), _told(2, 0.5), event(3, "suggestion_created", suggestion()))) as server:
        panel = Panel(experiment_at(server, last_seq=3))
        shown = panel._repr_mimebundle_()
    assert shown["text/plain"].startswith("brownies: 1 observation,")


async def test_panel_gives_a_widget_and_readable_fallbacks(experiment_at):
    with stream_server(sends(event(1))) as server:
        shown = Panel(experiment_at(server, last_seq=1))._repr_mimebundle_()
    assert {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"} == set(shown)


async def test_panel_moves_when_an_event_arrives(experiment_at):
    may_go_on = Event()

    def play(socket) -> None:
        socket.send(json.dumps(event(1)))
        may_go_on.wait(5)
        socket.send(json.dumps(_told(2, 0.5)))
        socket.recv()

    with stream_server(play) as server:
        panel = Panel(experiment_at(server, last_seq=1))
        panel.start()
        may_go_on.set()
        await _until(panel, "<b>1</b>")
    assert len(panel.state.dots) == 1


async def test_panel_goes_on_after_a_restart_of_the_service(experiment_at):
    with stream_server(sends(event(1), close=1012), sends(_told(2, 0.5))) as server:
        panel = Panel(experiment_at(server, last_seq=2))
        panel.start()
        await _until(panel, "<b>1</b>")
    assert [path.partition("?")[2] for path in server.paths[:2]] == ["after=0", "after=1"]


async def test_panel_starts_over_after_a_backup_was_restored(experiment_at):
    """What it drew is of another log, of which this one has the first run alone."""
    before = sends(event(1), _told(2, 0.5), _told(3, 0.9), event(2, "reset", {"epoch": "b", "experiment": {}}))
    with stream_server(before, sends(event(1), _told(2, 0.5))) as server:
        panel = Panel(experiment_at(server, last_seq=2))
        panel.start()
        await asyncio.to_thread(wait_until, lambda: len(server.paths) == 2 and panel.state.last_seq == 2, 5)
    assert [path.partition("?")[2] for path in server.paths[:2]] == ["after=0", "after=0"]
    assert [dot.response for dot in panel.state.dots] == [0.5]


async def test_panel_that_is_refused_stops_and_says_why(experiment_at):
    with stream_server(404) as server:
        panel = Panel(experiment_at(server, last_seq=1))
        panel.start()
        await _until(panel, "at-stopped")
    assert "404" in panel.state.trouble


async def test_panel_follows_once_however_often_it_is_shown(experiment_at):
    with stream_server(sends(event(1))) as server:
        panel = Panel(experiment_at(server, last_seq=1))
        panel._repr_mimebundle_()
        first = panel._following
        panel._repr_mimebundle_()
    assert panel._following is first


async def test_panel_that_is_closed_leaves_the_stream(experiment_at):
    left = Event()

    def play(socket) -> None:
        socket.send(json.dumps(event(1)))
        try:
            socket.recv()
        finally:
            left.set()

    with stream_server(play) as server:
        panel = Panel(experiment_at(server, last_seq=1))
        panel.start()
        panel.close()
        assert left.wait(5)
    assert panel.state.link == "stopped"


def test_panel_in_a_terminal_shows_the_moment(experiment_at):
    with stream_server(sends(event(1), _told(2, 0.5))) as server:
        panel = Panel(experiment_at(server, last_seq=2))
        assert panel._repr_mimebundle_()["text/plain"].startswith("brownies: 1 observation,")
