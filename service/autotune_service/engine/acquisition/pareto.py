"""Several objectives: the Pareto front, the hypervolume that it dominates, and the reference point of that volume."""

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.arrays import Array

_BEYOND_NADIR = 0.1  # of the front's range


def pareto_indices(values: Array) -> NDArray[np.int64]:
    """Find the points of the Pareto front: no other point is better in one objective and at least as good in all.

    Args:
        values: Points, shape (n, m), each objective to be maximized.

    Returns:
        The indices of the front's points in ascending order; equal points are on the front together.
    """
    if values.shape[1] == 2:
        # From the best first value down, a point is on the front if its second value beats all those before.
        ordered, group = np.unique(-values, axis=0, return_inverse=True)
        heights = -ordered[:, 1]
        is_front = heights > np.concatenate([[-np.inf], np.maximum.accumulate(heights)[:-1]])
        return np.flatnonzero(is_front[group.reshape(-1)])
    left = np.lexsort(-values.T[::-1])  # in this order a point can be dominated only by an earlier one
    chosen: list[int] = []
    while len(left):
        point, others = values[left[0]], values[left[1:]]
        chosen.append(int(left[0]))
        left = left[1:][(others > point).any(axis=1) | (others == point).all(axis=1)]
    return np.sort(np.array(chosen, dtype=np.int64))


def best_first(values: Array, n: int) -> NDArray[np.int64]:
    """Order points by front: the Pareto front first, then the Pareto front of the remaining points, and so on.

    Args:
        values: Points, shape (m, k), each objective to be maximized.
        n: The number of points wanted.

    Returns:
        The indices of the first n points, or of all points if there are fewer.
    """
    left, order = np.arange(len(values)), np.empty(0, dtype=np.int64)
    while len(left) and len(order) < n:
        front = pareto_indices(values[left])
        order = np.concatenate([order, left[front]])
        left = np.delete(left, front)
    return order[:n]


def hypervolume(values: Array, reference: Array) -> float:
    """Compute the exact volume that points dominate above a reference point.

    The points are sorted by their last objective, the worst first. Each point adds the volume that it dominates and no
    later point does: its height in the last objective times a volume of one objective less. This is the exclusive
    volume of While et al. 2012, "A Fast Way of Calculating Exact Hypervolumes", in slices.

    Args:
        values: Points, shape (n, m) with m at least 2, each objective to be maximized.
        reference: The reference point, shape (m,); a point that is not better in every objective adds nothing.
    """
    heights = values - reference
    return _volume(heights[(heights > 0).all(axis=1)])


def reference_point(values: Array) -> Array:
    """Infer a reference point: in each objective, a tenth of the front's range below the front's worst value.

    The rule is that of BoTorch's ``infer_reference_point``, after Ishibuchi et al. 2011, except for an objective in
    which the front has no range. There BoTorch uses the absolute value, which depends on the unit's zero. This function
    uses the range of all points, and the absolute value only if that range is 0 too.

    Args:
        values: Points, shape (n, m), n at least 1, each objective to be maximized.

    Returns:
        The reference point, shape (m,).
    """
    front = values[pareto_indices(values)]
    sizes = np.abs(front).max(axis=0)
    halves = np.ptp(front / 2, axis=0)  # of the ranges, which may be too large for a float
    halves = np.where(halves > 0, halves, np.ptp(values / 2, axis=0))
    halves = np.where(halves > 0, halves, np.where(sizes > 0, sizes, 1.0) / 2)
    with np.errstate(over="ignore"):
        point = front.min(axis=0) - 2 * _BEYOND_NADIR * halves
    return np.asarray(np.maximum(point, -np.finfo(float).max))


def _volume(heights: Array) -> float:
    """Compute the volume that points of positive heights, shape (n, m), dominate above 0."""
    if heights.shape[1] == 2:
        return _area(heights)
    heights = heights[pareto_indices(heights)]
    heights = heights[np.argsort(heights[:, -1], kind="stable")]
    bases = heights[:, :-1]
    added = [
        height * (base.prod() - _volume(np.minimum(base, bases[k + 1 :])))
        for k, (base, height) in enumerate(zip(bases, heights[:, -1], strict=True))
    ]
    return float(sum(added))


def _area(heights: Array) -> float:
    """Compute the volume for two objectives, heights of shape (n, 2)."""
    if not len(heights):
        return 0.0
    heights = heights[np.argsort(-heights[:, 0], kind="stable")]
    tops = np.maximum.accumulate(heights[:, 1])
    steps = np.diff(tops, prepend=0.0)
    return float(heights[:, 0] @ steps)
