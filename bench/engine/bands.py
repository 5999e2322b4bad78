"""Count how many runs the 95 % bands of leave-one-out cover, by class of test problems.

AutoTune makes the runs that it would make, half or all of the budget. Then each run is predicted from the others, its
noise included, as users are told predictions.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor

import cli
from functions import CLASSES, NEEDS, make, observation_noise
from peer import Peer

from autotune_service.engine.interface import EngineInput
from autotune_service.engine.model.surrogate import fit_responses
from autotune_service.engine.space.encoding import Encoding
from autotune_wire.responses import Objective

_HALF_WIDTH = 1.96  # a band of so many standard deviations covers 95 % of a normal distribution


def main() -> None:
    """Print a row per class: the covered share of runs after half and the whole budget, and how many were predicted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--classes", default="published,all,real", help="with commas between them; all, published, real"
    )
    parser.add_argument("--instances", default="1000-1004")
    parser.add_argument("--seeds", default="0-4", help="of a class of one instance; a generated one has its instances")
    parser.add_argument("--jobs", type=int, default=1, help="problems at a time")
    options = parser.parse_args()
    problems = [one for one in cli.test_problems(options.classes, options.instances) if one.cls not in NEEDS]
    played = [
        (problem.cls, int(problem.name.rpartition("-")[2]), seed)
        for problem in problems
        for seed in ([0] if problem.cls in CLASSES else cli.indices(options.seeds))
    ]
    print(
        f"{cli.machine()}\n\n| class | half of the budget | the whole | predicted runs |\n|---|---|---|---|", flush=True
    )
    with ProcessPoolExecutor(options.jobs) as pool:
        counted = list(pool.map(_covered, played))
    for name in dict.fromkeys(cls for cls, _, _ in played):
        of_class = [counts for (cls, _, _), counts in zip(played, counted, strict=True) if cls == name]
        covered_half, n_half, covered, n = map(sum, zip(*of_class, strict=True))
        print(f"| {name} | {covered_half / n_half:.3f} | {covered / n:.3f} | {n_half + n} |")


def _covered(played: tuple[str, int, int]) -> tuple[int, int, int, int]:
    """Play a run; return how many of how many observations are covered, after half of the budget and at its end."""
    cls, index, seed = played
    problem = make(cls, index)
    peer, noise = Peer(problem.space_of_run(seed), seed, 5, problem.budget), observation_noise(problem, seed)
    for i in range(problem.budget):
        configuration = peer.ask({})
        peer.tell(configuration, problem.f(configuration) + float(noise[i]))
    return *_counted(peer, problem.budget // 2), *_counted(peer, problem.budget)


def _counted(peer: Peer, n: int) -> tuple[int, int]:
    """Return how many of the first n observations are covered, and n."""
    encoding, runs = Encoding(peer.space, {}), peer.runs[:n]
    given = EngineInput(space=peer.space, responses={"y": Objective(goal="maximize")}, runs=runs, seed=0)
    rows = encoding.encode([run.covars for run in runs])
    surrogate = fit_responses(given, rows, encoding.is_code)["y"]
    observed = [run.responses["y"] for run in runs]
    are_covered = [
        abs(value - predicted.mean) <= _HALF_WIDTH * predicted.sd
        for value, predicted in zip(observed, surrogate.left_out(), strict=True)
    ]
    return sum(are_covered), n


if __name__ == "__main__":
    main()
