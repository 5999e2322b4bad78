"""Configurations as rows of numbers, and back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from autotune_wire.base import Configuration, Value
from autotune_wire.space import CatCovariate, ContCovariate, Covariate, IntCovariate, Space

Key = tuple[Value, ...]
_KEY_DECIMALS = 6  # two numbers nearer than a millionth of the range are one setting


@dataclass(frozen=True, slots=True)
class Encoding:
    """Maps a space of d covariates to the model's columns.

    A numeric covariate becomes one column in [0, 1]. A category becomes one column with the index of its option,
    which is a code, not a quantity: only a kernel over categories may read it.
    """

    space: Space

    @property
    def covariates(self) -> list[Covariate]:
        """The covariates in column order."""
        return list(self.space.values())

    @property
    def cat_columns(self) -> list[int]:
        """The columns that hold option codes."""
        return [j for j, covariate in enumerate(self.covariates) if isinstance(covariate, CatCovariate)]

    @property
    def int_columns(self) -> list[int]:
        """The columns that hold scaled whole numbers."""
        return [j for j, covariate in enumerate(self.covariates) if isinstance(covariate, IntCovariate)]

    @property
    def upper(self) -> NDArray[np.float64]:
        """The upper bound of each column, shape (d,); the lower is 0 everywhere."""
        return np.array([len(c.options) - 1.0 if isinstance(c, CatCovariate) else 1.0 for c in self.covariates])

    @property
    def n_configurations(self) -> int | None:
        """How many configurations there are, None where they cannot be counted."""
        if any(isinstance(covariate, ContCovariate) for covariate in self.covariates):
            return None
        return prod(n_values(covariate) for covariate in self.covariates)

    def encode(self, configurations: Sequence[Configuration]) -> NDArray[np.float64]:
        """Map n configurations to an array of shape (n, d)."""
        rows = [
            [_to_column(covariate, configuration[name]) for name, covariate in self.space.items()]
            for configuration in configurations
        ]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self.space))

    def decode(self, row: NDArray[np.float64]) -> Configuration:
        """Map a row of shape (d,) to the nearest configuration; a row that ``encode`` made comes back exactly."""
        return {
            name: _from_column(covariate, float(column))
            for (name, covariate), column in zip(self.space.items(), row, strict=True)
        }

    def from_unit(self, row: NDArray[np.float64]) -> Configuration:
        """Map a point of the unit cube, shape (d,), to a configuration, each option and whole number equally likely."""
        return {
            name: _from_share(covariate, float(share))
            for (name, covariate), share in zip(self.space.items(), row, strict=True)
        }

    def key(self, configuration: Configuration) -> Key:
        """Give what two configurations share when they are the same setting."""
        return tuple(
            round(_to_column(covariate, configuration[name]), _KEY_DECIMALS)
            if isinstance(covariate, ContCovariate)
            else configuration[name]
            for name, covariate in self.space.items()
        )

    def all_configurations(self) -> Iterator[Configuration]:
        """Give every configuration of a space that can be counted, in column order."""
        for values in product(*(_values(covariate) for covariate in self.covariates)):
            yield dict(zip(self.space, values, strict=True))


def n_values(covariate: CatCovariate | IntCovariate | ContCovariate) -> int:
    """Count the values of a covariate that has finitely many."""
    assert not isinstance(covariate, ContCovariate)
    return len(covariate.options) if isinstance(covariate, CatCovariate) else covariate.max - covariate.min + 1


def _values(covariate: Covariate) -> Sequence[Value]:
    assert not isinstance(covariate, ContCovariate)
    return covariate.options if isinstance(covariate, CatCovariate) else range(covariate.min, covariate.max + 1)


def _to_column(covariate: Covariate, value: Value) -> float:
    if isinstance(covariate, CatCovariate):
        return float(covariate.options.index(str(value)))
    return (float(value) - covariate.min) / (covariate.max - covariate.min)


def _from_column(covariate: Covariate, column: float) -> Value:
    if isinstance(covariate, CatCovariate):
        return covariate.options[round(min(max(column, 0.0), len(covariate.options) - 1.0))]
    share = min(max(column, 0.0), 1.0)
    value = covariate.min + share * (covariate.max - covariate.min)
    # The sum can round past the bound by the last bit.
    return round(value) if isinstance(covariate, IntCovariate) else min(max(value, covariate.min), covariate.max)


def _from_share(covariate: Covariate, share: float) -> Value:
    if isinstance(covariate, ContCovariate):
        return _from_column(covariate, share)
    index = min(int(share * n_values(covariate)), n_values(covariate) - 1)
    return covariate.options[index] if isinstance(covariate, CatCovariate) else covariate.min + index
