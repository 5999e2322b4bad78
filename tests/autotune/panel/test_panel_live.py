import json
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest
from fake_service import SPACE, event, observation, overview, suggestion
from stream_server import sends, stream_server

from autotune.experiment import Experiment
from autotune.panel.live import Panel
from autotune.panel.outlet import Bundle
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


class Notebook:
    """Stands in for the outputs of a notebook, which have tests of their own.

    Attributes:
        pictures: The HTML of each drawing.
        is_elsewhere: Whether the running cell is in a page that does not show the picture.
    """

    def __init__(self) -> None:
        self.pictures: list[str] = []
        self.shown: list[Bundle] = []
        self.is_elsewhere = False
        self.is_closed = False

    def show(self, bundle: Bundle) -> None:
        self.shown.append(bundle)
        self.is_elsewhere = False

    def update(self, bundle: Bundle) -> None:
        self.pictures.append(bundle["text/html"])

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def notebook(monkeypatch) -> Notebook:
    own = Notebook()
    monkeypatch.setattr("autotune.panel.live.Outlet", lambda _: own)
    monkeypatch.setattr("autotune.panel.live.PAUSE_S", 0.0)
    return own


def _until(notebook: Notebook, text: str) -> None:
    wait_until(lambda: any(text in picture for picture in notebook.pictures), 5)


def test_panel_shows_at_once_what_has_happened(experiment_at, notebook):
    with stream_server(sends(event(1), _told(2, 0.5), event(3, "suggestion_created", suggestion()))) as server:
        panel = Panel(experiment_at(server, last_seq=3))
        panel.show()
    [shown] = notebook.shown
    assert ": 1 observation, " in shown["text/plain"]


def test_panel_shows_no_widget_which_a_saved_notebook_could_not_draw(experiment_at, notebook):
    with stream_server(sends(event(1))) as server:
        Panel(experiment_at(server, last_seq=1)).show()
    assert set(notebook.shown[0]) == {"text/plain", "text/html"}


def test_panel_moves_when_an_event_arrives(experiment_at, notebook):
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
        _until(notebook, "<b>1</b>")
    assert len(panel.state.dots) == 1


def test_panel_goes_on_after_a_restart_of_the_service(experiment_at, notebook):
    with stream_server(sends(event(1), close=1012), sends(_told(2, 0.5))) as server:
        panel = Panel(experiment_at(server, last_seq=2))
        panel.start()
        _until(notebook, "<b>1</b>")
    assert [path.partition("?")[2] for path in server.paths[:2]] == ["after=0", "after=1"]


def test_panel_starts_over_after_a_backup_was_restored(experiment_at, notebook):
    """What it drew is of another log, of which this one has the first run alone."""
    before = sends(event(1), _told(2, 0.5), _told(3, 0.9), event(2, "reset", {"epoch": "b", "experiment": {}}))
    with stream_server(before, sends(event(1), _told(2, 0.5))) as server:
        panel = Panel(experiment_at(server, last_seq=2))
        panel.start()
        wait_until(lambda: len(server.paths) == 2 and panel.state.last_seq == 2, 5)
    assert [path.partition("?")[2] for path in server.paths[:2]] == ["after=0", "after=0"]
    assert [dot.response for dot in panel.state.dots] == [0.5]


def test_panel_that_is_refused_stops_and_says_why(experiment_at, notebook):
    with stream_server(404) as server:
        panel = Panel(experiment_at(server, last_seq=1))
        panel.start()
        _until(notebook, "not followed any more. %autotune")
    assert "404" in panel.state.trouble


def test_panel_follows_once_however_often_it_is_shown(experiment_at, notebook):
    with stream_server(sends(event(1))) as server:
        panel = Panel(experiment_at(server, last_seq=1))
        panel.show()
        first = panel._following
        panel.show()
    assert panel._following is first


def test_panel_that_is_closed_leaves_the_stream(experiment_at, notebook):
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


def test_panel_that_is_closed_says_so_in_the_picture_that_stays(experiment_at, notebook):
    with stream_server(sends(event(1))) as server:
        panel = Panel(experiment_at(server, last_seq=1), now=lambda: datetime(2026, 1, 2, 10, 2, tzinfo=UTC))
        panel.show()
        panel.close()
    assert "10:02 UTC: not followed any more." in notebook.pictures[-1]
    assert "as of 10:02 UTC, 02 Jan 2026" in notebook.pictures[-1]
    assert notebook.is_closed


