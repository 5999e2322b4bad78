"""Tells as fast as the service answers, from a process of its own; ``tells.py`` starts it and gives it its turns.

A turn is a line of JSON on its input, and a line of JSON on its output says what came of it.
"""

import asyncio
import json
import random
import sys
import time
from dataclasses import asdict, dataclass

import uvloop
from keepalive import Connection

from autotune_wire import paths

N_NUMBERS = 6


@dataclass(frozen=True)
class Turn:
    """So many clients, each at the next of some services and on the next of some experiments, after a warm-up.

    ``n_numbers`` is how many covariates the experiments have.
    """

    ports: list[int]
    token: str
    exp_uuids: list[str]
    n_clients: int
    n_numbers: int
    warm_s: float
    seconds: float


@dataclass
class Told:
    """How long each tell took after the warm-up, how many there were with it, and the cores that the load used."""

    latencies_s: list[float]
    n_all: int
    processor: float


async def play(turn: Turn) -> Told:
    """Have all clients tell."""
    latencies: list[float] = []
    started_s = time.perf_counter() + turn.warm_s
    used_s = time.process_time()
    clients = [_client(turn, index, started_s, latencies) for index in range(turn.n_clients)]
    n_all = sum(await asyncio.gather(*clients))
    return Told(latencies, n_all, (time.process_time() - used_s) / (turn.warm_s + turn.seconds))


async def _client(turn: Turn, index: int, started_s: float, latencies: list[float]) -> int:
    n_all = 0
    draw = random.Random(index)
    path = paths.EXPERIMENT_TELL.format(exp_uuid=turn.exp_uuids[index % len(turn.exp_uuids)])
    async with Connection(turn.ports[index % len(turn.ports)], turn.token) as connection:
        while (sent_s := time.perf_counter()) < started_s + turn.seconds:
            await connection.send("POST", path, body_of(draw, turn.n_numbers))
            answered_s = time.perf_counter()
            n_all += 1
            if started_s <= answered_s < started_s + turn.seconds:
                latencies.append(answered_s - sent_s)
    return n_all


def body_of(draw: random.Random, n_numbers: int) -> bytes:
    """Make a run: its configuration and a response."""
    covars = {f"x{i}": draw.random() for i in range(n_numbers)}
    return json.dumps({"covars": covars, "response": draw.random()}).encode()


def main() -> None:
    """Play turns until the input ends."""
    for line in sys.stdin:
        print(json.dumps(asdict(uvloop.run(play(Turn(**json.loads(line)))))), flush=True)


if __name__ == "__main__":
    main()
