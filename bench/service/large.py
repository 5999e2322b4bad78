"""Measure reads of an experiment with many observations, and of a user with many experiments.

Run it as ``.venv/bin/python bench/service/large.py``, on an idle machine. Everything is read over HTTP by one client,
on one connection; no engine runs beside it.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

import asyncpg
import psutil
import rounds
import serving
import uvloop
from keepalive import Connection, new_experiments, token_of
from sockets import watching

from autotune_wire import paths

_BULK = 1000
_PAGE = 50
_TABLES = ("observations", "events")


@dataclass(frozen=True)
class Filled:
    """A service that holds many observations and experiments."""

    connection: Connection
    port: int
    token: str
    exp_uuid: str
    last_seq: int
    last_page_after: str

    async def get(self, path: str) -> None:
        """Read a path of the experiment."""
        await self.connection.send("GET", path.format(exp_uuid=self.exp_uuid))

    async def stream_last(self) -> None:
        """Connect to the stream before the last event and wait for that event."""
        came: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        async with watching(self.port, self.token, self.exp_uuid, self.last_seq - 1, came.set_result):
            await came

    def reads(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Return the reads that are measured, by name."""
        history = f"{paths.EXPERIMENT_HISTORY}?limit={_PAGE}"
        return {
            f"first {_PAGE} observations": partial(self.get, history),
            f"last {_PAGE} observations": partial(self.get, f"{history}&after={self.last_page_after}"),
            "1000 observations": partial(self.get, f"{paths.EXPERIMENT_HISTORY}?limit=1000"),
            "the experiment with its best": partial(self.get, paths.EXPERIMENT),
            "stream from the last event but one to the last": self.stream_last,
            f"list {_PAGE} experiments": partial(self.get, f"{paths.EXPERIMENT_ALL}?limit={_PAGE}"),
            "list 1000 experiments again": partial(self.get, f"{paths.EXPERIMENT_ALL}?limit=1000"),
        }


async def timed(read: Callable[[], Awaitable[None]], answering: psutil.Process, seconds: float) -> Mapping[str, float]:
    """Measure a read, repeated for so many seconds and at least three times."""
    await read()
    before = serving.processor_s([answering])
    ends_s = time.perf_counter() + seconds
    latencies_ms: list[float] = []
    while len(latencies_ms) < 3 or time.perf_counter() < ends_s:
        began_s = time.perf_counter()
        await read()
        latencies_ms.append(1000 * (time.perf_counter() - began_s))
    used_s = serving.processor_s_since(before, [answering])
    return {
        "p50, ms": rounds.percentile(latencies_ms, 50),
        "p95, ms": rounds.percentile(latencies_ms, 95),
        "ms of processor, web process": 1000 * used_s / len(latencies_ms),
    }


async def fill(connection: Connection, running: serving.Serving, token: str, options: argparse.Namespace) -> Filled:
    """Fill the service: tell the observations in bulk and make the experiments."""
    began_s = time.perf_counter()
    exp_uuid = await large_experiment(connection, options.observations)
    bulk_s = time.perf_counter() - began_s
    await new_experiments(connection, options.experiments - 1)
    made_s = time.perf_counter() - began_s - bulk_s
    print(
        f"{options.observations} observations told in bulks of {_BULK} in {bulk_s:.1f} s, "
        f"{options.experiments} experiments made in {made_s:.1f} s"
    )
    began_s = time.perf_counter()
    await connection.send("GET", f"{paths.EXPERIMENT_ALL}?limit=1000")
    print(f"the first list of up to 1000 experiments took {1000 * (time.perf_counter() - began_s):.0f} ms")
    last_seq = (await connection.call("GET", paths.EXPERIMENT.format(exp_uuid=exp_uuid)))["last_seq"]
    after = await _last_page_after(connection, exp_uuid)
    return Filled(connection, running.port, token, exp_uuid, last_seq, after)


async def large_experiment(connection: Connection, n_observations: int) -> str:
    """Make an experiment, tell its observations in bulk, and return its UUID."""
    [exp_uuid] = await new_experiments(connection, 1)
    path = paths.EXPERIMENT_TELL.format(exp_uuid=exp_uuid)
    for start in range(0, n_observations, _BULK):
        numbers = range(start, min(start + _BULK, n_observations))
        await connection.send("POST", path, _bulk(numbers))
    return exp_uuid


def _bulk(numbers: range) -> bytes:
    # The first one is the best, so that every observation has one event.
    runs = [f'{{"covars":{{"x0":0.{i:06d}1,"x1":0.5123,"x2":0.25,"x3":0.125}},"response":{-i / 7!r}}}' for i in numbers]
    return f'{{"observations":[{",".join(runs)}]}}'.encode()


async def _last_page_after(connection: Connection, exp_uuid: str) -> str:
    """Read the history, 1000 observations at a time, and return the seq after which its last page starts."""
    path, after = paths.EXPERIMENT_HISTORY.format(exp_uuid=exp_uuid), ""
    before: list[str] = []
    while True:
        page = await connection.call("GET", f"{path}?limit=1000{after}")
        before = [*before[-_PAGE - 1 :], *(str(observation["seq"]) for observation in page["observations"])]
        if page["next"] is None:
            return before[-_PAGE - 1]
        after = f"&after={page['next']}"


async def sizes(url: str) -> dict[str, int]:
    """Return the bytes of each table with its indexes and long values, as Postgres counts them."""
    connection = await asyncpg.connect(url)
    try:
        return {
            name: await connection.fetchval(f"SELECT pg_total_relation_size('autotune.{name}')") for name in _TABLES
        }
    finally:
        await connection.close()


async def main() -> None:
    """Fill a service, measure, and print the machine and the tables."""
    parser = rounds.options("Reads of much.", rounds=5, seconds=2)
    parser.add_argument("--observations", type=int, default=50_000, help="in the one experiment (50000)")
    parser.add_argument("--experiments", type=int, default=1000, help="of the one user (1000)")
    options = parser.parse_args()
    with serving.place() as at:
        print(f"{await serving.machine(at)}; {options.rounds} rounds of {options.seconds:g} s for each")
        async with serving.database(at) as url:
            with serving.service(at, url, "--no-worker") as running:
                token = await token_of(running.port)
                async with Connection(running.port, token) as connection:
                    before = await sizes(url)
                    filled = await fill(connection, running, token, options)
                    after = await sizes(url)
                    answering = psutil.Process(running.pid)
                    cases = {
                        name: partial(timed, read, answering, options.seconds) for name, read in filled.reads().items()
                    }
                    found = await rounds.alternate(cases, options.rounds)
    print(f"\n{rounds.table(found)}\n\n| table | bytes an observation, with indexes |\n|---|---|")
    for name in _TABLES:
        print(f"| {name} | {(after[name] - before[name]) / options.observations:,.0f} |")


if __name__ == "__main__":
    uvloop.run(main())
