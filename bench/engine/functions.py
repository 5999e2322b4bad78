"""Test problems to maximise; a generated one follows from its class and its index alone.

Indices below 1000 are for tuning an engine. Indices from 1000 on are for reporting, and no engine is tuned to them. Nor
is it to published functions or to real data, whose classes have one instance each, of index 0, but for those that are
split.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import families
import laboratories
import libraries
import numpy as np
import recipes
from drafts import CONTEXT, Draft
from numpy.typing import NDArray
from published import PUBLISHED
from real import DESCRIBED, REAL, SPLIT
from shapes import Rows, Surface

REPORT = 1000
"""The first index of the instances that are for reporting."""
MOST_CELLS = 50_000
"""A space with at most so many configurations is listed."""

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
    "contexts": recipes.contexts,
    "narrowed": recipes.narrowed,
    "reactions": laboratories.reactions,
    "forests": laboratories.forests,
    "many_options": laboratories.many_options,
    "described": laboratories.described,
    "misdescribed": laboratories.misdescribed,
    "related": families.related,
    "unrelated": families.unrelated,
    "library": libraries.library,
    "stock": libraries.stock,
}
BUDGETS = {"multimodal20": 100, "highdim": 100, "contexts": 48}
WORKERS = {"parallel": 8}
NEEDS = {"contexts": "fixed", "narrowed": "edit_space", "library": "candidates", "stock": "candidates"}
"""What a peer must be able to do for a class: ask with fixed values, go on in another space, or take a list."""


@dataclass
class Part:
    """A region with an optimum of its own; the score of a run is the mean over the parts of its test problem.

    Args:
        name: What tells the part from others of its test problem; empty if the part is the whole space.
        contains: Tells which rows belong to the part.
        pinned: The place that every row of the part has in a column.
        opt: The best value known; `references.add_references` fills it in.
        random_median: The median value that random search ends with in this part, by number of observations of the
            whole run; `references.add_references` fills it in.
    """

    name: str
    contains: Callable[[Rows], NDArray[np.bool_]]
    pinned: dict[int, float] = field(default_factory=dict)
    opt: float = np.nan
    random_median: dict[int, float] = field(default_factory=dict)


@dataclass
class Edit:
    """A change of the space in the course of a run.

    Args:
        after: The number of configurations that are asked for in the first space.
        space: The covariates from then on, in wire form.
        constraints: The constraints from then on, in wire form.
        contains: Tells which rows lie in that space and meet the constraints.
    """

    after: int
    space: dict[str, dict[str, Any]]
    constraints: list[dict[str, Any]]
    contains: Callable[[Rows], NDArray[np.bool_]]


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
        contexts: The values of the covariate `CONTEXT` among which each ask fixes one; their number divides half the
            budget.
        edit: The change of the space in the course of a run; None if the space stays as it is.
        earlier: What earlier experiments ran and measured: for each a list of runs, with ``x`` and ``y``.
        is_measured: Whether the surface is real data; then the guess follows from the seed.
        listed: The only rows that may be tried, shape (n, d); None if any may.
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
    contexts: list[Any] = field(default_factory=list)
    edit: Edit | None = None
    earlier: list[list[dict[str, Any]]] = field(default_factory=list)
    is_measured: bool = False
    listed: Rows | None = None
    parts: list[Part] = field(init=False)

    def __post_init__(self) -> None:
        """Find the parts: one for each context, or what is left of the space, or all of it."""
        if self.edit is not None:
            self.parts = [Part(" narrowed", self.edit.contains)]
        elif self.contexts:
            self.parts = [self._part_of(value) for value in self.contexts]
        else:
            self.parts = [Part("", lambda rows: np.ones(len(rows), bool))]

    def _part_of(self, value: Any) -> Part:
        column, place = list(self.space).index(CONTEXT), _place(self.space[CONTEXT], value)
        return Part(f" at {value}", lambda rows: np.isclose(rows[:, column], place, atol=1e-9), {column: place})

    def space_of_run(self, seed: int) -> dict[str, dict[str, Any]]:
        """Return the space with the guess of a run: that of the instance, or a random one if the data are real."""
        if not self.is_measured:
            return self.space
        rng = np.random.default_rng([seed, zlib.crc32(f"{self.name} guess".encode())])
        return {name: covariate | {"guess": _guess(rng, covariate)} for name, covariate in self.space.items()}

    def candidates(self) -> list[dict[str, Any]] | None:
        """Return the configurations that may be tried; None if any may."""
        if self.listed is None:
            return None
        return [
            {name: _value(covariate, place) for (name, covariate), place in zip(self.space.items(), row, strict=True)}
            for row in self.listed.tolist()
        ]

    def f(self, configuration: dict[str, Any]) -> float:
        """Return the noiseless value of a configuration."""
        return float(self.surface(self.encode([configuration]))[0])

    def encode(self, configurations: list[dict[str, Any]]) -> Rows:
        """Map configurations to rows: a number to its place between its bounds, an option to its index."""
        rows = [[_place(c, configuration[name]) for name, c in self.space.items()] for configuration in configurations]
        return np.array(rows, float)

    def decode(self, rows: Rows) -> list[dict[str, Any]]:
        """Map rows to configurations."""
        return [
            {name: _value(c, place) for (name, c), place in zip(self.space.items(), row, strict=True)}
            for row in rows.tolist()
        ]

    def is_inside(self, configuration: dict[str, Any], n_asked: int, fixed: dict[str, Any]) -> bool:
        """Return whether a configuration is allowed for the ask after n others, and has the values it fixes."""
        is_allowed = all(_is_allowed(c, configuration[name]) for name, c in self.space.items())
        if not is_allowed or any(configuration[name] != value for name, value in fixed.items()):
            return False
        if self.listed is not None and np.abs(self.listed - self.encode([configuration])).max(axis=1).min() > 1e-9:
            return False
        return self.edit is None or n_asked < self.edit.after or bool(self.edit.contains(self.encode([configuration])))

    def part_of(self, configuration: dict[str, Any]) -> int | None:
        """Return the index of the part to which a configuration belongs, None if it belongs to no part."""
        row = self.encode([configuration])
        return next((index for index, part in enumerate(self.parts) if part.contains(row)), None)

    def fixed(self, seed: int) -> list[dict[str, Any]]:
        """Return the values that each ask of a run fixes: the contexts in rounds, each round in an order of its own."""
        rng = np.random.default_rng([seed, zlib.crc32(f"{self.name} contexts".encode())])
        n = len(self.contexts)
        if not n:
            return [{}] * self.budget
        return [{CONTEXT: self.contexts[i]} for _ in range(self.budget // n) for i in rng.permutation(n)]

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
        if self.listed is not None:
            return self.listed[rng.integers(len(self.listed), size=n)]
        rows = rng.random((n, len(self.space)))
        for j, n_levels in enumerate(self.levels()):
            if n_levels:
                rows[:, j] = np.floor(rows[:, j] * n_levels) / (1 if self.is_cat(j) else n_levels - 1)
        return rows

    def random_runs(self, rng: np.random.Generator, n: int) -> Rows:
        """Draw the rows of n runs of random search, one run after the other."""
        rows = self.sample(rng, n * self.budget)
        for index, part in enumerate(self.parts):
            for column, place in part.pinned.items():
                rows[index :: len(self.parts), column] = place
        if self.edit is not None:
            is_later = np.arange(len(rows)) % self.budget >= self.edit.after
            while (is_wrong := is_later & ~self.edit.contains(rows)).any():
                rows[is_wrong] = self.sample(rng, int(is_wrong.sum()))
        return rows

    def cells(self) -> Rows | None:
        """Return the rows of all configurations; None if they are more than `MOST_CELLS`."""
        if self.listed is not None:
            return self.listed
        levels = self.levels()
        if 0 in levels or np.prod(levels, dtype=float) > MOST_CELLS:
            return None
        steps = [1 if self.is_cat(j) else n - 1 for j, n in enumerate(levels)]
        return np.indices(levels).reshape(len(levels), -1).T / steps

    def levels(self) -> list[int]:
        """Count the values of each covariate; a continuous one counts 0."""
        return [_n_levels(covariate) for covariate in self.space.values()]

    def is_cat(self, column: int) -> bool:
        """Return whether a column holds the index of an option."""
        return bool(list(self.space.values())[column]["vtype"] == "cat")


def make(cls: str, index: int) -> TestProblem:
    """Make one instance of a class, without references."""
    rng = np.random.default_rng([zlib.crc32(cls.encode()), index])
    draft = (CLASSES | PUBLISHED | REAL | DESCRIBED | SPLIT)[cls](rng, index)
    scale = 10 ** rng.uniform(-1, 2)
    offset = scale * rng.normal(0, 2)
    if draft.is_measured:
        scale, offset = 1.0, 0.0
    budget = BUDGETS.get(cls, 50)
    test_problem = TestProblem(
        name=f"{cls}-{index}",
        cls=cls,
        space={name: covariate | {"guess": _guess(rng, covariate)} for name, covariate in draft.columns.items()},
        surface=lambda rows: offset + scale * draft.surface(rows),
        budget=budget,
        workers=WORKERS.get(cls, 1),
        hints=draft.hints,
        is_exact=draft.is_exact,
        contexts=draft.contexts,
        edit=_edit(rng, draft, budget),
        is_measured=draft.is_measured,
        listed=draft.listed,
    )
    for rows, values in draft.earlier:
        runs = zip(test_problem.decode(rows), (offset + scale * values).tolist(), strict=True)
        test_problem.earlier.append([{"x": x, "y": y} for x, y in runs])
    if draft.noise:
        seen = test_problem.surface(test_problem.sample(np.random.default_rng(index), 4000))
        test_problem.noise = float(draft.noise * (seen.max() - seen.min()))
    return test_problem


def observation_noise(test_problem: TestProblem, seed: int) -> Rows:
    """Draw the noise that is added to each observation of a run, the same for all peers."""
    rng = np.random.default_rng([seed, zlib.crc32(test_problem.name.encode())])
    return rng.normal(0, 1, test_problem.budget) * test_problem.noise


def score(
    test_problem: TestProblem,
    truth: list[float],
    observed: list[float],
    parts: list[int | None],
    n: int | None = None,
) -> float:
    """Rate a run after n observations, from -1 to 1: 0 is random search's median, 1 the optimum; the mean over parts.

    The true value of the configuration that was observed best counts, so noise can mislead.

    Args:
        test_problem: The test problem, with the references of its parts.
        truth: The true value of each configuration, in the order of telling.
        observed: The values with noise.
        parts: The index of the part to which each configuration belongs, None for a configuration of no part.
        n: How many observations count; all if None.
    """
    n = n or test_problem.budget
    scores = []
    for index, part in enumerate(test_problem.parts):
        ends = [(y, f) for f, y, at in zip(truth[:n], observed[:n], parts[:n], strict=True) if at == index]
        if not ends:
            scores.append(-1.0)
            continue
        zero, best = part.random_median[n], max(ends, key=itemgetter(0))[1]
        scores.append(float(np.clip((best - zero) / (part.opt - zero), -1, 1)))
    return float(np.mean(scores))


def _edit(rng: np.random.Generator, draft: Draft, budget: int) -> Edit | None:
    """Make the change of the space after a third of the budget, with a guess in what is left."""
    narrowing = draft.narrowing
    if narrowing is None:
        return None
    columns, is_left = draft.columns | narrowing.columns, False
    while not is_left:
        guess = {name: _guess(rng, column) for name, column in columns.items()}
        is_left = bool(narrowing.is_left(np.array([[_place(draft.columns[name], guess[name]) for name in guess]])))
    space = {name: column | {"guess": guess[name]} for name, column in columns.items()}
    return Edit(budget // 3, space, narrowing.constraints, narrowing.is_left)


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


def _value(covariate: dict[str, Any], place: float) -> Any:
    if covariate["vtype"] == "cat":
        return covariate["options"][round(place)]
    low, high = covariate["min"], covariate["max"]
    number = low * (high / low) ** place if covariate.get("log") else low + place * (high - low)
    return round(number) if covariate["vtype"] == "int" else min(max(number, low), high)


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
