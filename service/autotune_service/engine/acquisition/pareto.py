"""Several objectives: what is not dominated, the volume that it dominates, and from where that is measured."""

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.arrays import Array

_BEYOND_NADIR = 0.1  # of the front's range


def pareto_indices(values: Array) -> NDArray[np.int64]:
    """Find the points that no other is better than in one objective and at least as good as in all.

    Args:
        values: Points, shape (n, m), each objective to be maximized.

    Returns:
        Their indices in ascending order; points that are equal are on the front together.
    """
    left = np.lexsort(-values.T[::-1])  # a point can be dominated only by one before it
    chosen: list[int] = []
    while len(left):
        point, others = values[left[0]], values[left[1:]]
        chosen.append(int(left[0]))
        left = left[1:][(others > point).any(axis=1) | (others == point).all(axis=1)]
    return np.sort(np.array(chosen, dtype=np.int64))


def best_first(values: Array, n: int) -> NDArray[np.int64]:
    """Order points by front: those that nothing dominates, then those that nothing else dominates, and so on.

    Args:
        values: Points, shape (m, k), each objective to be maximized.
        n: How many are wanted.

    Returns:
        The indices of the first n points, of all where there are fewer.
    """
    left, order = np.arange(len(values)), np.empty(0, dtype=np.int64)
    while len(left) and len(order) < n:
        front = pareto_indices(values[left])
        order = np.concatenate([order, left[front]])
        left = np.delete(left, front)
    return order[:n]


def hypervolume(values: Array, reference: Array) -> float:
    """Give the volume that points dominate above a reference point, exactly.

    The points are taken by their last objective, from the worst on. Each adds the volume below it that none of those
    after it dominates: at its height, a volume of one objective less. This is the exclusive volume of While et al.
    2012, "A Fast Way of Calculating Exact Hypervolumes", in slices.

    Args:
        values: Points, shape (n, m) with m at least 2, each objective to be maximized.
        reference: The worst point of interest, shape (m,); points that are not better in all objectives add nothing.
    """
    heights = values - reference
    return _volume(heights[(heights > 0).all(axis=1)])


def reference_point(values: Array) -> Array:
    """Infer a reference point: as far below the worst of the front as a tenth of the front's range.

    That is BoTorch's ``infer_reference_point``, after Ishibuchi et al. 2011. Where the front has no range in an
    objective, BoTorch takes the size of the value itself, which depends on where its unit has the zero; here it is the
    range over all points that counts, and only where that is nothing too, the size.

    Args:
        values: Points, shape (n, m), n at least 1, each objective to be maximized.

    Returns:
        The point, shape (m,).
    """
    front = values[pareto_indices(values)]
    sizes = np.abs(front).max(axis=0)
    with np.errstate(over="ignore"):  # a range may be beyond what a number can be
        ranges = np.ptp(front, axis=0)
        ranges = np.where(ranges > 0, ranges, np.ptp(values, axis=0))
        ranges = np.where(ranges > 0, ranges, np.where(sizes > 0, sizes, 1.0))
        point = front.min(axis=0) - _BEYOND_NADIR * ranges
    return np.asarray(np.maximum(point, -np.finfo(float).max))


def _volume(heights: Array) -> float:
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
    if not len(heights):
        return 0.0
    heights = heights[np.argsort(-heights[:, 0], kind="stable")]
    tops = np.maximum.accumulate(heights[:, 1])
    steps = np.diff(tops, prepend=0.0)
    return float(heights[:, 0] @ steps)
