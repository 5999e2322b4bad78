"""Ask whether the service lives, and tell one run after another, until told to stop; ``imports.py`` starts it.

A turn is a line of JSON on the input, and any further line ends the turn; a line of JSON on the output has its figures.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass

import uvloop
from keepalive import Connection
from tell_load import body_of

from autotune_wire import paths

_LIVE_PAUSE_S = 0.02
_TELL_PAUSE_S = 0.05


@dataclass(frozen=True)
class Turn:
    """Where to ask, and whose experiment of 4 covariates is told."""

    port: int
    token: str
    exp_uuid: str


@dataclass
class Probed:
    """How long each call of a turn took, in seconds."""

    live_s: list[float]
    tell_s: list[float]


async def play(turn: Turn, stopped: Callable[[], Awaitable[object]]) -> Probed:
    """Probe until ``stopped`` returns."""
    probed = Probed([], [])
    draw = random.Random(0)
    path = paths.EXPERIMENT_TELL.format(exp_uuid=turn.exp_uuid)
    async with Connection(turn.port, turn.token) as living, Connection(turn.port, turn.token) as telling:
        probes = [
            asyncio.create_task(_probe(lambda: living.send("GET", paths.HEALTH_LIVE), _LIVE_PAUSE_S, probed.live_s)),
            asyncio.create_task(
                _probe(lambda: telling.send("POST", path, body_of(draw, 4)), _TELL_PAUSE_S, probed.tell_s)
            ),
        ]
        await stopped()
        for probe in probes:
            probe.cancel()
        await asyncio.wait(probes)
    return probed


async def _probe(call: Callable[[], Awaitable[bytes]], pause_s: float, latencies_s: list[float]) -> None:
    while True:
        began_s = time.perf_counter()
        await call()
        latencies_s.append(time.perf_counter() - began_s)
        await asyncio.sleep(pause_s)


def main() -> None:
    """Play turns until the input ends."""
    while line := sys.stdin.readline():
        turn = Turn(**json.loads(line))
        print(
            json.dumps(asdict(uvloop.run(play(turn, lambda: asyncio.to_thread(sys.stdin.readline))))),
            flush=True,
        )


if __name__ == "__main__":
    main()
