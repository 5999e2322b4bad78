"""Count how many runs the 95 % bands of leave-one-out cover, by class of test problems.

AutoTune makes the runs that it would make, half or all of the budget. Then each run is predicted from the others, its
noise included, as users are told predictions. The script appends what was observed and predicted to a file, leaves out
what is there already, and prints the table of the file.
"""

import argparse
import json
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cli
from functions import CLASSES, NEEDS, make, observation_noise
from peer import Peer

from autotune_service.engine.interface import EngineInput
from autotune_service.engine.model.surrogate import fit_responses
from autotune_service.engine.space.encoding import Encoding
from autotune_wire.responses import Objective

_HALF_WIDTH = 1.96  # a band of so many standard deviations covers 95 % of a normal distribution


def main() -> None:
    """Play the runs that the file does not have yet, and show all that it has."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--classes", default="published,all,real", help="with commas between them; all, published, real"
    )
    parser.add_argument("--instances", default="1000-1004")
    parser.add_argument("--seeds", default="0-4", help="of a class of one instance; a generated one has its instances")
    parser.add_argument("--jobs", type=int, default=1, help="problems at a time")
    parser.add_argument("--out", type=Path, default=Path("bands.jsonl"), help="the file of JSON lines")
    options = parser.parse_args()
    out: Path = options.out
    records = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    done = {(record["cls"], record["index"], record["seed"]) for record in records}
    problems = [one for one in cli.test_problems(options.classes, options.instances) if one.cls not in NEEDS]
    played = [
        (problem.cls, int(problem.name.rpartition("-")[2]), seed)
        for problem in problems
        for seed in ([0] if problem.cls in CLASSES else cli.indices(options.seeds))
    ]
    with ProcessPoolExecutor(options.jobs) as pool:
        for record in pool.map(_play, [one for one in played if one not in done]):
            records.append(record)
            with out.open("a") as file:
                file.write(json.dumps(record, separators=(",", ":")) + "\n")
    _show(records)


def _show(records: list[dict[str, Any]]) -> None:
    """Print a row per class: the covered share of runs after half and the whole budget, and how many were predicted."""
    points: dict[str, dict[str, list[list[float]]]] = defaultdict(lambda: {"half": [], "whole": []})
    for record in records:
        for part, predicted in points[record["cls"]].items():
            predicted += record[part]
    print(", ".join(sorted({record["machine"] for record in records})))
    print("\n| class | half of the budget | the whole | predicted runs |\n|---|---|---|---|")
    for cls, counted in points.items():
        n = len(counted["half"]) + len(counted["whole"])
        print(f"| {cls} | {_covered(counted['half']):.3f} | {_covered(counted['whole']):.3f} | {n} |")


def _covered(points: list[list[float]]) -> float:
    return sum(abs(observed - mean) <= _HALF_WIDTH * sd for observed, mean, sd in points) / len(points)


def _play(played: tuple[str, int, int]) -> dict[str, Any]:
    """Play a run; return what was observed and predicted, after half of the budget and at its end."""
    cls, index, seed = played
    problem = make(cls, index)
    peer, noise = Peer(problem.space_of_run(seed), seed, 5, problem.budget), observation_noise(problem, seed)
    for i in range(problem.budget):
        configuration = peer.ask({})
        peer.tell(configuration, problem.f(configuration) + float(noise[i]))
    return {
        "cls": cls,
        "index": index,
        "seed": seed,
        "machine": cli.machine(),
        "half": _left_out(peer, problem.budget // 2),
        "whole": _left_out(peer, problem.budget),
    }


def _left_out(peer: Peer, n: int) -> list[list[float]]:
    """Return the first n observations, each with the mean and the standard deviation predicted from the others."""
    encoding, runs = Encoding(peer.space, {}), peer.runs[:n]
    given = EngineInput(space=peer.space, responses={"y": Objective(goal="maximize")}, runs=runs, seed=0)
    rows = encoding.encode([run.covars for run in runs])
    surrogate = fit_responses(given, rows, encoding.kinds)["y"]
    return [
        [run.responses["y"], predicted.mean, predicted.sd]
        for run, predicted in zip(runs, surrogate.left_out(), strict=True)
    ]


if __name__ == "__main__":
    main()
