import asyncio
import json
from uuid import UUID

import pytest
from fake_service import SPACE, event, observation, overview, problem, suggestion
from stream_server import sends, stream_server

from autotune.errors import AutotuneError, ConnectionFailedError
from autotune.experiment import Experiment
from autotune.running.underway import announced
from autotune.widgets.board import Board
from autotune.widgets.following import Follower
from autotune_wire.experiments import Experiment as ExperimentReply


@pytest.fixture
def told(service):
    """An experiment with three runs, the first of which failed, an open suggestion and one that is held."""
    seen = service.add({"name": "brownies", "covars": SPACE})
    for x, response in ((0.1, None), (0.2, 0.7), (0.3, 0.93)):
        status = "failed" if response is None else "ok"
        run = observation({"x": x}, response, seq=len(service.runs) + 2, status=status)
        service.runs.append(run | {"exp_uuid": seen["exp_uuid"]})
    seen["n_observations"] = 3
    held = suggestion(0.6, state="leased", worker="bench 2", lease_until="2026-01-03T03:04:05Z")
    shown = overview(seen, Response=[None, 0.7, 0.93])
    service.overviews[seen["exp_uuid"]] = {**shown, "suggestions": [suggestion(0.4, data_seq=4, seconds=0.5), held]}
    return seen


@pytest.fixture
def board(service, told):
    return Board(Experiment(service.connection(), ExperimentReply.model_validate(told)))


@pytest.fixture
def sent(board, monkeypatch):
    """The names of the state that each message to the page carries, from when the board was made."""
    messages: list[list[str]] = []

    def publish(_comm, kind, data=None, **_more):
        messages.append([*data["state"]] if kind == "comm_msg" else [kind])

    monkeypatch.setattr("comm.DummyComm.publish_msg", publish)
    return messages


def _cell(board, number, name="Response", part="responses"):
    row = next(row for row in board.rows if row.number == number)
    return row.cells[part, name]


def _hear(board, event, number, **more):
    """Send an event as the page does."""
    board.table.widget._handle_custom_msg({"event": event, "number": number, **more}, [])


def _type(board, number, text, name="Response", part="responses"):
    place = [cell.name for cell in board.rows[0].cells.values()].index(f"{board.rows[0].number}.{name}")
    _hear(board, "typed", number, place=place, text=text)


def _drawn(board):
    """Return the rows of the page by their numbers."""
    return {row["number"]: row for row in board.table.widget.rows}


def _corrections(service):
    called = zip(service.calls, service.bodies, strict=True)
    return [json.loads(body) for (method, path), body in called if method == "POST" and "/observation/" in path]


def test_board_shows_who_holds_which_suggestion_and_until_when(board):
    shown = board.still()
    for text in ("x=0.6", "bench 2", "2026-01-03 03:04 UTC", "nobody"):
        assert text in shown


def test_board_lists_the_last_runs_newest_first(board):
    assert [row.number for row in board.rows] == [3, 2, 1]
    assert _cell(board, 3).text == "0.93"
    assert _cell(board, 1).text == ""


def test_number_is_corrected_by_typing_over_it(board, service):
    _type(board, 2, "0,75")
    board.fields["reason"].input.value = "misread"
    board.save.click()
    assert _corrections(service) == [{"version": 1, "reason": "misread", "response": 0.75}]
    assert "1 run corrected" in board.said
    assert _cell(board, 2).text == "0.75"


def test_configuration_is_corrected_by_typing_over_it(board, service):
    _type(board, 2, "0.25", "x", "covars")
    board.fields["reason"].input.value = "other flask"
    board.save.click()
    assert _corrections(service) == [{"version": 1, "reason": "other flask", "covars": {"x": 0.25}}]


def test_correction_needs_a_reason(board, service):
    _type(board, 2, "0.75")
    board.save.click()
    assert "is missing" in board.fields["reason"].error.value
    assert _corrections(service) == []
    assert _cell(board, 2).text == "0.75"


def test_enter_behind_the_reason_saves(board, service):
    _type(board, 2, "0.75")
    board.save.click()
    board.fields["reason"].input.value = "misread"
    board.fields["reason"].input._handle_custom_msg({"event": "submit"}, [])
    assert _corrections(service) == [{"version": 1, "reason": "misread", "response": 0.75}]
    assert board.fields["reason"].error.value == ""


