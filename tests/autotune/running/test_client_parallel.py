import json
import signal
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from threading import Barrier, Event
from typing import Any

import httpx2
import objectives
import pytest
from fake_service import SPACE, problem

import autotune
from autotune.errors import AutotuneError, InvalidInputError, ServiceError
from autotune.running import parallel

WAIT_S = 10.0
"""Longer than anything here takes: a test that waits so long has failed."""
ASK, TELL = "POST /experiment/ask", "POST /experiment/tell"


@pytest.fixture
def pool():
    with ThreadPoolExecutor(8) as pool:
        yield pool


class _Gauge:
    """A function that knows how often it is at work."""

    def __init__(self, n_expected: int) -> None:
        self.n_most = 0
        self._n = 0
        self._lock = threading.Lock()
        self._together = Barrier(n_expected)

    def __call__(self, _configuration: dict[str, Any]) -> float:
        with self._lock:
            self._n += 1
            self.n_most = max(self.n_most, self._n)
        self._together.wait(WAIT_S)
        with self._lock:
            self._n -= 1
        return 1.0


def _states(service) -> list[str]:
    return [suggestion["state"] for suggestion in service.suggestions.values()]


def _asked(service) -> list[dict[str, Any]]:
    called = zip(service.calls, service.bodies, strict=True)
    return [json.loads(body) for (method, path), body in called if f"{method} {path}".startswith(ASK)]


def test_run_on_threads_tells_each_run_by_its_suggestion(experiment, service, pool):
    best = experiment.run(objectives.doubled, 5, executor=pool)
    assert (best.response, len(service.runs)) == (1.0, 5)
    assert {run["suggestion_uuid"] for run in service.runs} == set(service.suggestions)


def test_run_on_threads_leases_under_the_name_given(experiment, service, pool):
    experiment.run(objectives.doubled, 3, executor=pool, n_workers=2, worker="robot 1", lease_s=90)
    assert _asked(service)[0]["n"] == 2
    assert {(ask["worker"], ask["lease_s"]) for ask in _asked(service)} == {("robot 1", 90)}


def test_run_without_a_name_leases_under_one_of_its_own(experiment, service, pool):
    for _ in range(2):
        experiment.run(objectives.doubled, 1, executor=pool)
    first, second = (ask["worker"] for ask in _asked(service))
    assert first != second


def test_run_keeps_as_many_at_work_as_it_is_told_and_no_more(experiment, service, pool):
    function = _Gauge(3)
    experiment.run(function, 9, executor=pool, n_workers=3)
    assert (function.n_most, len(service.runs)) == (3, 9)


def test_run_begins_no_more_than_it_needs(experiment, service, pool):
    experiment.run(objectives.doubled, 3, executor=pool, n_workers=8)
    assert len(service.suggestions) == 3


def test_run_fills_up_where_the_service_gives_fewer(experiment, service, pool):
    service.n_given = 1
    function = _Gauge(3)
    experiment.run(function, 3, executor=pool, n_workers=3)
    assert function.n_most == 3


def test_run_takes_as_many_workers_as_the_executor_has(experiment, service):
    with ThreadPoolExecutor(3) as pool:
        experiment.run(objectives.doubled, 9, executor=pool)
    assert _asked(service)[0]["n"] == 3


def test_run_takes_four_workers_where_the_executor_says_nothing():
    class Plain(Executor):
        def submit(self, function, /, *given):
            done = Future()
            done.set_result(function(*given))
            return done

    assert parallel.crew_of(Plain(), None).n_workers == 4


def test_run_on_threads_takes_values_that_are_fixed(experiment, service, pool):
    experiment.run(objectives.doubled, 2, executor=pool, fixed={"x": 0.25})
    assert [run["covars"] for run in service.runs] == [{"x": 0.25}] * 2


