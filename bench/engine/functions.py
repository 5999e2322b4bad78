"""Generated test problems to maximise; each follows from its class and its index alone.

Indices below 1000 are for tuning an engine. Indices from 1000 on are for reporting, and no engine is tuned to them.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import recipes
from published import PUBLISHED
from recipes import Draft
from shapes import Rows, Surface

REPORT = 1000
"""The first index of the instances that are for reporting."""

CLASSES: dict[str, Callable[[np.random.Generator, int], Draft]] = {
    "smooth": recipes.smooth,
    "hills": recipes.hills,
    "valley": recipes.valley,
    "multimodal": recipes.multimodal,
    "multimodal20": recipes.multimodal20,
    "highdim": recipes.highdim,
    "mixed": recipes.mixed,
    "categories": recipes.categories,
    "ints": recipes.ints,
    "noisy": recipes.noisy,
    "logscale": recipes.logscale,
    "parallel": recipes.parallel,
}
BUDGETS = {"multimodal20": 100, "highdim": 100}
WORKERS = {"parallel": 8}


@dataclass
class TestProblem:
    """A function to maximise, with its space and its budget.

    Args:
        name: The class and the index.
        cls: The class.
        space: The d covariates, in AutoTune's wire form, each with a guess at a random place.
        surface: Maps rows (see `encode`) to noiseless values.
        budget: How many observations a run makes.
        noise: Standard deviation of an observation.
        workers: How many configurations are out at any time.
        hints: Rows from which a search for the optimum starts.
        is_exact: Whether the first hint is the optimum.
        opt: The best value known; `references.add_references` fills it in.
        random_median: The median value that random search ends with, by number of observations;
            `references.add_references` fills it in.
    """

    name: str
    cls: str
    space: dict[str, dict[str, Any]]
    surface: Surface
    budget: int = 50
    noise: float = 0.0
    workers: int = 1
    hints: list[Rows] = field(default_factory=list)
    is_exact: bool = False
    opt: float = np.nan
    random_median: dict[int, float] = field(default_factory=dict)

    def f(self, configuration: dict[str, Any]) -> float:
        """Return the noiseless value of a configuration."""
        return float(self.surface(self.encode([configuration]))[0])

    def encode(self, configurations: list[dict[str, Any]]) -> Rows:
        """Map configurations to rows: a number to its place between its bounds, an option to its index."""
        rows = [[_place(c, configuration[name]) for name, c in self.space.items()] for configuration in configurations]
        return np.array(rows, float)

    def is_inside(self, configuration: dict[str, Any]) -> bool:
        """Return whether a configuration lies in the space."""
        return all(_is_allowed(c, configuration[name]) for name, c in self.space.items())

    def snap(self, rows: Rows) -> Rows:
        """Move each row to the nearest row of a configuration."""
        rows = rows.copy()
        for j, n in enumerate(self.levels()):
            top = n - 1 if self.is_cat(j) else 1
            rows[:, j] = np.clip(rows[:, j], 0, top)
            if n:
                rows[:, j] = np.rint(rows[:, j] * (n - 1) / top) * top / (n - 1)
        return rows

    def sample(self, rng: np.random.Generator, n: int) -> Rows:
        """Draw n rows uniformly, a covariate with ``log: true`` in log space."""
        rows = rng.random((n, len(self.space)))
        for j, n_levels in enumerate(self.levels()):
            if n_levels:
                rows[:, j] = np.floor(rows[:, j] * n_levels) / (1 if self.is_cat(j) else n_levels - 1)
        return rows

    def levels(self) -> list[int]:
        """Count the values of each covariate; a continuous one counts 0."""
        return [_n_levels(covariate) for covariate in self.space.values()]

    def is_cat(self, column: int) -> bool:
        """Return whether a column holds the index of an option."""
        return bool(list(self.space.values())[column]["vtype"] == "cat")


def make(cls: str, index: int) -> TestProblem:
    """Make one instance of a class, without references."""
    rng = np.random.default_rng([zlib.crc32(cls.encode()), index])
    draft = (CLASSES | PUBLISHED)[cls](rng, index)
    scale = 10 ** rng.uniform(-1, 2)
    offset = scale * rng.normal(0, 2)
    test_problem = TestProblem(
        name=f"{cls}-{index}",
        cls=cls,
        space={name: covariate | {"guess": _guess(rng, covariate)} for name, covariate in draft.columns.items()},
        surface=lambda rows: offset + scale * draft.surface(rows),
        budget=BUDGETS.get(cls, 50),
        workers=WORKERS.get(cls, 1),
        hints=draft.hints,
        is_exact=draft.is_exact,
    )
    if draft.noise:
        seen = test_problem.surface(test_problem.sample(np.random.default_rng(index), 4000))
        test_problem.noise = float(draft.noise * (seen.max() - seen.min()))
    return test_problem


def observation_noise(test_problem: TestProblem, seed: int) -> Rows:
    """Draw the noise that is added to each observation of a run, the same for all peers."""
    rng = np.random.default_rng([seed, zlib.crc32(test_problem.name.encode())])
    return rng.normal(0, 1, test_problem.budget) * test_problem.noise


def score(test_problem: TestProblem, truth: list[float], observed: list[float], n: int | None = None) -> float:
    """Rate a run after n observations, from -1 to 1: 0 is random search's median, 1 the optimum.

    The true value of the configuration that was observed best counts, so noise can mislead.
    """
    n = n or test_problem.budget
    if not truth:
        return -1.0
    zero = test_problem.random_median[n]
    return float(np.clip((truth[int(np.argmax(observed[:n]))] - zero) / (test_problem.opt - zero), -1, 1))


def _n_levels(covariate: dict[str, Any]) -> int:
    if covariate["vtype"] == "cat":
        return len(covariate["options"])
    return int(covariate["max"] - covariate["min"] + 1) if covariate["vtype"] == "int" else 0


def _place(covariate: dict[str, Any], value: Any) -> float:
    if covariate["vtype"] == "cat":
        return float(covariate["options"].index(value))
    low, high = covariate["min"], covariate["max"]
    if covariate.get("log"):
        return float(np.clip(np.log(value / low) / np.log(high / low), 0, 1))
    return float(min(max((value - low) / (high - low), 0.0), 1.0))


def _is_allowed(covariate: dict[str, Any], value: Any) -> bool:
    if covariate["vtype"] == "cat":
        return value in covariate["options"]
    slack = 1e-9 * (covariate["max"] - covariate["min"])
    is_within = covariate["min"] - slack <= value <= covariate["max"] + slack
    return bool(is_within and (covariate["vtype"] == "cont" or value == int(value)))


def _guess(rng: np.random.Generator, covariate: dict[str, Any]) -> Any:
    if covariate["vtype"] == "cat":
        return covariate["options"][int(rng.integers(len(covariate["options"])))]
    low, high = covariate["min"], covariate["max"]
    if covariate["vtype"] == "int":
        return int(rng.integers(low, high + 1))
    return float(low * (high / low) ** rng.random() if covariate.get("log") else rng.uniform(low, high))
