"""Problems with several objectives: generated tables of options, recipes and smooth functions, and three real tables.

A generated problem follows from its class and its index alone. Problems with an index below 1000 are for tuning, those
from 1000 on and the real tables are for reporting.
"""

import csv
import itertools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import drafts
import numpy as np
import shapes
from functions import TestProblem
from numpy.typing import NDArray
from shapes import Rows, Surface

BUDGET = 50
Draft = tuple[dict[str, dict[str, Any]], Surface]
"""Covariates without a guess, and a surface that maps n rows to the merits of m objectives, shape (n, m)."""

MOST_LISTED = 20_000
SAMPLES, ROUNDS, VARIANTS = 2**13, 25, 6
"""How the front of a space with numbers is searched: rows at first, rounds, and variants of each front point."""

KEPT = {2: 200, 3: 600}
"""By the number of objectives, how many points of a front are kept while it is searched."""


@dataclass
class FrontProblem:
    """A space and m objectives over its rows.

    Args:
        columns: The space, with a budget; its surface maps n rows to merits of shape (n, m), of which more is better.
        goals: Each objective's goal by name; the value that is told of an objective to minimize is minus its merit.
    """

    columns: TestProblem
    goals: dict[str, str]

    def f(self, configuration: dict[str, Any]) -> Rows:
        """Return the merits of a configuration, shape (m,)."""
        return np.asarray(self.columns.surface(self.columns.encode([configuration]))[0])

    @property
    def signs(self) -> Rows:
        """What each merit is multiplied by to become the value that is told."""
        return np.array([1.0 if goal == "maximize" else -1.0 for goal in self.goals.values()])

    @cached_property
    def front(self) -> Rows:
        """The merits of the front's points, shape (k, m): exact if the space can be listed, else the best found."""
        from autotune_service.engine.acquisition.pareto import pareto_indices

        def front_of(rows: Rows) -> tuple[Rows, Rows]:
            merits = self.columns.surface(rows)
            kept = pareto_indices(merits)
            most = KEPT[merits.shape[1]]
            if len(kept) > most:
                along = kept[np.argsort(merits[kept, 0])]
                evenly = along[np.linspace(0, len(along) - 1, most).astype(int)]
                kept = np.union1d(evenly, kept[merits[kept].argmax(axis=0)])
            return rows[kept], merits[kept]

        levels = self.columns.levels()
        if all(levels) and np.prod(levels) <= MOST_LISTED:
            tops = [1 if self.columns.is_cat(j) else max(n - 1, 1) for j, n in enumerate(levels)]
            places = [np.arange(n) / top for n, top in zip(levels, tops, strict=True)]
            return front_of(np.array(list(itertools.product(*places))))[1]
        rng = np.random.default_rng(zlib.crc32(self.columns.name.encode()))
        rows, merits = front_of(self.columns.sample(rng, SAMPLES))
        for k in range(ROUNDS):
            varied = np.repeat(rows, VARIANTS, axis=0)
            is_moved = rng.random(varied.shape) < 0.5
            step = 0.2 * 0.85**k * rng.normal(size=varied.shape)
            fresh = self.columns.sample(rng, len(varied))
            is_cat = np.array([self.columns.is_cat(j) for j in range(varied.shape[1])])
            varied = np.where(is_moved & ~is_cat, varied + step, varied)
            varied = np.where(is_cat & (rng.random(varied.shape) < 0.1), fresh, varied)
            rows, merits = front_of(np.concatenate([rows, self.columns.snap(varied)]))
        return merits

    @property
    def reference(self) -> Rows:
        """The point that volumes are measured from, a tenth of the front's range below its worst values, shape (m,)."""
        return np.asarray(self.front.min(axis=0) - 0.1 * np.ptp(self.front, axis=0))

    def shares(self, merits: Rows) -> tuple[float, list[float]]:
        """Return what some merits, shape (n, m), are worth.

        Returns:
            Their share of the volume that the front dominates, and for each objective the best value as a share of the
            front's range.
        """
        from autotune_service.engine.acquisition.pareto import hypervolume

        low, width = self.front.min(axis=0), np.ptp(self.front, axis=0)
        whole = hypervolume(self.front, self.reference)
        return hypervolume(merits, self.reference) / whole, ((merits.max(axis=0) - low) / width).tolist()


