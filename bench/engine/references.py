"""What a score needs of a problem: the best value known, and what random search reaches; kept in references.json.

Run it as ``.venv/bin/python bench/engine/references.py CLASSES INDICES`` to add instances ahead of a run.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from functions import Problem
from shapes import Rows

FILE = Path(__file__).with_name("references.json")
N_REPEATS = 400
N_STARTS, N_STEPS = 96, 700
N_STEPS_MANY, N_SEARCHES_MANY = 3000, 4
"""Steps, and searches, where there are more than ten covariates."""


def add_references(problems: list[Problem]) -> None:
    """Fill in `opt` and `random_median`, from the file, or else by computing them and writing them there."""
    known, added = _read(), {}
    for problem in problems:
        mark = float(f"{problem.surface(problem.sample(np.random.default_rng(1), 1))[0]:.6g}")
        entry = known.get(problem.name)
        if entry is None or not np.isclose(entry["mark"], mark, rtol=1e-4):
            entry = {"mark": mark, "opt": best_value(problem), "random": random_medians(problem)}
            added[problem.name] = entry
        problem.opt = entry["opt"]
        problem.random_median = {int(n): value for n, value in entry["random"].items()}
    if added:
        known = _read() | added  # another process may have added its own meanwhile
        lines = [f"{json.dumps(name)}: {json.dumps(known[name])}" for name in sorted(known)]
        part = FILE.with_suffix(f".{os.getpid()}")
        part.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        part.replace(FILE)


def random_medians(problem: Problem) -> dict[str, float]:
    """Estimate the median true value that random search ends with, at half and at the whole budget."""
    rng = np.random.default_rng(2)
    truth = problem.surface(problem.sample(rng, N_REPEATS * problem.budget)).reshape(N_REPEATS, problem.budget)
    observed = truth + rng.normal(0, 1, truth.shape) * problem.noise
    marks = (problem.budget // 2, problem.budget)
    return {str(n): _median_at(truth[:, :n], observed[:, :n]) for n in marks}


def best_value(problem: Problem) -> float:
    """Give the optimum where it is known by construction, else search for it for a second or more."""
    if problem.is_exact:
        return float(problem.surface(problem.hints[0][None])[0])
    is_large = len(problem.space) > 10
    return max(_search(problem, seed) for seed in range(N_SEARCHES_MANY if is_large else 1))


def _search(problem: Problem, seed: int) -> float:
    """Search by small moves and differences from many starts, drawn and hinted at."""
    rng = np.random.default_rng([3, seed])
    rows = problem.sample(rng, 30_000)
    rows = rows[np.argsort(-problem.surface(rows))]
    spread = rows[rng.permutation(len(rows))[: N_STARTS // 2]]
    rows = problem.snap(np.vstack([*problem.hints, rows[: N_STARTS // 2], spread]))
    values, sizes = problem.surface(rows), np.full(len(rows), 0.1)
    for _ in range(N_STEPS if len(problem.space) <= 10 else N_STEPS_MANY):
        for proposed in (_moved(problem, rng, rows, sizes), _crossed(problem, rng, rows)):
            new = problem.surface(proposed)
            is_better = new > values
            rows[is_better], values = proposed[is_better], np.maximum(new, values)
            sizes = np.clip(sizes * np.where(is_better, 1.4, 0.95), 1e-5, 0.3)
    return float(values.max())


def _read() -> dict[str, Any]:
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def _median_at(truth: Rows, observed: Rows) -> float:
    ends = truth[np.arange(len(truth)), observed.argmax(1)]
    return float(np.median(ends))


def _moved(problem: Problem, rng: np.random.Generator, rows: Rows, sizes: Rows) -> Rows:
    """Move each row a little: some coordinates by its step size, a discrete one now and then by a step."""
    chosen = rng.random(rows.shape) < rng.choice([0.2, 0.5, 1.0])
    moved = rows + chosen * rng.normal(size=rows.shape) * sizes[:, None]
    for j, n in enumerate(problem.levels()):
        if n:
            jump = rng.integers(0, n, len(rows)) if problem.is_cat(j) else rows[:, j] + rng.choice([-1, 1]) / (n - 1)
            moved[:, j] = np.where(rng.random(len(rows)) < 0.25, jump, rows[:, j])
    return problem.snap(moved)


def _crossed(problem: Problem, rng: np.random.Generator, rows: Rows) -> Rows:
    """Move each row along the difference of two others, as differential evolution does."""
    one, two = rows[rng.permutation(len(rows))], rows[rng.permutation(len(rows))]
    kept = rng.random(rows.shape) < 0.3
    return problem.snap(np.where(kept, rows, rows + rng.uniform(0.3, 0.9) * (one - two)))


if __name__ == "__main__":
    import cli

    add_references(cli.problems(*sys.argv[1:3]))
