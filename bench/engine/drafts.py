"""What the maker of a test problem returns, and the covariates and surfaces that makers share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapes
from numpy.typing import NDArray
from shapes import Rows, Surface

CONTEXT = "context"
"""The name of the covariate that has the role ``context``."""

Column = dict[str, Any]
"""A covariate in AutoTune's wire form, without a guess."""

Campaign = tuple[Rows, Rows]
"""The rows of an earlier experiment's runs, and what it measured there."""


@dataclass
class Narrowing:
    """What is taken from the space in the course of a run.

    Args:
        is_left: Tells which rows remain in the space.
        columns: The covariates that change, as they are afterwards.
        constraints: The constraints that are added, in wire form.
    """

    is_left: Callable[[Rows], NDArray[np.bool_]]
    columns: dict[str, Column] = field(default_factory=dict)
    constraints: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Draft:
    """Covariates without a guess, and a surface over their rows.

    Args:
        columns: The covariates, in column order.
        surface: Maps rows to values.
        hints: Rows that are good.
        is_exact: Whether the first hint is the optimum.
        noise: Standard deviation of an observation, as a share of the surface's range.
        contexts: The values of the covariate `CONTEXT` among which each ask fixes one.
        narrowing: How the space is narrowed; None if it stays as it is.
        earlier: Campaigns of other functions of the same covariates.
        is_measured: Whether the surface is data of a laboratory: then values keep their own scale, and the guess
            follows from the seed, as there are one or few instances.
        listed: The only rows that may be tried, shape (n, d); None if any may.
    """

    columns: dict[str, Column]
    surface: Surface
    hints: list[Rows] = field(default_factory=list)
    is_exact: bool = False
    noise: float = 0.0
    contexts: list[Any] = field(default_factory=list)
    narrowing: Narrowing | None = None
    earlier: list[Campaign] = field(default_factory=list)
    is_measured: bool = False
    listed: Rows | None = None


def cont_column(rng: np.random.Generator) -> Column:
    """Draw the range of a number."""
    low, width = round(rng.uniform(-10, 5), 1), float(f"{shapes.log_uniform(rng, 0.1, 200):.2g}")
    return {"vtype": "cont", "min": low, "max": low + width}


def int_column(rng: np.random.Generator, n_levels: int) -> Column:
    """Draw the range of a whole number with so many values."""
    low = int(rng.integers(-5, 6))
    return {"vtype": "int", "min": low, "max": low + n_levels - 1}


def cat_column(n_options: int) -> Column:
    """Return a category with so many options."""
    return {"vtype": "cat", "options": [f"option{i}" for i in range(n_options)]}


def box(rng: np.random.Generator, d: int) -> dict[str, Column]:
    """Draw the ranges of d numbers."""
    return {f"x{j}": cont_column(rng) for j in range(d)}


def lookup(columns: dict[str, Column], table: Rows) -> Surface:
    """Return the surface that looks a value up.

    Args:
        columns: The covariates, none of them continuous.
        table: The values, with an axis for each covariate: an option's index, or a whole number less the least.
    """
    tops = [1 if c["vtype"] == "cat" else c["max"] - c["min"] for c in columns.values()]
    return lambda rows: table[tuple(np.rint(rows * tops).astype(int).T)]


def shuffled(rng: np.random.Generator, draft: Draft) -> Draft:
    """Put the covariates in a random order."""
    order = rng.permutation(len(draft.columns))
    names, back, surface = list(draft.columns), np.argsort(order), draft.surface
    draft.columns = {names[j]: draft.columns[names[j]] for j in order}
    draft.hints = [hint[order] for hint in draft.hints]
    draft.surface = lambda rows: surface(rows[:, back])
    draft.listed = None if draft.listed is None else draft.listed[:, order]
    if draft.narrowing is not None:
        is_left = draft.narrowing.is_left
        draft.narrowing.is_left = lambda rows: is_left(rows[:, back])
    return draft


def campaign(rng: np.random.Generator, n: int, rows: Rows, values: Rows, n_good: int) -> Campaign:
    """Choose n runs of an earlier experiment: half at random, the others among the best, as a campaign comes to them.

    Args:
        rng: Draws the runs.
        n: The number of runs.
        rows: The rows to choose from.
        values: Their values.
        n_good: How many of the rows count as the best.
    """
    good = np.argsort(-values)[:n_good]
    chosen = np.concatenate([rng.integers(len(rows), size=n // 2), rng.permutation(good)[: n - n // 2]])
    return rows[chosen], values[chosen]
