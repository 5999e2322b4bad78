"""Finds the row of a region where an acquisition function has its highest value.

The search samples rows, climbs from the best of them, changes their settings one by one, and climbs again.
"""

from collections.abc import Set
from dataclasses import dataclass
from functools import partial

import numpy as np

from autotune_service.engine.arrays import Array
from autotune_service.engine.search.ascent import Acquisition, climb, climb_within
from autotune_service.engine.search.screening import screened
from autotune_service.engine.space.encoding import Key
from autotune_service.engine.space.listed import ListedRegion
from autotune_service.engine.space.region import Region

_SAMPLES = 512
_NEAR_BEST, _NEAR_EACH = 5, 16  # around the best known rows, so many variants at each distance
_DISTANCES = (0.2, 0.05)
_MEAN_CHANGED = 20.0  # numbers that a variant changes on average; with many columns, changing few at a time finds more
_CHANGED_SETTINGS = 0.3  # the probability that a variant changes a setting
_STARTS, _CLIMB_STEPS, _ROUNDS = 4, 25, 4
_APART = 0.1  # the least distance between two starts, in the column where they differ most
_GAIN = 1e-6  # the least gain for which a setting is changed
_MOST_CHANGED = 256  # changes of a row that are tried in a round; of more changes, a random choice is tried
_MOST_ROWS = 16_384  # of a list, rows whose value is computed one and all
_BLOCK = 1024  # rows whose value is computed at a time, which bounds the memory


@dataclass(frozen=True, slots=True)
class Found:
    """A row, shape (d,), its acquisition value, and whether the row is new, that is not taken."""

    row: Array
    value: float
    is_new: bool


def find_best(
    acquisition: Acquisition, region: Region, best_known: Array, taken: Set[Key], rng: np.random.Generator
) -> Found:
    """Find the row of the highest value among the rows that are not taken.

    If the search finds only taken rows, the result is the one of the highest value.

    Args:
        acquisition: The function to maximize.
        region: The region to search.
        best_known: Known rows, the best first, shape (n, d); the search samples more rows near the first few.
        taken: The keys of rows that are told or pending.
        rng: Draws the candidates.

    Raises:
        EmptyRegionError: If no row of the region is found.
    """
    if region.is_listed:
        region.require_rows()
        if isinstance(region, ListedRegion):
            return _best_in_list(acquisition, region, best_known, taken, rng)
        rows = region.all_rows()
        return _best_of(rows, _values(acquisition, rows), region, taken)
    candidates = _candidates(region, best_known, rng)
    values = _values(acquisition, candidates)
    starts = _spread(candidates, values)
    climbed, climbed_values = _climbed(acquisition, region, candidates[starts], _CLIMB_STEPS)
    for _ in range(_ROUNDS):
        climbed, climbed_values, has_changed = _changed(acquisition, region, climbed, climbed_values, rng)
        if not has_changed:
            break
        climbed, climbed_values = _climbed(acquisition, region, climbed, _CLIMB_STEPS // 2)
    rows, values = np.concatenate([climbed, candidates]), np.concatenate([climbed_values, values])
    return _best_of(rows, values, region, taken)


def _best_in_list(
    acquisition: Acquisition, region: ListedRegion, best_known: Array, taken: Set[Key], rng: np.random.Generator
) -> Found:
    """Find the best row of a list: of a long one, among rows at random and rows like the best of them.

    Of what is left the best is returned, whatever is taken has.
    """
    left = region.untaken(taken)
    rows = left if len(left) else region.all_rows()
    if len(rows) > _MOST_ROWS:
        rows, values = screened(
            partial(_values, acquisition), rows, best_known[:_NEAR_BEST], region.encoding.kinds, rng
        )
    else:
        values = _values(acquisition, rows)
    best = int(np.argmax(values))
    return Found(rows[best], float(values[best]), is_new=bool(len(left)))


def _candidates(region: Region, best_known: Array, rng: np.random.Generator) -> Array:
    """Sample rows over the region and near the best known rows, shape (n, d)."""
    d = len(region.encoding.columns)
    rows = region.sample(_SAMPLES, rng.random((_SAMPLES, d)), rng)
    near = [_variants(region, row, distance, rng) for row in best_known[:_NEAR_BEST] for distance in _DISTANCES]
    traded = [region.exchanged(row) for row in best_known[:_NEAR_BEST]]
    return np.concatenate([rows, *near, *traded])


def _variants(region: Region, row: Array, distance: float, rng: np.random.Generator) -> Array:
    """Draw feasible variants of a row: some numbers move by about ``distance``, some settings change."""
    traded = set() if region.mixture is None else set(region.mixture.members)  # changed alone they would break a sum
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
    """Choose the rows to climb from: those of the highest values, none close to another that is chosen."""
    chosen: list[int] = []
    for i in np.argsort(-values, kind="stable"):
        if all(np.abs(rows[i] - rows[k]).max() > _APART for k in chosen):
            chosen.append(int(i))
            if len(chosen) == _STARTS:
                break
    return chosen


def _climbed(acquisition: Acquisition, region: Region, rows: Array, n_steps: int) -> tuple[Array, Array]:
    """Climb from feasible rows, and move the ends to the nearest settings; a row whose end is infeasible stays."""
    if region.mixture is None:
        ended, values = climb(acquisition, rows, region.continua, n_steps)
    else:
        ended, values = climb_within(acquisition, rows, region.continua, region.mixture, n_steps)
    snapped = region.settled(ended)  # whole numbers of a wide range climb as continuous numbers
    if np.array_equal(snapped, ended) and not region.constraints:
        return ended, values
    is_feasible = region.holds(snapped)
    snapped[~is_feasible] = rows[~is_feasible]
    return snapped, acquisition.values(snapped)


def _changed(
    acquisition: Acquisition, region: Region, rows: Array, values: Array, rng: np.random.Generator
) -> tuple[Array, Array, bool]:
    """Make for each row the best change of a setting, if a change raises its value; return whether any row changed."""
    changes = [region.changed(row, _MOST_CHANGED, rng) for row in rows]
    if not sum(map(len, changes)):
        return rows, values, False
    change_values = _values(acquisition, np.concatenate(changes))
    rows, values, has_changed = rows.copy(), values.copy(), False
    first = 0
    for k, changed_rows in enumerate(changes):
        own = change_values[first : first + len(changed_rows)]
        first += len(changed_rows)
        if len(own) and own.max() > values[k] + _GAIN:
            rows[k], values[k], has_changed = changed_rows[int(own.argmax())], own.max(), True
    return rows, values, has_changed


def _best_of(rows: Array, values: Array, region: Region, taken: Set[Key]) -> Found:
    """Return the row of the highest value that is not taken, or of the highest value if all are taken."""
    order = np.argsort(-values, kind="stable")
    for i in order:
        if region.encoding.keys(rows[i : i + 1])[0] not in taken:
            return Found(rows[i], float(values[i]), is_new=True)
    return Found(rows[order[0]], float(values[order[0]]), is_new=False)


def _values(acquisition: Acquisition, rows: Array) -> Array:
    return np.concatenate([acquisition.values(rows[i : i + _BLOCK]) for i in range(0, len(rows), _BLOCK)])
