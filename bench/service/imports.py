"""Measure what an import and an export of an experiment with many observations cost, and what others notice of them.

Run it as ``.venv/bin/python bench/service/imports.py``, on an idle machine. Meanwhile another process asks every 20 ms
whether the service lives, and tells runs of another user.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlencode
from uuid import uuid4

import psutil
import rounds
import serving
import uvloop
from keepalive import Connection, new_experiments, token_of
from large import large_experiment
from players import Player
from probe_load import Turn

from autotune_wire import paths
from autotune_wire.base import IDEMPOTENCY_HEADER

_PROBE = str(Path(__file__).with_name("probe_load.py"))
_OTHER = {"email": "b@example.org", "password": "a long password of user B"}
_SAMPLE_S = 0.02
_FOLLOW_S = 0.1


@dataclass(frozen=True)
class Watched:
    """A service whose memory is watched while another user's calls are probed."""

    process: psutil.Process
    probe: Player
    turn: Turn

    @asynccontextmanager
    async def figures(self) -> AsyncIterator[dict[str, float]]:
        """Yield the figures of what the block does; they are complete when the block has ended."""
        found: dict[str, float] = {}
        self.probe.say(asdict(self.turn))
        before = self._resident_bytes()
        peak = [before]
        sampling = asyncio.create_task(self._sample(peak))
        began_s = time.perf_counter()
        yield found
        found["seconds"] = time.perf_counter() - began_s
        sampling.cancel()
        probed = await self.probe.play("stop")
        for name, whose in (("live_s", "/health/live"), ("tell_s", "another user's tell")):
            latencies_ms = [1000 * latency_s for latency_s in probed[name]]
            found[f"{whose}, p99, ms"] = rounds.percentile(latencies_ms, 99)
            found[f"{whose}, longest, ms"] = max(latencies_ms)
        found["peak of memory above before, MB"] = (peak[0] - before) / 1e6

    async def _sample(self, peak: list[int]) -> None:
        while True:
            peak[0] = max(peak[0], self._resident_bytes())
            await asyncio.sleep(_SAMPLE_S)

    def _resident_bytes(self) -> int:
        total = 0
        for process in [self.process, *self.process.children(recursive=True)]:
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return total


@dataclass(frozen=True)
class Cases:
    """What is measured: nothing, an export, an import with its repetition, and bulk tells."""

    watched: Watched
    connection: Connection
    exp_uuid: str
    document: bytes
    alone_s: float

    async def alone(self) -> Mapping[str, float]:
        """Measure the probes alone."""
        async with self.watched.figures() as found:
            await asyncio.sleep(self.alone_s)
        return found

    async def export(self) -> Mapping[str, float]:
        """Measure an export."""
        async with self.watched.figures() as found:
            await self.connection.send("GET", paths.EXPERIMENT_EXPORT.format(exp_uuid=self.exp_uuid))
        return found

    async def import_(self) -> Mapping[str, float]:
        """Measure an import until the experiment is there, and the same request once more."""
        once = f"{IDEMPOTENCY_HEADER}: {uuid4()}\r\n"
        send = partial(self.connection.send, "POST", paths.EXPERIMENT_IMPORT, self.document, headers=once)
        async with self.watched.figures() as found:
            began_s = time.perf_counter()
            answer = json.loads(await send())
            answered_s = time.perf_counter() - began_s
            while answer.get("state") == "running":
                await asyncio.sleep(_FOLLOW_S)
                where = paths.EXPERIMENT_IMPORT_STATE.format(exp_uuid=answer["exp_uuid"])
                answer = await self.connection.call("GET", where)
        if "problem" in answer and answer["problem"] is not None:
            raise SystemExit(f"the import was refused: {answer}")
        found["seconds until the first answer"] = answered_s
        found["memory in files' sizes"] = 1e6 * found["peak of memory above before, MB"] / len(self.document)
        async with self.watched.figures() as again:
            await send()
        return found | {f"again: {name}": value for name, value in again.items()}

    async def tells(self) -> Mapping[str, float]:
        """Measure 10,000 observations told 1000 at a time."""
        async with self.watched.figures() as found:
            await large_experiment(self.connection, 10_000)
        return found


async def main() -> None:
    """Fill a service, measure, and print the machine and the table."""
    parser = rounds.options("Imports and exports of much.", rounds=3, seconds=5)
    parser.add_argument("--observations", type=int, default=50_000, help="in the experiment (50000)")
    parser.add_argument("--worker", action="store_true", help="let the service run the engine, too")
    options = parser.parse_args()
    with serving.place() as at:
        print(f"{await serving.machine(at)}; {options.rounds} rounds")
        async with serving.database(at) as url:
            with serving.service(at, url, *([] if options.worker else ["--no-worker"])) as running:
                token = await token_of(running.port)
                async with Connection(running.port, token) as connection:
                    exp_uuid = await large_experiment(connection, options.observations)
                    document = await connection.send("GET", paths.EXPERIMENT_EXPORT.format(exp_uuid=exp_uuid))
                    print(f"{options.observations} observations are an export of {len(document) / 1e6:.1f} MB")
                    with Player(sys.executable, _PROBE) as probe:
                        watched = Watched(psutil.Process(running.pid), probe, await _other(running.port))
                        cases = Cases(watched, connection, exp_uuid, document, options.seconds)
                        turns: dict[str, rounds.Case] = {
                            "alone": cases.alone,
                            "export": cases.export,
                            "import": cases.import_,
                            "bulk tells": cases.tells,
                        }
                        found = await rounds.alternate(turns, options.rounds)
    print(f"\n{rounds.table(found)}")


async def _other(port: int) -> Turn:
    """Sign up another user, with an experiment of their own."""
    async with Connection(port) as connection:
        await connection.call("POST", paths.USER_SIGNUP, _OTHER)
        form = urlencode({"username": _OTHER["email"], "password": _OTHER["password"]}).encode()
        answer = await connection.send("POST", paths.AUTH_TOKEN, form, "application/x-www-form-urlencoded")
    token = str(json.loads(answer)["access_token"])
    async with Connection(port, token) as connection:
        return Turn(port, token, (await new_experiments(connection, 1))[0])


if __name__ == "__main__":
    uvloop.run(main())
