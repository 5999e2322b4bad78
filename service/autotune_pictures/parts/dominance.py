"""Several objectives: which runs no other run dominates, the volume that they dominate, and its reference point.

Points are tuples with a number for each objective, each to be maximized (``gains_of``).
"""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from autotune_wire.responses import AnyObjective, merit

Point = tuple[float, ...]

_BEYOND_NADIR = 0.1  # of the front's range


def gains_of(objectives: Mapping[str, AnyObjective], measured: Mapping[str, float]) -> Point | None:
    """Return the point of a run, each objective to be maximized; None if the run did not measure all objectives."""
    if not objectives.keys() <= measured.keys():
        return None
    return tuple(merit(objective, measured[name]) for name, objective in objectives.items())


def dominates(point: Point, other: Point) -> bool:
    """Return whether a point is at least as good as the other in every objective; equal points dominate each other."""
    return all(mine >= its for mine, its in zip(point, other, strict=True))


def front_of(points: Sequence[Point]) -> list[int]:
    """Find the points on the Pareto front: no other point is better in one objective and at least as good in all.

    Returns:
        The indices of the front's points in ascending order; equal points are on the front together.
    """
    # In this order only an earlier point can dominate a point.
    order = sorted(range(len(points)), key=lambda index: points[index], reverse=True)
    front: list[Point] = []
    chosen = []
    for index in order:
        point = points[index]
        place = next((place for place, other in enumerate(front) if dominates(other, point)), None)
        if place is None:
            front.append(point)
            chosen.append(index)
        elif front[place] == point:
            chosen.append(index)
        else:
            # What dominates one point is likely to dominate more, so that it is looked at first.
            front.insert(0, front.pop(place))
    return sorted(chosen)


def reference_of(
    points: Sequence[Point], objectives: Mapping[str, AnyObjective], ends: tuple[Point, Point] | None = None
) -> Point:
    """Return the reference point of the hypervolume: the user's number for an objective, else an inferred one.

    The inferred number lies a tenth of the front's range below the front's worst value, the service's own rule. Where
    the front has no range, the range of all points takes its place, and where that is 0 too, the size of the value.

    Args:
        points: One or more points, those on the front among them.
        objectives: The objectives in the order of the points' numbers.
        ends: The lowest and the highest numbers of all points, if there are more than ``points``.
    """
    front = [points[index] for index in front_of(points)]
    lowest, highest = ends or (tuple(map(min, *points, points[0])), tuple(map(max, *points, points[0])))
    found = []
    for column, objective in enumerate(objectives.values()):
        if objective.reference is not None:
            found.append(merit(objective, objective.reference))
            continue
        reached = [point[column] for point in front]
        size = max(map(abs, reached))
        spread = max(reached) - min(reached) or highest[column] - lowest[column] or size or 1.0
        found.append(max(min(reached) - _BEYOND_NADIR * spread, -sys.float_info.max))
    return tuple(found)


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """Compute the exact volume that points dominate above a reference point.

    A point that is not better than the reference in every objective adds nothing.
    """
    return volumes(tuple(points), reference)[-1] if points else 0.0


@lru_cache(maxsize=8)
def volumes(points: tuple[Point, ...], reference: Point) -> tuple[float, ...]:
    """Compute the volume that is dominated after each point: by this point and all points before it.

    Each point adds the volume that it dominates and no earlier point does (the exclusive volume of While et al. 2012,
    "A Fast Way of Calculating Exact Hypervolumes"). So the numbers never fall.
    """
    # Halves, as a difference of two large numbers may be too large for a float; shares of the largest height, as the
    # product of heights may be.
    halves = [tuple(value / 2 - worst / 2 for value, worst in zip(point, reference, strict=True)) for point in points]
    sizes = [max((half[column] for half in halves), default=0.0) for column in range(len(reference))]
    if min(sizes) <= 0:
        return (0.0,) * len(points)
    scale = min(math.prod(2 * size for size in sizes), sys.float_info.max)
    front: list[Point] = []
    total, found = 0.0, []
    for half in halves:
        heights = tuple(height / size for height, size in zip(half, sizes, strict=True))
        if min(heights) > 0:
            total += _added(front, heights)
        found.append(total * scale)
    return tuple(found)


def _volume(heights: Iterable[Point]) -> float:
    """Compute the volume above 0 that points of positive heights dominate, in slices along the last objective."""
    ordered = sorted(heights, key=lambda point: point[-1], reverse=True)
    section, total = 0.0, 0.0
    bases: list[Point] = []
    for place, point in enumerate(ordered):
        section += _added(bases, point[:-1])
        below = ordered[place + 1][-1] if place + 1 < len(ordered) else 0.0
        total += section * (point[-1] - below)
    return total


def _added(front: list[Point], point: Point) -> float:
    """Add a point to a front, and return the volume above 0 that it dominates and no point of the front does."""
    if any(dominates(other, point) for other in front):
        return 0.0
    inner = [tuple(map(min, point, other)) for other in front]
    front[:] = [*(other for other in front if not dominates(point, other)), point]
    if len(point) == 1:
        return point[0] - max((height for (height,) in inner), default=0.0)
    return math.prod(point) - _volume(inner)
