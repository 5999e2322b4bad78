"""The kernel: Matérn 5/2 over numbers and options, with derivatives in closed form, and the effects of options.

The Matérn kernel says that configurations are alike where all of their covariates are. An option often has an effect
of its own beside that, whatever the other covariates are: one base is better than another with most ligands. So each
covariate with options adds a covariance that all runs with the same option share, and few runs show which options are
good (an additive kernel of first order over options, after Duvenaud et al. 2011, "Additive Gaussian Processes"; the
abstract was read). Where options have descriptors, runs with similar options share a covariance too, and how much each
descriptor counts is learnt. What the descriptors do not tell is left to equality: so misleading ones do little harm.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from autotune_service.engine.arrays import Array
from autotune_service.engine.kinds import Kinds

_SQRT5 = np.sqrt(5.0)
_PAIRS_PER_PATTERN = 16  # from so many on, finding the patterns costs less than it saves


def scaled_distances(a: Array, b: Array, precisions: Array, kinds: Kinds) -> Array:
    """Return the squared distances between rows a, shape (n, d), and b, shape (m, d), as an array of shape (n, m).

    Each column's squared difference is multiplied by its precision. Two different option codes are at distance 1.
    """
    return np.asarray(compared(a, b, precisions[None], np.empty((1, 0)), kinds)[0][0])


def compared(a: Array, b: Array, precisions: Array, effects: Array, kinds: Kinds) -> tuple[Array, Array | None]:
    """Compare rows a, shape (n, d), with rows b, shape (m, d), by s kernels.

    Args:
        a: Rows.
        b: Rows.
        precisions: One over the squared length scale of each column and descriptor, shape (s, p).
        effects: The variance of the effects that ``kinds`` lists, shape (s, c); shape (s, 0) if options have none.
        kinds: What the columns hold.

    Returns:
        The scaled squared distances, shape (s, n, m), in which two different codes are at distance 1; and the
        covariances by equal and by similar options, shape (s, n, m), None without effects.
    """
    is_code = kinds.is_code
    roots = np.sqrt(precisions[:, : kinds.d][:, ~is_code])
    numbers_a, numbers_b = a[:, ~is_code], b[:, ~is_code]
    distances = np.stack([cdist(numbers_a * root, numbers_b * root, "sqeuclidean") for root in roots])
    if not is_code.any():
        return distances, None
    own, n_codes = precisions[:, : kinds.d][:, is_code], np.count_nonzero(is_code)
    by_equality, by_likeness = effects[:, :n_codes], effects[:, n_codes:]
    apart = _differing(a[:, is_code], b[:, is_code], np.concatenate([own, by_equality]) if effects.size else own)
    distances += apart[: len(own)]
    shared = by_equality.sum(axis=1)[:, None, None] - apart[len(own) :] if effects.size else None
    for k, (described, part) in enumerate(zip(kinds.described, kinds.parts, strict=True)):
        (own_a, place_a), (own_b, place_b) = described.options_of(a), described.options_of(b)
        roots = np.sqrt(precisions[:, part])
        unlike = np.stack([cdist(own_a * root, own_b * root, "sqeuclidean") for root in roots])
        distances += unlike[:, place_a][:, :, place_b]
        if shared is not None:
            alike = by_likeness[:, k, None, None] * matern(unlike)[0]
            shared += alike[:, place_a][:, :, place_b]
    return distances, shared


def _differing(a: Array, b: Array, weights: Array) -> Array:
    """Sum the weights of the columns in which codes a, shape (n, c), and b, shape (m, c), differ.

    Args:
        a: Codes.
        b: Codes.
        weights: Weights of the columns, shape (w, c).

    Returns:
        Array of shape (w, n, m).
    """
    sums = np.zeros((len(weights), len(a), len(b)))
    for j in range(a.shape[1]):
        own, places = np.unique(a[:, j], return_inverse=True)  # rows with the same option differ from the same rows
        differs = own[:, None] != b[:, j]
        for total, weight in zip(sums, weights[:, j], strict=True):
            total += (weight * differs)[places]
    return sums


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


def patterns_of(a: Array, b: Array, kinds: Kinds) -> Patterns | None:
    """Find the patterns of rows a, shape (n, d), and b, shape (m, d); None if they are not few beside the pairs.

    They are not where options have descriptors, as nearly every pair of options is unlike in a way of its own.
    """
    is_code, most = kinds.is_code, len(a) * len(b) // _PAIRS_PER_PATTERN
    if kinds.described or 2.0 ** np.count_nonzero(is_code) > most:
        return None
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
