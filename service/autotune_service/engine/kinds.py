"""What the columns of rows hold: numbers, codes of options, and codes of options that descriptors tell apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.arrays import Array


@dataclass(frozen=True, eq=False)
class Described:
    """A column of codes whose options have descriptors.

    Args:
        column: The index of the column.
        descriptors: The m descriptors of each of o options, in the order of the codes, shape (o, m).
    """

    column: int
    descriptors: Array

    @property
    def n(self) -> int:
        """The number of descriptors."""
        return int(self.descriptors.shape[1])

    @cached_property
    def places(self) -> Array:
        """The descriptors, shape (o, m), such that the squared difference of two options is 1 on average."""
        centered = self.descriptors - self.descriptors.mean(axis=0)
        usual = 2.0 * np.square(centered).sum(axis=0) / max(len(centered) - 1, 1)
        return np.asarray(centered / np.sqrt(np.where(usual > 0.0, usual, 1.0)))

    def options_of(self, rows: Array) -> tuple[Array, NDArray[np.intp]]:
        """Return the places of the u options of rows, shape (n, d), as (u, m), and the index of each row's there."""
        codes, index = np.unique(rows[:, self.column], return_inverse=True)
        return self.places[codes.astype(np.intp)], index


@dataclass(frozen=True, eq=False)
class Kinds:
    """What the d columns of rows hold.

    A kernel has a precision for each column and then one for each descriptor, one described column after the other. It
    has an effect for each column of codes and then one for each described column.

    Args:
        is_code: Which columns hold codes of options, shape (d,).
        described: The columns of codes whose options have descriptors.
    """

    is_code: NDArray[np.bool_]
    described: Sequence[Described] = ()

    def of_columns(self, columns: Sequence[int]) -> "Kinds":
        """Return the kinds of some of the columns, in their order."""
        of_column = {one.column: one for one in self.described}
        described = [Described(k, of_column[j].descriptors) for k, j in enumerate(columns) if j in of_column]
        return Kinds(self.is_code[list(columns)], described)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Kinds) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def d(self) -> int:
        """The number of columns."""
        return len(self.is_code)

    @cached_property
    def parts(self) -> list[slice]:
        """The places of each described column's descriptors among the precisions."""
        ends = np.cumsum([self.d, *(one.n for one in self.described)]).tolist()
        return [slice(begin, end) for begin, end in pairwise(ends)]

    @property
    def n_precisions(self) -> int:
        """How many precisions a kernel has: of the columns and of all descriptors."""
        return self.d + sum(one.n for one in self.described)

    @cached_property
    def _key(self) -> tuple[bytes, ...]:
        tables = ((b"%d" % one.column, b"%d" % one.n, one.descriptors.tobytes()) for one in self.described)
        return (self.is_code.tobytes(), *chain.from_iterable(tables))
