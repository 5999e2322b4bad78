"""The initial design: scrambled Sobol points, suggested until enough configurations are known to fit a model."""

from collections.abc import Set

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from autotune_service.engine.arrays import Array
from autotune_service.engine.interface import EngineInput, Suggestion
from autotune_service.engine.space.encoding import Encoding, Key
from autotune_service.engine.space.region import Region

N_INITIAL = 5
"""The number of configurations, the guess included, that are suggested before the model chooses."""

_TRIES = 256  # points of the sequence that are checked for one suggestion


def initial_design(given: EngineInput, reason: str) -> list[Suggestion]:
    """Return n Sobol points that are neither told nor pending.

    A point's position in the sequence is the number of configurations told, pending or chosen before it, so that the
    same data give the same points. A point is repeated only if no other one is found; its reason then says so.

    Args:
        given: The experiment's data; ``given.n`` is the number of points.
        reason: Why Sobol points are suggested, for the user.

    Raises:
        EmptyRegionError: If no configuration meets the constraints at the fixed values.
    """
    encoding = Encoding(given.space, given.retired)
    region = Region(encoding, given.constraints, given.fixed)
    configurations = [run.covars for run in given.runs]
    taken = set(encoding.keys(encoding.encode(configurations + given.pending)))
    chosen: list[Suggestion] = []
    for k in range(given.n):
        position = len(configurations) + len(given.pending) + k
        rows = _points(region, position, given.seed)
        row = _first_new(rows, encoding, taken)
        if row is None and region.is_listed:
            row = _first_new(region.all_rows(), encoding, taken)
        why = reason if row is not None else f"{reason}; {region.nothing_else}, so this one is suggested again"
        row = rows[0] if row is None else row
        taken.add(encoding.keys(row[None])[0])
        chosen.append(Suggestion(region.decode(row), "sobol", why))
    return chosen


def _first_new(rows: Array, encoding: Encoding, taken: Set[Key]) -> Array | None:
    """Return the first row whose key is not taken, None if all are taken."""
    return next((row for row, key in zip(rows, encoding.keys(rows), strict=True) if key not in taken), None)


def _points(region: Region, position: int, seed: int) -> Array:
    """Return feasible rows from the scrambled Sobol sequence (Owen 1998), starting at a position in it.

    If too few points of the sequence are feasible, random feasible rows are added.
    """
    d = len(region.encoding.columns)
    sobol = qmc.Sobol(d, scramble=True, rng=np.random.default_rng(seed))
    if position:
        sobol.fast_forward(position)
    shares: NDArray[np.float64] = np.minimum(sobol.random(_TRIES), np.nextafter(1.0, 0.0))
    return region.sample(_TRIES, shares, np.random.default_rng([seed, position]))
