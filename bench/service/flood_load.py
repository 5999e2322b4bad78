"""Send all kinds of requests of one user as fast as they are answered; ``neighbours.py`` starts it.

A turn is a line of JSON on the input, and any further line ends the turn; a line of JSON on the output has how often
each status came.
"""

import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import uvloop
from keepalive import Connection, RefusedError
from sockets import watching

from autotune_wire import paths

N_NUMBERS = 4
_RUNS = 20
_LOST_S = 0.2
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Turn:
    """Where to send, as whom, about which experiments of ``N_NUMBERS`` covariates; what is imported; the loops of each.

    ``n_each`` has the number of loops by kind: tells, asks, questions, lists, imports, sign_ins, sign_ups, resets,
    sockets.
    """

    port: int
    token: str
    exp_uuids: list[str]
    document: str
    n_each: dict[str, int]


class _Flood:
    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._draw = random.Random(0)
        self.statuses: Counter[str] = Counter()

    async def run(self, kind: str) -> None:
        """Send one request after the other; the next comes when the last one is answered, whatever the answer."""
        make: Callable[[], tuple[str, str, bytes, str]] = getattr(self, f"_{kind}")
        token = "" if kind in {"sign_ins", "sign_ups", "resets"} else self._turn.token
        while True:
            try:
                async with Connection(self._turn.port, token) as connection:
                    while True:
                        self.statuses[f"{kind} {await _status(connection, *make())}"] += 1
            except (OSError, asyncio.IncompleteReadError):
                self.statuses[f"{kind} lost"] += 1
                await asyncio.sleep(_LOST_S)

    async def watch(self, number: int) -> None:
        """Keep a websocket open, and open another one where the service closes or refuses it."""
        turn = self._turn
        exp_uuid = turn.exp_uuids[number % len(turn.exp_uuids)]
        while True:
            try:
                async with watching(turn.port, turn.token, exp_uuid, 0, lambda _: None) as stream:
                    self.statuses["sockets opened"] += 1
                    await stream.closed.wait()
                await asyncio.sleep(_LOST_S)
            except OSError:
                self.statuses["sockets refused"] += 1
                await asyncio.sleep(_LOST_S)

    def _path(self, path: str) -> str:
        return path.format(exp_uuid=self._draw.choice(self._turn.exp_uuids))

    def _covars(self) -> dict[str, float]:
        return {f"x{i}": self._draw.random() for i in range(N_NUMBERS)}

    def _tells(self) -> tuple[str, str, bytes, str]:
        runs = [{"covars": self._covars(), "response": self._draw.random()} for _ in range(_RUNS)]
        return "POST", self._path(paths.EXPERIMENT_TELL), _json({"observations": runs}), "application/json"

    def _asks(self) -> tuple[str, str, bytes, str]:
        return "POST", self._path(paths.EXPERIMENT_ASK), _json({"n": 20}), "application/json"

    def _questions(self) -> tuple[str, str, bytes, str]:
        body = {"configurations": [self._covars()]}
        return "POST", self._path(paths.EXPERIMENT_PREDICT), _json(body), "application/json"

    def _lists(self) -> tuple[str, str, bytes, str]:
        return "GET", f"{paths.EXPERIMENT_ALL}?limit=1000", b"", "application/json"

    def _imports(self) -> tuple[str, str, bytes, str]:
        return "POST", paths.EXPERIMENT_IMPORT, self._turn.document.encode(), "application/json"

    def _sign_ins(self) -> tuple[str, str, bytes, str]:
        form = {"username": "test@test.com", "password": uuid4().hex}
        return "POST", paths.AUTH_TOKEN, urlencode(form).encode(), _FORM

    def _sign_ups(self) -> tuple[str, str, bytes, str]:
        body = {"email": f"{uuid4().hex}@example.org", "password": uuid4().hex}
        return "POST", paths.USER_SIGNUP, _json(body), "application/json"

    def _resets(self) -> tuple[str, str, bytes, str]:
        body = {"code": uuid4().hex, "new_password": uuid4().hex}
        return "POST", paths.USER_RESET, _json(body), "application/json"


async def _status(connection: Connection, *request: Any) -> str:
    try:
        await connection.send(*request)
    except RefusedError as refused:
        return str(refused.status)
    return "2xx"


def _json(body: object) -> bytes:
    return json.dumps(body).encode()


async def play(turn: Turn, stopped: Callable[[], Awaitable[object]]) -> dict[str, int]:
    """Flood until ``stopped`` returns; return how often each status came."""
    flood = _Flood(turn)
    tasks = [
        asyncio.create_task(flood.watch(number) if kind == "sockets" else flood.run(kind))
        for kind, n in turn.n_each.items()
        for number in range(n)
    ]
    await stopped()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    return dict(sorted(flood.statuses.items()))


def main() -> None:
    """Play turns until the input ends."""
    while line := sys.stdin.readline():
        turn = Turn(**json.loads(line))
        print(json.dumps(uvloop.run(play(turn, lambda: asyncio.to_thread(sys.stdin.readline)))), flush=True)


if __name__ == "__main__":
    main()
