"""Times one ask at many observations, on one core, and tells the peak memory of the process that did it."""

import os
import platform
import resource
import subprocess
import sys
import time

SIZES = (50, 200, 400, 1000, 2000, 5000, 10_000)
CLASSES = ("hills", "highdim")


def main() -> None:
    """Print a row per class and size, each measured in a process of its own."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| class | inputs | observations | one ask, s | peak memory, MiB |\n|---|---|---|---|---|", flush=True)
    for name in CLASSES:
        for size in SIZES:
            command = [sys.executable, __file__, name, str(size)]
            threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
            print(
                subprocess.run(command, env=os.environ | threads, capture_output=True, text=True, check=True).stdout,
                end="",
                flush=True,
            )


def measure(name: str, size: int) -> None:
    """Print the row of one class and size: the median of three asks."""
    import numpy as np
    from functions import make
    from peer import Peer

    problem = make(name, 0)
    peer = Peer(problem.space, 0, 5, problem.budget)
    rng = np.random.default_rng(0)

    def tell() -> None:
        configuration = {key: float(rng.uniform(one["min"], one["max"])) for key, one in problem.space.items()}
        peer.out.append(configuration)
        peer.tell(configuration, problem.f(configuration))

    for _ in range(size - 3):
        tell()
    seconds = []
    for _ in range(3):
        tell()  # what is learnt from the same data is remembered: each ask has to know of new ones
        started = time.process_time()
        peer.ask()
        peer.out.clear()
        seconds.append(time.process_time() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"| {name} | {len(problem.space)} | {size} | {sorted(seconds)[1]:.2f} | {peak} |")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(sys.argv[1], int(sys.argv[2]))
    else:
        main()