def options(rng: np.random.Generator, index: int) -> Draft:
    """Draw a table of options and levels: how well they work together, and what they cost or what else they do.

    A better option tends to be dearer. Every third time the second objective is no sum over the options.
    """
    while True:
        sizes, n_levels = rng.integers(3, 13, rng.integers(2, 5)), rng.integers(3, 6, rng.integers(1, 3))
        if 300 <= sizes.prod() * n_levels.prod() <= 4096:
            break
    n = len(sizes)
    columns: dict[str, dict[str, Any]] = {
        f"c{j}": {"vtype": "cat", "options": [f"option{i}" for i in range(size)]} for j, size in enumerate(sizes)
    }
    columns |= {f"n{j}": {"vtype": "int", "min": 0, "max": int(size) - 1} for j, size in enumerate(n_levels)}
    rough, is_percent, agreement = rng.uniform(0, 0.4), rng.random() < 0.6, rng.uniform(0, 0.9)
    weights = shapes.log_uniform(rng, 0.4, 1.5, n)
    mains = [weight * rng.normal(size=size) for weight, size in zip(weights, sizes, strict=True)]
    first = _table(rng, sizes, len(n_levels), mains)
    prices = [agreement * main / main.std() + (1 - agreement**2) ** 0.5 * rng.normal(size=len(main)) for main in mains]
    second = _table(rng, sizes, len(n_levels), prices)
    dear, rise, threshold = rng.uniform(0.5, 1.5), rng.uniform(0, 0.5, len(n_levels)), rng.uniform(0, 2.5)
    salt = int(rng.integers(2**31))

    def surface(rows: Rows) -> Rows:
        chosen, levels = rows[:, :n].astype(int), rows[:, n:]
        works = first(rows) + rough * _fixed_normals(rows, salt)
        works = 100 / (1 + np.exp(threshold - 1.5 * works)) if is_percent else works
        if index % 3 == 2:
            return np.stack([works, -second(rows)], axis=1)
        cost = sum(np.exp(dear * price[chosen[:, j]]) for j, price in enumerate(prices)) + levels @ rise
        return np.stack([works, -cost], axis=1)

    return columns, surface


def numbers(rng: np.random.Generator, index: int) -> Draft:
    """Draw two paths of Gaussian processes over two to five numbers, the second one often against the first."""
    return _paths(rng, int(rng.integers(2, 6)), 2)


def three(rng: np.random.Generator, index: int) -> Draft:
    """Draw three paths of Gaussian processes over two to four numbers."""
    return _paths(rng, int(rng.integers(2, 5)), 3)


def mixed(rng: np.random.Generator, index: int) -> Draft:
    """Draw two paths over two to four numbers and one or two choices, whose options have a place in the paths."""
    d, sizes = int(rng.integers(2, 5)), rng.integers(3, 8, rng.integers(1, 3))
    columns, path = _paths(rng, d + 2 * len(sizes), 2)
    columns = dict(list(columns.items())[:d])
    columns |= {
        f"c{j}": {"vtype": "cat", "options": [f"option{i}" for i in range(size)]} for j, size in enumerate(sizes)
    }
    places = [rng.random((size, 2)) for size in sizes]

    def surface(rows: Rows) -> Rows:
        chosen = [place[rows[:, d + j].astype(int)] for j, place in enumerate(places)]
        return path(np.concatenate([rows[:, :d], *chosen], axis=1))

    return columns, surface


CLASSES = {"options": options, "numbers": numbers, "three": three, "recipes": mixed}


def _table(rng: np.random.Generator, sizes: NDArray[np.int64], n_levels: int, mains: list[Rows]) -> Surface:
    """Draw a sum of tables over single options, pairs of options, and an option's best place of each level."""
    n, share = len(sizes), rng.uniform(0.2, 0.8)
    couples = [(i, j) for i in range(n) for j in range(i) if rng.random() < 0.6]
    tables = [share * rng.normal(size=(sizes[i], sizes[j])) for i, j in couples]
    best, bend = rng.uniform(0, 1.2, (sizes[0], n_levels)), shapes.log_uniform(rng, 0.2, 1.5, n_levels)

    def values(rows: Rows) -> Rows:
        chosen, levels = rows[:, :n].astype(int), rows[:, n:]
        total = -((levels - best[chosen[:, 0]]) ** 2) @ bend
        for j, main in enumerate(mains):
            total = total + main[chosen[:, j]]
        for (i, j), table in zip(couples, tables, strict=True):
            total = total + table[chosen[:, i], chosen[:, j]]
        return np.asarray(total)

    return values


def _fixed_normals(rows: Rows, salt: int) -> Rows:
    """Return for each row a number as if drawn from a normal distribution, the same for the same row."""
    return np.array([np.random.default_rng([salt, zlib.crc32(row.tobytes())]).normal() for row in rows])


