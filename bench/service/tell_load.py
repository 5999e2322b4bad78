"""Send tells as fast as the service answers, from a process of its own; ``tells.py`` starts it and sends its turns.

A turn is a line of JSON on the input; a line of JSON on the output has its figures.
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
    """A turn of several clients, who spread over the services and the experiments in order.

    ``n_numbers`` is how many covariates the experiments have; tells count after ``warm_s`` only.
    """

    ports: list[int]
    token: str
    exp_uuids: list[str]
    n_clients: int
    n_numbers: int
    warm_s: float
    seconds: float


@dataclass
class Played:
    """The figures of a turn: seconds of each tell after the warm-up, the number of all tells, the cores of the load."""

    latencies_s: list[float]
    n_all: int
    processor: float


async def play(turn: Turn) -> Played:
    """Run all clients of a turn and return its figures."""
    latencies: list[float] = []
    started_s = time.perf_counter() + turn.warm_s
    used_s = time.process_time()
    clients = [_client(turn, index, started_s, latencies) for index in range(turn.n_clients)]
    n_all = sum(await asyncio.gather(*clients))
    return Played(latencies, n_all, (time.process_time() - used_s) / (turn.warm_s + turn.seconds))


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
    """Draw a configuration and a response, and return them as the JSON of a tell."""
    covars = {f"x{i}": draw.random() for i in range(n_numbers)}
    return json.dumps({"covars": covars, "response": draw.random()}).encode()


def main() -> None:
    """Play turns until the input ends."""
    for line in sys.stdin:
        print(json.dumps(asdict(uvloop.run(play(Turn(**json.loads(line)))))), flush=True)


if __name__ == "__main__":
    main()
