"""Measure what rules that stop runs early gain or cost, with a budget counted in steps.

``early_stops.py --peer autotune --rules none,median,successive_halving --instances 0-19 --out early.jsonl`` plays the
engine in this process, with the rules and the prospects of stopped runs that the service has, a run for each generated
problem and rule. With ``--peer optuna_tpe`` the script has to be run by the Python of that peer's environment; the
rules are then Optuna's own pruners with their defaults. ``early_stops.py --show early.jsonl`` writes the table.
``early_stops.py --errors --instances 0-19`` compares what the engine is told of stopped runs with what they would have
come to, which is far less noisy than whole runs.
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
from learning_curves import BUDGET, CLASSES, STEPS, CurveProblem, make

RULES = ("none", "median", "successive_halving")
N_INIT = 5
_N_JUDGED = 80
_NEAR = 0.6


class Engine:
    """The engine in this process; it is told of stopped runs what the service tells it.

    Args:
        problem: The problem.
        rule: The rule that stops runs early; "none" for none.
        seed: The seed.
    """

    def __init__(self, problem: CurveProblem, rule: str, seed: int) -> None:
        if str(_SERVICE) not in sys.path:
            sys.path.insert(0, str(_SERVICE))
        from peer import _read

        from autotune_wire.reports import EarlyStop
        from autotune_wire.responses import Objective

        self.space, self.seed = _read(problem.space), seed
        self.objective = Objective(goal="maximize")
        self.rule = None if rule == "none" else EarlyStop(rule=rule)
        self.told: list[tuple[dict[str, Any], dict[int, float], bool]] = []

    def begin(self) -> dict[str, Any]:
        """Return the next configuration; the first is the guess, as in the service."""
        from autotune_service.domain.stopped_runs import Prospects
        from autotune_service.engine.interface import EngineInput, Prediction, Run
        from autotune_service.engine.suggest import suggest

        prospects = Prospects(self.objective, self.completed())
        runs = []
        for covars, points, is_stopped in self.told:
            last = max(points)
            if not is_stopped:
                runs.append(Run(covars, {"y": points[last]}))
                continue
            found = prospects.of(last, points[last])
            runs.append(Run(covars, expected={} if found is None else {"y": Prediction(*found)}, is_stopped=True))
        if not runs:
            self.covars = {name: covariate.guess for name, covariate in self.space.items()}
        else:
            self.covars = suggest(EngineInput(self.space, {"y": self.objective}, runs, self.seed))[0].covars
        self.points: dict[int, float] = {}
        return dict(self.covars)

    def report(self, step: int, value: float) -> bool:
        """Take a value, and return whether to stop."""
        from autotune_service.domain.early_stopping import OtherRun, why_stopped

        self.points[step] = value
        if self.rule is None:
            return False
        others = [OtherRun(points, not is_stopped) for _, points, is_stopped in self.told]
        return why_stopped(self.rule, self.objective, self.points, step, others) is not None

    def end(self, is_stopped: bool) -> None:
        """Take that the run has ended, or was stopped."""
        self.told.append((self.covars, self.points, is_stopped))

    def completed(self) -> list[Any]:
        """Return the runs that came to their end."""
        from autotune_service.domain.stopped_runs import Completed

        return [Completed(points, points[max(points)]) for _, points, is_stopped in self.told if not is_stopped]


class OptunaTpe:
    """Optuna's estimator of densities with its pruners, all with their defaults; see ``Engine``."""

    def __init__(self, problem: CurveProblem, rule: str, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        pruners = {
            "none": optuna.pruners.NopPruner,
            "median": optuna.pruners.MedianPruner,
            "successive_halving": optuna.pruners.SuccessiveHalvingPruner,
        }
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=N_INIT, multivariate=True)
        self.study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruners[rule]())
        self.space = {name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in problem.space}
        self.states = optuna.trial.TrialState

    def begin(self) -> dict[str, Any]:
        """Return the next configuration."""
        self.trial = self.study.ask(self.space)
        return dict(self.trial.params)

    def report(self, step: int, value: float) -> bool:
        """Take a value, and return whether to stop."""
        self.trial.report(value, step)
        self.last = value
        return bool(self.trial.should_prune())

    def end(self, is_stopped: bool) -> None:
        """Take that the run has ended, or was stopped."""
        if is_stopped:
            self.study.tell(self.trial, state=self.states.PRUNED)
        else:
            self.study.tell(self.trial, self.last)


_SERVICE = Path(__file__).resolve().parents[2] / "service"
PEERS = {"autotune": Engine, "optuna_tpe": OptunaTpe}


def play(problem: CurveProblem, peer: Any, seed: int) -> dict[str, Any]:
    """Play until the budget of steps is used up; only runs that came to their end count.

    The best is the run whose observed final value is best; what counts of it is its true one.
    """
    rng = np.random.default_rng([seed, 7])
    used, n_runs, n_stopped = 0, 0, 0
    best, found, halfway = -np.inf, problem.median, problem.median
    while used < BUDGET:
        x = peer.begin()
        curve, step, is_stopped = problem.curve(x, rng), 0, False
        for step, value in enumerate(curve, start=1):
            used += 1
            is_stopped = peer.report(step, value) and step < STEPS
            if is_stopped or used == BUDGET:
                break
        n_runs, n_stopped = n_runs + 1, n_stopped + is_stopped
        if is_stopped or step == STEPS:
            peer.end(is_stopped)
        if step == STEPS and curve[-1] > best:
            best, found = curve[-1], problem.final(x)
        if used <= BUDGET // 2:
            halfway = found
    return {
        "score_half": round(problem.score(halfway), 4),
        "score": round(problem.score(found), 4),
        "n_runs": n_runs,
        "n_stopped": n_stopped,
    }


