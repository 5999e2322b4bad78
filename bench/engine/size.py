"""Measure one ask at many observations, on one core: its seconds, and the peak memory of the process."""

import argparse
import os
import platform
import resource
import subprocess
import sys
import time

SIZES = (50, 200, 400, 1000, 2000, 5000, 10_000)
CLASSES = ("hills", "highdim")
SPHERES = {
    "100 inputs": (100, 1, 0, None),
    "2 objectives": (6, 2, 0, None),
    "3 objectives": (6, 3, 0, None),
    "4 objectives": (6, 4, 0, None),
    "3 thresholds": (6, 1, 3, None),
    "2 objectives and 4 thresholds": (6, 2, 4, None),
    "greattunes": (6, 1, 0, None),
    "20 whole numbers, 0 to 100": (20, 1, 0, 101),
    "100 whole numbers, 0 to 100": (100, 1, 0, 101),
    "20 choices of 50 options": (20, 1, 0, 50),
    "100 choices of 5 options": (100, 1, 0, 5),
}
"""Numbers of inputs, objectives and thresholds, and of the settings of an input (None for a continuous one).

Each response is a sphere with its own middle.
"""

SPHERE_SIZES = (50, 200, 1000, 5000, 10_000)


def main() -> None:
    """Print a row per class and size, each measured in a process of its own."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| class | inputs | observations | one ask, s | peak memory, MiB |\n|---|---|---|---|---|", flush=True)
    rows = [(name, size) for name in CLASSES for size in SIZES]
    rows += [(name, size) for name in SPHERES for size in SPHERE_SIZES]
    for name, size in rows:
        command = [sys.executable, __file__, name, str(size)]
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        measured = subprocess.run(command, env=os.environ | threads, capture_output=True, text=True, check=True)
        print(measured.stdout, end="", flush=True)


def measure_spheres(name: str, size: int) -> None:
    """Print the row of some spheres: the median of three asks."""
    import numpy as np
    import peer  # noqa: F401 -- finds the engine

    from autotune_service.engine.interface import EngineInput, Run
    from autotune_service.engine.suggest import suggest
    from autotune_wire.experiments import EngineName
    from autotune_wire.responses import Objective, Response, Threshold
    from autotune_wire.space import CatCovariate, ContCovariate, Covariate, IntCovariate

    n_inputs, n_objectives, n_thresholds, n_settings = SPHERES[name]
    engine: EngineName = "greattunes" if name == "greattunes" else "autotune"
    options = [f"option {n}" for n in range(n_settings or 0)]
    covariate: Covariate = ContCovariate(vtype="cont", guess=0.5, min=0.0, max=1.0)
    if n_settings is not None and "choices" in name:
        covariate = CatCovariate(vtype="cat", guess=options[0], options=options)
    elif n_settings is not None:
        covariate = IntCovariate(vtype="int", guess=0, min=0, max=n_settings - 1)
    space = {f"x{i}": covariate for i in range(n_inputs)}
    middles = {f"y{j}": 0.2 + 0.15 * j for j in range(n_objectives + n_thresholds)}
    responses: dict[str, Response] = {response: Objective(goal="minimize") for response in list(middles)[:n_objectives]}
    responses |= {response: Threshold(goal="<=", bound=0.1 * n_inputs) for response in list(middles)[n_objectives:]}
    rng = np.random.default_rng(0)

    def run() -> Run:
        shares = rng.random(n_inputs)
        if n_settings is not None:
            shares = np.floor(shares * n_settings) / (n_settings - 1)
        from_middle = {response: float(((shares - middle) ** 2).sum()) for response, middle in middles.items()}
        settings = shares.tolist() if n_settings is None else np.rint(shares * (n_settings - 1)).astype(int).tolist()
        covars = {
            input_name: options[at] if "choices" in name else at for input_name, at in zip(space, settings, strict=True)
        }
        return Run(covars, {response: square + 0.05 * float(rng.normal()) for response, square in from_middle.items()})

    runs, seconds = [run() for _ in range(size - 3)], []
    for _ in range(3):
        runs.append(run())
        started = time.process_time()
        suggest(EngineInput(space, responses, list(runs), 1, engine=engine))
        seconds.append(time.process_time() - started)
    print_row(name, len(space), size, sorted(seconds)[1])


def print_row(name: str, n_inputs: int, size: int, seconds: float) -> None:
    """Print a row, with the memory that this process has used at most."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"| {name} | {n_inputs} | {size} | {seconds:.2f} | {peak} |")


def measure(name: str, size: int) -> None:
    """Print the row of one class and size: the median of three asks."""
    import numpy as np
    from functions import make
    from peer import Peer

    test_problem = make(name, 0)
    peer = Peer(test_problem.space, 0, 5, test_problem.budget)
    rng = np.random.default_rng(0)

    def tell() -> None:
        configuration = {
            input_name: float(rng.uniform(c["min"], c["max"])) for input_name, c in test_problem.space.items()
        }
        peer.out.append(configuration)
        peer.tell(configuration, test_problem.f(configuration))

    for _ in range(size - 3):
        tell()
    seconds = []
    for _ in range(3):
        tell()  # the engine remembers what it learnt of the same data, so each ask follows a new observation
        started = time.process_time()
        peer.ask()
        peer.out.clear()
        seconds.append(time.process_time() - started)
    print_row(name, len(test_problem.space), size, sorted(seconds)[1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Seconds of one ask and peak memory; every row, or the one row named.")
    parser.add_argument("name", nargs="?", help=f"one of: {', '.join([*CLASSES, *SPHERES])}")
    parser.add_argument("size", nargs="?", type=int, help="how many observations there are")
    options = parser.parse_args()
    if options.size is None:
        main()
    else:
        (measure_spheres if options.name in SPHERES else measure)(options.name, options.size)
