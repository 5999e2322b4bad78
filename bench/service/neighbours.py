"""Measure what a user feels of another one who floods the service: B's calls beside A's flood, and beside nobody.

Run it as ``.venv/bin/python bench/service/neighbours.py``, on an idle machine. A sends tells, asks, questions, lists
and imports from many connections at once, opens more websockets than a user may have, and meanwhile somebody without
an account signs in with wrong passwords, signs up and tries codes of resets. The load runs on the machine of the
service, and takes part of its processors: to B that is the same as a slower machine.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from uuid import uuid4

import rounds
import serving
import uvloop
from flood_load import N_NUMBERS, Turn
from keepalive import Connection, RefusedError, new_experiments
from players import players
from tell_load import body_of

from autotune_wire import paths

_EXPERIMENTS = 10
_LOOPS = {
    "tells": 40,
    "asks": 60,
    "questions": 20,
    "lists": 5,
    "imports": 2,
    "sign_ins": 4,
    "sign_ups": 2,
    "resets": 2,
    "sockets": 150,
}
_BEGUN_S = 3.0
"""How long A floods before B comes."""
_SETTLED_S = 3.0
"""How long B's calls do not count: the second engine process starts with the first of them beside A's work."""
_PAUSE_S = 0.05
_CALLS = ("tell", "ask", "list")


class _Neighbour:
    """B, who tells, asks and lists in turn, and notes how long each call took."""

    def __init__(self, connection: Connection, exp_uuid: str) -> None:
        self._connection = connection
        self._exp_uuid = exp_uuid
        self._draw = random.Random(1)
        self.latencies_ms: dict[str, list[float]] = {call: [] for call in _CALLS}
        self.refused: Counter[int] = Counter()

    async def live(self, seconds: float) -> None:
        """Make calls for some seconds."""
        ends_s = time.perf_counter() + seconds
        while time.perf_counter() < ends_s:
            tell = paths.EXPERIMENT_TELL.format(exp_uuid=self._exp_uuid)
            await self._timed("tell", "POST", tell, body_of(self._draw, N_NUMBERS))
            await self._timed("ask", "GET", paths.EXPERIMENT_ASK.format(exp_uuid=self._exp_uuid))
            await self._timed("list", "GET", paths.EXPERIMENT_ALL)
            await asyncio.sleep(_PAUSE_S)

    async def _timed(self, call: str, method: str, path: str, body: bytes = b"") -> None:
        began_s = time.perf_counter()
        try:
            await self._connection.send(method, path, body)
        except RefusedError as refused:
            self.refused[refused.status] += 1
        self.latencies_ms[call].append(1000 * (time.perf_counter() - began_s))

    def figures(self) -> dict[str, float]:
        """Return what is shown of the calls."""
        shown = {
            f"{call} p{percent}, ms": rounds.percentile(took_ms, percent)
            for call, took_ms in self.latencies_ms.items()
            for percent in (50, 99)
        }
        n_refused = self.refused.total()
        return shown | {"calls": sum(map(len, self.latencies_ms.values())), "refused (429, 503)": n_refused}


async def _user(port: int) -> str:
    """Sign somebody up, and return the access token."""
    password = uuid4().hex
    async with Connection(port) as connection:
        email = f"{uuid4().hex}@example.org"
        await connection.call("POST", paths.USER_SIGNUP, {"email": email, "password": password})
        form = f"username={email}&password={password}".encode()
        reply = await connection.send("POST", paths.AUTH_TOKEN, form, "application/x-www-form-urlencoded")
    return str(json.loads(reply)["access_token"])


async def _flood_of(port: int, kinds: Sequence[str]) -> Turn:
    token = await _user(port)
    async with Connection(port, token) as connection:
        exp_uuids = await new_experiments(connection, _EXPERIMENTS, N_NUMBERS)
        export = paths.EXPERIMENT_EXPORT.format(exp_uuid=exp_uuids[0])
        document = (await connection.send("GET", export)).decode()
    return Turn(port, token, exp_uuids, document, {kind: _LOOPS[kind] for kind in kinds})


async def measure(at: serving.Place, options: argparse.Namespace) -> tuple[dict[str, list[float]], Counter[str]]:
    """Run the turns of B, alone and beside A, on one service; return the figures, and how A was answered."""
    answered: Counter[str] = Counter()
    command = [sys.executable, str(Path(__file__).parent / "flood_load.py")]
    async with serving.database(at) as url:
        with serving.service(at, url) as running, players([command]) as [flood]:
            turn = await _flood_of(running.port, options.kinds)
            token = await _user(running.port)
            async with Connection(running.port, token) as connection:

                async def alone() -> Mapping[str, float]:
                    [exp_uuid] = await new_experiments(connection, 1, N_NUMBERS)
                    await _Neighbour(connection, exp_uuid).live(_SETTLED_S)
                    neighbour = _Neighbour(connection, exp_uuid)
                    await neighbour.live(options.seconds)
                    return neighbour.figures()

                async def beside() -> Mapping[str, float]:
                    flood.say(asdict(turn))
                    await asyncio.sleep(_BEGUN_S)
                    figures = await alone()
                    answered.update(await flood.play("stop"))
                    return figures

                found = await rounds.alternate({"alone": alone, "beside A": beside}, options.rounds)
    return found, answered


def comparison(found: Mapping[str, Sequence[float]], middle: Callable[[Sequence[float]], float]) -> str:
    """Write B's figures alone and beside A side by side, with their ratio."""
    rows = ["| B's call | alone | beside A | times |", "|---|---|---|---|"]
    for name in [name.removeprefix("alone: ") for name in found if name.startswith("alone: ")]:
        alone, beside = middle(found[f"alone: {name}"]), middle(found[f"beside A: {name}"])
        times = f"{beside / alone:.1f}" if alone else ""
        rows.append(f"| {name} | {alone:.1f} | {beside:.1f} | {times} |")
    return "\n".join(rows)


async def main() -> None:
    """Measure, and print the machine, the table and how A was answered."""
    parser = rounds.options("A user beside another one who floods.", rounds=3, seconds=20)
    parser.add_argument("--kinds", nargs="+", default=list(_LOOPS), choices=_LOOPS, help="what A sends (all)")
    options = parser.parse_args()
    serving.allow_many_files()
    with serving.place() as at:
        loops = ", ".join(f"{_LOOPS[kind]} of {kind.replace('_', '-')}" for kind in options.kinds)
        print(f"{await serving.machine(at)}; {options.rounds} rounds of {options.seconds:g} s; A's loops: {loops}\n")
        found, answered = await measure(at, options)
    print(comparison(found, lambda values: sorted(values)[len(values) // 2]))
    print("\nA was answered: " + ", ".join(f"{what} {n}" for what, n in sorted(answered.items())))


if __name__ == "__main__":
    uvloop.run(main())
