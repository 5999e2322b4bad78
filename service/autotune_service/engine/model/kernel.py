"""The kernel: Matérn 5/2 over numbers and options, with derivatives in closed form."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from autotune_service.engine.arrays import Array

_SQRT5 = np.sqrt(5.0)


def scaled_distances(a: Array, b: Array, precisions: Array, is_code: NDArray[np.bool_]) -> Array:
    """Return the squared distances between rows a, shape (n, d), and b, shape (m, d), as an array of shape (n, m).

    Each column's squared difference is multiplied by its precision. Two different option codes are at distance 1.
    """
    roots = np.sqrt(precisions[~is_code])
    distances = cdist(a[:, ~is_code] * roots, b[:, ~is_code] * roots, "sqeuclidean")
    for j in np.flatnonzero(is_code):
        distances += precisions[j] * (a[:, j, None] != b[:, j])
    return np.asarray(distances)


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