def errors(problem: CurveProblem, rule: str, seed: int) -> np.ndarray:
    """Compare what stopped runs are believed to come to with what they would have come to.

    The configurations are drawn at random, most of them near the best run, as a search draws them.

    Returns:
        For each run that was stopped the error and its standard deviation, shape (n, 2), in shares of what lies between
        the median of the space and its optimum.
    """
    from autotune_service.domain.stopped_runs import Prospects

    rng = np.random.default_rng([seed, 3])
    peer = Engine(problem, rule, seed)
    centre, best = np.full(len(problem.tilt), 0.5), -np.inf
    finals: list[float] = []
    for _ in range(_N_JUDGED):
        near = np.clip(centre + rng.normal(0.0, 0.15, len(centre)), 0.0, 1.0)
        place = near if finals and rng.random() < _NEAR else rng.random(len(centre))
        x = {name: float(at) for name, at in zip(problem.space, place, strict=True)}
        peer.covars, peer.points = dict(x), {}
        curve = problem.curve(x, rng)
        is_stopped = any(peer.report(step, value) and step < STEPS for step, value in enumerate(curve, start=1))
        peer.end(is_stopped)
        finals.append(curve[-1])
        if not is_stopped and curve[-1] > best:
            centre, best = place, curve[-1]
    prospects = Prospects(peer.objective, peer.completed())
    told = [
        (*found, final)
        for (_, points, is_stopped), final in zip(peer.told, finals, strict=True)
        if is_stopped and (found := prospects.of(max(points), points[max(points)])) is not None
    ]
    means, sds, truth = np.array(told).reshape(-1, 3).T
    return np.stack([means - truth, sds], axis=1) / (float(problem.heights.max()) - problem.median)


def show_errors(classes: list[str], rules: list[str], instances: str, seed: int) -> None:
    """Write the table of the errors: their root mean square, their mean, and the mean logarithmic density."""
    print("| class | rule | stopped | root mean square | mean | log density |\n|---|---|---|---|---|---|")
    for cls in classes:
        for rule in rules:
            found = np.concatenate([errors(make(cls, index), rule, seed) for index in cli.indices(instances)])
            error, sd = found.T
            density = np.mean(-0.5 * np.square(error / sd) - np.log(sd) - 0.5 * np.log(2.0 * np.pi))
            rms = np.sqrt(np.mean(np.square(error)))
            print(f"| {cls} | {rule} | {len(found)} | {rms:.2f} | {error.mean():+.2f} | {density:+.2f} |")


def show(path: Path) -> None:
    """Write the table: the mean and its standard error, at half of the budget and at its end."""
    by: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for line in path.read_text().splitlines():
        record = json.loads(line)
        by[record["cls"], record["peer"], record["rule"]].append(record)
    print("| class | peer | rule | score at half | score | runs | stopped |\n|---|---|---|---|---|---|---|")
    for (cls, peer, rule), records in sorted(by.items()):
        cells = []
        for name in ("score_half", "score"):
            values = np.array([record[name] for record in records])
            error = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else 0.0
            cells.append(f"{values.mean():.3f} ± {error:.3f}")
        counts = [f"{np.mean([record[name] for record in records]):.0f}" for name in ("n_runs", "n_stopped")]
        print(f"| {' | '.join([cls, peer, rule, *cells, *counts])} |")


def main() -> None:
    """Read the command line, then play or write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", choices=PEERS, default="autotune")
    parser.add_argument("--rules", default=",".join(RULES))
    parser.add_argument("--classes", default=",".join(CLASSES))
    parser.add_argument("--instances", default="0-4", help="a range such as 1000-1019")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--show", type=Path, help="write the table of these results, and play nothing")
    parser.add_argument("--errors", action="store_true", help="write how far off stopped runs are believed to come")
    options = parser.parse_args()
    if options.errors:
        show_errors(options.classes.split(","), [r for r in RULES if r != "none"], options.instances, options.seed)
        return
    if options.show is not None:
        show(options.show)
        return
    done = set()
    if options.out is not None and options.out.exists():
        done = {(r["problem"], r["peer"], r["rule"], r["seed"]) for r in map(json.loads, options.out.open())}
    for cls in options.classes.split(","):
        for index in cli.indices(options.instances):
            for rule in options.rules.split(","):
                problem = make(cls, index)
                if (problem.name, options.peer, rule, options.seed) in done:
                    continue
                start = time.monotonic()
                record = {"problem": problem.name, "cls": cls, "peer": options.peer, "rule": rule, "seed": options.seed}
                record |= play(problem, PEERS[options.peer](problem, rule, options.seed), options.seed)
                record |= {"wall_s": round(time.monotonic() - start, 2), "machine": cli.machine()}
                print(json.dumps(record), flush=True)
                if options.out is not None:
                    with options.out.open("a") as file:
                        file.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
