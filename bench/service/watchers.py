"""Measure many watchers of one experiment: whether all see all events in order, how late, and what a socket costs.

Run it as ``.venv/bin/python bench/service/watchers.py``, on an idle machine. The delay of an event counts from its
``at``, the moment at which the service took the tell up, so the delay contains the transaction and its commit.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path

import psutil
import rounds
import serving
import uvloop
from keepalive import Connection, close_experiments, new_experiments, token_of
from players import Player, players
from watch_load import Turn

from autotune_wire import paths

_KIB = 2**10
_FIRST = (1, 20)
"""Seconds and watchers of a turn before the first one, so that memory for code loaded once is no socket's."""


async def turn(running: serving.Serving, load: Sequence[Player], options: argparse.Namespace) -> Mapping[str, float]:
    """Start all watchers, run tells at a steady rate, and return what the watchers saw."""
    token, process = await token_of(running.port), psutil.Process(running.pid)
    n_events = max(1, round(options.per_second * options.seconds))
    async with Connection(running.port, token) as connection:
        [exp_uuid] = await new_experiments(connection, 1)
        path = paths.EXPERIMENT_TELL.format(exp_uuid=exp_uuid)
        await connection.call("POST", path, _run(1.0))  # the best run: the runs to come announce no better
        after = (await connection.call("GET", paths.EXPERIMENT.format(exp_uuid=exp_uuid)))["last_seq"]
        rss = process.memory_info().rss
        for index, player in enumerate(load):
            n_watchers = len(range(index, options.watchers, len(load)))
            player.say(asdict(Turn(running.port, token, exp_uuid, after, n_watchers, n_events, options.seconds)))
        opened_s = time.perf_counter()
        for player in load:
            await asyncio.to_thread(player.line)
        opened_s = time.perf_counter() - opened_s
        open_rss = process.memory_info().rss
        used_s = serving.processor_s([process])
        told_ms = await _tell_steadily(connection, path, n_events, options.per_second)
        seen = [json.loads(await asyncio.to_thread(player.line)) for player in load]
        used = serving.processor_s_since(used_s, [process])
        await close_experiments(connection, [exp_uuid])
    delays_ms = [1000 * delay_s for report in seen for delay_s in report["delays_s"]]
    n_deliveries = options.watchers * n_events
    return {
        "watchers who saw all events in order": sum(report["n_complete"] for report in seen),
        "watchers still connected at the end": sum(report["n_open"] for report in seen),
        "share of all deliveries that came": len(delays_ms) / n_deliveries,
        "delay p50, ms": rounds.percentile(delays_ms, 50),
        "delay p95, ms": rounds.percentile(delays_ms, 95),
        "delay p99, ms": rounds.percentile(delays_ms, 99),
        "delay max, ms": max(delays_ms),
        "tell p50 meanwhile, ms": rounds.percentile(told_ms, 50),
        "ms of processor a delivery, web process": 1000 * used / n_deliveries,
        "ms of processor a delivery, the load": 1000 * sum(report["used_s"] for report in seen) / n_deliveries,
        "s to open all sockets": opened_s,
        "MiB RSS before": rss / 2**20,
        "MiB RSS with all sockets open": open_rss / 2**20,
        "KiB RSS a socket": (open_rss - rss) / _KIB / options.watchers,
    }


async def _tell_steadily(connection: Connection, path: str, n: int, per_second: float) -> list[float]:
    """Run n tells at a steady rate, each no sooner than the last is answered, and return their times in ms."""
    started_s, told_ms = time.perf_counter(), []
    for index in range(n):
        await asyncio.sleep(max(0.0, started_s + index / per_second - time.perf_counter()))
        sent_s = time.perf_counter()
        await connection.call("POST", path, _run(-float(index)))
        told_ms.append(1000 * (time.perf_counter() - sent_s))
    return told_ms


def _run(response: float) -> dict[str, object]:
    return {"covars": dict.fromkeys(("x0", "x1", "x2", "x3"), 0.25), "response": response}


async def measure(at: serving.Place, options: argparse.Namespace) -> dict[str, list[float]]:
    """Run the turns of the watchers, each on a service that has just started, as memory that was used once stays."""
    command = [sys.executable, str(Path(__file__).parent / "watch_load.py")]
    with players([command] * options.processes) as load:

        async def fresh() -> Mapping[str, float]:
            async with AsyncExitStack() as stack:
                url = await stack.enter_async_context(serving.database(at))
                limit = {"AUTOTUNE_SOCKETS_PER_USER": str(options.watchers + _FIRST[1])}
                running = stack.enter_context(serving.service(at, url, "--no-worker", **limit))
                few = argparse.Namespace(**{**vars(options), "watchers": _FIRST[1], "seconds": _FIRST[0]})
                await turn(running, load, few)
                return await turn(running, load, options)

        return await rounds.alternate({"": fresh}, options.rounds)


async def main() -> None:
    """Measure, and print the machine and the table."""
    parser = rounds.options("Many watchers of one experiment.", rounds=3, seconds=20)
    parser.add_argument("--watchers", type=int, default=1000, help="how many websockets (1000)")
    parser.add_argument("--per-second", type=float, default=5, help="how many events come a second (5)")
    parser.add_argument("--processes", type=int, default=2, help="how many processes they are spread over (2)")
    options = parser.parse_args()
    serving.allow_many_files()
    with serving.place() as at:
        print(
            f"{await serving.machine(at)}; {options.rounds} rounds of {options.seconds:g} s; {options.watchers} "
            f"watchers in {options.processes} processes, {options.per_second:g} events a second, no compression\n"
        )
        found = await measure(at, options)
    print(rounds.table({name.removeprefix(": "): values for name, values in found.items()}))


if __name__ == "__main__":
    uvloop.run(main())
