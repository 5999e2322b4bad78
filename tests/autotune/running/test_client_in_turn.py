"""A run in turn: it leases what it runs, and what it leaves behind is taken up by the next one."""

import json
import os
import signal
import tempfile
from functools import partial
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import httpx2
import objectives
import pytest
from fake_service import NOW, SPACE, problem
from served import serving

from autotune.errors import ConnectionFailedError, RunFailed, ServiceError
from autotune.running.holding import Holding
from autotune_wire.suggestions import Ask
from children import in_child

WAIT_S = 10.0
ASK, TELL = "POST /experiment/ask", "POST /experiment/tell"


def _states(service) -> list[str]:
    return [suggestion["state"] for suggestion in service.suggestions.values()]


def _asked(service) -> list[dict[str, Any]]:
    called = zip(service.calls, service.bodies, strict=True)
    return [json.loads(body) for (method, path), body in called if f"{method} {path}".startswith(ASK)]


def _notes() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"autotune-{os.getuid()}/*"))


def _interrupted(_configuration) -> float:
    raise KeyboardInterrupt


def _leave_behind(experiment, n: int = 1, **options) -> None:
    for _ in range(n):
        with pytest.raises(KeyboardInterrupt):
            experiment.run(_interrupted, 1, **options)


def test_run_leases_each_suggestion_under_a_name_of_its_own(experiment, service):
    experiment.run(objectives.doubled, 2)
    experiment.run(objectives.doubled, 1, lease_s=90)
    first, second, third = _asked(service)
    assert (first["n"], first["lease_s"], third["lease_s"]) == (1, 60, 90)
    assert first["worker"] == second["worker"] != third["worker"]
    assert {run["suggestion_uuid"] for run in service.runs} == set(service.suggestions)


def test_run_renews_the_lease_of_what_it_runs(experiment, service):
    renewals = []

    def function(_configuration):
        renewals.extend(service.renewals.get(timeout=WAIT_S) for _ in range(2))
        return 1.0

    experiment.run(function, 1, lease_s=1)
    [suggestion] = service.suggestions.values()
    expected = {"suggestion_uuids": [suggestion["suggestion_uuid"]], "worker": suggestion["worker"], "lease_s": 1}
    assert renewals == [expected] * 2


def test_run_tells_what_another_told_meanwhile_as_a_run_of_its_own(experiment, service):
    def function(_configuration):
        for suggestion in service.suggestions.values():
            suggestion["state"] = "told"
        return 1.0

    experiment.run(function, 1)
    assert [(run["suggestion_uuid"], run["covars"]) for run in service.runs] == [(None, {"x": 0.5})]


def test_run_that_is_interrupted_gives_its_suggestion_back_to_everybody_soon(experiment, service):
    _leave_behind(experiment)
    assert service.renewals.get_nowait()["lease_s"] == 1
    assert _states(service) == ["leased"]


def test_run_after_an_interrupt_begins_with_the_same_suggestion(experiment, service):
    _leave_behind(experiment)
    experiment.run(objectives.doubled, 2)
    first, _ = service.suggestions
    assert service.runs[0]["suggestion_uuid"] == first
    assert _states(service) == ["told", "told"]


def test_run_takes_up_what_a_killed_process_left(service):
    def killed(_configuration):
        os.kill(os.getpid(), signal.SIGKILL)

    with serving(service) as served, served.client() as client:
        experiment = client.new("brownies", SPACE)
        with pytest.raises(AssertionError, match=f"status {signal.SIGKILL.value}"):
            in_child(partial(experiment.run, killed, 1))
        [left] = service.suggestions
        experiment.run(objectives.doubled, 1)
    assert [run["suggestion_uuid"] for run in service.runs] == [left]
    assert list(service.suggestions) == [left]


def test_run_takes_up_what_a_killed_process_left_though_its_children_live_on(service):
    """The workers of a pool outlive the program that is killed."""
    reading, writing = os.pipe()

    def killed(_configuration):
        if os.fork() == 0:
            os.write(writing, str(os.getpid()).encode())
            signal.pause()
        os.kill(os.getpid(), signal.SIGKILL)

    with serving(service) as served, served.client() as client:
        experiment = client.new("brownies", SPACE)
        pid = os.fork()
        if pid == 0:
            experiment.run(killed, 1)
        os.waitpid(pid, 0)
        orphan = int(os.read(reading, 20))
        experiment.run(objectives.doubled, 1)
        os.kill(orphan, signal.SIGKILL)
    os.close(reading)
    os.close(writing)
    assert (len(service.suggestions), len(service.runs)) == (1, 1)


