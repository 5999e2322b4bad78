"""Measure the time from the reply to a tell until the pushed suggestion, less the time that the engine computes.

Run it as ``.venv/bin/python bench/service/push.py``, on an idle machine. The rest is the service's own: the wake-up of
the worker, its claim, the snapshot, the way to the engine's process and back, the commit, the wake-up of the web
process and the push. The tell's reply and the worker's wake-up leave at the same commit, so a figure may be a little
short of what a stop-watch at the commit would show. The table also has the time from sending a tell until the watcher
sees the event of its observation.
"""

import asyncio
import json
import random
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial

import asyncpg
import psutil
import rounds
import serving
import uvloop
from keepalive import Connection, close_experiments, new_experiments, token_of
from sockets import watching

from autotune_wire import paths

_N_NUMBERS = 6
_WITHIN_S = 60.0


async def turn(told_at: int, watched_at: int, n_observations: int, seconds: float) -> Mapping[str, float]:
    """Run tells of an experiment at one port, one after the other, and watch the experiment at another port."""
    token = await token_of(told_at)
    draw = random.Random(0)
    delays_s: list[float] = []
    computed_s: list[float] = []
    seen_s: list[float] = []
    async with Connection(told_at, token) as connection:
        [exp_uuid] = await new_experiments(connection, 1, _N_NUMBERS)
        tell = partial(connection.call, "POST", paths.EXPERIMENT_TELL.format(exp_uuid=exp_uuid))
        events: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        async with watching(
            watched_at, token, exp_uuid, 0, lambda text: events.put_nowait((time.perf_counter(), text))
        ):
            await tell({"observations": [_run(draw) for _ in range(n_observations)]})
            await _pushed(events, n_observations)
            ends_s, n_told = time.perf_counter() + seconds, n_observations
            while time.perf_counter() < ends_s:
                sent_s = time.perf_counter()
                await tell(_run(draw))
                answered_s = time.perf_counter()
                n_told += 1
                observed_s, suggested_s, engine_s = await _pushed(events, n_told)
                seen_s.append(observed_s - sent_s)
                delays_s.append(suggested_s - answered_s - engine_s)
                computed_s.append(engine_s)
        await close_experiments(connection, [exp_uuid])
    return {
        "p50, ms": 1000 * rounds.percentile(delays_s, 50),
        "p95, ms": 1000 * rounds.percentile(delays_s, 95),
        "p99, ms": 1000 * rounds.percentile(delays_s, 99),
        "the engine's own, p50, ms": 1000 * rounds.percentile(computed_s, 50),
        "from sending the tell to its event, p50, ms": 1000 * rounds.percentile(seen_s, 50),
        "from sending the tell to its event, p99, ms": 1000 * rounds.percentile(seen_s, 99),
        "tells": len(delays_s),
    }


def _run(draw: random.Random) -> dict[str, object]:
    covars = {f"x{i}": draw.random() for i in range(_N_NUMBERS)}
    return {"covars": covars, "response": -sum((x - 0.3) ** 2 for x in covars.values())}


async def _pushed(events: "asyncio.Queue[tuple[float, bytes]]", n_told: int) -> tuple[float, float, float]:
    """Wait for the suggestion that takes all observations into account.

    Returns:
        The times at which the last observation's event and the suggestion's event came, and the engine's seconds.
    """
    observed_s = 0.0
    while True:
        came_s, text = await asyncio.wait_for(events.get(), _WITHIN_S)
        event = json.loads(text)
        if event["type"] == "observation_added" and event["data"]["n_observations"] == n_told:
            observed_s = came_s
        if event["type"] == "suggestion_created" and event["data"]["data_rev"] == n_told:
            return observed_s, came_s, event["data"]["seconds"] or 0.0


async def measure(at: serving.Place, n_rounds: int, n_observations: int, seconds: float) -> dict[str, list[float]]:
    """Measure one service with its worker, and two services with a worker beside them, in turns."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving.database(at))
        alone = stack.enter_context(serving.service(at, url))
        shared_url = await stack.enter_async_context(serving.database(at))
        told_at, watched_at = [
            stack.enter_context(serving.service(at, shared_url, "--no-worker")).port for _ in range(2)
        ]
        worker = psutil.Process(stack.enter_context(serving.worker(at, shared_url)).pid)
        cases: dict[str, rounds.Case] = {
            "one service with its worker": partial(turn, alone.port, alone.port, n_observations, seconds),
            "told at one, watched at another, a worker beside them": partial(
                turn, told_at, watched_at, n_observations, seconds
            ),
        }
        found = await rounds.alternate(cases, n_rounds)
        found["MiB RSS of the worker"] = [worker.memory_info().rss / 2**20]
        found["MiB RSS of its engine process, and helpers"] = [
            sum(child.memory_info().rss for child in worker.children(recursive=True)) / 2**20
        ]
        found["bytes of a suggestion's row and of its event's"] = [await _suggestion_bytes(shared_url)]
        return found


async def _suggestion_bytes(url: str) -> float:
    connection = await asyncpg.connect(url)
    try:
        row = "SELECT avg(pg_column_size(s)) FROM autotune.suggestions s WHERE source = 'model'"
        event = "SELECT avg(pg_column_size(e)) FROM autotune.events e WHERE type = 'suggestion_created'"
        return float(await connection.fetchval(row)) + float(await connection.fetchval(event))
    finally:
        await connection.close()


async def main() -> None:
    """Measure, and print the machine and the table."""
    parser = rounds.options("From a tell's reply to the pushed suggestion.", rounds=5, seconds=20)
    parser.add_argument("--observations", type=int, default=50, help="that are there before the first tell (50)")
    options = parser.parse_args()
    with serving.place() as at:
        print(
            f"{await serving.machine(at)}; {options.rounds} rounds of {options.seconds:g} s; from "
            f"{options.observations} observations on, {_N_NUMBERS} covariates; from the reply to the push, less the "
            f"engine's `seconds`\n"
        )
        found = await measure(at, options.rounds, options.observations, options.seconds)
    print(rounds.table(found))


if __name__ == "__main__":
    uvloop.run(main())
