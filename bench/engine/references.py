"""Find what a score needs of a test problem: the best value known, and what random search reaches.

The results are kept in ``references.json``.

Run it as ``.venv/bin/python bench/engine/references.py CLASSES INDICES`` to add instances ahead of a run.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from functions import Part, TestProblem
from shapes import Rows

FILE = Path(__file__).with_name("references.json")
N_REPEATS, N_REPEATS_MEASURED = 400, 4000
"""Runs of random search on a generated or published test problem, and on real data, which have one instance alone."""
N_STARTS, N_STEPS = 96, 700
N_STEPS_MANY, N_SEARCHES_MANY = 3000, 4
"""Steps and searches for a space of more than ten covariates."""


def add_references(test_problems: list[TestProblem]) -> None:
    """Fill in `opt` and `random_median` of each part: read them from the file, or compute them and write them there."""
    known, added = _read(), {}
    for test_problem in test_problems:
        mark = float(f"{test_problem.surface(test_problem.sample(np.random.default_rng(1), 1))[0]:.6g}")
        for part in test_problem.parts:
            entry = known.get(test_problem.name + part.name)
            if entry is None or not np.isclose(entry["mark"], mark, rtol=1e-4):
                opt, medians = best_value(test_problem, part), random_medians(test_problem, part)
                entry = {"mark": mark, "opt": opt, "random": medians}
                added[test_problem.name + part.name] = entry
            part.opt = entry["opt"]
            part.random_median = {int(n): value for n, value in entry["random"].items()}
    if added:
        known = _read() | added  # another process may have added its own meanwhile
        lines = [f"{json.dumps(name)}: {json.dumps(known[name])}" for name in sorted(known)]
        written = FILE.with_suffix(f".{os.getpid()}")
        written.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        written.replace(FILE)


def random_medians(test_problem: TestProblem, part: Part) -> dict[str, float]:
    """Return the median true value that random search ends with in a part, after half and after all of the budget.

    The median is exact where all configurations are listed and there is no noise, else it is that of many runs.
    """
    marks = (test_problem.budget // 2, test_problem.budget)
    cells = test_problem.cells()
    if cells is not None and not test_problem.noise:
        values = np.sort(test_problem.surface(cells))
        # n draws stay at or below the kth of N values with probability (k / N)^n
        return {str(n): float(values[int(np.ceil(len(values) * 0.5 ** (1 / n))) - 1]) for n in marks}
    rng, n_runs = np.random.default_rng(2), N_REPEATS_MEASURED if test_problem.is_measured else N_REPEATS
    rows = test_problem.random_runs(rng, n_runs)
    truth = test_problem.surface(rows).reshape(n_runs, test_problem.budget)
    observed = truth + rng.normal(0, 1, truth.shape) * test_problem.noise
    observed[~part.contains(rows).reshape(truth.shape)] = -np.inf
    return {str(n): _median_at(truth[:, :n], observed[:, :n]) for n in marks}


def best_value(test_problem: TestProblem, part: Part) -> float:
    """Return the optimum of a part where the construction gives it or a list of all configurations does.

    Else search for it for a second or more.
    """
    if test_problem.is_exact:
        return float(test_problem.surface(test_problem.hints[0][None])[0])
    cells = test_problem.cells()
    if cells is not None:
        return float(test_problem.surface(cells).max())
    is_large = len(test_problem.space) > 10
    return max(_search(test_problem, part, seed) for seed in range(N_SEARCHES_MANY if is_large else 1))


def _search(test_problem: TestProblem, part: Part, seed: int) -> float:
    """Search by small moves and by differences, from many starts: rows drawn at random, and the hints."""

    def values_of(rows: Rows) -> Rows:
        for column, place in part.pinned.items():
            rows[:, column] = place
        return np.where(part.contains(rows), test_problem.surface(rows), -np.inf)

    rng = np.random.default_rng([3, seed])
    rows = test_problem.sample(rng, 30_000)
    rows = rows[np.argsort(-values_of(rows))]
    spread = rows[rng.permutation(len(rows))[: N_STARTS // 2]]
    rows = test_problem.snap(np.vstack([*test_problem.hints, rows[: N_STARTS // 2], spread]))
    values, sizes = values_of(rows), np.full(len(rows), 0.1)
    for _ in range(N_STEPS if len(test_problem.space) <= 10 else N_STEPS_MANY):
        for proposed in (_moved(test_problem, rng, rows, sizes), _crossed(test_problem, rng, rows)):
            new = values_of(proposed)
            is_better = new > values
            rows[is_better], values = proposed[is_better], np.maximum(new, values)
            sizes = np.clip(sizes * np.where(is_better, 1.4, 0.95), 1e-5, 0.3)
    return float(values.max())


def _read() -> dict[str, Any]:
    known: dict[str, Any] = json.loads(FILE.read_text()) if FILE.exists() else {}
    return known


def _median_at(truth: Rows, observed: Rows) -> float:
    ends = truth[np.arange(len(truth)), observed.argmax(1)]
    return float(np.median(ends))


def _moved(test_problem: TestProblem, rng: np.random.Generator, rows: Rows, sizes: Rows) -> Rows:
    """Move some coordinates of each row by its step size, and a discrete coordinate now and then by a step."""
    chosen = rng.random(rows.shape) < rng.choice([0.2, 0.5, 1.0])
    moved = rows + chosen * rng.normal(size=rows.shape) * sizes[:, None]
    for j, n in enumerate(test_problem.levels()):
        if n:
            jump = (
                rng.integers(0, n, len(rows)) if test_problem.is_cat(j) else rows[:, j] + rng.choice([-1, 1]) / (n - 1)
            )
            moved[:, j] = np.where(rng.random(len(rows)) < 0.25, jump, rows[:, j])
    return test_problem.snap(moved)


def _crossed(test_problem: TestProblem, rng: np.random.Generator, rows: Rows) -> Rows:
    """Move each row along the difference of two others, as differential evolution does."""
    first, second = rows[rng.permutation(len(rows))], rows[rng.permutation(len(rows))]
    kept = rng.random(rows.shape) < 0.3
    return test_problem.snap(np.where(kept, rows, rows + rng.uniform(0.3, 0.9) * (first - second)))


if __name__ == "__main__":
    import cli

    add_references(cli.test_problems(*sys.argv[1:3]))
