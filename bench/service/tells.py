"""Measure how many tells a second are stored durably, beside Optuna and beside bare Postgres.

Run it as ``.venv/bin/python bench/service/tells.py``, on an idle machine. The script starts its own service and
Postgres, or takes the Postgres that AUTOTUNE_DATABASE_URL names, in databases of its own.
"""

import json
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import asyncpg
import bare
import psutil
import rounds
import serving
import uvloop
from keepalive import Connection, close_experiments, new_experiments, token_of
from players import Player, players
from tell_load import N_NUMBERS, Turn, body_of

from autotune_wire import paths

_HERE = Path(__file__).parent
_OPTUNA = Path(os.environ.get("PEERS_HOME", Path.home() / ".cache" / "peers")) / "optuna" / "bin" / "python"
_N_CLIENTS = 8
_SETTLED_S = 30
_EXPLAINED = """\
Each tell is a commit of its own, over HTTP on connections that are kept open; the load comes from one other process on
the same machine, asyncio streams without an HTTP library; the cores that it uses itself are in the table. "ms of
processor" is what the process that answers, and Postgres, used for each tell. "Bare" sends the statements of a tell,
recorded from one, through asyncpg alone: no HTTP, no checks, no Python between them. Optuna's figure is a cycle of ask,
as many suggested values and tell with its RandomSampler, in its own process, without a network between; it commits
several times a cycle.
"""

_COPIES = """
INSERT INTO autotune.suggestions
SELECT copied.*
FROM (SELECT * FROM autotune.suggestions WHERE exp_uuid = $1 ORDER BY seq DESC LIMIT 1) AS guess,
    generate_series(1, $2) AS n,
    jsonb_populate_record(guess::autotune.suggestions, jsonb_build_object(
        'suggestion_uuid', gen_random_uuid(), 'seq', guess.seq + n, 'state', 'leased', 'lease_by', 'bench'
    )) AS copied
RETURNING suggestion_uuid
"""


@dataclass(frozen=True)
class Shape:
    """Numbers in a configuration, and how long a turn warms up and lasts."""

    n_numbers: int
    warm_s: float
    seconds: float


@dataclass(frozen=True)
class Http:
    """Running services of one database and the load that plays on them."""

    at: serving.Place
    url: str
    running: Sequence[serving.Serving]
    load: Player
    token: str
    shape: Shape

    async def turn(self, n_experiments: int, n_clients: int) -> Mapping[str, float]:
        """Measure a turn of tells on experiments of its own."""
        ports = [service.port for service in self.running]
        async with Connection(ports[0], self.token) as connection:
            exp_uuids = await new_experiments(connection, n_experiments, self.shape.n_numbers)
            answering = [psutil.Process(service.pid) for service in self.running]
            postgres = self.at.postgres_processes()
            before = serving.processor_s([*answering, *postgres])
            turn = Turn(ports, self.token, exp_uuids, n_clients, **asdict(self.shape))
            played = await self.load.play(asdict(turn))
            used = [serving.processor_s_since(before, group) for group in (answering, self.at.postgres_processes())]
            await close_experiments(connection, exp_uuids)
        await self._settle()
        latencies_ms = [1000 * latency_s for latency_s in played["latencies_s"]]
        return {
            "tells a second": len(latencies_ms) / self.shape.seconds,
            "p50, ms": rounds.percentile(latencies_ms, 50),
            "p95, ms": rounds.percentile(latencies_ms, 95),
            "ms of processor a tell, web processes": 1000 * used[0] / played["n_all"],
            "ms of processor a tell, Postgres": 1000 * used[1] / played["n_all"],
            "cores used by the load itself": played["processor"],
        }

    async def bulk(self, n_runs: int, *, is_named: bool) -> Mapping[str, float]:
        """Measure tells of many runs at once, each run with a suggestion of its own or with none."""
        latencies_ms: list[float] = []
        draw = random.Random(0)
        async with Connection(self.running[0].port, self.token) as connection:
            [exp_uuid] = await new_experiments(connection, 1, self.shape.n_numbers)
            path = paths.EXPERIMENT_TELL.format(exp_uuid=exp_uuid)
            while sum(latencies_ms) < 1000 * self.shape.seconds:
                uuids = await self._suggestions(exp_uuid, n_runs) if is_named else [None] * n_runs
                runs = [json.loads(body_of(draw, self.shape.n_numbers)) for _ in uuids]
                for run, uuid in zip(runs, uuids, strict=True):
                    run |= {} if uuid is None else {"suggestion_uuid": str(uuid)}
                body = json.dumps({"observations": runs}).encode()
                sent_s = time.perf_counter()
                await connection.send("POST", path, body)
                latencies_ms.append(1000 * (time.perf_counter() - sent_s))
            await close_experiments(connection, [exp_uuid])
        return {
            "runs a second": 1000 * n_runs * len(latencies_ms) / sum(latencies_ms),
            "p50, ms": rounds.percentile(latencies_ms, 50),
            "p95, ms": rounds.percentile(latencies_ms, 95),
        }

    async def _suggestions(self, exp_uuid: str, n: int) -> list[UUID]:
        """Store copies of an experiment's suggestion as if a worker held them, as the engine would take minutes."""
        connection = await asyncpg.connect(self.url)
        try:
            return [row["suggestion_uuid"] for row in await connection.fetch(_COPIES, UUID(exp_uuid), n)]
        finally:
            await connection.close()

    async def _settle(self) -> None:
        """Wait until no fit is under way, so that none disturbs the next turn."""
        connection = await asyncpg.connect(self.url)
        try:
            for _ in range(_SETTLED_S * 10):
                if not await connection.fetchval(
                    "SELECT count(*) FROM autotune.experiments WHERE lease_token IS NOT NULL"
                ):
                    return
                await connection.fetchval("SELECT pg_sleep(0.1)")
        finally:
            await connection.close()


