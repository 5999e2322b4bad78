"""Random walks inside linear constraints: moves from corners that keep equalities and move whole numbers by steps."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import null_space
from scipy.optimize import Bounds, milp
from scipy.optimize import LinearConstraint as ScipyConstraint

from autotune_service.engine.arrays import Array
from autotune_service.engine.space.mixture import Mixture
from autotune_wire.space import CatCovariate

_CORNERS = 24  # at most
_MIN_STEPS, _MAX_STEPS = 16, 64
_NEAR_STEPS = 3
_MAX_RATIO = 50  # at most so many steps of one column compensate a step of another
_TINY = 1e-9
_STRIDES = (1, 3, 10, 30, 100)
_MAX_EXCHANGED = 512


@dataclass(frozen=True, slots=True)
class _Limits:
    """The linear constraints of a mixture as m sums; constraints with proportional weights are one sum.

    Attributes:
        weights: The weights of the d columns, shape (m, d).
        low: The least value of each sum, shape (m,).
        high: The greatest value of each sum, shape (m,).
    """

    weights: Array
    low: Array
    high: Array

    @property
    def is_equal(self) -> NDArray[np.bool_]:
        """Which sums are equalities: they have one value only, shape (m,)."""
        is_bound = np.isfinite(self.low) & np.isfinite(self.high)
        return is_bound & (self.high - self.low <= _TINY * (np.abs(self.high) + np.abs(self.low)))


class Walk:
    """Finds rows inside a mixture's polytope.

    Args:
        mixture: The linear constraints. Points are in the numbers' own units.
    """

    def __init__(self, mixture: Mixture) -> None:
        self._mixture = mixture
        self._limits = _merged(mixture)
        self._corners: Array | None = None

    def walked(self, base: Array, rng: np.random.Generator) -> Array:
        """Return the rows of ``base``, shape (n, d), with the numbers in sums drawn from inside the polytope.

        Corners are found by mixed integer programs with random objectives. From means of corners, hit-and-run steps
        lead through the inside (Smith 1984, "Efficient Monte Carlo Procedures for Generating Points Uniformly
        Distributed over Bounded Regions").

        Returns:
            Array of shape (n, d), or (0, d) if no corner was found.
        """
        if self._corners is None:
            # Of a generator of their own, so that the same rows follow whether the corners were known before or not.
            self._corners = self._found_corners(np.random.default_rng(0))
        if not len(self._corners):
            return base[:0]
        points = self._started(self._corners, len(base), rng)
        for _ in range(int(np.clip(4 * len(self._mixture.members), _MIN_STEPS, _MAX_STEPS))):
            points = self._stepped(points, rng)
        return self._with_places(base, points)

    def near(self, rows: Array, distance: float, rng: np.random.Generator) -> Array:
        """Return rows a few short steps away from feasible ones, shape (n, d).

        Args:
            rows: The feasible rows, shape (n, d).
            distance: The steps' greatest length, in shares of the columns' ranges; a whole number may always move once.
            rng: The generator of the steps.
        """
        points = self._mixture.values(rows)
        for _ in range(_NEAR_STEPS):
            points = self._stepped(points, rng, distance)
        return self._with_places(rows, points)

    def exchanged(self, row: Array) -> Array:
        """Return rows in which one whole number changes by some steps and others compensate, shape (k, d)."""
        directions = self._whole_directions
        point = self._mixture.values(row[None])
        if not len(directions):
            return np.empty((0, len(row)))
        low, high = self._reach(np.repeat(point, len(directions), axis=0), directions)
        strides = np.array([sign * stride for stride in _STRIDES for sign in (1, -1)])
        which, stride = np.nonzero((strides >= low[:, None] - _TINY) & (strides <= high[:, None] + _TINY))
        kept = np.unique(np.linspace(0, len(which) - 1, min(len(which), _MAX_EXCHANGED)).astype(np.int64))
        which, stride = which[kept], stride[kept]
        points = point + strides[stride, None] * directions[which]
        return self._with_places(np.repeat(row[None], len(points), axis=0), points)

    def _with_places(self, rows: Array, points: Array) -> Array:
        moved = [*self._mixture.smooth, *self._mixture.stepped]
        rows = rows.copy()
        rows[:, moved] = self._mixture.places(points, moved)
        return rows

    def _started(self, corners: Array, n: int, rng: np.random.Generator) -> Array:
        """Return n points: whole numbers of a corner, and means of the continuous numbers of all corners with these."""
        mixture = self._mixture
        points = corners[rng.integers(len(corners), size=n)].copy()
        _, group = np.unique(np.round(corners[:, mixture.stepped], 9), axis=0, return_inverse=True)
        if not mixture.smooth or not mixture.stepped:
            group = np.zeros(len(corners), dtype=np.int64) if mixture.smooth else np.arange(len(corners))
        for i, k in enumerate(rng.integers(len(corners), size=n)):
            alike = corners[group.reshape(-1) == group.reshape(-1)[k]]
            points[i] = alike[0]
            points[i, mixture.smooth] = rng.dirichlet(np.ones(len(alike))) @ alike[:, mixture.smooth]
        return points

    def _stepped(self, points: Array, rng: np.random.Generator, distance: float = np.inf) -> Array:
        """Take one random step from each point, along a continuous or a whole direction, up to a distance."""
        smooth, whole = self._smooth_directions, self._whole_directions
        is_whole = np.full(len(points), len(whole) > 0)
        if len(smooth) and len(whole):
            is_whole = rng.random(len(points)) < 0.5
        steps = np.zeros_like(points)
        if len(smooth):
            steps = rng.normal(size=(len(points), len(smooth))) @ smooth
        if len(whole):
            steps = np.where(is_whole[:, None], whole[rng.integers(len(whole), size=len(points))], steps)
        low, high = self._reach(points, steps)
        longest = distance / np.maximum(np.abs(steps / np.maximum(self._spans, 1e-300)).max(axis=1), 1e-300)
        longest = np.where(is_whole, np.maximum(longest, 1.0), longest)
        low, high = np.maximum(low, -longest), np.minimum(high, longest)
        lengths = rng.uniform(low, high)
        counts = rng.integers(np.ceil(low - _TINY).astype(np.int64), np.floor(high + _TINY).astype(np.int64) + 1)
        moved = points + np.where(is_whole, counts, lengths)[:, None] * steps
        return np.asarray(np.clip(moved, self._mixture.least, self._mixture.most))

    def _reach(self, points: Array, steps: Array) -> tuple[Array, Array]:
        """Return how far points, shape (n, d), can move along steps of the same shape, backwards and forwards.

        Returns:
            Two arrays of shape (n,), in multiples of the steps; 0 for a point that nothing bounds.
        """
        mixture, limits = self._mixture, self._limits
        is_loose = ~limits.is_equal
        at = np.concatenate([points, points @ limits.weights[is_loose].T], axis=1)
        by = np.concatenate([steps, steps @ limits.weights[is_loose].T], axis=1)
        least = np.concatenate([mixture.least, limits.low[is_loose]])
        most = np.concatenate([mixture.most, limits.high[is_loose]])
        sizes = np.concatenate([mixture.most - mixture.least, np.abs(limits.weights[is_loose]) @ self._spans])
        moves = np.abs(by) > 1e-12 * np.maximum(sizes, 1e-300)
        safe = np.where(moves, by, 1.0)
        ends = np.where(moves, (least - at) / safe, -np.inf), np.where(moves, (most - at) / safe, np.inf)
        low = np.minimum(np.where(moves, np.minimum(*ends), -np.inf).max(axis=1), 0.0)
        high = np.maximum(np.where(moves, np.maximum(*ends), np.inf).min(axis=1), 0.0)
        is_bounded = np.isfinite(low) & np.isfinite(high)
        return np.where(is_bounded, low, 0.0), np.where(is_bounded, high, 0.0)

    @cached_property
    def _spans(self) -> Array:
        return self._mixture.most - self._mixture.least

    @cached_property
    def _smooth_directions(self) -> Array:
        """A basis of the continuous moves that keep every equality, (k, d); orthonormal in shares of the spans."""
        smooth, spans = self._mixture.smooth, self._spans
        equal = self._limits.weights[self._limits.is_equal][:, smooth] * spans[smooth]
        basis = null_space(equal) if len(equal) and smooth else np.eye(len(smooth))
        directions = np.zeros((basis.shape[1], len(spans)))
        directions[:, smooth] = basis.T * spans[smooth]
        return directions

    @cached_property
    def _whole_directions(self) -> Array:
        """Moves by whole steps that keep every equality, shape (k, d): of one number, or of one against another."""
        alone = {j: self._compensated(self._step(j)) for j in self._mixture.stepped}
        moves = [move for move in alone.values() if move is not None]
        dependent = [j for j, move in alone.items() if move is None]
        for i, j in ((i, j) for i in dependent for j in dependent if i < j):
            ratio = self._ratio(i, j)
            if ratio is not None:
                move = self._compensated(ratio.denominator * self._step(i) + ratio.numerator * self._step(j))
                if move is not None:
                    moves.append(move)
        return np.array(moves).reshape(len(moves), len(self._spans))

    def _step(self, j: int) -> Array:
        covariate = self._mixture.columns[j].covariate
        assert not isinstance(covariate, CatCovariate)
        step = np.zeros(len(self._spans))
        step[j] = float(covariate.step or 1)
        return step

    def _ratio(self, i: int, j: int) -> Fraction | None:
        """Return how many steps of column j compensate a step of column i in the first equality that has both."""
        equal = self._limits.weights[self._limits.is_equal]
        gains, losses = equal @ self._step(i), equal @ self._step(j)
        both = np.flatnonzero((gains != 0) & (losses != 0))
        if not len(both):
            return None
        ratio = Fraction(-gains[both[0]] / losses[both[0]]).limit_denominator(_MAX_RATIO)
        return ratio if 0 < abs(ratio) <= _MAX_RATIO else None

    def _compensated(self, step: Array) -> Array | None:
        """Return a step plus the least continuous move that keeps every equality; None if there is no such move."""
        smooth = self._mixture.smooth
        equal = self._limits.weights[self._limits.is_equal]
        missing = -(equal @ step)
        move = step.copy()
        if smooth and len(equal):
            weights = equal[:, smooth] * self._spans[smooth]
            move[smooth] = np.linalg.lstsq(weights, missing, rcond=None)[0] * self._spans[smooth]
        sizes = np.abs(equal) @ np.abs(move)
        return move if (np.abs(equal @ move) <= _TINY * sizes).all() else None

    def _found_corners(self, rng: np.random.Generator) -> Array:
        """Return corners in the numbers' own units, shape (k, d); none if no point meets all constraints."""
        mixture, limits = self._mixture, self._limits
        units = np.where(self._spans > 0, self._spans, 1.0)
        for j in mixture.stepped:
            units[j] = self._step(j)[j]
        weights = limits.weights * units
        sizes = np.abs(weights).max(axis=1)
        start = limits.weights @ mixture.least
        is_whole = np.isin(np.arange(len(units)), mixture.stepped)
        rules = ScipyConstraint(weights / sizes[:, None], (limits.low - start) / sizes, (limits.high - start) / sizes)
        most = self._spans / units
        bounds = Bounds(np.zeros(len(units)), np.where(is_whole, np.round(most), most))
        found = []
        for _ in range(_CORNERS):
            goal = rng.normal(size=len(units)) / np.maximum(most, _TINY)
            result = milp(goal, integrality=is_whole.astype(np.int64), bounds=bounds, constraints=rules)
            if result.x is None:
                break
            point = mixture.least + np.where(is_whole, np.round(result.x), result.x) * units
            found.append(np.clip(point, mixture.least, mixture.most))
        return np.array(found).reshape(len(found), len(units))


def _merged(mixture: Mixture) -> _Limits:
    """Merge the constraints that have proportional weights into one: two of them together can fix a sum."""
    merged: dict[tuple[float, ...], tuple[float, float]] = {}
    for weights, low, high in zip(mixture.weights, mixture.low, mixture.high, strict=True):
        lead = weights[np.flatnonzero(weights)[0]]
        key = tuple(np.round(weights / lead, 12))
        low, high = sorted((low / lead, high / lead))
        least, most = merged.get(key, (-np.inf, np.inf))
        merged[key] = max(low, least), min(high, most)
    low, high = np.array(list(merged.values())).T
    return _Limits(np.array(list(merged)), low, high)
