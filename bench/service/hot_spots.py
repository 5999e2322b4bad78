"""Profile the web process during tells, by cProfile, with eight clients on eight experiments.

Run it as ``.venv/bin/python bench/service/hot_spots.py``. The profiler itself makes everything slower, calls of small
Python functions most: read the shares, not the seconds, and take times from ``tells.py``.
"""

import asyncio
import os
import pstats
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path

import rounds
import serving
import uvloop
from keepalive import Connection, new_experiments, token_of
from players import Player
from tell_load import N_NUMBERS, Turn

_HERE = Path(__file__).parent
_N = 8
_N_LINES = 45
_WARM_S = 3.0


async def main() -> None:
    """Profile one turn for each round and print the slowest functions, without and with what they call."""
    parser = rounds.options("Where a tell spends the time of the web process.", rounds=1, seconds=10)
    parser.add_argument("--lines", type=int, default=_N_LINES, help=f"how many functions are printed ({_N_LINES})")
    options = parser.parse_args()
    with serving.place() as at, Player(sys.executable, str(_HERE / "tell_load.py")) as load:
        print(await serving.machine(at))
        file = at.folder / "profile"
        under = (sys.executable, str(_HERE / "profiled.py"), str(file))
        for _ in range(options.rounds):
            async with serving.database(at) as url:
                with serving.service(at, url, "--no-worker", under=under) as running:
                    n_told = await _profiled_turn(running, file, load, options.seconds)
            stats = pstats.Stats(str(file))
            print(f"\n{n_told} tells")
            for order in ("tottime", "cumtime"):
                stats.sort_stats(order).print_stats(options.lines)


async def _profiled_turn(running: serving.Serving, file: Path, load: Player, seconds: float) -> int:
    token = await token_of(running.port)
    async with Connection(running.port, token) as connection:
        exp_uuids = await new_experiments(connection, _N, N_NUMBERS)
    await load.play(asdict(Turn([running.port], token, exp_uuids, _N, N_NUMBERS, 0.0, _WARM_S)))
    os.kill(running.pid, signal.SIGUSR1)
    told = await load.play(asdict(Turn([running.port], token, exp_uuids, _N, N_NUMBERS, 0.0, seconds)))
    os.kill(running.pid, signal.SIGUSR2)
    await asyncio.to_thread(_wait_for, file)
    return int(told["n_all"])


def _wait_for(file: Path) -> None:
    while not file.exists():
        time.sleep(0.1)


if __name__ == "__main__":
    uvloop.run(main())
