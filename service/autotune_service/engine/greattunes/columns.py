"""Configurations as rows of greattunes' columns, and back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from math import prod
from typing import Any

import torch
from torch import Tensor

from autotune_service.engine.space.columns import drawn_in
from autotune_wire.base import Configuration, Value
from autotune_wire.space import CatCovariate, Covariate, Space

Key = tuple[Value, ...]
_KEY_DECIMALS = 6  # numbers closer than a millionth of the range count as the same
_NEAR = 0.01  # share of a range


@dataclass(frozen=True)
class Group:
    """The columns of one covariate, each in [0, 1] where the space allows the value.

    A number is one column, scaled by its bounds. A category is one column per option, its one-hot code.

    Args:
        covariate: The covariate.
        indices: The indices of the covariate's columns in a row.
        options: The options of a category, first those that may be suggested; empty for numbers.
        retired: The ends of the former ranges of a number that is held at one value.
    """

    covariate: Covariate
    indices: list[int]
    options: list[Value]
    retired: Sequence[Value] = ()

    @property
    def steps(self) -> int | None:
        """How many steps lead from a number's least value to its greatest; None for a category or without steps."""
        covariate = self.covariate
        if isinstance(covariate, CatCovariate) or covariate.n_values in {None, 1}:
            return None
        return covariate.n_values - 1

    @property
    def is_constant(self) -> bool:
        """Whether this is a number that is held at one value, whose column is 0 in every suggestion."""
        return not isinstance(self.covariate, CatCovariate) and self.covariate.n_values == 1

    @property
    def n_values(self) -> int | None:
        """How many values may be suggested; None if they cannot be counted."""
        return self.covariate.n_values

    def value_at(self, index: int) -> Value:
        """Return the value at an index among those that may be suggested."""
        return self.options[index] if isinstance(self.covariate, CatCovariate) else self.covariate.value_at(index)

    def encode(self, value: Value) -> list[float]:
        """Map a value to the columns; a value outside the bounds, as a run may have, is not moved to the bound."""
        if isinstance(self.covariate, CatCovariate):
            code = self.options.index(value)
            return [float(index == code) for index in range(len(self.options))]
        return [drawn_in((float(value) - self.covariate.min) / self._span)]

    def decode(self, columns: Tensor) -> Value:
        """Map columns to a value: the option of the largest column, or the number on its steps, within bounds."""
        covariate = self.covariate
        if isinstance(covariate, CatCovariate):
            return self.options[int(columns.argmax())]
        if self.is_constant:
            return covariate.value_at(0)
        share = min(max(float(columns[0]), 0.0), 1.0)
        if self.steps is not None:
            return covariate.value_at(round(share * self.steps))
        # The sum can round past the bound by the last bit.
        return min(max(covariate.min + share * self._span, float(covariate.min)), float(covariate.max))

    @property
    def _span(self) -> float:
        assert not isinstance(self.covariate, CatCovariate)
        if self.is_constant:
            # There is no range: the unit is the farthest end of its former ranges, or else its own size.
            low = float(self.covariate.min)
            return max((abs(float(value) - low) for value in self.retired), default=abs(low) or 1.0)
        # With a step the greatest value can lie below ``max``.
        greatest = self.covariate.max if self.steps is None else self.covariate.value_at(self.steps)
        return greatest - self.covariate.min