def test_run_on_threads_lets_the_function_change_its_configuration(experiment, service, pool):
    experiment.run(lambda configuration: configuration.pop("x"), 1, executor=pool)
    assert service.runs[0]["covars"] == {"x": 0.5}


def test_run_on_threads_reports_each_observation_in_the_caller_s_thread(experiment, pool):
    seen = []
    experiment.run(objectives.doubled, 3, lambda _: seen.append(threading.current_thread()), executor=pool)
    assert seen == [threading.current_thread()] * 3


def test_run_on_threads_tells_a_failure_and_goes_on(experiment, service, pool):
    outcomes = iter([autotune.RunFailed("it broke"), (2.0, 0.5), 1.0])

    def function(_configuration):
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert experiment.run(function, 3, executor=pool, n_workers=1).response == 2.0
    assert [run["status"] for run in service.runs] == ["failed", "ok", "ok"]
    assert service.runs[1]["sds"] == {"Response": 0.5}


class _Spoilt:
    """A function with a mistake that shows in the first of the runs that go on together."""

    def __init__(self, n_together: int, error: Exception) -> None:
        self._together = Barrier(n_together)
        self._numbers = iter(range(99))
        self._error = error
        self.may_end = Event()

    def __call__(self, _configuration: dict[str, Any]) -> float:
        number = next(self._numbers)
        self._together.wait(WAIT_S)
        if number == 0:
            raise self._error
        assert self.may_end.wait(WAIT_S)
        return 1.0


def test_run_whose_function_raises_abandons_that_run_and_tells_what_is_at_work(experiment, service, pool, monkeypatch):
    function = _Spoilt(2, LookupError("a bug"))
    monkeypatch.setattr(parallel.logger, "warning", lambda *_: function.may_end.set())  # when the error is noticed
    with pytest.raises(LookupError, match="a bug") as caught:
        experiment.run(function, 9, executor=pool, n_workers=2)
    assert [run["status"] for run in service.runs] == ["ok"]
    assert sorted(_states(service)) == ["abandoned", "told"]
    [spoilt] = [found for found in service.suggestions.values() if found["state"] == "abandoned"]
    assert spoilt["abandoned_because"] == "the run ended with LookupError"
    assert caught.value.__notes__ == [
        "Suggestion(x=0.5, model, predicted 0.900 ± 0.010) ended with this error: nothing is told of this run, and the "
        "suggestion is abandoned. 1 run told. To go on, mend the function and call run again. If LookupError means "
        "that a run failed, raise autotune.RunFailed instead, or call run with on_error=LookupError."
    ]


def test_run_whose_function_raises_abandons_what_has_not_begun(experiment, service):
    with ThreadPoolExecutor(1) as one, pytest.raises(LookupError):
        experiment.run(objectives.wrong, 9, executor=one, n_workers=5)
    assert (_states(service), service.runs) == (["abandoned"] * 5, [])


def test_run_whose_function_raises_leaves_nothing_leased_where_the_executor_takes_no_more(experiment, service):
    class Full(ThreadPoolExecutor):
        def submit(self, *given, **named):
            if service.suggestions and not self.is_full:
                self.is_full = True
                return super().submit(*given, **named)
            raise RuntimeError("it is full")

        is_full = False

    with Full(1) as pool, pytest.raises(RuntimeError, match="it is full"):
        experiment.run(objectives.doubled, 9, executor=pool, n_workers=3)
    assert "leased" not in _states(service)


@pytest.mark.parametrize("on_error", [LookupError, (OSError, KeyError, LookupError), Exception])
def test_run_tells_the_errors_that_the_user_names_as_failures(experiment, service, pool, on_error):
    experiment.run(objectives.wrong, 2, on_error=on_error)
    experiment.run(objectives.wrong, 2, on_error=on_error, executor=pool)
    assert [run["status"] for run in service.runs] == ["failed"] * 4
    assert {run["failed_because"] for run in service.runs} == {"LookupError: a bug"}