@pytest.mark.parametrize(("typed", "said"), [("hot", "hot is not a number"), ("", "must not be empty")])
def test_wrong_number_is_said_in_its_cell(board, service, typed, said):
    _type(board, 2, typed)
    board.fields["reason"].input.value = "misread"
    board.save.click()
    assert said in _cell(board, 2).error
    assert _corrections(service) == []


def test_nothing_is_sent_if_nothing_was_typed_over(board, service):
    board.save.click()
    assert board.said == "Nothing was typed over."
    assert _corrections(service) == []


def test_correction_of_somebody_else_is_said_and_what_was_typed_stays(board, service):
    service.runs[1]["version"] = 2
    _type(board, 2, "0.75")
    board.fields["reason"].input.value = "misread"
    board.save.click()
    assert "another version" in board.said
    assert _cell(board, 2).text == "0.75"


def test_run_is_excluded_and_restored_with_a_reason(board, service):
    row = board.rows[0]
    _hear(board, "switch", 3)
    assert "is missing" in board.fields["reason"].error.value
    board.fields["reason"].input.value = "spilled"
    row.switch.click()
    assert service.runs[2]["is_excluded"]
    assert board.rows[0].switch.description == "Restore"
    board.fields["reason"].input.value = "not spilled"
    board.rows[0].switch.click()
    assert not service.runs[2]["is_excluded"]


def test_experiment_is_closed_and_reopened(board, told):
    assert (board.stop.disabled, board.reopen.disabled) == (False, True)
    board.stop.click()
    assert told["state"] == "closed"
    assert (board.stop.disabled, board.reopen.disabled) == (True, False)
    assert "at rest" in board.still()
    board.reopen.click()
    assert told["state"] == "active"


def test_experiment_is_paused_with_a_reason_and_resumed(board, told):
    assert (board.pause.disabled, board.resume.disabled) == (False, True)
    board.fields["reason"].input.value = "lunch"
    board.pause.click()
    assert told["paused"]["reason"] == "lunch"
    assert (board.pause.disabled, board.resume.disabled, board.reopen.disabled) == (True, False, True)
    for text in ("Paused: lunch (since 2026-01-02 03:04 UTC)", "at rest: the experiment is paused"):
        assert text in board.still()
    board.resume.click()
    assert told["paused"] is None
    assert (board.pause.disabled, board.resume.disabled) == (False, True)


def test_note_and_tags_are_typed_into_the_table_without_a_reason(board, service):
    _type(board, 2, "cloudy", "note", "noted")
    _type(board, 2, "slow, batch 7,", "tags", "noted")
    board.save.click()
    assert _corrections(service) == [{"note": "cloudy", "tags": ["slow", "batch 7"]}]
    assert board.said == "1 run noted."
    assert (_cell(board, 2, "tags", "noted").text, board.rows[1].changed) == ("slow, batch 7", [])
    assert "cloudy [slow] [batch 7]" in board.still()


def test_note_that_is_refused_stays_beside_its_correction_that_is_stored(board, service):
    _type(board, 2, "0,75")
    _type(board, 2, "x" * 41, "tags", "noted")
    board.fields["reason"].input.value = "misread"
    board.save.click()
    assert "at most 40 characters" in _cell(board, 2, "tags", "noted").error
    assert _corrections(service) == [{"version": 1, "reason": "misread", "response": 0.75}]
    assert board.rows[1].changed == [("noted", "tags")]


def test_board_shows_why_a_run_failed(service, told):
    service.runs[0]["failed_because"] = "it <boiled> over"
    board = Board(Experiment(service.connection(), ExperimentReply.model_validate(told)))
    assert "failed: it &lt;boiled&gt; over" in board.still()


def test_board_says_when_the_engine_has_newer_runs_to_work_on(board, service, told):
    assert "up to date; last suggestion at 03:04 UTC, 02 Jan 2026, took 0.5 s" in board.still()
    service.overviews[told["exp_uuid"]]["suggestions"][0]["data_seq"] = 3
    board.look_again.click()
    assert "computing with the newest runs" in board.still()


def test_board_is_fetched_by_two_requests(board, service, told):
    service.calls.clear()
    board.look_again.click()
    path = f"/experiment/{told['exp_uuid']}"
    assert service.calls == [("GET", f"{path}/overview"), ("GET", f"{path}/history")]


def test_board_numbers_the_newest_of_many_runs(board, service, told):
    runs = [service.runs[-1] | {"observation_uuid": str(UUID(int=n)), "seq": n} for n in range(5, 12)]
    service.runs += runs
    board.look_again.click()
    assert [row.number for row in board.rows] == [10, 9, 8, 7, 6, 5, 4, 3]
    assert board.rows[0].observation.seq == 11


