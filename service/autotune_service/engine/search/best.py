"""Finds the row of a region that an acquisition values most: sample, climb, change settings one by one, repeat."""

from collections.abc import Set
from dataclasses import dataclass

import numpy as np

from autotune_service.engine.arrays import Array
from autotune_service.engine.search.ascent import Acquisition, climb, climb_within
from autotune_service.engine.space.encoding import Key
from autotune_service.engine.space.region import EmptyRegionError, Region

_SAMPLES = 512
_NEAR_BEST, _NEAR_EACH = 5, 16  # around the most promising rows known, so many variants at each distance
_DISTANCES = (0.2, 0.05)
_MEAN_CHANGED = 20.0  # columns that a variant changes on average: in a space of many, few at a time find more
_CHANGED_SETTINGS = 0.3
_STARTS, _CLIMB_STEPS, _ROUNDS = 4, 25, 4
_APART = 0.1
_GAIN = 1e-6
_MOST_CHANGED = 256  # changes of a row that are valued at a time: of more, a random choice
_BLOCK = 1024  # rows valued at a time, which bounds the memory


@dataclass(frozen=True, slots=True)
class Found:
    """A row, its acquisition value, and whether it is none of the taken ones."""

    row: Array
    value: float
    is_new: bool


def find_best(
    acquisition: Acquisition, region: Region, promising: Array, taken: Set[Key], rng: np.random.Generator
) -> Found:
    """Find the row of the highest value among those that are not taken.

    A region whose rows are all taken gives the most promising of them again.

    Args:
        acquisition: What to maximize.
        region: Where.
        promising: Rows near which to look more closely, the best first, shape (n, d).
        taken: The keys of rows that are told or pending.
        rng: Draws the starts.

    Raises:
        EmptyRegionError: If the region holds no row.
    """
    if region.is_listed:
        rows = region.all_rows()
        if not len(rows):
            raise EmptyRegionError("no configuration meets the constraints at the fixed values")
        return _best_of(rows, _values(acquisition, rows), region, taken)
    candidates = _candidates(region, promising, rng)
    values = _values(acquisition, candidates)
    starts = _spread(candidates, values)
    rows, ends = _climbed(acquisition, region, candidates[starts], _CLIMB_STEPS)
    for _ in range(_ROUNDS):
        rows, ends, has_changed = _changed(acquisition, region, rows, ends, rng)
        if not has_changed:
            break
        rows, ends = _climbed(acquisition, region, rows, _CLIMB_STEPS // 2)
    return _best_of(np.concatenate([rows, candidates]), np.concatenate([ends, values]), region, taken)


def _candidates(region: Region, promising: Array, rng: np.random.Generator) -> Array:
    d = len(region.encoding.columns)
    rows = region.sample(_SAMPLES, rng.random((_SAMPLES, d)), rng)
    near = [_variants(region, row, distance, rng) for row in promising[:_NEAR_BEST] for distance in _DISTANCES]
    traded = [region.exchanged(row) for row in promising[:_NEAR_BEST]]
    return np.concatenate([rows, *near, *traded])


def _variants(region: Region, row: Array, distance: float, rng: np.random.Generator) -> Array:
    traded = set() if region.mixture is None else set(region.mixture.members)  # alone they would break their sums
    rows = np.repeat(row[None], _NEAR_EACH, axis=0)
    for j in (j for j in region.continua if j not in traded):
        is_moved = rng.random(_NEAR_EACH) < _MEAN_CHANGED / len(row)
        rows[:, j] = np.clip(rows[:, j] + is_moved * rng.normal(0.0, distance, _NEAR_EACH), 0.0, 1.0)
    for j in (j for j in region.grids if j not in traded):
        grid = region.encoding.columns[j].grid
        is_changed = rng.random(_NEAR_EACH) < _CHANGED_SETTINGS
        rows[:, j] = np.where(is_changed, grid[rng.integers(len(grid), size=_NEAR_EACH)], rows[:, j])
    return region.near(rows, distance, rng)


def _spread(rows: Array, values: Array) -> list[int]:
    """Choose the highest rows to climb from, none next to a higher one."""
    chosen: list[int] = []
    for i in np.argsort(-values, kind="stable"):
        if all(np.abs(rows[i] - rows[k]).max() > _APART for k in chosen):
            chosen.append(int(i))
            if len(chosen) == _STARTS:
                break
    return chosen


def _climbed(acquisition: Acquisition, region: Region, rows: Array, n_steps: int) -> tuple[Array, Array]:
    if region.mixture is None:
        ended, values = climb(acquisition, rows, region.continua, n_steps)
    else:
        ended, values = climb_within(acquisition, rows, region.continua, region.mixture, n_steps)
    snapped = region.settled(ended)  # whole numbers of a wide range were climbed as a continuum
    if np.array_equal(snapped, ended) and not region.constraints:
        return ended, values
    is_feasible = region.holds(snapped)
    snapped[~is_feasible] = rows[~is_feasible]
    return snapped, acquisition.values(snapped)


def _changed(
    acquisition: Acquisition, region: Region, rows: Array, values: Array, rng: np.random.Generator
) -> tuple[Array, Array, bool]:
    """Take for each row the best change of a setting, where one is better."""
    options = [region.changed(row, _MOST_CHANGED, rng) for row in rows]
    if not sum(map(len, options)):
        return rows, values, False
    gains = _values(acquisition, np.concatenate(options))
    rows, values, has_changed = rows.copy(), values.copy(), False
    first = 0
    for k, option in enumerate(options):
        own = gains[first : first + len(option)]
        first += len(option)
        if len(own) and own.max() > values[k] + _GAIN:
            rows[k], values[k], has_changed = option[int(own.argmax())], own.max(), True
    return rows, values, has_changed


def _best_of(rows: Array, values: Array, region: Region, taken: Set[Key]) -> Found:
    order = np.argsort(-values, kind="stable")
    for i in order:
        if region.encoding.keys(rows[i : i + 1])[0] not in taken:
            return Found(rows[i], float(values[i]), is_new=True)
    return Found(rows[order[0]], float(values[order[0]]), is_new=False)


def _values(acquisition: Acquisition, rows: Array) -> Array:
    return np.concatenate([acquisition.values(rows[i : i + _BLOCK]) for i in range(0, len(rows), _BLOCK)])