def test_run_with_named_errors_still_tells_a_failure_and_still_ends_with_others(experiment, service):
    experiment.run(objectives.not_there, 1, on_error=OSError)
    with pytest.raises(LookupError):
        experiment.run(objectives.wrong, 1, on_error=OSError)
    assert [run["status"] for run in service.runs] == ["failed"]


@pytest.mark.parametrize("on_error", [3, "LookupError", KeyboardInterrupt, (LookupError, None), [LookupError]])
def test_run_refuses_errors_that_are_none(experiment, service, on_error):
    with pytest.raises(InvalidInputError, match="on_error must be a class of exceptions or a tuple of such classes"):
        experiment.run(objectives.doubled, 1, on_error=on_error)
    assert service.suggestions == {}


def test_run_in_turn_whose_function_raises_abandons_that_run(experiment, service):
    outcomes = iter([1.0, LookupError("a bug")])

    def function(_configuration):
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    with pytest.raises(LookupError, match="a bug") as caught:
        experiment.run(function, 9)
    assert (_states(service), len(service.runs)) == (["told", "abandoned"], 1)
    assert "1 run told. To go on, mend the function" in caught.value.__notes__[0]


def test_run_whose_suggestion_cannot_be_abandoned_ends_with_the_function_s_error(experiment, service, pool):
    for executor in (None, pool):
        service.trouble(f"POST /experiment/{experiment.exp_uuid}", problem(409, "experiment_closed", "it is closed"))
        with pytest.raises(LookupError) as caught:
            experiment.run(objectives.wrong, 1, executor=executor)
        assert "could not be abandoned: it is closed" in caught.value.__notes__[0]


@pytest.mark.parametrize("returned", [None, "good", float("nan"), {"yeild": 1.0}])
def test_run_whose_function_returns_no_response_abandons_that_run(experiment, service, pool, returned):
    for executor in (None, pool):
        with pytest.raises(InvalidInputError) as caught:
            experiment.run(lambda _: returned, 1, executor=executor)
        assert f"gave {returned!r}." in caught.value.__notes__[0]
    assert (_states(service), service.runs) == (["abandoned"] * 2, [])


def test_run_ends_in_order_when_a_stop_rule_is_met(client, service, pool):
    experiment = client.new("n", SPACE, stop={"budget": 3})
    assert experiment.run(_Gauge(2), 9, executor=pool, n_workers=2).response == 1.0
    assert (len(service.runs), set(_states(service))) == (4, {"told"})


def test_run_on_threads_of_an_experiment_that_has_stopped_says_so(client, service, pool):
    experiment = client.new("n", SPACE, stop={"budget": 1})
    experiment.run(objectives.doubled, 1, executor=pool)
    with pytest.raises(ServiceError, match="experiment_stopped"):
        experiment.run(objectives.doubled, 1, executor=pool)


def test_run_whose_ask_comes_to_nothing_tells_what_is_at_work(experiment, service, pool):
    may_end, begun, together = Event(), iter(range(9)), Barrier(2)

    def on_tell(_observation):
        service.trouble(ASK, problem(409, "experiment_closed", "it is closed"))
        may_end.set()

    def function(_configuration):
        number = next(begun)
        together.wait(WAIT_S)
        assert number == 0 or may_end.wait(WAIT_S)
        return 1.0

    with pytest.raises(ServiceError, match="experiment_closed"):
        experiment.run(function, 9, on_tell, executor=pool, n_workers=2)
    assert len(service.runs) == 2


def test_run_whose_report_fails_tells_what_is_at_work_without_a_report(experiment, service, pool):
    reported = []

    def on_tell(observation):
        reported.append(observation)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        experiment.run(_Gauge(3), 9, on_tell, executor=pool, n_workers=3)
    assert (len(service.runs), len(reported)) == (3, 1)


