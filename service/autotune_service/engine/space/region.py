"""Where suggestions may lie: the part of the space that meets the constraints, at the values that an ask fixes."""

from collections.abc import Sequence
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.arrays import Array
from autotune_service.engine.space.encoding import SAME, Encoding, Key
from autotune_service.engine.space.mixture import HALF_SLACK, Mixture
from autotune_service.engine.space.walk import Walk
from autotune_wire.base import Configuration
from autotune_wire.constraints import Constraint, ForbiddenCombination, LinearConstraint
from autotune_wire.space import CatCovariate

_ROUNDS = 20
_NEAR_GUESS = 2048  # rows that are changed at random in a round of the search from the guess
_LISTED_ROWS = 4096  # a region with up to so many rows is searched completely


class EmptyRegionError(Exception):
    """No configuration meets the constraints at the fixed values."""


class Region:
    """The feasible configurations of a space, as rows.

    Args:
        encoding: The space's columns.
        constraints: The constraints that a configuration has to meet.
        fixed: Values that an ask fixes, by covariate.

    Attributes:
        is_of_list: Whether the rows are those of a list that the user gave.
    """

    is_of_list = False

    def __init__(self, encoding: Encoding, constraints: Sequence[Constraint], fixed: Configuration) -> None:
        self.encoding = encoding
        self.constraints = constraints
        self.fixed_values = fixed
        self.fixed = {
            j: column.encode(fixed[column.name]) for j, column in enumerate(encoding.columns) if column.name in fixed
        }
        self.free = [j for j in range(len(encoding.columns)) if j not in self.fixed]
        self.grids = [j for j in self.free if encoding.columns[j].is_grid]
        self.continua = [j for j in self.free if not encoding.columns[j].is_grid]
        self.rounded = [j for j in self.continua if encoding.columns[j].covariate.n_values is not None]
        self._forbidden = [constraint for constraint in constraints if isinstance(constraint, ForbiddenCombination)]
        sums = [constraint for constraint in constraints if isinstance(constraint, LinearConstraint)]
        self.mixture = Mixture(encoding.columns, sums, self.fixed, fixed) if sums else None
        self._walk = Walk(self.mixture) if self.mixture is not None else None

    @cached_property
    def n_rows(self) -> int | None:
        """How many rows there are at most; None if they cannot be counted."""
        counts = [self.encoding.columns[j].covariate.n_values for j in self.free]
        return None if None in counts else prod(count for count in counts if count is not None)

    @property
    def is_listed(self) -> bool:
        """Whether the rows are so few that the search looks at all of them."""
        return self.n_rows is not None and self.n_rows <= _LISTED_ROWS

    @property
    def nothing_else(self) -> str:
        """The part of a suggestion's reason for a search that has found nothing new."""
        return f"no other configuration {'is left' if self.is_listed else 'was found'}"

    @property
    def why_empty(self) -> str:
        """What is said where there is no row."""
        return "no configuration meets the constraints at the fixed values; relax a constraint or change a fixed value"

    def require_rows(self) -> None:
        """Check that there is a row, where all are known.

        Raises:
            EmptyRegionError: If there is none.
        """
        if self.is_listed and not len(self.all_rows()):
            raise EmptyRegionError(self.why_empty)

    @property
    def used_keys(self) -> set[Key]:
        """The keys of rows that count as taken whatever was run; none but in a list."""
        return set()

    def take(self, row: Array) -> int | None:
        """Return the number of a row in the list that the user gave; None without a list."""
        return None

    def all_rows(self) -> Array:
        """Return every feasible row of a region whose rows can be counted."""
        rows = self.encoding.all_rows(self.free, self._with_fixed(np.zeros((1, len(self.encoding.columns))))[0])
        feasible = rows[self.holds(rows)]
        return feasible if len(feasible) else rows[self.holds(rows, is_strict=False)]

    def snap(self, rows: Array) -> Array:
        """Map rows to those of the nearest configurations at the fixed values; the result may be infeasible."""
        return self._with_fixed(self.encoding.snap(self._with_fixed(rows)))

    def settled(self, rows: Array) -> Array:
        """Snap rows and move continuous numbers as little as possible to meet the sums; some may stay infeasible."""
        rows = self.snap(rows)
        if self.mixture is None:
            return rows
        rows = self.mixture.repaired(rows)
        tidy = self.snap(rows)  # a repair can end within a rounding error of a bound
        return np.where(self.holds(tidy)[:, None], tidy, rows)

    def decode(self, row: Array) -> Configuration:
        """Map a row, shape (d,), to its configuration, with the fixed values as given; constraints are met exactly."""
        configuration = self.encoding.decode(row, self.fixed_values)
        return configuration if self.mixture is None else self.mixture.exact(configuration)

    def setting(self, row: Array) -> Configuration:
        """Return the nearest configuration to a run's row, which may have missed a setting by a rounding error."""
        return self.encoding.decode(self.snap(row[None])[0], self.fixed_values)

    def holds(self, rows: Array, tolerance: float = HALF_SLACK, *, is_strict: bool = True) -> NDArray[np.bool_]:
        """Check which rows are feasible, shape (n,); the arguments are those of the linear constraints."""
        is_feasible = np.ones(len(rows), dtype=np.bool_)
        for forbidden in self._forbidden:
            is_feasible &= ~self._is_combined(rows, forbidden)
        return (
            is_feasible
            if self.mixture is None
            else is_feasible & self.mixture.holds(rows, tolerance, is_strict=is_strict)
        )

    def contains(self, rows: Array) -> NDArray[np.bool_]:
        """Check which rows may be suggested, shape (n,): settings of the space, with the fixed values and feasible."""
        snapped = self.snap(rows)
        is_setting = np.abs(snapped - rows).max(axis=1, initial=0.0) <= SAME
        return np.asarray(is_setting & self.holds(snapped, tolerance=1.0, is_strict=False))

    def reach(self, j: int) -> tuple[float, float]:
        """Return the least and the greatest place of a column that the sums allow, whole numbers aside."""
        return (0.0, 1.0) if self.mixture is None else self.mixture.reach(j)

    def sample(self, n: int, shares: Array, rng: np.random.Generator) -> Array:
        """Return up to n feasible rows, spread over the region.

        Args:
            n: How many rows are wanted.
            shares: Points of the unit cube to try first, shape (m, d).
            rng: The generator of more points, if too few of these are feasible.

        Raises:
            EmptyRegionError: If no feasible row was found.
        """
        found = self._feasible(shares)[:n]
        for _ in range(_ROUNDS):
            if len(found) >= n or (self.mixture is not None and len(found) < n // 8):
                break
            found = np.concatenate([found, self._feasible(rng.random((max(n, 64), shares.shape[1])))])[:n]
        if self.mixture is not None and len(found) < n:
            found = np.concatenate([found, self._walked(n - len(found), rng)])
        if len(found) < max(n // 8, 1):
            found = np.concatenate([found, self._near_guess(n - len(found), rng)])
        if not len(found):
            raise EmptyRegionError(
                "no configuration was found that meets the constraints at the fixed values; "
                "relax a constraint or change a fixed value"
            )
        return found

    def changed(self, row: Array, most: int, rng: np.random.Generator) -> Array:
        """Return the feasible rows that differ from a row, shape (d,), in one setting, or in two that trade off.

        A column that is searched setting by setting changes to any other setting, a rounded column to the next ones.
        Of more than ``most`` changes, of either kind, a random choice is made.
        """
        base = self.snap(row[None])[0]
        places = {j: self.encoding.columns[j].grid for j in self.grids}
        places |= {j: self.encoding.columns[j].beside(base[j]) for j in self.rounded}
        columns = np.repeat(list(places), [len(column_places) for column_places in places.values()]).astype(np.int64)
        settings = np.concatenate([*places.values(), np.empty(0)])
        if len(columns) > most:
            chosen = rng.choice(len(columns), most, replace=False)
            columns, settings = columns[chosen], settings[chosen]
        rows = np.repeat(base[None], len(columns), axis=0)
        rows[np.arange(len(columns)), columns] = settings
        traded = self.exchanged(row)
        traded = traded if len(traded) <= most else traded[rng.choice(len(traded), most, replace=False)]
        rows = np.concatenate([self._with_fixed(self.encoding.with_inactive_places(rows)), traded])
        rows = rows[self.holds(rows)]
        return np.asarray(rows[np.abs(rows - row).max(axis=1) > 1e-9])

    def exchanged(self, row: Array) -> Array:
        """Return the feasible rows in which one stepped number in a sum changes and others compensate, shape (k, d)."""
        if self._walk is None:
            return np.empty((0, len(row)))
        rows = self.settled(self._walk.exchanged(self.settled(row[None])[0]))
        return rows[self.holds(rows)]

    def near(self, rows: Array, distance: float, rng: np.random.Generator) -> Array:
        """Snap rows, move the numbers in sums at random by about a distance, and return the feasible rows."""
        rows = self.settled(rows)
        rows = rows[self.holds(rows)]
        if self._walk is None or not len(rows):
            return rows
        rows = self.settled(self._walk.near(rows, distance, rng))
        return rows[self.holds(rows)]

    def _feasible(self, shares: Array) -> Array:
        rows = self.encoding.from_unit(shares)
        rows = self.snap(rows) if self.fixed else rows  # a fixed value can make other covariates inactive
        return rows[self.holds(rows)]

    def _walked(self, n: int, rng: np.random.Generator) -> Array:
        assert self._walk is not None
        base = self._with_fixed(self.encoding.from_unit(rng.random((max(n, 8), len(self.encoding.columns)))))
        rows = self.settled(self._walk.walked(base, rng))
        return rows[self.holds(rows)][:n]

    def _near_guess(self, n: int, rng: np.random.Generator) -> Array:
        """Return up to n feasible rows that random changes lead to from the guess, which lies even in a tiny region."""
        guess = {name: covariate.guess for name, covariate in self.encoding.space.items()}
        rows = self.settled(self.encoding.encode([guess]))
        rows = rows[self.holds(rows)]
        for _ in range(_ROUNDS if len(rows) else 0):
            base = rows[rng.integers(len(rows), size=_NEAR_GUESS)]
            drawn = self._with_fixed(self.encoding.from_unit(rng.random(base.shape)))
            is_changed = rng.random(base.shape) < rng.random((_NEAR_GUESS, 1)) ** 2  # mostly few, sometimes many
            new = self.settled(np.where(is_changed, drawn, base))
            rows = np.unique(np.concatenate([rows, new[self.holds(new)]]), axis=0)
            if len(rows) >= n:
                break
        return rows[rng.permutation(len(rows))[:n]]

    def _with_fixed(self, rows: Array) -> Array:
        rows = rows.copy()
        for j, place in self.fixed.items():
            rows[:, j] = place
        return rows

    def _is_combined(self, rows: Array, forbidden: ForbiddenCombination) -> NDArray[np.bool_]:
        is_combined = np.ones(len(rows), dtype=np.bool_)
        for j, column in enumerate(self.encoding.columns):
            values = forbidden.combination.get(column.name)
            if values is None:
                continue
            options = column.covariate.options if isinstance(column.covariate, CatCovariate) else values
            places = np.array([column.encode(value) for value in values if value in options])
            hits = np.abs(rows[:, j, None] - places).min(axis=1, initial=np.inf) < 1e-9
            is_combined &= hits & self._is_active(rows, j)
        return is_combined

    def _is_active(self, rows: Array, j: int) -> NDArray[np.bool_]:
        for column, parent, places in self.encoding.conditional:
            if column == j:
                return np.asarray(np.abs(rows[:, parent, None] - places).min(axis=1) < 1e-9)
        return np.ones(len(rows), dtype=np.bool_)
