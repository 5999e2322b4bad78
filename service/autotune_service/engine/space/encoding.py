"""Configurations as rows of numbers, and back."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.kinds import Described, Kinds
from autotune_service.engine.space.columns import Column, columns_of
from autotune_wire.base import Configuration, Value
from autotune_wire.space import Space, is_active

Key = tuple[float, ...]
_KEY_DECIMALS = 6
SAME = 10.0**-_KEY_DECIMALS
"""Share of a range: numbers that are closer count as the same."""


class Encoding:
    """Maps a space of d covariates to d columns of numbers.

    A covariate that is not active in a configuration has the place of its guess there. So all rows in which it is
    inactive agree in its column, and the model sees no difference between them.

    Args:
        space: The d covariates, in column order.
        retired: Options that runs have but that the space no longer has, by covariate.
    """

    def __init__(self, space: Space, retired: Mapping[str, Sequence[Value]] | None = None) -> None:
        self.space = space
        self.columns: list[Column] = columns_of(space, retired or {})

    @cached_property
    def is_code(self) -> NDArray[np.bool_]:
        """Which columns hold codes of options, shape (d,)."""
        return np.array([column.is_code for column in self.columns])

    @cached_property
    def kinds(self) -> Kinds:
        """What the columns hold."""
        described = [Described(j, column.descriptors) for j, column in enumerate(self.columns) if column.is_described]
        return Kinds(self.is_code, described)

    @cached_property
    def n_configurations(self) -> int | None:
        """How many configurations there are at most; None if they cannot be counted."""
        counts = [column.covariate.n_values for column in self.columns]
        return None if None in counts else prod(count for count in counts if count is not None)

    def encode(self, configurations: Sequence[Configuration]) -> NDArray[np.float64]:
        """Map n configurations to an array of shape (n, d)."""
        rows = [
            [
                place if column.name not in configuration else column.encode(configuration[column.name])
                for column, place in zip(self.columns, self._inactive_places, strict=True)
            ]
            for configuration in configurations
        ]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self.columns))

    def decode(self, row: NDArray[np.float64], fixed: Mapping[str, Value] | None = None) -> Configuration:
        """Map a row of shape (d,) to the nearest configuration; the row of a configuration gives exactly that one.

        Args:
            row: The row.
            fixed: Values that replace those of their columns, such as a context outside its range.
        """
        values = {column.name: column.decode(float(place)) for column, place in zip(self.columns, row, strict=True)}
        values |= fixed or {}
        return {name: value for name, value in values.items() if is_active(self.space, name, values)}

    def from_unit(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map points of the unit cube, shape (n, d), to rows, each setting of a column equally likely."""
        places = [column.from_unit(shares[:, j]) for j, column in enumerate(self.columns)]
        return self.with_inactive_places(np.stack(places, axis=1))

    def snap(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map rows, shape (n, d), to those of the nearest configurations."""
        places = [column.snap(rows[:, j]) for j, column in enumerate(self.columns)]
        return self.with_inactive_places(np.stack(places, axis=1))

    def key(self, configuration: Configuration) -> Key:
        """Return the key of a configuration; configurations with equal keys count as the same."""
        return self.keys(self.encode([configuration]))[0]

    def keys(self, rows: NDArray[np.float64]) -> list[Key]:
        """Return the keys of rows, shape (n, d)."""
        return [tuple(row) for row in (np.round(rows, _KEY_DECIMALS) + 0.0).tolist()]

    def all_rows(self, free: Sequence[int], row: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the row of every configuration that differs from ``row``, shape (d,), in the columns ``free`` only."""
        listed = list(product(*(self.columns[j].grid for j in free)))
        places = np.array(listed, dtype=np.float64).reshape(len(listed), len(free))
        rows = np.repeat(row[None], len(places), axis=0)
        rows[:, list(free)] = places
        return np.unique(self.with_inactive_places(rows), axis=0)

    @cached_property
    def conditional(self) -> list[tuple[int, int, NDArray[np.float64]]]:
        """The conditions under which columns are active.

        For each column with a condition: its index, the index of its parent column, and the places of the parent at
        which the column is active.
        """
        index = {column.name: j for j, column in enumerate(self.columns)}
        conditions = []
        for j, column in enumerate(self.columns):
            condition = column.covariate.active_if
            if condition is not None:
                parent = index[condition.covariate]
                places = np.array([self.columns[parent].encode(value) for value in condition.values])
                conditions.append((j, parent, places))
        return conditions

    def with_inactive_places(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Move inactive covariates in rows, shape (n, d), to their guesses' places; the rows are changed in place."""
        for j, parent, places in self.conditional:
            is_inactive = np.abs(rows[:, parent, None] - places).min(axis=1) > 1e-9
            rows[is_inactive, j] = self._inactive_places[j]
        return rows

    @cached_property
    def _inactive_places(self) -> list[float]:
        return [column.encode(column.covariate.guess) for column in self.columns]