@dataclass(frozen=True)
class Columns:
    """Maps a space to greattunes' columns.

    greattunes does not scale its columns, and the priors of today's BoTorch are meant for columns in [0, 1]. So these
    columns are scaled to [0, 1].

    Args:
        space: The covariates, in column order.
        fixed: Values that every suggestion has.
        retired: Options that runs have but that the space no longer has, by covariate.
    """

    space: Space
    fixed: Configuration = field(default_factory=dict)
    retired: Mapping[str, Sequence[Value]] = field(default_factory=dict)

    @cached_property
    def groups(self) -> dict[str, Group]:
        """Each covariate's columns, by its name."""
        groups: dict[str, Group] = {}
        start = 0
        for name, covariate in self.space.items():
            options: list[Value] = list(covariate.options) if isinstance(covariate, CatCovariate) else []
            if options:
                options += [option for option in self.retired.get(name, []) if option not in options]
            end = start + (len(options) or 1)
            groups[name] = Group(covariate, list(range(start, end)), options, self.retired.get(name, ()))
            start = end
        return groups

    @cached_property
    def covars(self) -> list[tuple[float, float, float] | tuple[str, ...]]:
        """The space in greattunes' form: guess, minimum and maximum of a number, the options of a category."""
        # Options are given by their index: greattunes names columns by them, and no two names may be the same.
        return [
            tuple(str(code) for code in range(len(group.options))) if group.options else (0.5, 0.0, 1.0)
            for group in self.groups.values()
        ]

    @cached_property
    def kernel_columns(self) -> list[dict[str, Any]]:
        """The columns that the kernel rounds or takes as a category: greattunes' form plus the steps of a number."""
        return [
            {"type": str if group.options else int, "column": group.indices, "steps": group.steps}
            for group in self.groups.values()
            if group.options or group.steps is not None
        ]

    @cached_property
    def bounds(self) -> Tensor:
        """The bounds of a suggestion's row, shape (2, columns), which fix fixed values and exclude retired options."""
        low, high = torch.zeros(self._width, dtype=torch.double), torch.ones(self._width, dtype=torch.double)
        for name, group in self.groups.items():
            if name in self.fixed:
                low[group.indices] = high[group.indices] = torch.tensor(
                    group.encode(self.fixed[name]), dtype=torch.double
                )
            elif group.is_constant:
                high[group.indices] = 0.0
            elif group.options:
                high[group.indices[group.n_values :]] = 0.0
        return torch.stack([low, high])

    @cached_property
    def n_configurations(self) -> int | None:
        """How many configurations may be suggested; None if they cannot be counted."""
        counts = [group.n_values for name, group in self.groups.items() if name not in self.fixed]
        known = [count for count in counts if count is not None]
        return prod(known) if len(known) == len(counts) else None

    def all_configurations(self) -> Iterator[Configuration]:
        """List every configuration that may be suggested, in a space whose configurations can be counted."""
        choices = [
            [self.fixed[name]]
            if name in self.fixed
            else [group.value_at(index) for index in range(group.n_values or 0)]
            for name, group in self.groups.items()
        ]
        for values in product(*choices):
            yield dict(zip(self.space, values, strict=True))

    def encode(self, configurations: Sequence[Configuration]) -> Tensor:
        """Map n configurations to a tensor of shape (n, columns)."""
        rows = [
            [column for name, group in self.groups.items() for column in group.encode(configuration[name])]
            for configuration in configurations
        ]
        return torch.tensor(rows, dtype=torch.double).reshape(len(rows), self._width)

    def decode(self, row: Tensor) -> Configuration:
        """Map a row of shape (columns,) to the configuration that the kernel sees in the row."""
        return {
            name: self.fixed[name] if name in self.fixed else group.decode(row[group.indices])
            for name, group in self.groups.items()
        }

    def key(self, configuration: Configuration) -> Key:
        """Return the key of a configuration; configurations with equal keys count as the same."""
        return tuple(
            round(group.encode(configuration[name])[0], _KEY_DECIMALS)
            if group.n_values is None
            else configuration[name]
            for name, group in self.groups.items()
        )

    def is_near(self, a: Configuration, b: Configuration) -> bool:
        """Return whether real numbers differ by less than a hundredth of their ranges and all else is equal."""
        return all(
            abs(group.encode(a[name])[0] - group.encode(b[name])[0]) < _NEAR
            if group.n_values is None
            else a[name] == b[name]
            for name, group in self.groups.items()
        )

    @cached_property
    def _width(self) -> int:
        return sum(len(group.indices) for group in self.groups.values())
