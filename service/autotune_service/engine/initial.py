"""The initial design: points spread over the region, suggested until enough configurations are known to fit a model."""

import math
from collections.abc import Set

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from autotune_service.engine.arrays import Array
from autotune_service.engine.interface import Candidates, EngineInput, Suggestion
from autotune_service.engine.model.kernel import scaled_distances
from autotune_service.engine.space.encoding import Encoding, Key
from autotune_service.engine.space.listed import ListedRegion, region_of
from autotune_service.engine.space.region import Region
from autotune_wire.base import Configuration
from autotune_wire.space import is_active

N_INITIAL = 5
"""The number of configurations, the guess included, that are suggested before the model chooses, among numbers."""

_N_WITH_OPTIONS = 8
"""The same where there are options without order: what is known of one option says little of another."""

_N_LEARNING = 3
"""The same where earlier experiments tell already what is good: enough to see whether they mislead."""

_NEAREST_ROW = "the row of the list that is nearest to the guess"

_TRIES = 256  # points that are checked for one suggestion


def design_length(encoding: Encoding, candidates: Candidates | None = None, *, is_learning: bool = False) -> int:
    """Return how many configurations, the guess included, are suggested before the model chooses.

    Args:
        encoding: The space's columns.
        candidates: The list of which they are rows, and no more than these; None without a list.
        is_learning: Whether there are runs of earlier experiments to learn from.
    """
    counts = [column.covariate.n_values for column in encoding.columns]
    has_options = any(column.is_code and n != 1 for column, n in zip(encoding.columns, counts, strict=True))
    length = _N_LEARNING if is_learning else _N_WITH_OPTIONS if has_options else N_INITIAL
    if candidates is not None:
        length = min(length, sum(block.n - len(block.withdrawn) for block in candidates.blocks))
    return min(length, math.prod(n or length for n in counts))


def initial_design(given: EngineInput, reason: str) -> list[Suggestion]:
    """Return n points that are neither told nor pending, of low discrepancy in the covariates that are free.

    Numbers without constraints are Sobol points. A point's position in the sequence is the number of configurations
    told, pending or chosen before it, so that the same data give the same points, and asks with other fixed values go
    on in the sequence. Inside constraints, and with options without order, each point is the one of the sequence's next
    that spreads all points best: so the options of a list come about equally often. In a list of rows, the first point
    is the row nearest to the guess, and the others are the rows, of some that are drawn, that spread best. A point is
    repeated only if no other one is found; its reason then says so.

    Args:
        given: The experiment's data; ``given.n`` is the number of points.
        reason: Why Sobol points are suggested, for the user.

    Raises:
        EmptyRegionError: If no configuration meets the constraints at the fixed values.
    """
    encoding = Encoding(given.space, given.retired)
    region = region_of(given, encoding)
    configurations = [run.covars for run in given.runs]
    known = encoding.encode(configurations + given.pending)
    taken = set(encoding.keys(known)) | region.used_keys
    chosen: list[Suggestion] = []
    for _ in range(given.n):
        if isinstance(region, ListedRegion) and not len(known) and not region.used_keys:
            known = region.nearest(guess_of(given))[None]
            taken.add(encoding.keys(known)[0])
            chosen.append(Suggestion(region.decode(known[0]), "guess", _NEAREST_ROW, candidate=region.take(known[0])))
            continue
        rows = _points(region, len(known), given.seed)
        if region.is_of_list or region.constraints or encoding.is_code[region.free].any():
            rows = rows[_most_spreading_first(rows, known, region)]
        row = _first_new(rows, encoding, taken)
        if row is None and region.is_listed:
            row = _first_new(region.all_rows(), encoding, taken)
        why = reason if row is not None else f"{reason}; {region.nothing_else}, so this one is suggested again"
        row = rows[0] if row is None else row
        taken.add(encoding.keys(row[None])[0])
        known = np.concatenate([known, row[None]])
        chosen.append(Suggestion(region.decode(row), "sobol", why, candidate=region.take(row)))
    return chosen


def guess_of(given: EngineInput) -> Configuration:
    """Return the configuration that the user guessed, at the fixed values."""
    values = {name: covariate.guess for name, covariate in given.space.items()} | given.fixed
    return {name: value for name, value in values.items() if is_active(given.space, name, values)}


def _first_new(rows: Array, encoding: Encoding, taken: Set[Key]) -> Array | None:
    """Return the first row whose key is not taken, None if all are taken."""
    return next((row for row, key in zip(rows, encoding.keys(rows), strict=True) if key not in taken), None)


def _points(region: Region, position: int, seed: int) -> Array:
    """Return feasible rows from a scrambled Sobol sequence over the free columns (Owen 1998), from a position on.

    If too few points of the sequence are feasible, random feasible rows are added.
    """
    shares = np.zeros((_TRIES, len(region.encoding.columns)))
    if region.free:
        sobol = qmc.Sobol(len(region.free), scramble=True, rng=np.random.default_rng(seed))
        if position:
            sobol.fast_forward(position)
        shares[:, region.free] = np.minimum(sobol.random(_TRIES), np.nextafter(1.0, 0.0))
    return region.sample(_TRIES, shares, np.random.default_rng([seed, position]))


def _most_spreading_first(rows: Array, known: Array, region: Region) -> NDArray[np.int64]:
    """Order feasible rows, shape (n, d), by how well each one, beside the known rows, represents the region.

    The measure is the energy distance between the rows that are chosen and all of them, in the free columns: each row
    is a greedy support point (Mak and Joseph 2018, "Support points"). It works for a region of any shape, and known
    rows with other fixed values count, so that no value comes again in another context. Options with
    descriptors are the farther apart the less alike they are, so that the first ones differ in what is known of them.

    Returns:
        Indices, shape (n,).
    """
    free, kinds = region.free, region.encoding.kinds.of_columns(region.free)
    weights = np.ones(kinds.n_precisions)
    for described, part in zip(kinds.described, kinds.parts, strict=True):
        # On average two options are as far apart as without descriptors, half of it by what is known of them.
        weights[described.column], weights[part] = 0.5, 0.5 / described.n
    to_all = np.sqrt(scaled_distances(rows[:, free], rows[:, free], weights, kinds)).mean(axis=1)
    to_known = np.sqrt(scaled_distances(rows[:, free], known[:, free], weights, kinds)).sum(axis=1)
    return np.argsort(to_all - to_known / (len(known) + 1), kind="stable")
