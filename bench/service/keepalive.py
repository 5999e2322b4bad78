"""A lean HTTP/1.1 connection that is kept open, and the calls of the API that the measurements make.

The connection uses asyncio streams alone: a full client would take more processor time than the service it measures.
"""

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Self
from urllib.parse import urlencode

from autotune_wire import paths

_DEV_USER = {"username": "test@test.com", "password": "CHANGEME"}


class RefusedError(Exception):
    """The service answered with another status than 2xx.

    Args:
        status: The status.
        detail: What was asked for, and the answer.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status


class Connection:
    """A connection for one request at a time, opened again if the service has ended it."""

    def __init__(self, port: int, token: str = "") -> None:
        self._port = port
        self._head = f"Host: 127.0.0.1:{port}\r\n" + (f"Authorization: Bearer {token}\r\n" if token else "")

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def _open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**24)
        self._is_ended = False

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def send(
        self, method: str, path: str, body: bytes = b"", kind: str = "application/json", headers: str = ""
    ) -> bytes:
        """Send a request and return the body of the answer; further headers end with CRLF each.

        Raises:
            RefusedError: If the answer is not 2xx.
        """
        if self._is_ended or self._reader.at_eof():
            self._writer.close()
            await self._open()
        what = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n" if body else ""
        self._writer.write(f"{method} {path} HTTP/1.1\r\n{self._head}{what}{headers}\r\n".encode() + body)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        answer = await self._reader.readexactly(length)
        self._is_ended = b"connection: close" in head
        if head[9:10] != b"2":
            raise RefusedError(int(head[9:12]), f"{method} {path}: {answer[:500].decode()}")
        return answer

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """Send JSON and return the JSON of the answer."""
        return json.loads(await self.send(method, path, b"" if body is None else json.dumps(body).encode()))


async def token_of(port: int) -> str:
    """Sign in as the dev user and return the token."""
    async with Connection(port) as connection:
        form = urlencode(_DEV_USER).encode()
        answer = await connection.send("POST", paths.AUTH_TOKEN, form, "application/x-www-form-urlencoded")
    return str(json.loads(answer)["access_token"])


async def new_experiments(connection: Connection, n: int, n_numbers: int = 4) -> list[str]:
    """Make n experiments with ``n_numbers`` continuous covariates each, and return their UUIDs."""
    covars = {f"x{i}": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0} for i in range(n_numbers)}
    made = [await connection.call("POST", paths.EXPERIMENT_NEW, {"name": "load", "covars": covars}) for _ in range(n)]
    return [experiment["exp_uuid"] for experiment in made]


async def close_experiments(connection: Connection, exp_uuids: Sequence[str]) -> None:
    """Close experiments, so that no engine computes for them any more."""
    for exp_uuid in exp_uuids:
        await connection.send("POST", paths.EXPERIMENT_CLOSE.format(exp_uuid=exp_uuid))
