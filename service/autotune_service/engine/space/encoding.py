"""Configurations as rows of numbers, and back."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.space.columns import Column, columns_of
from autotune_wire.base import Configuration, Value
from autotune_wire.space import Space, is_active

Key = tuple[float, ...]
_KEY_DECIMALS = 6  # two numbers nearer than a millionth of the range are one setting


class Encoding:
    """Maps a space of d covariates to d columns of numbers.

    A covariate that plays no part in a configuration has its guess's place there: all rows in which it plays none
    agree, so that the model sees no difference where there is none.
    """

    def __init__(self, space: Space, retired: Mapping[str, Sequence[Value]] | None = None) -> None:
        self.space = space
        self.columns: list[Column] = columns_of(space, retired or {})

    @cached_property
    def is_code(self) -> NDArray[np.bool_]:
        """Which columns hold codes of options, shape (d,)."""
        return np.array([column.is_code for column in self.columns])

    @cached_property
    def n_configurations(self) -> int | None:
        """How many configurations there are at most, None where they cannot be counted."""
        counts = [column.covariate.n_values for column in self.columns]
        return None if None in counts else prod(count for count in counts if count is not None)

    def encode(self, configurations: Sequence[Configuration]) -> NDArray[np.float64]:
        """Map n configurations to an array of shape (n, d)."""
        rows = [
            [
                place if column.name not in configuration else column.encode(configuration[column.name])
                for column, place in zip(self.columns, self._idle_places, strict=True)
            ]
            for configuration in configurations
        ]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self.columns))

    def decode(self, row: NDArray[np.float64]) -> Configuration:
        """Map a row of shape (d,) to the nearest configuration; a row that ``encode`` made comes back exactly."""
        values = {column.name: column.decode(float(place)) for column, place in zip(self.columns, row, strict=True)}
        return {name: value for name, value in values.items() if is_active(self.space, name, values)}

    def from_unit(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map points of the unit cube, shape (n, d), to rows, each setting of a column equally likely."""
        places = [column.from_unit(shares[:, j]) for j, column in enumerate(self.columns)]
        return self.with_idle_places(np.stack(places, axis=1))

    def snap(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map rows, shape (n, d), to those of the nearest configurations."""
        places = [column.snap(rows[:, j]) for j, column in enumerate(self.columns)]
        return self.with_idle_places(np.stack(places, axis=1))

    def key(self, configuration: Configuration) -> Key:
        """Give what two configurations share when they are the same setting."""
        return self.keys(self.encode([configuration]))[0]

    def keys(self, rows: NDArray[np.float64]) -> list[Key]:
        """Give the keys of rows, shape (n, d)."""
        return [tuple(row) for row in (np.round(rows, _KEY_DECIMALS) + 0.0).tolist()]

    def all_rows(self, free: Sequence[int], row: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the rows of every configuration that differs from ``row``, shape (d,), in the columns ``free`` only."""
        listed = list(product(*(self.columns[j].grid for j in free)))
        places = np.array(listed, dtype=np.float64).reshape(len(listed), len(free))
        rows = np.repeat(row[None], len(places), axis=0)
        rows[:, list(free)] = places
        return np.unique(self.with_idle_places(rows), axis=0)

    @cached_property
    def conditional(self) -> list[tuple[int, int, NDArray[np.float64]]]:
        """For each column that may play no part: its index, that of the column it hangs on, and the places there."""
        index = {column.name: j for j, column in enumerate(self.columns)}
        return list(self._conditions(index))

    def _conditions(self, index: Mapping[str, int]) -> Iterator[tuple[int, int, NDArray[np.float64]]]:
        for j, column in enumerate(self.columns):
            condition = column.covariate.active_if
            if condition is not None:
                parent = index[condition.covariate]
                yield j, parent, np.array([self.columns[parent].encode(value) for value in condition.values])

    def with_idle_places(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Put what plays no part in its row, in rows of shape (n, d), to its guess's place there."""
        for j, parent, places in self.conditional:
            is_idle = np.abs(rows[:, parent, None] - places).min(axis=1) > 1e-9
            rows[is_idle, j] = self._idle_places[j]
        return rows

    @cached_property
    def _idle_places(self) -> list[float]:
        return [column.encode(column.covariate.guess) for column in self.columns]
