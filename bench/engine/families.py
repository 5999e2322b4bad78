"""Makers of test problems with earlier campaigns: of a function like the one to maximise, or of one that misleads."""

from collections.abc import Callable

import laboratories
import numpy as np
import recipes
from drafts import Campaign, Draft, campaign
from shapes import Rows, Surface

_BASES: list[Callable[[np.random.Generator, int], Draft]] = [
    recipes.smooth,
    laboratories.reactions,
    recipes.hills,
    recipes.mixed,
    recipes.valley,
    recipes.categories,
]
_FEW_STEPS = 6
"""A whole number of fewer steps has its settings exchanged like options; one of more is turned around."""

_DRAWN = 4000
"""Rows that decide a surface's mean and spread, and from which a campaign's runs are chosen."""


def related(rng: np.random.Generator, index: int) -> Draft:
    """Draw a function of any of six classes, and one or two campaigns of functions like it.

    An earlier function is the same at a level and with a spread of its own, its numbers are shifted by up to a tenth of
    their range, and 0 to 60 % of its standard deviation is that of an unrelated function.
    """
    draft = _BASES[index % len(_BASES)](rng, index)
    for _ in range(int(rng.integers(1, 3))):
        own, other = _shifted(rng, draft), _shuffled(rng, draft)
        share = rng.uniform(0, 0.6)
        draft.earlier.append(_campaign(rng, draft, _mixed(rng, draft, own, other, share)))
    return draft


def unrelated(rng: np.random.Generator, index: int) -> Draft:
    """Draw a function of any of six classes, and one or two campaigns that mislead.

    An earlier function is the same with its options and numbers exchanged, which has nothing in common with it but how
    wiggly it is; every third one is the opposite.
    """
    draft = _BASES[index % len(_BASES)](rng, index)
    for _ in range(int(rng.integers(1, 3))):
        other = _opposite(draft) if rng.random() < 1 / 3 else _shuffled(rng, draft)
        draft.earlier.append(_campaign(rng, draft, _mixed(rng, draft, other, other, 0.0)))
    return draft


def _rows(rng: np.random.Generator, draft: Draft, n: int) -> Rows:
    """Draw rows of configurations: places of numbers between 0 and 1, and indices of options."""
    columns = []
    for column in draft.columns.values():
        if column["vtype"] == "cat":
            columns.append(rng.integers(len(column["options"]), size=n).astype(float))
        elif column["vtype"] == "int":
            steps = column["max"] - column["min"]
            columns.append(rng.integers(steps + 1, size=n) / max(steps, 1))
        else:
            columns.append(rng.random(n))
    return np.stack(columns, axis=1)


def _shifted(rng: np.random.Generator, draft: Draft) -> Surface:
    """Return the draft's surface with its continuous numbers shifted a little."""
    is_cont = np.array([column["vtype"] == "cont" for column in draft.columns.values()])
    shift, surface = rng.uniform(-0.1, 0.1, len(is_cont)) * is_cont, draft.surface
    return lambda rows: surface(np.where(is_cont, np.clip(rows + shift, 0.0, 1.0), rows))


def _shuffled(rng: np.random.Generator, draft: Draft) -> Surface:
    """Return the draft's surface with its options exchanged, and its numbers reflected and moved around."""
    surface, moves = draft.surface, list[Callable[[Rows], Rows]]()
    for column in draft.columns.values():
        if column["vtype"] == "cat":
            moves.append(_exchanged(rng.permutation(len(column["options"])).astype(float), 1))
        elif column["vtype"] == "int":
            steps = max(column["max"] - column["min"], 1)
            order = rng.permutation(steps + 1) / steps if steps < _FEW_STEPS else np.linspace(1, 0, steps + 1)
            moves.append(_exchanged(order, steps))
        else:
            moves.append(_folded(rng.uniform(0.3, 0.7)))
    return lambda rows: surface(np.stack([move(rows[:, j]) for j, move in enumerate(moves)], axis=1))


def _exchanged(order: Rows, steps: int) -> Callable[[Rows], Rows]:
    return lambda places: np.asarray(order[np.rint(places * steps).astype(int)])


def _folded(by: float) -> Callable[[Rows], Rows]:
    """Move a number by a part of its range, at twice the pace and back from the end."""
    return lambda places: np.asarray(np.abs(1 - np.abs(places + by - 1) * 2 % 2))


def _opposite(draft: Draft) -> Surface:
    surface = draft.surface
    return lambda rows: -surface(rows)


def _mixed(rng: np.random.Generator, draft: Draft, own: Surface, other: Surface, share: float) -> Surface:
    """Return the standardized sum of two surfaces, at a level and with a spread of its own."""
    drawn = _rows(rng, draft, _DRAWN)
    truth, first, second = draft.surface(drawn), own(drawn), other(drawn)
    spread = max(float(truth.std()), 1e-12)
    level = truth.mean() + 2 * spread * rng.normal()
    scale = spread * np.exp(rng.normal(0, 0.5))

    def standard(values: Rows, of: Rows) -> Rows:
        return np.asarray((values - of.mean()) / max(float(of.std()), 1e-12))

    def surface(rows: Rows) -> Rows:
        both = np.sqrt(1 - share**2) * standard(own(rows), first) + share * standard(other(rows), second)
        return np.asarray(level + scale * both)

    return surface


def _campaign(rng: np.random.Generator, draft: Draft, surface: Surface) -> Campaign:
    """Make 20 to 80 runs: some at random, the others near what was best, as a campaign's are."""
    n = int(rng.integers(20, 81))
    drawn = _rows(rng, draft, 40 * n)
    values = surface(drawn)
    rows, measured = campaign(rng, n, drawn, values, 8 * n)
    return rows, measured + 0.02 * float(np.ptp(values)) * rng.normal(size=len(rows))
