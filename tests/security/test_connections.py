"""Connections that could hold up or fill the service: HTTP/2 in clear text, slow imports, and websockets of nobody."""

import asyncio
import json
import logging
from contextlib import AsyncExitStack

import pytest
from hypercorn import Config, protocol
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.events import Closed, RawData
from hypercorn.typing import ConnectionState
from quart.testing.connections import WebsocketResponseError

from autotune_service.tuning import portable
from autotune_service.web import descriptors, socket
from autotune_service.web.checking.bodies import SMALL
from autotune_service.web.hypercorn import one_write
from support import GUESS, PASSWORD, make_experiment

PRIOR_KNOWLEDGE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
UPGRADE = (
    b"GET / HTTP/1.1\r\nhost: x\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n"
    b"http2-settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n"
)


OK = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
END = {"type": "http.response.body", "body": b"", "more_body": False}


class App:
    """The part of hypercorn's task group that starts the app for a request, and an app that answers each at once."""

    def __init__(self):
        self.scopes = []

    async def spawn_app(self, _app, _config, scope, send):
        self.scopes.append(scope)
        for message in (OK, END, None):
            asyncio.get_running_loop().call_soon(asyncio.ensure_future, send(message))
        return asyncio.Queue().put


@pytest.fixture
async def exchange(monkeypatch):
    """Send bytes to a new connection; give the requests that the app sees, and what is sent back."""
    monkeypatch.setattr(protocol, "H11Protocol", protocol.H11Protocol)  # so that it is put back
    one_write.install()

    async def sent_back(*pieces):
        app, sent = App(), []

        async def send(event):
            sent.append(event)

        state = ConnectionState({})
        made = protocol.ProtocolWrapper(object(), Config(), WorkerContext(None), app, state, False, None, None, send)
        async with asyncio.timeout(10):
            for piece in pieces:
                await made.handle(RawData(piece))
        return app.scopes, b"".join(event.data for event in sent if isinstance(event, RawData)), sent

    return sent_back


async def test_http_2_by_prior_knowledge_is_refused_and_the_connection_ends(exchange):
    scopes, data, sent = await exchange(PRIOR_KNOWLEDGE, b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
    assert scopes == []
    assert data.startswith(b"HTTP/1.1 505 ")
    assert any(isinstance(event, Closed) for event in sent)


async def test_upgrade_to_http_2_is_answered_without_it(exchange):
    scopes, data, _ = await exchange(UPGRADE)
    assert [scope["http_version"] for scope in scopes] == ["1.1"]
    assert data.startswith(b"HTTP/1.1 200 ")


async def test_document_of_the_api_is_made_once_and_beside_the_event_loop(client, app, monkeypatch):
    schema = app.extensions["QUART_SCHEMA"].openapi_provider
    makers = []

    def made():
        with pytest.raises(RuntimeError):  # no loop runs in the thread that makes it
            asyncio.get_running_loop()
        makers.append(1)
        return type(schema).schema(schema)

    monkeypatch.setattr(schema, "schema", made)
    replies = await asyncio.gather(*(client.get("/openapi.json") for _ in range(20)))
    texts = {await reply.get_data() for reply in replies}
    assert len(makers) == len(texts) == 1
    assert "/experiment/new" in json.loads(texts.pop())["paths"]


@pytest.fixture
async def place(client, headers):
    exp_uuid = (await make_experiment(client, headers))["exp_uuid"]
    return f"/experiment/stream/{exp_uuid}"


async def test_websockets_of_nobody_known_are_few(client, headers, place, monkeypatch):
    monkeypatch.setattr(descriptors, "MAX_UNNAMED", 1)
    form = {"username": "ada@example.org", "password": PASSWORD}
    token = (await (await client.post("/auth/token", form=form)).get_json())["access_token"]
    async with client.websocket(place) as first:
        await first.send("")  # waits until the socket is accepted
        with pytest.raises(WebsocketResponseError) as caught:
            async with client.websocket(place) as second:
                await second.receive()
        assert caught.value.response.status_code == 503
        async with client.websocket(place, headers=headers) as known:
            assert json.loads(await known.receive())["seq"] == 1
    async with AsyncExitStack() as stack:
        for _ in range(3):  # each gives its place back as soon as its user is known
            named = await stack.enter_async_context(client.websocket(place))
            await named.send(json.dumps({"op": "auth", "token": token}))
            assert json.loads(await named.receive())["seq"] == 1


@pytest.mark.parametrize("first_frame", [None, "nonsense", json.dumps({"op": "auth", "token": "x" * 100_000})])
async def test_websocket_of_nobody_known_is_closed_soon_and_is_no_fault(
    client, place, monkeypatch, caplog, first_frame
):
    assert socket._AUTH_WAIT_S == 5
    monkeypatch.setattr(socket, "_AUTH_WAIT_S", 0.05)
    codes = asyncio.Queue()

    async def close(code, _reason):
        codes.put_nowait(code)

    monkeypatch.setattr(socket, "_close", close)
    async with client.websocket(place) as nobody:
        if first_frame is not None:
            await nobody.send(first_frame)
        async with asyncio.timeout(10):
            assert await codes.get() == 4401
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_long_frame_is_answered_by_its_id(client, headers, place):
    n_runs = SMALL // 50
    good = [{"covars": GUESS, "response": 1.0}] * n_runs
    async with client.websocket(place, headers=headers) as known:
        await known.send(json.dumps({"op": "tell", "id": "good", "observations": good}))
        await known.send(json.dumps({"op": "tell", "id": "bad", "observations": [*good, {"covars": GUESS}]}))
        await known.send("[" * 2 * SMALL)
        answers = {}
        while len(answers) < 3:
            frame = json.loads(await known.receive())
            if "id" in frame:
                answers[frame["id"]] = frame
    assert len(answers["good"]["result"]["observations"]) == n_runs
    assert answers["bad"]["problem"]["errors"][0]["field"] == f"observations.{n_runs}.response"
    assert answers[None]["problem"]["code"] == "malformed"


async def test_import_that_comes_slowly_holds_up_no_other(client, headers, place):
    exported = await client.get(f"/experiment/{place.rpartition('/')[2]}/export", headers=headers)
    document = await exported.get_data()
    as_json = headers | {"Content-Type": "application/json"}
    async with client.request("/experiment/import", method="POST", headers=as_json) as slow:
        await slow.send(document[:100])
        async with asyncio.timeout(10):
            other = await client.post("/experiment/import", data=document, headers=as_json)
        assert other.status_code == 201
        await slow.send(document[100:])
        await slow.send_complete()
    assert slow.status_code == 201


async def test_import_is_read_by_another_process_unless_it_is_very_short(client, headers, place, monkeypatch):
    exp_uuid = place.rpartition("/")[2]
    runs = [{"covars": GUESS, "response": 1.0}] * 50
    await client.post(f"/experiment/tell/{exp_uuid}", json={"observations": runs}, headers=headers)
    document = await (await client.get(f"/experiment/{exp_uuid}/export", headers=headers)).get_data()
    assert 16 * 1024 < len(document) < 1_000_000
    monkeypatch.setattr(portable, "rows_of", None)
    reply = await client.post(
        "/experiment/import", data=document, headers=headers | {"Content-Type": "application/json"}
    )
    assert (reply.status_code, (await reply.get_json())["n_observations"]) == (201, 50)
