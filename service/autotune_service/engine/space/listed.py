"""The region of a list: the rows of a table that may be suggested, at the values that an ask fixes."""

from collections import Counter
from collections.abc import Sequence, Set
from functools import cached_property
from itertools import chain

import msgspec
import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.arrays import Array
from autotune_service.engine.interface import Candidates, EngineInput
from autotune_service.engine.space.columns import Column
from autotune_service.engine.space.encoding import SAME, Encoding, Key
from autotune_service.engine.space.region import Region
from autotune_wire.base import Configuration, Value
from autotune_wire.constraints import Constraint
from autotune_wire.space import CatCovariate, is_active

_Columns = dict[str, list[Value | None]]


class ListedRegion(Region):
    """The rows of a list that are not withdrawn, have the fixed values and meet the constraints.

    Rows that are alike in all covariates are one row here; ``take`` tells their numbers apart.

    Args:
        encoding: The space's columns.
        constraints: The constraints that a configuration has to meet.
        fixed: Values that an ask fixes, by covariate.
        candidates: The list.
    """

    is_of_list = True

    def __init__(
        self, encoding: Encoding, constraints: Sequence[Constraint], fixed: Configuration, candidates: Candidates
    ) -> None:
        super().__init__(encoding, constraints, fixed)
        numbers, columns = _joined(candidates)
        rows = _rows_of(encoding, columns, len(numbers))
        withdrawn = np.array([*chain.from_iterable(block.withdrawn for block in candidates.blocks)], dtype=np.int64)
        has_fixed = self._has_fixed(columns, rows)
        # A context is in no row, and can make others inactive.
        rows = encoding.with_inactive_places(self._with_fixed(rows))
        self._n_used = Counter(candidates.used)
        self._of_used = rows[np.isin(numbers, [*self._n_used]) & has_fixed]
        places = np.flatnonzero(~np.isin(numbers, withdrawn) & has_fixed)
        self._places = places[self.holds(rows[places], tolerance=1.0, is_strict=False)]
        self._columns, self._numbers, left = columns, numbers[self._places], rows[self._places]
        self._hashes, first, self._group = np.unique(_hashed(left), return_index=True, return_inverse=True)
        self._rows = left[np.sort(first)]  # in the order of their numbers

    @property
    def is_listed(self) -> bool:
        """Whether the search may look at all rows: those of a list are known."""
        return True

    @property
    def nothing_else(self) -> str:
        """The part of a suggestion's reason for a search that has found nothing new."""
        return "no other row of the list is left"

    @property
    def why_empty(self) -> str:
        """What is said where there is no row."""
        given = ", ".join(f"{name} = {value}" for name, value in self.fixed_values.items())
        return (
            "no row of the list is left that may be suggested"
            + (f" with {given}" if given else "")
            + ": add or restore rows, relax a constraint or change a fixed value"
        )

    def all_rows(self) -> Array:
        """Return every row, in the order of the numbers."""
        return self._rows

    def untaken(self, taken: Set[Key]) -> Array:
        """Return the rows without those that are taken."""
        keys = np.array([*taken], dtype=np.float64).reshape(len(taken), self._rows.shape[1])
        return self._rows[~np.isin(_hashed(self._rows), _hashed(keys))]

    @cached_property
    def used_keys(self) -> set[Key]:
        """The keys of the rows that were run or are pending, also where something else was run in the end."""
        return set(self.encoding.keys(self._of_used))

    def snap(self, rows: Array) -> Array:
        """Return rows at the fixed values, as they are otherwise: what is not in the list stays out of it."""
        return self._with_fixed(rows)

    def contains(self, rows: Array) -> NDArray[np.bool_]:
        """Check which rows, shape (n, d), are in the list; returns shape (n,)."""
        return np.isin(_hashed(rows), self._hashes)

    def decode(self, row: Array) -> Configuration:
        """Map a row of the list, shape (d,), to its configuration, with the values as the list has them."""
        return self._configuration(int(self._members(row)[0]))

    def setting(self, row: Array) -> Configuration:
        """Return what ``decode`` does."""
        return self.decode(row)

    def number_of(self, row: Array) -> int:
        """Return the number of a row; of rows that are alike, of the first of those that were run least."""
        numbers = self._numbers[self._members(row)].tolist()
        return int(min(numbers, key=lambda number: (self._n_used[number], number)))

    def take(self, row: Array) -> int:
        """Return the number of a row, which is pending from now on."""
        number = self.number_of(row)
        self._n_used[number] += 1
        return number

    def sample(self, n: int, shares: Array, rng: np.random.Generator) -> Array:
        """Return n rows at random, or all where there are no more; shape (m, d).

        Raises:
            EmptyRegionError: If there is none.
        """
        self.require_rows()
        if len(self._rows) <= n:
            return self._rows
        return self._rows[np.sort(rng.choice(len(self._rows), n, replace=False))]

    def nearest(self, configuration: Configuration) -> Array:
        """Return the row that is nearest to a configuration, shape (d,); the first of several.

        Raises:
            EmptyRegionError: If there is none.
        """
        self.require_rows()
        apart = np.abs(self._rows - self.encoding.encode([configuration]))
        apart[:, self.encoding.is_code] = apart[:, self.encoding.is_code] > SAME
        return np.asarray(self._rows[int(np.argmin(apart.sum(axis=1)))])

    def _members(self, row: Array) -> NDArray[np.intp]:
        place = int(np.searchsorted(self._hashes, _hashed(row[None])[0]))
        return np.flatnonzero(self._group == place)

    def _configuration(self, member: int) -> Configuration:
        place = int(self._places[member])
        values = {name: column[place] for name, column in self._columns.items()}
        found = {**values, **self.fixed_values}
        return {
            name: value
            for name in self.encoding.space
            if (value := found.get(name)) is not None and is_active(self.encoding.space, name, _known(found))
        }

    def _has_fixed(self, columns: _Columns, rows: Array) -> NDArray[np.bool_]:
        """Check which rows have the fixed values; a context, which no row has, has any."""
        has = np.ones(len(rows), dtype=np.bool_)
        for j, place in self.fixed.items():
            column = self.encoding.columns[j]
            if column.covariate.role != "context":
                values = columns.get(column.name, [None] * len(rows))
                is_given = np.array([value is not None for value in values], dtype=np.bool_)
                has &= is_given & (np.abs(rows[:, j] - place) <= SAME)
        return has


