"""One covariate as one column of numbers, and back."""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from autotune_wire.base import Value
from autotune_wire.space import CatCovariate, Covariate, IntCovariate

_AT_BOUND = 1e-12  # share of a range: a number closer than this to a bound is the bound
_MAX_GRID, _MAX_GRID_OF_MANY = 128, 16
"""A number with up to so many settings is searched setting by setting; a number with more is searched as if it were
continuous, and rounded. The second limit holds if a space has more than ``_MANY_SETTINGS`` of these settings in all."""

_MANY_SETTINGS = 256

_FAR = 1000.0

_MIN_LOG_SHARE = 1e-6  # share of the largest value: in a narrower range logarithms are almost linear, and lose digits


@dataclass(frozen=True)
class Column:
    """Maps a covariate's values to places on a line.

    A number becomes its share of the range, in [0, 1]; with ``log``, its share of the range of logarithms. An ordered
    option becomes its rank's share of the last rank. Any other option becomes its index, which is a code and not a
    quantity: only whether two codes are equal means something. A number that is held at one value has the place 0.

    Runs may have values that the space does not allow. These keep their own places: outside [0, 1] beyond the range,
    between two grid places between two steps.

    Args:
        name: The covariate's name.
        covariate: The covariate.
        retired: Options that runs have but that are no longer suggested; of a constant, the ends of its former ranges.
        max_grid: Up to how many settings of a number are searched one by one.
    """

    name: str
    covariate: Covariate
    retired: tuple[Value, ...] = ()
    max_grid: int = _MAX_GRID

    @cached_property
    def is_code(self) -> bool:
        """Whether the column holds codes of options that have no order."""
        return isinstance(self.covariate, CatCovariate) and not self.covariate.ordered

    @cached_property
    def is_described(self) -> bool:
        """Whether the column holds codes of options that descriptors tell apart."""
        if not isinstance(self.covariate, CatCovariate) or self.covariate.descriptors is None:
            return False
        return bool((self.descriptors != self.descriptors[0]).any())

    @cached_property
    def descriptors(self) -> NDArray[np.float64]:
        """The m descriptors of all o options, in the order of their codes, shape (o, m); only where there are some.

        Each is its share of the largest, so that squares cannot overflow. A retired option of which nothing is known
        counts as one like all others on average.
        """
        assert isinstance(self.covariate, CatCovariate)
        descriptors = self.covariate.descriptors
        assert descriptors is not None
        options = [str(option) for option in [*self.covariate.options, *self.retired]]
        known = np.array([list(descriptors[option].values()) for option in options if option in descriptors])
        largest = np.abs(known).max(axis=0)
        known /= np.where(largest > 0.0, largest, 1.0)
        usual, rows = known.mean(axis=0), iter(known)
        return np.stack([next(rows) if option in descriptors else usual for option in options])

    @cached_property
    def is_log(self) -> bool:
        """Whether equal ratios become equal distances; False also for a ``log`` range that is too narrow."""
        covariate = self.covariate
        if isinstance(covariate, CatCovariate) or not covariate.log:
            return False
        if covariate.min == covariate.max:
            return True  # runs from before it was held at one value may lie decades apart
        return covariate.max - covariate.min > _MIN_LOG_SHARE * covariate.max

    @cached_property
    def is_grid(self) -> bool:
        """Whether the settings are few enough to be searched one by one."""
        return _has_grid(self.covariate, self.max_grid)

    @cached_property
    def grid(self) -> NDArray[np.float64]:
        """The places of all settings, in order; defined only where ``is_grid``."""
        covariate = self.covariate
        n = covariate.n_values
        assert n is not None
        settings: Iterable[Value] = (
            covariate.options if isinstance(covariate, CatCovariate) else map(covariate.value_at, range(n))
        )
        return np.array([self.encode(setting) for setting in settings])

    def encode(self, value: Value) -> float:
        """Map a value to its place."""
        covariate = self.covariate
        if isinstance(covariate, CatCovariate):
            index = [*covariate.options, *self.retired].index(value)
            return float(index) if self.is_code else index / max(covariate.n_values - 1, 1)
        low, high = self.ends
        return drawn_in(((math.log(float(value)) if self.is_log else float(value)) - low) / (high - low))

    def decode(self, place: float) -> Value:
        """Return the setting nearest to a place; a setting's own place gives back exactly that setting."""
        covariate = self.covariate
        if isinstance(covariate, CatCovariate):
            last = covariate.n_values - 1
            return covariate.options[round(min(max(place if self.is_code else place * last, 0.0), last))]
        low, high = self.ends
        share = min(max(place, 0.0), 1.0)
        number = low + share * (high - low)
        value = math.exp(number) if self.is_log else number
        if covariate.n_values is not None:
            return covariate.value_at(covariate.index_near(value))
        if share in {0.0, 1.0}:
            return covariate.min if share == 0.0 else covariate.max
        return min(max(value, covariate.min), covariate.max)  # the sum can round past the bound by the last bit

    def from_unit(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map shares in [0, 1), shape (n,), to places such that each setting is equally likely."""
        n = self.covariate.n_values
        if n is None:
            return shares
        if self.is_grid:
            return self.grid[np.minimum((shares * n).astype(np.int64), n - 1)]
        return self.snap(shares)

    def snap(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map places, shape (n,), to those of the nearest settings."""
        if self.is_grid:
            return np.asarray(self.grid[np.searchsorted(self._midpoints, places)])
        if self.covariate.n_values is None:
            inside = np.where(places > _AT_BOUND, places, 0.0)  # rounding can leave 3e-18 in place of 0
            return np.where(inside < 1.0 - _AT_BOUND, inside, 1.0)
        if isinstance(self.covariate, IntCovariate) and not self.is_log:
            return self._whole(self.covariate, places)
        # Few places are different, as most of them were snapped before.
        different, where = np.unique(places, return_inverse=True)
        return np.array([self.encode(self.decode(float(place))) for place in different])[where]

    def beside(self, place: float) -> NDArray[np.float64]:
        """Return the places of the settings next below and above one place; only if settings can be counted."""
        covariate = self.covariate
        assert not isinstance(covariate, CatCovariate)
        assert covariate.n_values is not None
        index = covariate.index_near(float(self.decode(place)))
        return np.array(
            [self.encode(covariate.value_at(i)) for i in (index - 1, index + 1) if 0 <= i < covariate.n_values]
        )

    def _whole(self, covariate: IntCovariate, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Snap all places at once, to the same numbers as ``decode`` and ``encode`` one by one."""
        low, high = self.ends
        step = covariate.step or 1
        values = low + np.clip(places, 0.0, 1.0) * (high - low)
        indices = np.clip(np.rint((values - low) / step), 0, covariate.n_values - 1)
        return np.asarray((low + indices * step - low) / (high - low))

    @cached_property
    def _midpoints(self) -> NDArray[np.float64]:
        return (self.grid[1:] + self.grid[:-1]) / 2.0

    @cached_property
    def ends(self) -> tuple[float, float]:
        """The numbers whose places are 0 and 1: the ends of the range; with ``log``, the logarithms of these.

        A constant has no range. The farthest end of its former ranges takes the place 1; if it never had another range,
        0 does, or with ``log``, ten times its value.
        """
        assert not isinstance(self.covariate, CatCovariate)
        low, high = float(self.covariate.min), float(self.covariate.max)
        if low == high and self.is_log:
            factors = [math.log(float(value)) - math.log(low) for value in self.retired]
            return math.log(low), math.log(low) + max(factors, key=abs, default=math.log(10.0))
        if low == high:
            return low, max(map(float, self.retired), key=lambda value: abs(value - low), default=0.0 if low else 1.0)
        return (math.log(low), math.log(high)) if self.is_log else (low, high)


def drawn_in(place: float) -> float:
    """Draw a place that lies more than a thousand ranges away in to some hundred ranges beyond that, in the same order.

    The square of a farther place would drown the differences between the others.
    """
    if abs(place) <= _FAR:
        return place
    return math.copysign(_FAR + math.log(min(abs(place), sys.float_info.max) / _FAR), place)


def columns_of(space: Mapping[str, Covariate], retired: Mapping[str, Sequence[Value]]) -> list[Column]:
    """Return the columns of a space, in the user's order."""
    with_grid = [covariate for covariate in space.values() if _has_grid(covariate, _MAX_GRID)]
    n_settings = sum(covariate.n_values or 0 for covariate in with_grid)
    max_grid = _MAX_GRID if n_settings <= _MANY_SETTINGS else _MAX_GRID_OF_MANY
    return [Column(name, covariate, tuple(retired.get(name, ())), max_grid) for name, covariate in space.items()]


def _has_grid(covariate: Covariate, max_grid: int) -> bool:
    n = covariate.n_values
    return n is not None and (n <= max_grid or isinstance(covariate, CatCovariate))
