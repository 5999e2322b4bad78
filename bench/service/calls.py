"""Measure what a sign-in, a tell and an ask cost, beside the service of another checkout, in turn in one run.

Run it on an idle machine, for the change since COMMIT:

    mkdir -p ../before && git archive COMMIT service jupyter_ext | tar -x -C ../before
    .venv/bin/python bench/service/calls.py --before ../before
"""

import argparse
import random
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

import rounds
import serving
import uvloop
from keepalive import Connection, new_experiments, token_of
from tell_load import body_of

from autotune_wire import paths

_N_NUMBERS = 4
_N_TOLD = 20
"""Tells of an experiment before the next is begun: an ask of more takes the engine longer, on both sides."""
_SIGN_IN_EVERY = 10
_CALLS = ("sign-in", "tell", "ask", "ask again")


class _Side:
    """A running service and who calls it, one call at a time."""

    def __init__(self, port: int, connection: Connection) -> None:
        self._port = port
        self._connection = connection
        self._draw = random.Random(1)

    async def turn(self, seconds: float) -> Mapping[str, float]:
        """Make calls for some seconds, and return the figures of each kind."""
        took_ms: dict[str, list[float]] = {call: [] for call in _CALLS}
        ends_s = time.perf_counter() + seconds
        n_told = 0
        while time.perf_counter() < ends_s:
            if n_told % _N_TOLD == 0:
                [exp_uuid] = await new_experiments(self._connection, 1, _N_NUMBERS)
                ask = paths.EXPERIMENT_ASK.format(exp_uuid=exp_uuid)
            if n_told % _SIGN_IN_EVERY == 0:
                began_s = time.perf_counter()
                await token_of(self._port)
                took_ms["sign-in"].append(1000 * (time.perf_counter() - began_s))
            tell = paths.EXPERIMENT_TELL.format(exp_uuid=exp_uuid)
            took_ms["tell"].append(await self._sent("POST", tell, body_of(self._draw, _N_NUMBERS)))
            took_ms["ask"].append(await self._sent("GET", ask))
            took_ms["ask again"].append(await self._sent("GET", ask))
            n_told += 1
        return {
            f"{call} p{percent}, ms": rounds.percentile(taken, percent)
            for call, taken in took_ms.items()
            for percent in (50, 95)
        }

    async def _sent(self, method: str, path: str, body: bytes = b"") -> float:
        began_s = time.perf_counter()
        await self._connection.send(method, path, body)
        return 1000 * (time.perf_counter() - began_s)


async def measure(at: serving.Place, options: argparse.Namespace) -> dict[str, list[float]]:
    """Run both services, each in a database of its own, and take turns."""
    here = Path(__file__).parents[2]
    async with AsyncExitStack() as stack:
        cases = {}
        for name, checkout in (("before", options.before.resolve()), ("now", here)):
            url = await stack.enter_async_context(serving.database(at))
            path = f"{checkout / 'service'}:{checkout / 'jupyter_ext'}"
            running = stack.enter_context(serving.service(at, url, PYTHONPATH=path))
            token = await token_of(running.port)
            connection = await stack.enter_async_context(Connection(running.port, token))
            side = _Side(running.port, connection)
            await side.turn(options.seconds / 2)
            cases[name] = lambda side=side: side.turn(options.seconds)
        return await rounds.alternate(cases, options.rounds)


def comparison(found: Mapping[str, list[float]]) -> str:
    """Write the medians of both sides, and the median of the rounds' ratios with the least and the greatest."""
    rows = ["| call | before | now | times (least to greatest of the rounds) |", "|---|---|---|---|"]
    for name in [name.removeprefix("now: ") for name in found if name.startswith("now: ")]:
        before, now = found[f"before: {name}"], found[f"now: {name}"]
        times = [later / former for former, later in zip(before, now, strict=True)]
        span = f"{median(times):.2f} ({min(times):.2f} to {max(times):.2f})"
        rows.append(f"| {name} | {median(before):.1f} | {median(now):.1f} | {span} |")
    return "\n".join(rows)


async def main() -> None:
    """Measure, and print the machine and the table."""
    parser = rounds.options("Calls of the service beside another checkout's.", rounds=8, seconds=10)
    parser.add_argument("--before", type=Path, required=True, help="the folder of the other checkout")
    options = parser.parse_args()
    with serving.place() as at:
        print(f"{await serving.machine(at)}; {options.rounds} rounds of {options.seconds:g} s\n")
        print(comparison(await measure(at, options)))


if __name__ == "__main__":
    uvloop.run(main())
