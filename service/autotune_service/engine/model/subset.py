"""Which observations stand for all where there are too many for an exact posterior."""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.arrays import Array

_MAX_FITTED = 400
_FULLY_FITTED = 2  # responses

MAX_CONDITIONED = 2000
"""Observations that a posterior is conditioned on; of more, representatives."""

_BEST_SHARE, _NEAR_SHARE = 0.25, 0.5


def max_fitted(n_responses: int) -> int:
    """Give how many observations teach each of n models its hyperparameters; of more, representatives.

    The more models there are, the fewer: time grows with more than the square of their number.
    """
    return round(_MAX_FITTED * min(1.0, sqrt(_FULLY_FITTED / n_responses)))


def representatives(rows: Array, merits: Array, n: int, is_code: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """Choose n observations: a quarter the best, half those nearest to the best one, the rest evenly over time.

    What has to be known well is where the best ones are; of the rest, where nothing is to be found.

    Args:
        rows: Where was observed, shape (m, d).
        merits: How much each one is worth knowing, such as what was observed where more is better, shape (m,).
        n: How many to choose.
        is_code: Which columns hold option codes, of which only equality counts, shape (d,); none where absent.

    Returns:
        The chosen ones' indices in ascending order; all where there are no more than n.
    """
    if len(rows) <= n:
        return np.arange(len(rows))
    order = np.argsort(-merits, kind="stable")
    n_best = round(n * _BEST_SHARE)
    is_chosen = np.zeros(len(rows), dtype=np.bool_)
    is_chosen[order[:n_best]] = True
    apart = np.abs(rows - rows[order[0]])
    if is_code is not None:
        apart[:, is_code] = apart[:, is_code] > 0
    distances = apart.sum(axis=1)
    distances[is_chosen] = np.inf
    is_chosen[np.argsort(distances, kind="stable")[: round(n * _NEAR_SHARE)]] = True
    rest = np.flatnonzero(~is_chosen)
    is_chosen[rest[np.linspace(0, len(rest) - 1, n - int(is_chosen.sum())).astype(np.int64)]] = True
    return np.flatnonzero(is_chosen)
