"""Linear constraints over numbers in their own units: which rows meet them, and how others are repaired."""

from collections.abc import Mapping, Sequence
from math import fsum

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from autotune_service.engine.arrays import Array
from autotune_service.engine.space.columns import Column
from autotune_wire.base import Configuration
from autotune_wire.constraints import RELATIVE_SLACK, LinearConstraint
from autotune_wire.space import CatCovariate

HALF_SLACK = 0.5
_REPAIR_ROUNDS = 100
_STALLED = 0.99  # share of the violation a round ago: a repair that leaves more ends
_MARGIN = 1e-4  # share of the slack by which a suggestion stays inside an inequality: summing rounds by less
_TINY = 1e-300
_ENOUGH = 0.1  # share of the slack: a repair that leaves less violation is done


class Mixture:
    """The linear constraints of a space, such as shares that sum to 1.

    Args:
        columns: The space's d columns.
        sums: The m linear constraints.
        fixed: Places that an ask fixes, by the column's index.
        fixed_values: The same values in their own units.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        sums: Sequence[LinearConstraint],
        fixed: Mapping[int, float],
        fixed_values: Configuration,
    ) -> None:
        self.columns = columns
        self.fixed = fixed
        self._fixed_values = fixed_values
        names = [column.name for column in columns]
        self.weights = np.array([[float(constraint.weights.get(name, 0.0)) for name in names] for constraint in sums])
        self.low = np.array([-np.inf if constraint.relation == "<=" else constraint.bound for constraint in sums])
        self.high = np.array([np.inf if constraint.relation == ">=" else constraint.bound for constraint in sums])
        self.members = [j for j in range(len(columns)) if self.weights[:, j].any()]
        self.smooth = [j for j in self.members if j not in fixed and columns[j].covariate.n_values is None]
        self.stepped = [j for j in self.members if j not in fixed and columns[j].covariate.n_values is not None]
        self.least, self.most = self._bounds()
        is_smooth = np.isin(np.arange(len(columns)), self.smooth)
        orders = [[names.index(name) for name, weight in constraint.weights.items() if weight] for constraint in sums]
        # A sum of stepped numbers cannot be moved off its bound by a rounding error, so it is checked as it is.
        self._rigid = [
            (i, order) for i, order in enumerate(orders) if self.low[i] != self.high[i] and not is_smooth[order].any()
        ]
        spans = np.abs(self.weights) @ (self.most - self.least)
        self._sizes = np.where(spans > 0, spans, 1.0)  # a sum of held numbers cannot be repaired

    def values(self, rows: Array) -> Array:
        """Return the numbers in their own units that rows encode, shape (n, d); 0 in columns without a weight."""
        values = np.zeros_like(rows)
        for j in self.members:
            low, high = self.columns[j].ends
            number = low + rows[:, j] * (high - low)
            values[:, j] = np.exp(number) if self.columns[j].is_log else number
        return values

    def places(self, values: Array, columns: Sequence[int]) -> Array:
        """Map numbers, shape (n, d), to the places of those in some columns, shape (n, len(columns))."""
        places = np.empty((len(values), len(columns)))
        for k, j in enumerate(columns):
            low, high = self.columns[j].ends
            number = np.log(values[:, j]) if self.columns[j].is_log else values[:, j]
            places[:, k] = np.clip((number - low) / (high - low), 0.0, 1.0)
        return places

    def holds(self, rows: Array, tolerance: float = HALF_SLACK, *, is_strict: bool = True) -> NDArray[np.bool_]:
        """Check which rows meet every constraint, up to a share of the slack that the contract allows; shape (n,).

        By default the other half is left for the rounding errors of decoding and of summing in another order; ``exact``
        takes a suggestion inside.

        Args:
            rows: The rows, shape (n, d).
            tolerance: The share of the slack.
            is_strict: Whether an inequality between numbers with steps has no slack: it has to hold in floating point.
        """
        values = self.values(rows)
        is_met = (np.abs(self._gaps(values, self.low, self.high)) <= tolerance * self._slack(values)).all(axis=1)
        for i, order in self._rigid if is_strict else ():
            total = np.zeros(len(rows))
            for j in order:
                total += self.weights[i, j] * self._settings(rows[:, j], j)
            is_met &= (self.low[i] <= total) & (total <= self.high[i])
        return np.asarray(is_met)

    def exact(self, configuration: Configuration) -> Configuration:
        """Move the continuous numbers of a configuration by rounding errors, so that it meets the constraints exactly.

        Afterwards an inequality holds in floating point, in whatever order its terms are summed, and the terms of an
        equality sum to their total as nearly as doubles can. A configuration for which that is impossible, such as one
        between two inequalities that meet, stays as it is.
        """
        if not self.smooth:
            return configuration
        values = np.zeros(len(self.columns))
        values[self.members] = [float(configuration[self.columns[j].name]) for j in self.members]
        margin = np.where(self.low == self.high, 0.0, _MARGIN * self._slack(values[None])[0])
        moved = self._repaired(values.copy(), self.low + margin, self.high - margin, enough=0.0)
        is_end = (values == self.least) | (values == self.most)
        only_equal = ~self.weights[self.low != self.high].any(axis=0)
        moved = np.where(is_end & only_equal, values, moved)  # a share of 0 stays 0
        for i in np.flatnonzero(self.low == self.high):
            movable = [j for j in self.smooth if self.weights[i, j]]
            if movable:
                room = np.minimum(moved[movable] - self.least[movable], self.most[movable] - moved[movable])
                j = movable[int(np.argmax(room / np.maximum(self.most[movable] - self.least[movable], _TINY)))]
                moved[j] += (self.low[i] - fsum(self.weights[i] * moved)) / self.weights[i, j]
        moved = np.clip(moved, self.least, self.most)
        if self._excess(moved) > self._excess(values):
            return configuration
        return configuration | {self.columns[j].name: float(moved[j]) for j in self.smooth}

    def slopes(self, row: Array, columns: Sequence[int]) -> tuple[Array, Array]:
        """Return the sums at a row, shape (d,), and their derivatives by the places of some columns.

        Returns:
            Arrays of shape (m,) and (m, len(columns)).
        """
        values = self.values(row[None])[0]
        by_place = np.empty(len(columns))
        for k, j in enumerate(columns):
            low, high = self.columns[j].ends
            by_place[k] = (high - low) * (values[j] if self.columns[j].is_log else 1.0)
        return self.weights @ values, self.weights[:, list(columns)] * by_place

    def reach(self, j: int) -> tuple[float, float]:
        """Return the least and the greatest place of a column that the constraints allow, whole numbers aside.

        They are the solutions of two linear programs; the column's own ends if the programs have none.
        """
        bounds = list(zip(self.least, self.most, strict=True))
        rows = np.concatenate([self.weights[np.isfinite(self.high)], -self.weights[np.isfinite(self.low)]])
        limits = np.concatenate([self.high[np.isfinite(self.high)], -self.low[np.isfinite(self.low)]])
        ends = []
        for sign in (1.0, -1.0):
            goal = np.zeros(len(self.columns))
            goal[j] = sign
            found = linprog(goal, A_ub=rows, b_ub=limits, bounds=bounds)
            end = (self.least[j] if sign > 0 else self.most[j]) if found.x is None else found.x[j]
            values = np.zeros((1, len(self.columns)))
            values[0, j] = end
            ends.append(float(self.places(values, [j])[0, 0]))
        return ends[0], ends[1]

    def repaired(self, rows: Array) -> Array:
        """Move continuous numbers of rows as little as possible to meet the constraints; some rows may still fail."""
        rows = rows.copy()
        is_wrong = ~self.holds(rows) if self.smooth else np.zeros(len(rows), dtype=np.bool_)
        for i in np.flatnonzero(is_wrong):
            values = self._repaired(self.values(rows[i : i + 1])[0], self.low, self.high, _ENOUGH)
            rows[i, self.smooth] = self.places(values[None], self.smooth)[0]
        return rows

    def _repaired(self, values: Array, low: Array, high: Array, enough: float) -> Array:
        """Move the continuous ones of some numbers, shape (d,), until no sum misses its bounds by much.

        The numbers are changed in place; the nearest ones that were reached are returned. ``enough`` is the share of
        the slack by which a sum may miss.
        """
        # Each round takes the least-squares step onto the violated constraints, in shares of the columns' spans. If the
        # step would push a column over its bound, the column stays there and the step is computed for the others.
        smooth = self.smooth
        least, most = self.least[smooth], self.most[smooth]
        spans = most - least
        last, nearest = np.inf, values
        for _ in range(_REPAIR_ROUNDS):
            gaps = self._gaps(values[None], low, high)[0]
            is_violated = np.abs(gaps) > enough * self._slack(values[None])[0]
            left = np.abs(gaps[is_violated] / self._sizes[is_violated]).max(initial=0.0)
            if left < last:
                nearest = values.copy()
            if left == 0 or left > _STALLED * last:
                break
            last = left
            is_kept = is_violated | (low == high)  # what mends one sum must not break an equality that holds
            weights = self.weights[np.ix_(is_kept, smooth)] * spans
            is_open = np.ones(len(smooth), dtype=np.bool_)
            for _ in smooth:
                step = np.linalg.lstsq(weights * is_open, gaps[is_kept], rcond=None)[0] * spans
                at = values[smooth]
                is_pushed = is_open & (((at <= least) & (step < 0)) | ((at >= most) & (step > 0)))
                if not is_pushed.any():
                    break
                is_open &= ~is_pushed
            values[smooth] = np.clip(values[smooth] + step, least, most)
        return nearest

    def _gaps(self, values: Array, low: Array, high: Array) -> Array:
        """Return how far each sum is from its allowed range, shape (n, m); negative if the sum is too large."""
        totals = values @ self.weights.T
        return np.where(totals < low, low - totals, np.where(totals > high, high - totals, 0.0))

    def _excess(self, values: Array) -> float:
        """Return the sum of all violations of some numbers, shape (d,), each in shares of the slack."""
        totals = np.array([fsum(weights * values) for weights in self.weights])
        gaps = np.maximum(np.maximum(self.low - totals, totals - self.high), 0.0)
        return float((gaps / np.maximum(self._slack(values[None])[0], _TINY)).sum())

    def _settings(self, places: Array, j: int) -> Array:
        """Return the numbers that places in a column decode to, exactly, shape (n,)."""
        column = self.columns[j]
        if column.name in self._fixed_values:
            return np.full(len(places), float(self._fixed_values[column.name]))
        different, where = np.unique(places, return_inverse=True)
        return np.array([float(column.decode(place)) for place in different.tolist()])[where]

    def _slack(self, values: Array) -> Array:
        bound = np.where(np.isfinite(self.low), self.low, self.high)
        return np.asarray(RELATIVE_SLACK * (np.abs(bound) + np.abs(values) @ np.abs(self.weights).T))

    def _bounds(self) -> tuple[Array, Array]:
        """Return the least and the greatest number of each column, shape (d,) each; 0 for columns without a weight."""
        d = len(self.columns)
        least, most = np.zeros(d), np.zeros(d)
        at = self.values(np.array([[self.fixed.get(j, 0.0) for j in range(d)]]))[0]
        for j in self.members:
            covariate = self.columns[j].covariate
            assert not isinstance(covariate, CatCovariate)
            n = covariate.n_values
            last = covariate.max if n is None else covariate.value_at(n - 1)
            least[j], most[j] = (at[j], at[j]) if j in self.fixed else (covariate.min, last)
        return least, most
