"""Which observations represent all of them if there are too many for an exact posterior."""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.arrays import Array

_MAX_FITTED = 400
_FULLY_FITTED = 2  # responses whose models are each fitted to as many as _MAX_FITTED observations

MAX_CONDITIONED = 2000
"""How many observations a posterior is conditioned on at most; of more observations, representatives are chosen."""

MAX_SHOWN = 1000
"""The same for the models behind insights: they predict at thousands of rows, and somebody waits for the pictures."""

_BEST_SHARE, _NEAR_SHARE = 0.25, 0.5


def max_fitted(n_responses: int) -> int:
    """Return how many observations the hyperparameters of each of n models are learnt from at most.

    The more models there are, the fewer observations each has: the time for one model grows with more than the square
    of the number of observations.
    """
    return round(_MAX_FITTED * min(1.0, sqrt(_FULLY_FITTED / n_responses)))


def representatives(rows: Array, merits: Array, n: int, is_code: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """Choose n observations: a quarter the best, half those nearest to the best one, the rest evenly over time.

    The model has to be accurate near the best observations. Elsewhere the model has to show only that nothing better is
    to be expected.

    Args:
        rows: The observed configurations, shape (m, d).
        merits: The value by which the best are chosen, such as the observed one if more is better, shape (m,).
        n: How many to choose.
        is_code: Which columns hold option codes, for which only equality counts, shape (d,); None if no column does.

    Returns:
        The indices of the chosen observations in ascending order; all indices if there are no more than n.
    """
    if len(rows) <= n:
        return np.arange(len(rows))
    order = np.argsort(-merits, kind="stable")
    n_best = round(n * _BEST_SHARE)
    is_chosen = np.zeros(len(rows), dtype=np.bool_)
    is_chosen[order[:n_best]] = True
    differences = np.abs(rows - rows[order[0]])
    if is_code is not None:
        differences[:, is_code] = differences[:, is_code] > 0
    distances = differences.sum(axis=1)
    distances[is_chosen] = np.inf
    is_chosen[np.argsort(distances, kind="stable")[: round(n * _NEAR_SHARE)]] = True
    rest = np.flatnonzero(~is_chosen)
    is_chosen[rest[np.linspace(0, len(rest) - 1, n - int(is_chosen.sum())).astype(np.int64)]] = True
    return np.flatnonzero(is_chosen)
