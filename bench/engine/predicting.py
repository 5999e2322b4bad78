"""Compare how well the model predicts with and without what a laboratory knows: descriptors, or earlier experiments.

The model is fitted to a few random runs of a test problem and predicts other configurations. That is far less noisy
than whole runs, so that priors can be chosen by it. ``bench/README.md`` shows the command.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import cli
import numpy as np
import peer
from functions import TestProblem, make
from scipy.stats import norm, spearmanr

from autotune_service.engine.findings.fitted import Fitted
from autotune_service.engine.interface import EngineInput, Run
from autotune_wire.responses import Objective

_PREDICTED = 400


def predict(test_problem: TestProblem, kind: type[peer.Peer], n: int, seed: int) -> dict[str, float]:
    """Fit the model of a peer to n runs and rate its predictions of other configurations.

    Returns:
        The rank correlation of prediction and truth, the mean logarithmic density of the truth, in the truth's own
        spread, and the rank of the configuration predicted best, from 0, the worst, to 1.
    """
    rng = np.random.default_rng([seed, n])
    runs, others = test_problem.decode(test_problem.sample(rng, n)), test_problem.sample(rng, _PREDICTED)
    truth = test_problem.surface(others)
    known: dict[str, Any] = {"earlier": test_problem.earlier} if test_problem.earlier else {}
    told = kind(test_problem.space, seed, 5, n, **known)
    given = EngineInput(
        space=told.space,
        responses={"y": Objective(goal="maximize")},
        runs=[Run(x, {"y": test_problem.f(x)}) for x in runs],
        seed=seed,
        earlier=told.earlier,
    )
    fitted = Fitted.of(given)
    predicted = fitted.predictions(fitted.encoding.encode(test_problem.decode(others)))["y"]
    means, sds = np.array([one.mean for one in predicted]), np.array([one.sd for one in predicted])
    spread = float(truth.std())
    ranks = truth.argsort().argsort() / (len(truth) - 1)
    density = norm.logpdf(truth, means, np.maximum(sds, 1e-6 * spread)) + np.log(spread)
    return {
        "correlation": float(np.nan_to_num(spearmanr(means, truth).statistic)),
        "density": float(np.maximum(density, -10).mean()),
        "rank of best": float(ranks[int(means.argmax())]),
    }


def main() -> None:
    """Print for each class, number of runs and figure: with, without, and their difference with its standard error."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--classes", default="related,unrelated")
    parser.add_argument("--instances", default="0-23")
    parser.add_argument("--runs", default="2,5,10,20")
    parser.add_argument("--out", type=Path, help="a file for the figures of each problem, as JSON lines")
    options = parser.parse_args()
    for cls in options.classes.split(","):
        figures: dict[tuple[int, str], list[tuple[float, float]]] = defaultdict(list)
        for index in cli.indices(options.instances):
            test_problem = make(cls, index)
            for n in map(int, options.runs.split(",")):
                with_, without = (predict(test_problem, kind, n, index) for kind in (peer.Peer, peer.Blind))
                for name in with_:
                    figures[n, name].append((with_[name], without[name]))
                if options.out:
                    with options.out.open("a") as file:
                        line = {"problem": test_problem.name, "n": n, "with": with_, "without": without}
                        file.write(json.dumps(line) + "\n")
        for (n, name), pairs in sorted(figures.items()):
            with_all, without_all = np.array(pairs).T
            gains = with_all - without_all
            error = gains.std(ddof=1) / len(gains) ** 0.5 if len(gains) > 1 else float("nan")
            print(
                f"{cls:14s} {n:3d} runs  {name:13s} with {with_all.mean():6.2f}  without {without_all.mean():6.2f}"
                f"  difference {gains.mean():+.3f} +- {2 * error:.3f}  worst {gains.min():+.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