def _paths(rng: np.random.Generator, d: int, m: int) -> Draft:
    against = rng.uniform(0, 0.9)
    paths = [shapes.with_trend(rng, d, shapes.gp_path(rng, d, (0.3, 1.5), 100)) for _ in range(m)]

    def surface(rows: Rows) -> Rows:
        values = np.stack([path(rows) for path in paths], axis=1)
        values[:, 1] = (1 - against**2) ** 0.5 * values[:, 1] - against * values[:, 0]
        return values

    return drafts.box(rng, d), surface


def make(cls: str, index: int) -> FrontProblem:
    """Make one instance of a class; it follows from class and index alone."""
    rng = np.random.default_rng([zlib.crc32(f"{cls} fronts".encode()), index])
    columns, surface = CLASSES[cls](rng, index)
    space = {name: column | {"guess": _guess(rng, column)} for name, column in columns.items()}
    goals = {"gain": "maximize", "cost": "minimize", "third": "maximize"}
    first_merits = surface(TestProblem("", cls, space, surface).sample(np.random.default_rng(0), 1))
    named = dict(list(goals.items())[: first_merits.shape[1]])
    return FrontProblem(TestProblem(f"{cls}-{index}", cls, space, surface, BUDGET), named)


def _guess(rng: np.random.Generator, column: dict[str, Any]) -> Any:
    if column["vtype"] == "cat":
        return column["options"][int(rng.integers(len(column["options"])))]
    share = rng.uniform(0.05, 0.95)
    place = column["min"] + share * (column["max"] - column["min"])
    return round(place) if column["vtype"] == "int" else float(place)


def real(folder: Path, seed: int) -> Iterator[FrontProblem]:
    """Read three real tables: yield and cost of a direct arylation, and two yields with drawn costs of the options."""
    yield _real_table(
        folder / "direct_arylation.csv", seed,
        {"base": 1, "ligand": 2, "solvent": 3}, {"concentration": 4, "temperature": 5}, 6, 7,
    )  # fmt: skip
    suzuki = {"electrophile": 0, "nucleophile": 1, "base": 2, "ligand": 3, "solvent": 4}
    yield _real_table(folder / "suzuki_edbo.csv", seed, suzuki, {}, 5, None)
    buchwald = {"base": 0, "ligand": 1, "aryl_halide": 2, "additive": 3}
    yield _real_table(folder / "buchwald_hartwig.csv", seed, buchwald, {}, 4, None)


def _real_table(
    file: Path, seed: int, cats: dict[str, int], levels: dict[str, int], gain: int, cost: int | None
) -> FrontProblem:
    """Read a table; a run that is missing has gain 0.

    Args:
        file: The table.
        seed: Draws the guess.
        cats: The columns of options, by name.
        levels: The columns of ordered numbers, by name.
        gain: The column of the response to maximize.
        cost: The column of the response to minimize; None for a cost that is drawn: each option has a price, and the
            prices of a run are added.
    """
    with file.open(encoding="utf-8-sig", newline="") as lines:
        table = [row for row in csv.reader(lines) if "" not in row and row[0] != "new_index"]
    names = {name: sorted({row[at] for row in table}) for name, at in cats.items()}
    steps = {name: sorted({float(row[at]) for row in table}) for name, at in levels.items()}
    shape = [*map(len, names.values()), *map(len, steps.values())]
    merits = np.zeros((*shape, 2))
    if cost is None:
        prices = np.random.default_rng(zlib.crc32(file.name.encode()))
        for axis, size in enumerate(shape):
            drawn = np.exp(prices.normal(size=size))
            merits[..., 1] -= drawn.reshape([-1 if k == axis else 1 for k in range(len(shape))])
    for row in table:
        at = tuple(names[name].index(row[k]) for name, k in cats.items())
        at += tuple(steps[name].index(float(row[k])) for name, k in levels.items())
        merits[(*at, 0)] = float(row[gain])
        if cost is not None:
            merits[(*at, 1)] = -float(row[cost])
    columns: dict[str, dict[str, Any]] = {name: {"vtype": "cat", "options": one} for name, one in names.items()}
    columns |= {name: {"vtype": "int", "min": 0, "max": len(one) - 1} for name, one in steps.items()}
    rng = np.random.default_rng([seed, zlib.crc32(file.name.encode())])
    space = {name: column | {"guess": _guess(rng, column)} for name, column in columns.items()}
    tops = np.array([1] * len(names) + [len(one) - 1 for one in steps.values()])
    problem = TestProblem(
        file.stem, "real", space, lambda rows: merits[tuple(np.rint(rows * tops).astype(int).T)], BUDGET
    )
    return FrontProblem(problem, {"gain": "maximize", "cost": "minimize"})