def test_run_keeps_a_result_that_could_not_be_told_in_a_note(experiment, service, pool):
    service.trouble(TELL, problem(409, "experiment_closed", "it is closed"))
    with pytest.raises(ServiceError) as caught:
        experiment.run(lambda _: 0.123, 1, executor=pool)
    assert caught.value.__notes__ == ["Suggestion(x=0.5, model, predicted 0.900 ± 0.010) gave 0.123."]


def test_run_tells_what_another_told_meanwhile_as_a_run_of_its_own(experiment, service, pool):
    def function(_configuration):
        for suggestion in service.suggestions.values():
            suggestion["state"] = "told"
        return 1.0

    experiment.run(function, 1, executor=pool)
    assert [(run["suggestion_uuid"], run["covars"]) for run in service.runs] == [(None, {"x": 0.5})]


def test_run_renews_the_leases_of_what_is_at_work(experiment, service, pool):
    renewals = []

    def function(_configuration):
        renewals.extend(service.renewals.get(timeout=WAIT_S) for _ in range(2))
        return 1.0

    # The shortest lease there is: renewed after a third of a second.
    experiment.run(function, 1, executor=pool, worker="robot 1", lease_s=1)
    [uuid] = service.suggestions
    assert renewals == [{"suggestion_uuids": [uuid], "worker": "robot 1", "lease_s": 1}] * 2


def test_run_that_has_ended_renews_no_more(experiment, pool):
    experiment.run(objectives.doubled, 1, executor=pool)
    assert "autotune-leases" not in {thread.name for thread in threading.enumerate()}


def _interrupt() -> None:
    ident = threading.main_thread().ident
    assert ident is not None
    signal.pthread_kill(ident, signal.SIGINT)


@pytest.fixture(autouse=True)
def interruptible():
    """A process that a shell starts in the background ignores SIGINT; a notebook's kernel does not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def is_waiting(monkeypatch) -> Event:
    """Set as soon as the caller's thread waits for what is at work."""
    is_waiting = Event()

    def noticed(*given):
        is_waiting.set()
        return wait(*given)

    monkeypatch.setattr("autotune.running.parallel.WAIT_S", 0.05)
    monkeypatch.setattr("autotune.running.parallel.wait", noticed)
    return is_waiting


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("autotune.running.parallel.INTERRUPT_S", 0.05)


@pytest.mark.usefixtures("impatient")
def test_run_that_is_interrupted_abandons_what_has_not_begun_and_waits_not_for_ever(
    experiment, service, is_waiting, caplog
):
    may_end = Event()

    def function(_configuration):
        assert is_waiting.wait(WAIT_S)
        _interrupt()
        assert may_end.wait(WAIT_S)
        return 1.0

    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(KeyboardInterrupt):
            experiment.run(function, 9, executor=pool, n_workers=3)
        may_end.set()
    assert (_states(service), service.runs) == (["leased", "abandoned", "abandoned"], [])
    assert list(service.suggestions.values())[1]["abandoned_because"] == "cancelled before it began"
    assert "1 runs are still at work and will not be told" in caplog.text


def test_run_that_is_interrupted_tells_what_ends_soon_after(experiment, service, pool, is_waiting):
    def function(_configuration):
        assert is_waiting.wait(WAIT_S)
        is_waiting.clear()
        _interrupt()
        assert is_waiting.wait(WAIT_S)
        return 1.0

    with pytest.raises(KeyboardInterrupt):
        experiment.run(function, 9, executor=pool, n_workers=1)
    assert ([run["response"] for run in service.runs], _states(service)) == ([1.0], ["told"])