@asynccontextmanager
async def over_http(
    at: serving.Place, load: Player, shape: Shape, *options: str, n_services: int = 1
) -> AsyncIterator[Http]:
    """Run services on a database of their own."""
    async with serving.database(at) as url:
        with ExitStack() as stack:
            running = [stack.enter_context(serving.service(at, url, *options)) for _ in range(n_services)]
            yield Http(at, url, running, load, await token_of(running[0].port), shape)


class Bare:
    """The transactions of a tell, on connections without a service.

    Args:
        connections: As many as there are clients.
        tells: A recorded tell for each of as many experiments.
        silent: The same without the statements that notify.
        seconds: How long it warms up, and how long a turn lasts.
    """

    def __init__(
        self,
        connections: Sequence[asyncpg.Connection],
        tells: Sequence[bare.Repeated],
        silent: Sequence[bare.Repeated],
        seconds: tuple[float, float],
    ) -> None:
        self._connections = connections
        self._tells = tells
        self._silent = silent
        self._seconds = seconds

    async def turn(self, n_experiments: int, n_clients: int, *, notify: bool = True) -> Mapping[str, float]:
        """Measure how many recorded tells a second the connections send."""
        tells = (self._tells if notify else self._silent)[:n_experiments]

        async def act(index: int, connection: asyncpg.Connection) -> None:
            await tells[index % len(tells)].run(connection)

        return {"tells a second": await bare.rate(self._connections[:n_clients], act, *self._seconds)}

    async def insert(self, n_clients: int) -> Mapping[str, float]:
        """Measure how many commits a second the connections make, with one inserted row each."""

        async def act(_: int, connection: asyncpg.Connection) -> None:
            await connection.execute("INSERT INTO bench_rows (value) VALUES ($1)", 0.5)

        return {"commits a second": await bare.rate(self._connections[:n_clients], act, *self._seconds)}


@asynccontextmanager
async def without_service(at: serving.Place, shape: Shape) -> AsyncIterator[Bare]:
    """Make a database with experiments and record a tell of each; the service that made them is then stopped."""
    async with serving.database(at) as url:
        with serving.service(at, url, "--no-worker") as running:
            async with Connection(running.port, await token_of(running.port)) as connection:
                exp_uuids = [UUID(text) for text in await new_experiments(connection, _N_CLIENTS, shape.n_numbers)]
        recorded = [await bare.recorded_tell(url, exp_uuid) for exp_uuid in exp_uuids]
        tells = [bare.Repeated(statements) for statements in recorded]
        silent = [bare.Repeated(statements, notify=False, first_seq=10**9) for statements in recorded]
        print(f"A tell sends {len(tells[0])} statements between BEGIN and COMMIT.")
        async with bare.connected(url, _N_CLIENTS) as connections:
            await connections[0].execute("CREATE TABLE bench_rows (id bigserial PRIMARY KEY, value double precision)")
            yield Bare(connections, tells, silent, (shape.warm_s, shape.seconds))


