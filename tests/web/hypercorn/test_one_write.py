"""An answer leaves in one write, whatever hypercorn makes of it."""

import asyncio

import pytest
from hypercorn import Config, protocol
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.events import Closed, RawData
from hypercorn.typing import ConnectionState

from autotune_service.web.hypercorn import one_write

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]}
END = {"type": "http.response.body", "body": b"", "more_body": False}


class App:
    """The part of hypercorn's task group that starts the app for a request."""

    async def spawn_app(self, _app, _config, _scope, send):
        self.send = send
        return asyncio.Queue().put


@pytest.fixture
async def exchange(monkeypatch):
    """Make a request by hypercorn's own way of making a connection; give the app's side, and what is written."""
    monkeypatch.setattr(protocol, "H11Protocol", protocol.H11Protocol)  # so that it is put back
    one_write.install()
    app, sent = App(), []

    async def send(event):
        sent.append(event)

    state = ConnectionState({})
    made = protocol.ProtocolWrapper(object(), Config(), WorkerContext(None), app, state, False, None, None, send)
    await made.handle(RawData(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"))
    sent.clear()
    return app.send, sent


def written(sent):
    return [event.data for event in sent if isinstance(event, RawData)]


async def test_head_and_body_are_one_write(exchange):
    send, sent = exchange
    for message in (START, {"type": "http.response.body", "body": b"body", "more_body": True}, END, None):
        await send(message)
    (data,) = written(sent)
    assert data.startswith(b"HTTP/1.1 200 ")
    assert data.endswith(b"\r\n\r\nbody")


async def test_parts_that_follow_are_written_as_they_come(exchange):
    send, sent = exchange
    for part in (b"bo", b"dy"):
        if part == b"bo":
            await send(START)
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send(END)
    first, second = written(sent)
    assert first.endswith(b"\r\n\r\nbo")
    assert second == b"dy"


async def test_answer_without_a_body_is_its_head(exchange):
    send, sent = exchange
    for message in ({**START, "status": 204, "headers": []}, END):
        await send(message)
    (data,) = written(sent)
    assert data.startswith(b"HTTP/1.1 204 ")


async def test_head_of_an_answer_that_breaks_off_is_written(exchange):
    send, sent = exchange
    for message in (START, None):
        await send(message)
    assert written(sent)[0].startswith(b"HTTP/1.1 200 ")
    assert isinstance(sent[-1], Closed)
