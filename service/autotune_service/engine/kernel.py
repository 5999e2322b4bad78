"""The kernel: Matérn 5/2 over numbers and options, with derivatives in closed form."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

Array = NDArray[np.float64]
_SQRT5 = np.sqrt(5.0)


def squared_differences(a: Array, b: Array, is_code: NDArray[np.bool_]) -> Array:
    """Give, column by column, how far apart rows are.

    Numbers differ by the square of their difference; option codes by 1 where they differ at all, which is the squared
    distance of their one-hot codes, halved.

    Args:
        a: Rows, shape (n, d).
        b: Rows, shape (m, d).
        is_code: Which columns hold codes, shape (d,).

    Returns:
        Array of shape (n, m, d).
    """
    differences = a[:, None, :] - b[None, :, :]
    squares = differences * differences
    if is_code.any():
        squares[..., is_code] = differences[..., is_code] != 0
    return squares


def scaled_distances(a: Array, b: Array, precisions: Array, is_code: NDArray[np.bool_]) -> Array:
    """Give the squared distances of rows a, shape (n, d), and b, shape (m, d), each column times its precision.

    The same as ``squared_differences(a, b, is_code) @ precisions``, without its n m d numbers in memory.
    """
    roots = np.sqrt(precisions[~is_code])
    distances = cdist(a[:, ~is_code] * roots, b[:, ~is_code] * roots, "sqeuclidean")
    for j in np.flatnonzero(is_code):
        distances += precisions[j] * (a[:, j, None] != b[:, j])
    return np.asarray(distances)


def matern(r2: Array) -> tuple[Array, Array]:
    """Give the Matérn 5/2 correlation and its derivative by the squared distance.

    With r the scaled distance, k = (1 + sqrt(5) r + 5/3 r²) exp(-sqrt(5) r) (Rasmussen and Williams 2006, equation
    4.17), and so dk/d(r²) = -5/6 (1 + sqrt(5) r) exp(-sqrt(5) r), which is finite at 0.
    """
    s = _SQRT5 * np.sqrt(r2)
    decay = np.exp(-s)
    slope = (1.0 + s) * decay
    correlation = slope + (5.0 / 3.0) * r2 * decay
    slope *= -5.0 / 6.0
    return correlation, slope