def test_run_that_is_interrupted_tells_all_that_ends_soon_after_though_the_report_fails(
    experiment, service, is_waiting, caplog
):
    numbers, together = iter(range(9)), Barrier(3)

    def function(_configuration):
        number = next(numbers)
        together.wait(WAIT_S)
        assert is_waiting.wait(WAIT_S)
        if number == 0:
            is_waiting.clear()
            _interrupt()
        together.wait(WAIT_S)
        assert is_waiting.wait(WAIT_S)
        return 1.0

    def on_tell(_observation):
        raise ZeroDivisionError

    with ThreadPoolExecutor(3) as pool, pytest.raises(KeyboardInterrupt):
        experiment.run(function, 9, on_tell, executor=pool)
    assert (len(service.runs), _states(service)) == (3, ["told"] * 3)
    assert "ZeroDivisionError" in caplog.text


def test_run_that_is_interrupted_while_it_begins_abandons_what_it_took(experiment, service):
    class Interrupting(Executor):
        def submit(self, *_given):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        experiment.run(objectives.doubled, 9, executor=Interrupting(), n_workers=2)
    assert _states(service) == ["abandoned"] * 2


def test_run_that_is_interrupted_while_it_tells_stores_that_once(experiment, service, pool, monkeypatch):
    really = parallel.tell_returned
    interrupts = iter([KeyboardInterrupt()])

    def tell_returned(*given, **named):
        told = really(*given, **named)
        for interrupt in interrupts:
            raise interrupt
        return told

    monkeypatch.setattr("autotune.running.parallel.tell_returned", tell_returned)
    with pytest.raises(KeyboardInterrupt):
        experiment.run(objectives.doubled, 1, executor=pool)
    assert len(service.runs) == 1


@pytest.mark.usefixtures("impatient")
def test_run_that_is_interrupted_without_a_service_gives_up_after_the_first_try(experiment, service, is_waiting):
    may_end = Event()

    def function(_configuration):
        assert is_waiting.wait(WAIT_S)
        service.trouble("POST", *[httpx2.ConnectError("refused")] * 500)
        _interrupt()
        assert may_end.wait(WAIT_S)

    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(KeyboardInterrupt):
            experiment.run(function, 9, executor=pool, n_workers=9)
        may_end.set()
    assert service.now <= 60  # the fake clock: the time of one call


def test_run_whose_runs_others_cancel_abandons_them(experiment, service):
    class Cancelling(Executor):
        def submit(self, *_given):
            future = Future()
            future.cancel()
            return future

    with pytest.raises(parallel.CancelledError):
        experiment.run(objectives.doubled, 2, executor=Cancelling(), n_workers=2)
    assert (_states(service), service.runs) == (["abandoned"] * 2, [])


def test_run_on_an_executor_that_takes_nothing_ends_with_its_error(experiment, service):
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        experiment.run(objectives.doubled, 1, executor=pool)
    assert service.runs == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"executor": 3}, r"executor must be one of concurrent.futures, not int; pass .*ThreadPoolExecutor\(4\)"),
        ({"executor": ThreadPoolExecutor}, r"not a class: write ThreadPoolExecutor\(4\)"),
        ({"n_workers": 0}, "n_workers must be a whole number of at least 1"),
        ({"n_workers": 1.5}, "n_workers must be a whole number of at least 1"),
        ({"lease_s": 0}, "lease_s"),
        ({"worker": 3}, "worker"),
        ({"executor": None, "n_workers": 2}, "n_workers and worker need an executor"),
        ({"executor": None, "worker": "robot 1"}, "n_workers and worker need an executor"),
    ],
)
def test_run_refuses_a_crew_that_is_none_before_it_asks(experiment, service, pool, given, message):
    with pytest.raises(InvalidInputError, match=message):
        experiment.run(objectives.doubled, 1, **{"executor": pool, **given})
    assert service.suggestions == {}


def test_run_keeps_the_result_of_a_single_run_in_a_note_too(experiment, service):
    service.trouble(TELL, problem(409, "experiment_closed", "it is closed"))
    with pytest.raises(AutotuneError) as caught:
        experiment.run(lambda _: 0.123, 1)
    assert "gave 0.123." in caught.value.__notes__[0]