def test_board_of_a_service_that_lists_no_newest_runs_fetches_each(service, told):
    unknown = [{"field": "newest", "message": "is not a field here; it may be misspelt"}]
    refused = problem(422, "invalid", "newest is not a field here", errors=unknown)
    service.trouble(f"GET /experiment/{told['exp_uuid']}/history", refused)
    board = Board(Experiment(service.connection(), ExperimentReply.model_validate(told)))
    assert [(row.number, row.observation.response) for row in board.rows] == [(3, 0.93), (2, 0.7), (1, None)]
    assert "up to date; last suggestion" in board.still()


def test_board_of_a_service_without_overviews_says_so(board, service):
    service.overviews.clear()
    service.trouble("GET /experiment", problem(404, "not_found", "no such path"))
    board.look_again.click()
    assert "the service is of a version that does not say" in board.still()
    assert len(board.rows) == 3


def test_dead_service_is_said_and_what_was_shown_stays(board, dead):
    with dead():
        board.look_again.click()
    assert "cannot reach the service" in board.said
    assert len(board.rows) == 3


def test_board_made_while_the_service_is_dead_says_so(service, told, dead):
    experiment = Experiment(service.connection(), ExperimentReply.model_validate(told))
    with dead():
        board = Board(experiment)
    assert "cannot reach the service" in board.said
    assert "not fetched" in repr(board)


def test_every_column_has_the_name_by_which_screen_readers_say_its_cells(board):
    assert [column["name"] for column in board.table.widget.columns] == ["x", "response", "note", "tags"]


async def test_follower_fetches_and_draws_after_an_event(service, told, monkeypatch):
    monkeypatch.setattr("autotune.widgets.following.PAUSE_S", 0.0)
    drawn: asyncio.Queue[str] = asyncio.Queue()
    with stream_server(sends(event(2))) as server:
        experiment = Experiment(service.connection(url=server.url), ExperimentReply.model_validate(told))
        follower = Follower(experiment, lambda: "fetched", drawn.put_nowait)
        assert await asyncio.wait_for(drawn.get(), 5) == "fetched"
        follower.close()
        experiment.connection.close()


async def test_follower_draws_what_was_fetched_last_and_not_what_came_before_while_a_cell_ran(service, told):
    """Else the page gets at the end of a cell all that it missed, one after the other."""
    drawn = []
    with stream_server(sends()) as server:
        experiment = Experiment(service.connection(url=server.url), ExperimentReply.model_validate(told))
        follower = Follower(experiment, lambda: "fetched", drawn.append)
        for found in ("first", "second", "third"):
            follower._hand_over(found)  # while this test keeps the loop, as a cell does
        await asyncio.sleep(0)
        follower.close()
        experiment.connection.close()
    assert drawn == ["third"]


async def test_follower_that_is_refused_says_why(service, told):
    drawn: asyncio.Queue[object] = asyncio.Queue()
    with stream_server(404) as server:
        experiment = Experiment(service.connection(url=server.url), ExperimentReply.model_validate(told))
        Follower(experiment, lambda: "fetched", drawn.put_nowait)
        assert "404" in str(await asyncio.wait_for(drawn.get(), 5))
        experiment.connection.close()


def test_run_that_is_being_typed_over_stays_when_runs_change(board, service):
    _type(board, 2, "0.75")
    service.runs[1] |= {"version": 2, "is_excluded": True}
    service.runs[2] |= {"version": 2, "is_excluded": True}
    board.look_again.click()
    assert board.rows[0].switch.description == "Restore"
    assert _cell(board, 2).text == "0.75"


def test_board_shows_a_loop_of_this_process_and_its_end(board, monkeypatch):
    now = iter([0.0, 30.0, 60.0])
    monkeypatch.setattr("autotune.running.underway.monotonic", lambda: next(now))
    board.follow()
    shown = []
    with announced(board.experiment.exp_uuid, 20) as (_underway, told):
        shown.append(board._progress.value)
        told()
        told()
        shown.append(board._progress.value)
        still = board.still()
    assert 'max="20" value="0"' in shown[0]
    assert "left" not in shown[0]
    assert 'aria-valuetext="2 of 20 runs told, about 9 min left"' in shown[1]
    assert "had told 2 of 20 runs at " in still
    assert "min left" not in still
    assert "stopped after 2 of 20 runs" in board._progress.value


