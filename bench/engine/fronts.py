"""Measure how much of a front several objectives leave an optimizer to find, and how near it comes to the front's ends.

``fronts.py --peer autotune --classes options,numbers --instances 0-19 --out fronts.jsonl`` plays the engine in this
process, a run for each generated problem; ``--tables FOLDER`` plays real tables instead, a run for each seed. With
``--peer optuna_gp`` the script has to be run by the Python of that peer's environment. ``--modules FOLDER`` takes
AutoTune's packages from another source tree, and ``--label`` names it. ``fronts.py --show fronts.jsonl`` writes the
table.
"""

import argparse
import json
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import cli
import numpy as np
from front_problems import BUDGET, CLASSES, FrontProblem, make, real
from shapes import Rows

N_INIT = 5
AT = (25, 50)
"""The numbers of observations at which a run is measured."""


class Engine:
    """The engine in this process; the first configuration is the guess, as in the service."""

    def __init__(self, problem: FrontProblem, seed: int, is_reference_told: bool) -> None:
        from pydantic import TypeAdapter

        from autotune_service.engine.interface import EngineInput
        from autotune_service.engine.suggest import suggest
        from autotune_wire.responses import Objective, Response
        from autotune_wire.space import Space

        self.space = TypeAdapter(Space).validate_python(problem.columns.space)
        self.guess = {name: column["guess"] for name, column in problem.columns.space.items()}
        told = (problem.reference * problem.signs).tolist() if is_reference_told else [None] * len(problem.goals)
        objectives: dict[str, Response] = {
            name: Objective(goal=goal, reference=reference)
            for (name, goal), reference in zip(problem.goals.items(), told, strict=True)
        }
        self.given = EngineInput(self.space, objectives, [], seed)
        self.suggest = suggest

    def ask(self) -> dict[str, Any]:
        """Return the next configuration."""
        return dict(self.suggest(self.given)[0].covars) if self.given.runs else self.guess

    def tell(self, configuration: dict[str, Any], values: dict[str, float]) -> None:
        """Take the values of a configuration."""
        from autotune_service.engine.interface import Run

        self.given.runs.append(Run(configuration, values))


class OptunaGp:
    """Optuna's sampler of Gaussian processes, with as many random configurations as the engine's design has."""

    def __init__(self, problem: FrontProblem, seed: int, _: bool) -> None:
        sys.path.append(str(Path(__file__).resolve().parent / "peers"))
        import optuna
        from optuna_ import _distribution

        sampler = optuna.samplers.GPSampler(seed=seed, n_startup_trials=N_INIT)
        self.study = optuna.create_study(directions=list(problem.goals.values()), sampler=sampler)
        self.space = {name: _distribution(column) for name, column in problem.columns.space.items()}

    def ask(self) -> dict[str, Any]:
        """Return the next configuration."""
        self.trial = self.study.ask(self.space)
        return dict(self.trial.params)

    def tell(self, configuration: dict[str, Any], values: dict[str, float]) -> None:
        """Take the values of a configuration."""
        self.study.tell(self.trial, list(values.values()))


class Random:
    """Configurations drawn uniformly."""

    def __init__(self, problem: FrontProblem, seed: int, _: bool) -> None:
        self.columns, self.rng = problem.columns.space, np.random.default_rng(seed)

    def ask(self) -> dict[str, Any]:
        """Return the next configuration."""
        drawn = {}
        for name, column in self.columns.items():
            if column["vtype"] == "cat":
                drawn[name] = column["options"][int(self.rng.integers(len(column["options"])))]
            elif column["vtype"] == "int":
                drawn[name] = int(self.rng.integers(column["min"], column["max"] + 1))
            else:
                drawn[name] = float(self.rng.uniform(column["min"], column["max"]))
        return drawn

    def tell(self, configuration: dict[str, Any], values: dict[str, float]) -> None:
        """Take the values of a configuration, from which random search learns nothing."""


Peer = Engine | OptunaGp | Random
PEERS: dict[str, type[Peer]] = {"autotune": Engine, "optuna_gp": OptunaGp, "random": Random}


def play(peer: Peer, problem: FrontProblem) -> dict[str, Any]:
    """Play one run and measure it."""
    merits, seconds = [], []
    for _ in range(BUDGET):
        started = time.process_time()
        configuration = peer.ask()
        seconds.append(time.process_time() - started)
        merits.append(problem.f(configuration))
        told = (merits[-1] * problem.signs).tolist()
        peer.tell(configuration, dict(zip(problem.goals, told, strict=True)))
    measured = [problem.shares(np.array(merits[:n])) for n in AT]
    return {
        "volume": [volume for volume, _ in measured],
        "ends": [ends for _, ends in measured],
        "ask_s": float(np.median(seconds[-10:])),
        "merits": np.array(merits).tolist(),
    }


def show(file: Path) -> None:
    """Print a row for each class and label: means with standard errors, and the mean of the worst fifth."""
    runs: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for line in file.read_text().splitlines():
        record = json.loads(line)
        runs[record["cls"], record["label"]].append(record)
    print("| problems | | runs | volume at 25 | at 50 | worst fifth | ends, mean | worst end | worst fifth | ask, s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for (cls, label), records in sorted(runs.items()):
        early, late = (np.array([record["volume"][k] for record in records]) for k in (0, 1))
        ends = np.array([record["ends"][1] for record in records])
        cells = [cls, label, str(len(records)), _mean(early), _mean(late), f"{_worst(late):.3f}"]
        worst_end = ends.min(axis=1)
        cells += [_mean(ends.mean(axis=1)), _mean(worst_end), f"{_worst(worst_end):.3f}"]
        cells.append(f"{np.median([record['ask_s'] for record in records]):.3f}")
        print(f"| {' | '.join(cells)} |")


def _mean(values: Rows) -> str:
    return f"{values.mean():.3f} ± {values.std(ddof=1) / len(values) ** 0.5:.3f}" if len(values) > 1 else "-"


def _worst(values: Rows) -> float:
    return float(np.sort(values)[: max(len(values) // 5, 1)].mean())


def main() -> None:
    """Play the runs that the file does not have yet, or show them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", choices=list(PEERS), default="autotune")
    parser.add_argument("--label", help="what to call the peer in the file; by default its name")
    parser.add_argument("--modules", type=Path, default=Path(__file__).resolve().parents[2], help="a source tree")
    parser.add_argument("--classes", default=",".join(CLASSES))
    parser.add_argument("--instances", default="0-19", help="of the generated classes; the seeds with --tables")
    parser.add_argument("--tables", type=Path, help="the folder of real tables")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--told", action="store_true", help="tell AutoTune the point that volumes are measured from")
    parser.add_argument("--show", type=Path)
    asked = parser.parse_args()
    if asked.show:
        return show(asked.show)
    sys.path.insert(0, str(asked.modules / "service"))
    label, done = asked.label or asked.peer, set()
    if asked.out.exists():
        records = map(json.loads, asked.out.read_text().splitlines())
        done = {(record["label"], record["problem"], record["seed"]) for record in records}
    for index in cli.indices(asked.instances):
        problems = real(asked.tables, index) if asked.tables else (make(cls, index) for cls in asked.classes.split(","))
        for problem in problems:
            name = problem.columns.name
            if (label, name, index) in done:
                continue
            record = play(PEERS[asked.peer](problem, index, asked.told), problem)
            cls = name if asked.tables else problem.columns.cls
            line = json.dumps({"label": label, "cls": cls, "problem": name, "seed": index} | record)
            with asked.out.open("a") as out:
                out.write(line + "\n")
    return None


if __name__ == "__main__":
    main()
