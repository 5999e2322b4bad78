"""A websocket server for tests of the stream: each connection plays a script of the test."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from ssl import SSLContext
from threading import Event, Thread
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

Script = Callable[[ServerConnection], None]


def sends(*messages: dict[str, Any], close: int | None = None) -> Script:
    """Send messages, then close with a code, or stay open until the client leaves."""

    def play(socket: ServerConnection) -> None:
        for message in messages:
            socket.send(json.dumps(message))
        if close is None:
            socket.recv()
        else:
            socket.close(close)

    return play


class StreamServer:
    """Plays the scripts in order, one per connection; a number refuses the handshake with that status.

    Attributes:
        url: Of the server, as http.
        requests: The path, with query, and the bearer token of every handshake.
        is_open: Set when the first connection is open.
    """

    def __init__(self, scripts: list[Script | int]) -> None:
        self.url = ""
        self.requests: list[tuple[str, str]] = []
        self.is_open = Event()
        self._scripts = iter(scripts)
        self._script: Script | None = None

    def begin(self, socket: ServerConnection, request: Request) -> Response | None:
        self.requests.append((request.path, request.headers.get("Authorization", "").removeprefix("Bearer ")))
        script = next(self._scripts, HTTPStatus.SERVICE_UNAVAILABLE)
        if isinstance(script, int):
            return socket.respond(HTTPStatus(script), "")
        self._script = script
        return None

    def handle(self, socket: ServerConnection) -> None:
        assert self._script is not None
        self.is_open.set()
        with suppress(ConnectionClosed):  # the client leaves, which is how most tests end
            self._script(socket)

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]


@contextmanager
def stream_server(*scripts: Script | int, tls: SSLContext | None = None) -> Iterator[StreamServer]:
    own = StreamServer(list(scripts))
    with serve(own.handle, "127.0.0.1", 0, process_request=own.begin, ssl=tls) as server:
        own.url = f"http{'s' if tls else ''}://127.0.0.1:{server.socket.getsockname()[1]}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield own
        finally:
            server.shutdown()
            thread.join()
