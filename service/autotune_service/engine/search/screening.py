"""Finds the best of very many rows without computing the value of each: it looks at some, and then near the best."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.arrays import Array
from autotune_service.engine.kinds import Kinds
from autotune_service.engine.model.kernel import scaled_distances

_FIRST = 4096  # rows at random that are looked at first
_NEAR_KNOWN = 64  # and so many rows nearest to each known one
_BEST, _NEAR = 16, 64  # in a round, so many rows nearest to each of so many of the best
_ROUNDS = 12


def screened(
    value_of: Callable[[Array], Array], rows: Array, known: Array, kinds: Kinds, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Compute the values of some of n rows, shape (n, d), the best of them very likely included.

    After rows at random, and those near known rows, come round by round the nearest neighbours of the best rows found,
    until these are surrounded by rows that are looked at.

    Args:
        value_of: Computes the value of each row.
        rows: All rows.
        known: Rows near which good ones may lie, shape (k, d).
        kinds: What the columns hold.
        rng: Draws the first rows.

    Returns:
        The rows that were looked at, in their order, and their values.
    """
    values = np.full(len(rows), -np.inf)
    chosen = [rng.choice(len(rows), min(_FIRST, len(rows)), replace=False), _nearest(rows, known, _NEAR_KNOWN, kinds)]
    new = np.unique(np.concatenate(chosen))
    is_seen, is_done = np.zeros((2, len(rows)), dtype=np.bool_)
    for _ in range(_ROUNDS):
        if not len(new):
            break
        values[new], is_seen[new] = value_of(rows[new]), True
        best = np.argsort(-values, kind="stable")[:_BEST]
        best = best[~is_done[best]]
        is_done[best] = True
        near = np.unique(_nearest(rows, rows[best], _NEAR, kinds))
        new = near[~is_seen[near]]
    return rows[is_seen], values[is_seen]


def _nearest(rows: Array, centers: Array, n: int, kinds: Kinds) -> NDArray[np.intp]:
    """Return the indices of the n rows nearest to each center."""
    found = [np.empty(0, dtype=np.intp)]
    for center in centers:
        apart = scaled_distances(rows, center[None], np.ones(kinds.n_precisions), kinds)[:, 0]
        found.append(np.argpartition(apart, min(n, len(apart) - 1))[:n])
    return np.concatenate(found)