@asynccontextmanager
async def by_optuna(at: serving.Place, shape: Shape, n: int) -> AsyncIterator[dict[str, rounds.Case]]:
    """Yield the cases of Optuna; none if Optuna is not installed."""
    if not _OPTUNA.exists():
        print("Optuna is left out: bench/README.md says how to install it.", file=sys.stderr)
        yield {}
        return
    async with serving.database(at) as url:
        own_url = urlunsplit(urlsplit(url)._replace(scheme="postgresql+psycopg2"))
        command = [str(_OPTUNA), str(_HERE / "optuna_load.py"), own_url]
        with players([command]) as first:
            version = first[0].line()  # it has made the tables by now
            with players([command] * (n - 1)) as others:
                for other in others:
                    other.line()

                async def turn(playing: Sequence[Player]) -> Mapping[str, float]:
                    asked = {"study_name": uuid4().hex, **asdict(shape)}
                    for player in playing:
                        player.say(asked)
                    n_told = sum(int(player.line()) for player in playing)
                    return {"asks and tells a second": n_told / shape.seconds}

                yield {
                    f"Optuna {version}, 1 study x 1 process": partial(turn, first),
                    f"Optuna {version}, 1 study x {n} processes": partial(turn, [*first, *others]),
                }


async def measure(at: serving.Place, n_rounds: int, shape: Shape) -> dict[str, list[float]]:
    """Run all cases in turns and return their figures."""
    async with AsyncExitStack() as stack:
        load = stack.enter_context(Player(sys.executable, str(_HERE / "tell_load.py")))
        alone = await stack.enter_async_context(over_http(at, load, shape, "--no-worker"))
        two = await stack.enter_async_context(over_http(at, load, shape, "--no-worker", n_services=2))
        both = await stack.enter_async_context(over_http(at, load, shape))
        direct = await stack.enter_async_context(without_service(at, shape))
        optuna = await stack.enter_async_context(by_optuna(at, shape, 4))
        cases: dict[str, rounds.Case] = {
            "AutoTune, 1 experiment x 1 client": partial(alone.turn, 1, 1),
            "AutoTune, 1 experiment x 8 clients": partial(alone.turn, 1, _N_CLIENTS),
            "AutoTune, 8 experiments x 8 clients": partial(alone.turn, _N_CLIENTS, _N_CLIENTS),
            "AutoTune, 2 services, 8 experiments x 8 clients": partial(two.turn, _N_CLIENTS, _N_CLIENTS),
            "AutoTune with its worker, 8 experiments x 8 clients": partial(both.turn, _N_CLIENTS, _N_CLIENTS),
            **{
                f"AutoTune, 1000 runs at once, {'each of a suggestion' if is_named else 'of no suggestion'}": partial(
                    alone.bulk, 1000, is_named=is_named
                )
                for is_named in (False, True)
            },
            **optuna,
            "bare, 1 experiment x 1 connection": partial(direct.turn, 1, 1),
            "bare, 1 experiment x 8 connections": partial(direct.turn, 1, _N_CLIENTS),
            "bare, 8 experiments x 8 connections": partial(direct.turn, _N_CLIENTS, _N_CLIENTS),
            "bare without NOTIFY, 8 experiments x 8 connections": partial(
                direct.turn, _N_CLIENTS, _N_CLIENTS, notify=False
            ),
            "one row a commit, 1 connection": partial(direct.insert, 1),
            "one row a commit, 8 connections": partial(direct.insert, _N_CLIENTS),
        }
        return await rounds.alternate(cases, n_rounds)


async def main() -> None:
    """Measure, and print the machine and the table."""
    parser = rounds.options("Durable tells a second.", rounds=5, seconds=5)
    parser.add_argument("--numbers", type=int, default=N_NUMBERS, help=f"that a configuration has ({N_NUMBERS})")
    options = parser.parse_args()
    shape = Shape(options.numbers, min(1.0, options.seconds / 4), options.seconds)
    with serving.place() as at:
        print(
            f"{await serving.machine(at)}; {options.rounds} rounds of {options.seconds:g} s; {shape.n_numbers} "
            f"numbers in a configuration\n\n{_EXPLAINED}"
        )
        found = await measure(at, options.rounds, shape)
    print(f"\n{rounds.table(found)}")


if __name__ == "__main__":
    uvloop.run(main())
