"""Measure an experiment whose suggestions are rows of a list: how long it takes to make, to ask, to tell and to read.

Run it as ``.venv/bin/python bench/service/lists.py``, on an idle machine. The client is the blocking one, over HTTP; an
ask comes right after a tell, so it waits for the whole fit.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import psutil
import serving

import autotune
from autotune.client import Client

_NAME, _PASSWORD = "test@test.com", "CHANGEME"  # pragma: allowlist secret -- of every service in dev mode
_D = 6


def library(n: int) -> list[dict[str, Any]]:
    """Draw n rows of six numbers and an option, with the number of a bottle."""
    rng = random.Random(1)
    return [
        {f"x{j}": round(rng.random(), 4) for j in range(_D)} | {"s": rng.choice("abcd"), "bottle": f"A-{k}"}
        for k in range(n)
    ]


def value_of(covars: dict[str, Any]) -> float:
    """Return what a run measures: the nearer to a place, the more."""
    apart = sum((covars[f"x{j}"] - (j + 1) / 8) ** 2 for j in range(_D))
    return float((covars["s"] == "b") / 10 - apart)


def timed(act: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that something takes, and its result."""
    start = time.perf_counter()
    result = act()
    return time.perf_counter() - start, result


def measure(client: Client, service: psutil.Process, n: int, n_runs: int) -> None:
    """Print what a list of n rows costs; processor time is that of the service and its engine together."""
    rows = library(n)
    made_s, experiment = timed(
        lambda: client.new(f"library of {n}", [*(f"x{j}" for j in range(_D)), "s"], candidates=rows, seed=1)
    )
    asks, tells = [], []
    experiment.ask()
    processes = [service, *service.children(recursive=True)]
    before = serving.processor_s(processes)
    for _ in range(n_runs):
        ask_s, suggestion = timed(experiment.ask)
        tell_s, _ = timed(partial(experiment.tell, suggestion, value_of(suggestion.covars)))
        asks.append(ask_s)
        tells.append(tell_s)
    used_s = serving.processor_s_since(before, processes) / n_runs
    withdraw_s, _ = timed(lambda: experiment.withdraw_candidates([n]))
    ask_s, suggestion = timed(experiment.ask)
    insights_s, _ = timed(experiment.insights)
    read_s, _ = timed(experiment.candidates)
    print(
        f"{n:>7} rows: made in {made_s:.2f} s; of {n_runs} rounds a tell {1000 * median(tells):.0f} ms and the ask "
        f"after it {median(asks[1:]):.2f} s ({min(asks[1:]):.2f} to {max(asks[1:]):.2f}), {used_s:.2f} s of processor "
        f"time a round; withdrawing a row {1000 * withdraw_s:.0f} ms, the ask after it "
        f"{ask_s:.2f} s; insights {insights_s:.2f} s; all rows read in {read_s:.2f} s",
        flush=True,
    )


def main() -> None:
    """Measure lists of some sizes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", default="100,5000,100000", help="sizes of lists, with commas between them")
    parser.add_argument("--runs", type=int, default=20, help="rounds of ask and tell for each")
    options = parser.parse_args()
    with serving.place() as at:
        print(asyncio.run(serving.machine(at)), flush=True)
        asyncio.run(_measured(at, [int(n) for n in options.rows.split(",")], options.runs))


async def _measured(at: serving.Place, sizes: list[int], n_runs: int) -> None:
    async with serving.database(at) as url:
        with serving.service(at, url) as running:
            address = f"http://127.0.0.1:{running.port}"
            with autotune.connect(address, username=_NAME, password=_PASSWORD) as client:
                for n in sizes:
                    await asyncio.to_thread(measure, client, psutil.Process(running.pid), n, n_runs)


if __name__ == "__main__":
    main()
