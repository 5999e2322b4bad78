"""The initial design: scrambled Sobol points, before a model has enough to learn from."""

from collections.abc import Set

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from autotune_service.engine.arrays import Array
from autotune_service.engine.interface import EngineInput, Suggestion
from autotune_service.engine.space.encoding import Encoding, Key
from autotune_service.engine.space.region import Region

N_INITIAL = 5
"""How many configurations come before the model chooses, the guess included."""

_TRIES = 256


def initial_design(given: EngineInput, reason: str) -> list[Suggestion]:
    """Give n Sobol points that are neither told nor pending.

    A point's place in the sequence is the number of configurations told or pending, so that the same data give the
    same points. Where every configuration of a small space is taken, points come again, and the reason says so.

    Raises:
        EmptyRegionError: If no configuration meets the constraints at the fixed values.
    """
    encoding = Encoding(given.space, given.retired)
    region = Region(encoding, given.constraints, given.fixed)
    told = [run.covars for run in given.runs]
    taken = set(encoding.keys(encoding.encode(told + given.pending)))
    chosen: list[Suggestion] = []
    for k in range(given.n):
        place = len(told) + len(given.pending) + k
        rows = _points(region, place, given.seed)
        row = _first_new(rows, encoding, taken)
        if row is None and region.is_listed:
            row = _first_new(region.all_rows(), encoding, taken)
        why = reason if row is not None else f"{reason}; {region.nothing_else}, so this one comes again"
        row = rows[0] if row is None else row
        taken.add(encoding.keys(row[None])[0])
        chosen.append(Suggestion(region.decode(row), "sobol", why))
    return chosen


def _first_new(rows: Array, encoding: Encoding, taken: Set[Key]) -> Array | None:
    return next((row for row, key in zip(rows, encoding.keys(rows), strict=True) if key not in taken), None)


def _points(region: Region, place: int, seed: int) -> Array:
    """Give feasible rows from a place of the sequence (Owen 1998) on; random ones where too few of it are feasible."""
    d = len(region.encoding.columns)
    sobol = qmc.Sobol(d, scramble=True, rng=np.random.default_rng(seed))
    if place:
        sobol.fast_forward(place)
    shares: NDArray[np.float64] = np.minimum(sobol.random(_TRIES), np.nextafter(1.0, 0.0))
    return region.sample(_TRIES, shares, np.random.default_rng([seed, place]))
