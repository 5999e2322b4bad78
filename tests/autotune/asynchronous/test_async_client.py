import asyncio
import inspect
import pickle
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from uuid import uuid4

import httpx2
import pytest
from fake_service import PASSWORD, SPACE, URL, FakeService, event, problem
from stream_server import sends, stream_server

import autotune
from autotune.asynchronous.client import AsyncClient
from autotune.asynchronous.experiment import AsyncExperiment
from autotune.asynchronous.groups import AsyncGroup
from autotune.client import Client
from autotune.experiment import Experiment
from autotune.groups import Group

ASK, TELL, REFRESH = "GET /experiment/ask", "POST /experiment/tell", "POST /auth/refresh"


@pytest.fixture(autouse=True)
def mocked(service, monkeypatch) -> None:
    monkeypatch.setattr(
        "autotune.transport.http.open_async_http",
        lambda url: httpx2.AsyncClient(base_url=url, transport=httpx2.MockTransport(service.handle)),
    )
    monkeypatch.setattr("autotune.transport.caller.delay_s", lambda _attempt, _fraction: 0.0)


@pytest.fixture
async def client(mocked) -> AsyncIterator[AsyncClient]:
    async with autotune.aconnect(URL, username="a@b.c", password=PASSWORD) as client:
        yield client


@pytest.fixture
async def experiment(client: AsyncClient) -> AsyncExperiment:
    return await client.new("brownies", SPACE)


async def test_loop_of_ask_and_tell(experiment, service):
    suggestion = await experiment.ask()
    told = await experiment.tell(suggestion, 0.9)
    assert str(told.suggestion_uuid) == str(suggestion.suggestion_uuid)
    assert (await experiment.best).response == service.runs[0]["response"] == 0.9
    assert [run.response for run in await experiment.observations()] == [0.9]


async def test_client_finds_its_experiments(client, experiment):
    assert [found.exp_uuid for found in await client.list()] == [experiment.exp_uuid]
    assert isinstance(await client.experiment(experiment.exp_uuid), AsyncExperiment)
    with pytest.raises(autotune.NotFoundError):
        await client.experiment(uuid4())


def _methods(kind: type) -> dict[str, Callable[..., object]]:
    # What needs no service, what is the same in both, what a notebook alone has, and what writes a file, which blocks.
    others = {"facts", "events", "stream", "panel", "plot", "export"}
    found = inspect.getmembers(kind, inspect.isfunction)
    return {name: method for name, method in found if not name.startswith("_") and name not in others}


@pytest.mark.parametrize(
    ("blocking", "asynchronous"), [(Client, AsyncClient), (Experiment, AsyncExperiment), (Group, AsyncGroup)]
)
def test_async_class_has_the_same_methods_to_await(blocking, asynchronous):
    own_arguments = {"run", "ask"}  # an async function and no executor; overloads
    for name, method in _methods(blocking).items():
        own = inspect.getattr_static(asynchronous, name)
        call = getattr(own, "_method", own)
        assert inspect.iscoroutinefunction(call), name
        assert name in own_arguments or inspect.signature(call).parameters == inspect.signature(method).parameters


async def test_method_that_returns_the_experiment_returns_the_async_one(experiment):
    assert await experiment.rename("cookies") is experiment
    assert experiment.name == "cookies"


async def test_call_is_repeated_with_its_key_after_a_lost_reply(experiment, service):
    service.lose(TELL)
    await experiment.tell({"x": 0.5}, 1)
    first, second = service.keys_of(TELL)
    assert first == second
    assert len(service.runs) == 1


async def test_wait_before_a_repeat_leaves_the_loop_to_others(experiment, service, monkeypatch):
    waits = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    service.trouble(ASK, problem(503, "suggestion_pending", "not ready", retry_after=2))
    await experiment.ask()
    assert waits == [2]


async def test_tasks_share_one_renewal_of_a_token(service, monkeypatch):
    async def handle(request: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(0)  # lets the other tasks go on, as a network does
        return service.handle(request)

    pool = httpx2.AsyncClient(base_url=URL, transport=httpx2.MockTransport(handle))
    monkeypatch.setattr("autotune.transport.http.open_async_http", lambda _url: pool)
    async with autotune.aconnect(URL, username="a@b.c", password=PASSWORD) as client:
        service.holding.clear()
        await asyncio.gather(*(client.list() for _ in range(8)))
    assert service.n_calls(REFRESH) == 1
    assert service.n_calls("POST /auth/token") == 1


async def test_invalid_input_is_raised_when_the_call_is_awaited(experiment, service):
    call = experiment.tell({"x": 0.5}, "much")
    with pytest.raises(autotune.InvalidInputError, match="response"):
        await call
    assert service.n_calls(TELL) == 0


async def test_call_that_is_cancelled_ends_and_leaves_the_client_usable(service, monkeypatch):
    asked = asyncio.Event()

    async def hanging(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.startswith("/experiment/ask"):
            asked.set()
            await asyncio.Event().wait()
        return service.handle(request)

    pool = httpx2.AsyncClient(
        base_url=URL, transport=httpx2.MockTransport(hanging), limits=httpx2.Limits(max_connections=1)
    )
    monkeypatch.setattr("autotune.transport.http.open_async_http", lambda _url: pool)
    async with autotune.aconnect(URL, username="a@b.c", password=PASSWORD) as client:
        experiment = await client.new("brownies", SPACE)
        ask = asyncio.create_task(experiment.ask())
        await asked.wait()
        ask.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ask
        assert len(await client.list()) == 1
    assert pool.is_closed


async def test_wrong_password_closes_the_connections(service, monkeypatch):
    pool = httpx2.AsyncClient(base_url=URL, transport=httpx2.MockTransport(service.handle))
    monkeypatch.setattr("autotune.transport.http.open_async_http", lambda _url: pool)
    with pytest.raises(autotune.UnauthenticatedError):
        await autotune.aconnect(URL, username="a@b.c", password="wrong")
    assert pool.is_closed


async def test_async_client_cannot_be_pickled(client, experiment):
    for given in (client, experiment):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(given)


async def test_events_follow_the_experiment(experiment):
    with stream_server(sends(event(1), event(2), close=1012), sends(event(3))) as server:
        experiment.connection.url = server.url
        async with aclosing(experiment.events()) as events:
            assert [(await anext(events)).seq for _ in range(3)] == [1, 2, 3]


async def test_events_renew_the_token(experiment, service):
    service.holding.clear()
    with stream_server(401, sends(event(1))) as server:
        experiment.connection.url = server.url
        async with aclosing(experiment.events()) as events:
            assert (await anext(events)).seq == 1
    assert service.n_calls(REFRESH) == 1


async def test_service_that_refuses_is_an_error_of_the_same_class(experiment: AsyncExperiment, service: FakeService):
    service.trouble(ASK, problem(409, "experiment_closed", "it is closed"))
    with pytest.raises(autotune.ServiceError) as caught:
        await experiment.ask()
    assert caught.value.code == "experiment_closed"
