"""The kernel: Matérn 5/2 over numbers and options, with derivatives in closed form, and the effects of options.

The Matérn kernel says that configurations are alike where all of their covariates are. An option often has an effect
of its own beside that, whatever the other covariates are: one base is better than another with most ligands. So each
covariate with options adds a covariance that all runs with the same option share, and few runs show which options are
good (an additive kernel of first order over options, after Duvenaud et al. 2011, "Additive Gaussian Processes"; the
abstract was read).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from autotune_service.engine.arrays import Array

_SQRT5 = np.sqrt(5.0)
_PAIRS_PER_PATTERN = 16  # from so many on, finding the patterns costs less than it saves


def scaled_distances(a: Array, b: Array, precisions: Array, is_code: NDArray[np.bool_]) -> Array:
    """Return the squared distances between rows a, shape (n, d), and b, shape (m, d), as an array of shape (n, m).

    Each column's squared difference is multiplied by its precision. Two different option codes are at distance 1.
    """
    roots = np.sqrt(precisions[~is_code])
    distances = cdist(a[:, ~is_code] * roots, b[:, ~is_code] * roots, "sqeuclidean")
    for j in np.flatnonzero(is_code):
        distances += precisions[j] * (a[:, j, None] != b[:, j])
    return np.asarray(distances)


def shared_effects(a: Array, b: Array, effects: Array, is_code: NDArray[np.bool_]) -> Array:
    """Return the covariance that rows a, shape (n, d), and b, shape (m, d), have by equal options, shape (n, m).

    Args:
        a: Rows.
        b: Rows.
        effects: The variance of each of the c columns of codes, shape (c,).
        is_code: Which columns hold option codes, shape (d,).
    """
    shared = np.zeros((len(a), len(b)))
    for j, effect in zip(np.flatnonzero(is_code), effects, strict=True):
        shared += effect * (a[:, j, None] == b[:, j])
    return shared


@dataclass(frozen=True, slots=True)
class Patterns:
    """The ways in which pairs of rows differ: few where covariates have options or few levels.

    A kernel is then computed for each pattern instead of each pair.

    Args:
        squares: The squared differences of the columns, 1 for codes that differ, of each of p patterns, shape (p, d).
        index: The pattern of each pair, shape (n, m).
    """

    squares: Array
    index: NDArray[np.int32]


def patterns_of(a: Array, b: Array, is_code: NDArray[np.bool_]) -> Patterns | None:
    """Find the patterns of rows a, shape (n, d), and b, shape (m, d); None if they are not few beside the pairs."""
    most = len(a) * len(b) // _PAIRS_PER_PATTERN
    squares, index = np.zeros((1, 0)), np.zeros((len(a), len(b)), dtype=np.int32)
    for j, has_codes in enumerate(is_code):
        (own_a, place_a), (own_b, place_b) = (np.unique(rows[:, j], return_inverse=True) for rows in (a, b))
        if len(own_a) * len(own_b) > most:
            return None
        apart = np.round(own_a[:, None] - own_b, 12)  # the same difference between other levels can differ by rounding
        own, place = np.unique(apart != 0 if has_codes else apart * apart, return_inverse=True)
        if len(squares) * len(own) > most:
            return None
        squares = np.column_stack([np.repeat(squares, len(own), axis=0), np.tile(own, len(squares))])
        index = index * len(own) + place.reshape(apart.shape).astype(np.int32)[place_a][:, place_b]
    return Patterns(squares, index)


def matern(r2: Array) -> tuple[Array, Array]:
    """Return the Matérn 5/2 correlation and its derivative by the squared distance.

    With r the scaled distance, k = (1 + sqrt(5) r + 5/3 r²) exp(-sqrt(5) r) (Rasmussen and Williams 2006, equation
    4.17), and so dk/d(r²) = -5/6 (1 + sqrt(5) r) exp(-sqrt(5) r), which is finite at 0.
    """
    slope = np.sqrt(r2)
    slope *= _SQRT5
    decay = np.exp(-slope)
    slope += 1.0
    slope *= decay
    decay *= r2  # in place: with many observations new arrays cost more time than the arithmetic
    decay *= 5.0 / 3.0
    decay += slope
    slope *= -5.0 / 6.0
    return decay, slope