def test_board_shows_nothing_of_a_loop_that_is_done(board):
    board.follow()
    board.experiment.run(lambda _configuration: 1.0, 1)
    assert board._progress.value == ""
    assert "A loop" not in board.still()


def test_closed_board_shows_no_loop(board):
    board.follow()
    board.close()
    with announced(board.experiment.exp_uuid, 2):
        assert board._progress.value == ""


def _show(board, *runs):
    """Show runs of these numbers, as if they were the last ones."""
    known = list(board._view.runs.values())
    board._draw(board._view._replace(runs={number: known[place % 3] for place, number in enumerate(runs)}))


def test_runs_are_drawn_by_one_message_however_many_there_are(board, sent):
    """Else the page is busy with messages while runs arrive, and stands still: each cell had one of its own."""
    for newest in (6, 9, 12):
        board.table.show(dict(zip((newest, newest - 1, newest - 2), board._view.runs.values(), strict=True)))
    assert len(sent) == 3
    assert {number: row["stored"] for number, row in _drawn(board).items()} == {
        12: ["0.3", "0.93", "", ""],
        11: ["0.2", "0.7", "", ""],
        10: ["0.1", "", "", ""],
    }


def test_nothing_is_sent_of_runs_that_are_shown_already(board, sent):
    board.table.show(board._view.runs)
    assert sent == []


def test_board_sends_what_runs_and_its_head_need_after_each_fetch(board, sent):
    _show(board, 4, 3, 2)
    assert [names for names in sent if names != ["value"]] == [["rows"]]
    assert len(sent) <= 3  # the runs, the head, and the suggestions if they changed


def test_row_that_was_typed_over_is_never_given_to_another_run_and_stays(board):
    _type(board, 2, "0.75")
    typed = next(row for row in board.rows if row.number == 2)
    for runs in ((7, 6, 5), (10, 9, 8), (13, 12, 11)):
        _show(board, *runs)
        assert [row.number for row in board.rows] == [*runs, 2]
    assert (typed.number, typed.cells["responses", "Response"].text) == (2, "0.75")


def test_what_was_typed_into_a_run_that_left_the_list_meanwhile_is_kept_and_shown(board):
    for newest in range(6, 60, 3):
        _show(board, newest, newest - 1, newest - 2)
    _type(board, 1, "775")
    assert [row.number for row in board.rows] == [57, 56, 55, 1]
    assert _drawn(board)[1]["typed"] == {"1": "775"}


def test_run_in_which_somebody_is_stays_in_the_list_until_they_leave_it(board):
    _hear(board, "entered", 2)
    for newest in range(6, 600, 3):
        _show(board, newest, newest - 1, newest - 2)
    assert 2 in _drawn(board)
    _hear(board, "left", 2)
    assert 2 not in _drawn(board)


def test_runs_that_left_the_list_are_forgotten_in_time(board):
    for newest in range(6, 600, 3):
        _show(board, newest, newest - 1, newest - 2)
    assert len(board.table._known) == 3 + 100
    _type(board, 1, "775")  # by a page that was cut off for long; nothing is known of the run any more
    assert [row.number for row in board.rows] == [597, 596, 595]


def test_value_that_is_typed_as_it_is_stored_is_no_change(board):
    _type(board, 2, "0.75")
    _type(board, 2, " 0.7 ")
    assert _drawn(board)[2]["typed"] == {}
    assert board.rows[1].changed == []


def test_older_run_is_shown_by_its_number_and_corrected(board, service):
    runs = [service.runs[-1] | {"observation_uuid": str(UUID(int=n)), "seq": n} for n in range(5, 15)]
    service.runs += runs
    board.look_again.click()
    board.fields["number"].input.value = "2"
    board.show_run.click()
    assert [row.number for row in board.rows] == [13, 12, 11, 10, 9, 8, 7, 6, 2]
    _type(board, 2, "0,75")
    board.fields["reason"].input.value = "misread"
    board.save.click()
    assert _corrections(service) == [{"version": 1, "reason": "misread", "response": 0.75}]
    assert _cell(board, 2).text == "0.75"


@pytest.mark.parametrize(
    ("typed", "said"),
    [("", "from 1 to 3"), ("1.5", "from 1 to 3"), ("0", "from 1 to 3"), ("4", "from 1 to 3"), ("hot", "not a number")],
)
def test_number_of_a_run_that_there_is_not_is_said_beside_its_field(board, typed, said):
    board.fields["number"].input.value = typed
    board.show_run.click()
    assert said in board.fields["number"].error.value
    assert len(board.rows) == 3