def region_of(given: EngineInput, encoding: Encoding, fixed: Configuration | None = None) -> Region:
    """Return where suggestions for an input may lie: in its list, or anywhere in its space.

    Args:
        given: The input.
        encoding: Its columns.
        fixed: Values to fix in place of the input's own.
    """
    values = given.fixed if fixed is None else fixed
    if given.candidates is None:
        return Region(encoding, given.constraints, values)
    return ListedRegion(encoding, given.constraints, values, given.candidates)


def _joined(candidates: Candidates) -> tuple[NDArray[np.int64], _Columns]:
    """Return the numbers of all rows of a list, and their columns."""
    numbers: list[int] = []
    parts: list[tuple[int, _Columns]] = []
    for block in candidates.blocks:
        columns: _Columns = msgspec.json.decode(block.covars)
        parts.append((block.n, columns))
        numbers += range(block.first, block.first + block.n)
    names = dict.fromkeys(name for _, columns in parts for name in columns)
    joined = {name: [*chain.from_iterable(columns.get(name, [None] * n) for n, columns in parts)] for name in names}
    return np.array(numbers, dtype=np.int64), joined


def _rows_of(encoding: Encoding, columns: _Columns, n: int) -> Array:
    """Map n rows of a list to rows of numbers, shape (n, d)."""
    inactive = encoding.encode([{}])[0]
    rows = np.repeat(inactive[None], n, axis=0)
    for j, column in enumerate(encoding.columns):
        if column.name in columns:
            rows[:, j] = _places(column, columns[column.name], float(inactive[j]))
    return rows


def _places(column: Column, values: list[Value | None], inactive: float) -> Array:
    if isinstance(column.covariate, CatCovariate):
        options = {*column.covariate.options, *column.retired}
        place_of = {value: column.encode(value) for value in set(values) if value in options}
        return np.array([inactive if value is None else place_of.get(value, np.nan) for value in values])
    numbers = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    low, high = column.ends
    places = ((np.log(numbers) if column.is_log else numbers) - low) / (high - low)
    return np.where(np.isnan(numbers), inactive, places)


def _hashed(rows: Array) -> NDArray[np.uint64]:
    """Return a number for each row, shape (n,): rows whose keys are equal have the same."""
    whole = np.round(rows / SAME).astype(np.int64).view(np.uint64)
    factors = np.random.default_rng(rows.shape[1]).integers(2**63, size=rows.shape[1], dtype=np.uint64) * 2 + 1
    mixed = whole * factors
    return np.asarray((mixed ^ (mixed >> np.uint64(29))).sum(axis=1, dtype=np.uint64))


def _known(values: dict[str, Value | None]) -> dict[str, Value]:
    return {name: value for name, value in values.items() if value is not None}
