import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from fake_service import PASSWORD, SPACE, URL, problem

import autotune
from autotune.asynchronous.experiment import AsyncExperiment

RENEW, ASK = "POST /experiment/renew", "POST /experiment/ask"


@pytest.fixture
async def experiment(service, monkeypatch) -> AsyncIterator[AsyncExperiment]:
    monkeypatch.setattr(
        "autotune.transport.http.open_async_http",
        lambda url: httpx2.AsyncClient(base_url=url, transport=httpx2.MockTransport(service.handle)),
    )
    async with autotune.aconnect(URL, username="a@b.c", password=PASSWORD) as client:
        yield await client.new("brownies", SPACE)


class _Runs:
    """An async function that waits until a number of its runs are at work, and returns x."""

    def __init__(self, together: int) -> None:
        self.n_at_work = 0
        self._together = together
        self._all = asyncio.Event()

    async def __call__(self, configuration):
        self.n_at_work += 1
        if self.n_at_work == self._together:
            self._all.set()
        await self._all.wait()
        return configuration["x"]


async def test_run_tells_what_the_function_returns(experiment, service):
    async def measure(configuration):
        return configuration["x"] * 2, 0.1

    told = []
    best = await experiment.run(measure, 3, told.append)
    assert best.response == 1.0
    assert [(run["response"], run["sds"]) for run in service.runs] == [(1.0, {"Response": 0.1})] * 3
    assert [str(run.suggestion_uuid) for run in told] == list(service.suggestions)


async def test_run_keeps_workers_at_work_at_the_same_time(experiment, service):
    await asyncio.wait_for(experiment.run(_Runs(together=3), 6, n_workers=3), 20)
    assert len(service.runs) == 6
    assert len({run["suggestion_uuid"] for run in service.runs}) == 6
    assert len({one["worker"] for one in service.suggestions.values()}) == 1


async def test_run_that_fails_is_told_as_failed(experiment, service):
    async def spoil(_configuration):
        raise autotune.RunFailed("it boiled over")

    await experiment.run(spoil, 2)
    assert [(run["status"], run["failed_because"]) for run in service.runs] == [("failed", "it boiled over")] * 2


async def test_mistake_in_the_function_ends_the_loop_after_the_runs_at_work(experiment, service):
    at_work = asyncio.Event()
    n = 0

    async def measure(configuration):
        nonlocal n
        n += 1
        if n == 1:
            await at_work.wait()
            raise ZeroDivisionError
        at_work.set()
        await asyncio.sleep(0)
        return configuration["x"]

    with pytest.raises(ZeroDivisionError) as caught:
        await experiment.run(measure, 50, n_workers=2)
    states = [one["state"] for one in service.suggestions.values()]
    assert "on_error=ZeroDivisionError" in caught.value.__notes__[0]
    assert states.count("abandoned") == 1
    assert 1 <= len(service.runs) < 50


async def test_suggestion_that_comes_after_a_mistake_is_given_back(service, monkeypatch):
    asks_again, has_failed = asyncio.Event(), asyncio.Event()

    async def handle(request: httpx2.Request) -> httpx2.Response:
        if service.n_calls(ASK) == 1 and request.url.path.startswith("/experiment/ask"):
            asks_again.set()
            await has_failed.wait()
        return service.handle(request)

    async def measure(_configuration):
        await asks_again.wait()
        raise ZeroDivisionError

    monkeypatch.setattr("autotune.asynchronous.running.explain", lambda *_: has_failed.set())
    pool = httpx2.AsyncClient(base_url=URL, transport=httpx2.MockTransport(handle))
    monkeypatch.setattr("autotune.transport.http.open_async_http", lambda _url: pool)
    async with autotune.aconnect(URL, username="a@b.c", password=PASSWORD) as client:
        experiment = await client.new("brownies", SPACE)
        with pytest.raises(ZeroDivisionError):
            await experiment.run(measure, 9, n_workers=2)
    first, late = service.suggestions.values()
    assert first["state"] == "abandoned"
    assert service.renewals.get_nowait()["suggestion_uuids"] == [late["suggestion_uuid"]]


async def test_plain_function_is_refused_and_its_suggestion_abandoned(experiment, service):
    with pytest.raises(autotune.InvalidInputError, match=r"asyncio\.to_thread"):
        await experiment.run(lambda configuration: configuration["x"], 2)
    assert [one["state"] for one in service.suggestions.values()] == ["abandoned"]


async def test_response_that_is_no_number_is_shown_and_its_suggestion_abandoned(experiment, service):
    async def measure(_configuration):
        return "much"

    with pytest.raises(autotune.InvalidInputError) as caught:
        await experiment.run(measure, 2)
    assert "gave 'much'" in caught.value.__notes__[0]
    assert [one["state"] for one in service.suggestions.values()] == ["abandoned"]


async def test_run_that_is_cancelled_gives_its_suggestions_back(experiment, service):
    at_work, is_cancelled = asyncio.Event(), False

    async def measure(_configuration):
        nonlocal is_cancelled
        at_work.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            is_cancelled = True
            raise

    loop = asyncio.create_task(experiment.run(measure, 2))
    await at_work.wait()
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop
    assert is_cancelled
    given_back = service.renewals.get_nowait()
    assert given_back["suggestion_uuids"] == list(service.suggestions)
    assert given_back["lease_s"] == 1


async def test_leases_are_renewed_while_a_run_goes_on(experiment, service):
    async def measure(configuration):
        while service.renewals.empty():  # noqa: ASYNC110 -- the fake service knows no asyncio.Event
            await asyncio.sleep(0.001)
        return configuration["x"]

    await asyncio.wait_for(experiment.run(measure, 1, lease_s=1), 20)
    assert service.renewals.get_nowait()["suggestion_uuids"] == list(service.suggestions)


async def test_stop_rule_ends_the_loop_without_an_error(experiment, service):
    async def measure(configuration):
        service.trouble(ASK, problem(409, "experiment_stopped", "it has stopped"))
        return configuration["x"]

    await experiment.run(measure, 5)
    assert len(service.runs) == 1


async def test_stop_rule_that_was_met_before_is_an_error(experiment, service):
    service.trouble(ASK, problem(409, "experiment_stopped", "it has stopped"))
    with pytest.raises(autotune.ServiceError, match="it has stopped"):
        await experiment.run(_Runs(together=1), 5)


async def test_suggestion_that_another_worker_has_told_is_told_as_a_run_of_its_own(experiment, service):
    async def measure(configuration):
        for one in service.suggestions.values():
            one["state"] = "told"
        return configuration["x"]

    await experiment.run(measure, 1)
    assert [run["suggestion_uuid"] for run in service.runs] == [None]


@pytest.mark.parametrize("arguments", [{"n": 0}, {"n": 2, "n_workers": 0}, {"n": 1, "on_error": "ValueError"}])
async def test_arguments_are_checked_before_anything_is_taken(experiment, service, arguments):
    with pytest.raises(autotune.InvalidInputError):
        await experiment.run(_Runs(together=1), **arguments)
    assert service.suggestions == {}