def test_runs_that_start_at_the_same_time_take_up_one_suggestion_each(experiment, service):
    together, ran = Barrier(3), []

    def taking(_configuration):
        together.wait(WAIT_S)
        raise KeyboardInterrupt

    def leave():
        with pytest.raises(KeyboardInterrupt):
            experiment.run(taking, 1)

    def again(configuration):
        ran.append(configuration)
        together.wait(WAIT_S)
        return 1.0

    for function in (leave, partial(experiment.run, again, 1)):
        threads = [Thread(target=function) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (len(service.suggestions), _states(service), len(service.runs)) == (3, ["told"] * 3, 3)


def test_run_leaves_alone_what_a_run_that_goes_on_holds(experiment, service):
    def function(_configuration):
        experiment.run(objectives.doubled, 1)
        return 1.0

    experiment.run(function, 1)
    assert [run["response"] for run in service.runs] == [1.0, 1.0]
    assert len(service.suggestions) == 2


def test_run_takes_up_only_what_has_its_fixed_values(experiment, service):
    _leave_behind(experiment, fixed={"x": 0.25})
    experiment.run(objectives.doubled, 1)
    experiment.run(objectives.doubled, 1, fixed={"x": 0.25})
    assert [run["covars"]["x"] for run in service.runs] == [0.5, 0.25]
    assert len(service.suggestions) == 2


def _leave_behind_together(experiment, n: int) -> list[str]:
    """Leave behind what one call on an executor holds."""
    with Holding(experiment, Ask(worker="run a", lease_s=60)) as holding:
        return [str(suggestion.suggestion_uuid) for suggestion in holding.take(n)]


def test_run_takes_up_all_that_an_earlier_run_on_an_executor_left(experiment, service):
    left = _leave_behind_together(experiment, 3)
    experiment.run(objectives.doubled, 4)
    assert sorted(run["suggestion_uuid"] for run in service.runs[:3]) == sorted(left)
    assert (len(service.suggestions), _states(service)) == (4, ["told"] * 4)


def test_run_that_ends_early_leaves_the_rest_of_what_it_took_up(experiment, service):
    _leave_behind_together(experiment, 3)
    service.renewals.get_nowait()
    experiment.run(objectives.doubled, 1)
    renewed = [service.renewals.get_nowait() for _ in range(2)]
    assert [(len(renewal["suggestion_uuids"]), renewal["lease_s"]) for renewal in renewed] == [(3, 60), (2, 1)]
    experiment.run(objectives.doubled, 2)
    assert (_states(service), _notes()) == (["told"] * 3, [])


def test_run_that_meets_its_stop_rule_runs_no_more_of_what_it_took_up(experiment, service):
    service.experiments[str(experiment.exp_uuid)]["stop"] = {"budget": 1}
    _leave_behind_together(experiment, 3)
    experiment.run(objectives.doubled, 3)
    assert sorted(_states(service)) == ["leased", "leased", "told"]


def test_run_that_took_up_what_is_lost_while_it_waits_does_not_run_it(experiment, service):
    left = _leave_behind_together(experiment, 2)

    with Holding(experiment, Ask(lease_s=60)) as holding:
        holding.take(1)
        for uuid in left:
            service.suggestions[uuid]["worker"] = "another"
        assert holding._heartbeat.beat()
        [taken] = holding.take(1)
    assert str(taken.suggestion_uuid) not in left


def test_run_removes_notes_that_are_older_than_any_lease_but_no_note_of_a_run_that_goes_on(experiment):
    _leave_behind(experiment, fixed={"x": 0.25})
    [old] = _notes()
    new = old.with_name(".new-1")
    new.touch()

    def function(_configuration):
        for note in _notes():
            os.utime(note, (0, 0))
        experiment.run(objectives.doubled, 1, fixed={"x": 0.5})
        assert not old.exists()
        assert not new.exists()
        assert len(_notes()) == 1
        return 1.0

    experiment.run(function, 1)
    assert _notes() == []


def test_run_takes_up_nothing_of_another_experiment(client, experiment, service):
    _leave_behind(experiment)
    client.new("cookies", SPACE).run(objectives.doubled, 1)
    assert sorted(_states(service)) == ["leased", "told"]


def test_run_drops_what_others_have_told_or_taken(experiment, service):
    _leave_behind(experiment)
    [left] = service.suggestions.values()
    left["worker"] = "another"
    experiment.run(objectives.doubled, 1)
    assert (left["state"], len(service.suggestions)) == ("leased", 2)
    assert _notes() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "closed"},
        {"stopped": {"rule": "budget", "reason": "r", "at": NOW}},
        {"paused": {"reason": None, "by": None, "at": NOW}},
    ],
)
def test_run_takes_up_nothing_where_nothing_is_suggested(experiment, service, changes):
    _leave_behind(experiment)
    service.experiments[str(experiment.exp_uuid)].update(changes)
    service.trouble(ASK, problem(409, "experiment_stopped", "it has stopped"))
    with pytest.raises(ServiceError, match="it has stopped"):
        experiment.run(lambda _: pytest.fail("it was run"), 1)
    assert len(_notes()) == 1