def test_panel_says_that_it_reconnects_and_how_many_events_it_caught_up(experiment_at, notebook, monkeypatch):
    monkeypatch.setattr("autotune.panel.live.CATCH_UP_S", 0.05)
    missed = sends(_told(2, 0.5), event(3, "suggestion_created", suggestion()))
    with stream_server(sends(event(1), close=1012), 503, missed) as server:
        Panel(experiment_at(server, last_seq=1)).show()
        _until(notebook, "caught up 2 events")
    assert any("the service cannot be reached, reconnecting." in picture for picture in notebook.pictures)


def test_panel_without_news_is_drawn_again_as_its_time_says_that_it_is_followed(experiment_at, notebook, monkeypatch):
    monkeypatch.setattr("autotune.panel.live.AGAIN_S", 0.01)
    minutes = iter(range(60))
    with stream_server(sends(event(1))) as server:
        panel = Panel(
            experiment_at(server, last_seq=1), now=lambda: datetime(2026, 1, 2, 10, next(minutes), tzinfo=UTC)
        )
        panel.show()
        wait_until(lambda: len({picture.partition("as of")[2][:12] for picture in notebook.pictures}) > 3, 5)
        panel.close()


def test_panel_is_shown_in_the_cell_of_a_page_that_does_not_show_it(experiment_at, notebook):
    with stream_server(sends(event(1))) as server:
        panel = Panel(experiment_at(server, last_seq=1))
        panel.show()
        panel.refresh()
        assert len(notebook.shown) == 1
        notebook.is_elsewhere = True
        panel.refresh()
        assert len(notebook.shown) == 2


def test_panel_waits_at_the_end_of_a_command_for_what_it_changed(service, experiment_at, notebook):
    """Nobody may read what is drawn later, as where a notebook runs by itself."""
    may_tell = Event()

    def play(socket) -> None:
        socket.send(json.dumps(event(1)))
        may_tell.wait(5)
        socket.send(json.dumps(_told(2, 0.5)))
        socket.recv()

    with stream_server(play) as server:
        experiment = experiment_at(server, last_seq=1)
        panel = Panel(experiment)
        panel.show()
        wait_until(lambda: panel.state.link == "live", 5)
        service.experiments[str(experiment.exp_uuid)]["last_seq"] = 2
        may_tell.set()
        panel._after_command()
        assert "<b>1</b>" in notebook.pictures[-1]


def test_panel_opens_from_an_overview_and_follows_from_there(service, experiment_at, notebook):
    with stream_server(sends(_told(4, 0.9))) as server:
        experiment = experiment_at(server, last_seq=3)
        seen = service.experiments[str(experiment.exp_uuid)]
        measured_in = {"x": {**SPACE["x"], "unit": "°C"}}
        service.overviews[str(experiment.exp_uuid)] = overview(seen | {"covars": measured_in}, Response=[0.5, 0.7])
        panel = Panel(experiment)
        panel.show()
        wait_until(lambda: panel.state.last_seq == 4, 5)
    assert [dot.response for dot in panel.state.dots] == [0.5, 0.7, 0.9]
    assert [path.partition("?")[2] for path in server.paths] == ["after=3"]
    assert panel.state.units == {"x": "°C"}


def test_panel_opens_with_what_was_run_on_the_front(service, experiment_at, notebook):
    """An overview leaves the configurations out."""
    with stream_server(sends()) as server:
        experiment = experiment_at(server, last_seq=3)
        seen = service.experiments[str(experiment.exp_uuid)]
        goals = {"yield": {"goal": "maximize"}, "cost": {"goal": "minimize"}}
        shown = overview(seen | {"responses": goals}, **{"yield": [1.0, 2.0], "cost": [1.0, 2.0]})
        service.overviews[str(experiment.exp_uuid)] = shown
        service.runs = [{**observation({"x": x}, 1.0, seq=2), "exp_uuid": seen["exp_uuid"]} for x in (0.125, 0.375)]
        panel = Panel(experiment)
        panel.show()
    assert [dot.covars for dot in panel.state.dots] == [{"x": 0.125}, {"x": 0.375}]