def test_correction_that_is_refused_half_way_says_what_is_stored_and_shows_it(board, service):
    _type(board, 3, "33")
    _type(board, 2, "22")
    service.runs[1]["version"] = 2
    board.fields["reason"].input.value = "misread"
    board.save.click()
    assert "Run 3 is corrected." in board.said
    assert "another version" in board.said
    assert [_cell(board, number).text for number in (3, 2)] == ["33", "22"]
    assert [row.number for row in board.rows if row.changed] == [2]


@pytest.mark.parametrize(("typed", "sent"), [("2", 2.0), ("2,0", 2.0), ("0.5", 0.5)])
def test_option_that_is_a_number_is_typed_as_any_number(client, service, typed, sent):
    covars = {"eq": {"vtype": "cat", "guess": 1.0, "options": [0.5, 1.0, 2.0], "ordered": True}}
    experiment = client.new("suzuki", covars)
    service.runs.append(observation({"eq": 1.0}, 0.7, seq=2) | {"exp_uuid": str(experiment.exp_uuid)})
    service.experiments[str(experiment.exp_uuid)]["n_observations"] = 1
    board = Board(experiment)
    assert _cell(board, 1, "eq", "covars").text == "1"
    _type(board, 1, typed, "eq", "covars")
    board.fields["reason"].input.value = "misread"
    board.save.click()
    assert _corrections(service) == [{"version": 1, "reason": "misread", "covars": {"eq": sent}}]


def test_excluded_run_keeps_what_was_typed_over_in_it(board, service):
    _type(board, 3, "cloudy", "note", "noted")
    board.fields["reason"].input.value = "spilled"
    board.rows[0].switch.click()
    assert board.rows[0].switch.description == "Restore"
    assert _cell(board, 3, "note", "noted").text == "cloudy"


def test_board_says_that_the_service_cannot_be_reached_until_it_can(board, dead):
    board._linked(False)
    assert "Engine: not known; " in board._head.value
    assert "the service cannot be reached, reconnecting" in board.still()
    board._draw(ConnectionFailedError("cannot reach the service"))
    assert "not known; cannot reach the service" in board._head.value
    board._draw(board._fetch())
    assert "Engine: up to date" in board._head.value
    assert board.said == ""


async def _shown_by_follower(service, told, fetch, *script):
    """Follow a stream that does what the script says; return what was drawn of the link, and what was fetched."""
    links, drawn = [], asyncio.Queue()
    with stream_server(*script) as server:
        experiment = Experiment(service.connection(url=server.url), ExperimentReply.model_validate(told))
        follower = Follower(experiment, fetch, drawn.put_nowait, link=links.append)
        found = await asyncio.wait_for(drawn.get(), 5)
        while isinstance(found, AutotuneError):
            found = await asyncio.wait_for(drawn.get(), 5)
        follower.close()
        experiment.connection.close()
    return links, found


async def test_follower_fetches_again_after_a_fetch_that_met_no_service(service, told, monkeypatch):
    monkeypatch.setattr("autotune.widgets.following.PAUSE_S", 0.0)
    monkeypatch.setattr("autotune.widgets.following.AGAIN_S", 0.0)
    answers = iter([ConnectionFailedError("gone"), "fetched"])

    def fetch():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert await _shown_by_follower(service, told, fetch, sends(event(2))) == ([], "fetched")


@pytest.mark.usefixtures("no_waits")
async def test_follower_tells_of_a_lost_connection_and_fetches_once_it_is_back(service, told, monkeypatch):
    monkeypatch.setattr("autotune.widgets.following.PAUSE_S", 0.0)
    links, found = await _shown_by_follower(service, told, lambda: "fetched", sends(close=1012), sends())
    assert (links, found) == ([False, True], "fetched")


def test_run_that_was_stopped_early_says_so(service, told):
    stop = {"stopped_step": 12, "stopped_value": 0.25}
    service.runs.append(observation({"x": 0.4}, None, seq=5, **stop) | {"exp_uuid": told["exp_uuid"]})
    board = Board(Experiment(service.connection(), ExperimentReply.model_validate(told)))
    [row] = [row for row in board.rows if row.observation.stopped_step == 12]
    assert row.shown()["state"] == "stopped at step 12 with 0.25"