def test_run_tells_why_a_run_failed_by_the_error(experiment, service):
    errors = [RunFailed("it boiled over"), RunFailed(), ValueError("no\x00 flour"), KeyError()]

    def spoil(_configuration):
        raise errors.pop(0)

    experiment.run(spoil, 4, on_error=Exception)
    reasons = ["it boiled over", None, "ValueError: no flour", "KeyError"]
    assert [run["failed_because"] for run in service.runs] == reasons


def test_run_tells_a_failure_to_a_service_that_knows_no_reasons(experiment, service):
    unknown = {"field": "failed_because", "message": "is not a field here; it may be misspelt"}
    service.trouble("POST /experiment/tell", problem(422, "invalid", "no such field", errors=[unknown]))
    experiment.run(_failing, 1)
    [run] = service.runs
    assert (run["status"], run["failed_because"]) == ("failed", None)


def _failing(_configuration):
    raise RunFailed("it boiled over")


def test_pause_ends_the_loop_without_an_error(experiment, service):
    def measure(configuration):
        experiment.pause("lunch")
        return configuration["x"]

    experiment.run(measure, 5)
    assert len(service.runs) == 1
    with pytest.raises(ServiceError, match="it is paused"):
        experiment.run(objectives.doubled, 5)


def test_run_drops_what_a_restored_service_does_not_know(experiment, service):
    _leave_behind(experiment)
    service.trouble(f"POST /experiment/{experiment.exp_uuid}/renew", problem(422, "invalid", "is not a suggestion"))
    experiment.run(objectives.doubled, 1)
    assert (len(service.runs), _notes()) == (1, [])


def test_run_that_could_not_tell_leaves_its_suggestion_to_the_next(experiment, service):
    service.trouble(TELL, *[httpx2.ConnectError("refused")] * 99)
    with pytest.raises(ConnectionFailedError):
        experiment.run(objectives.doubled, 1)
    service.troubles.clear()
    experiment.run(objectives.doubled, 1)
    assert _states(service) == ["told"]


def test_run_that_is_interrupted_without_a_service_ends_all_the_same(experiment, service, caplog):
    service.trouble(f"POST /experiment/{experiment.exp_uuid}/renew", httpx2.ConnectError("refused"))
    _leave_behind(experiment)
    assert "1 suggestions are offered again only when their leases end, within 60 s" in caplog.text
    experiment.run(objectives.doubled, 1)
    assert _states(service) == ["told"]


def test_run_leaves_no_note_when_it_is_done(experiment):
    seen = []
    experiment.run(lambda _: seen.append(_notes()) or 1.0, 2)
    assert ([len(notes) for notes in seen], _notes()) == ([1, 1], [])
    with pytest.raises(LookupError):
        experiment.run(objectives.wrong, 1)
    assert _notes() == []


def test_run_goes_on_where_notes_cannot_be_kept(experiment, service, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    _leave_behind(experiment)
    experiment.run(objectives.doubled, 2)
    assert _states(service) == ["leased", "told", "told"]


def test_run_trusts_no_folder_that_others_may_write_to(experiment, service):
    folder = Path(tempfile.gettempdir()) / f"autotune-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    _leave_behind(experiment)
    assert _notes() == []


def test_run_removes_a_note_that_was_cut_off(experiment, service):
    _leave_behind(experiment)
    [note] = _notes()
    note.write_bytes(note.read_bytes()[:20])
    experiment.run(objectives.doubled, 1)
    assert (_states(service), _notes()) == (["leased", "told"], [])


def test_child_of_the_function_that_ends_with_an_error_leaves_the_parent_s_suggestion_alone(service):
    def function(_configuration):
        pid = os.fork()
        if pid == 0:
            raise LookupError("in the child")
        os.waitpid(pid, 0)
        return 1.0

    def run():
        parent = os.getpid()
        try:
            experiment.run(function, 1)
        finally:
            if os.getpid() != parent:
                os._exit(0)

    with serving(service) as served, served.client() as client:
        experiment = client.new("brownies", SPACE)
        in_child(run)
    assert (_states(service), service.n_calls("POST /experiment")) == (["told"], 3)


def test_run_on_threads_takes_up_what_was_left(experiment, service):
    from concurrent.futures import ThreadPoolExecutor

    _leave_behind(experiment)
    with ThreadPoolExecutor(2) as pool:
        experiment.run(objectives.doubled, 2, executor=pool)
    assert (_states(service), _notes()) == (["told", "told"], [])
