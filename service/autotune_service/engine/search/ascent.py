"""Climbs an acquisition from many rows at once: projected BFGS in a box, SLSQP inside linear constraints."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from autotune_service.engine.arrays import Array
from autotune_service.engine.space.mixture import Mixture

_BACKTRACKS = 6
_SHORTER = 0.3
_SUFFICIENT = 1e-4  # Armijo's constant
_FIRST_STEP, _LONGEST_STEP = 0.1, 0.5  # shares of a column's range
_SAME_VALUE, _SAME_PLACE = 1e-5, 1e-3


class Acquisition(Protocol):
    """How much rows promise, on a logarithmic scale or another that grows with the promise."""

    def values(self, rows: Array) -> Array:
        """Value rows, shape (n, d), to shape (n,)."""
        ...

    def values_with_gradients(self, rows: Array) -> tuple[Array, Array]:
        """Value rows and give the derivatives by them, shape (n, d); by a code they are 0."""
        ...


def climb(acquisition: Acquisition, rows: Array, columns: Sequence[int], n_steps: int) -> tuple[Array, Array]:
    """Climb from every row in some columns, each kept in [0, 1].

    All rows take their steps together: a step costs one call however many there are. Each keeps its own inverse
    Hessian (Nocedal and Wright 2006, equation 6.17) over the columns that are not held at a bound.

    Args:
        acquisition: What to climb.
        rows: Where to start, shape (k, d).
        columns: The columns that may change.
        n_steps: How many steps at most.

    Returns:
        Where each climb ended, shape (k, d), and the value there, shape (k,).
    """
    rows, columns = rows.copy(), list(columns)
    values, gradients = acquisition.values_with_gradients(rows)
    if not columns:
        return rows, values
    gradients = gradients[:, columns]
    inverses = np.repeat(np.eye(len(columns))[None], len(rows), axis=0)
    is_fresh, is_done = np.ones(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
    for _ in range(n_steps):
        places = rows[:, columns]
        is_held = ((places <= 0) & (gradients < 0)) | ((places >= 1) & (gradients > 0))
        uphill = np.where(is_held, 0.0, gradients)
        steps, is_reset = _directions(inverses, uphill, is_held)
        is_fresh |= is_reset
        steps *= _step_lengths(steps, is_fresh)[:, None]
        taken = _line_search(acquisition, rows, columns, (values, gradients), (steps, uphill), is_done)
        next_places, next_values, next_gradients, has_moved = taken
        moves, bends = next_places - places, gradients - next_gradients
        for k in np.flatnonzero(has_moved & ~is_done & ((moves * bends).sum(axis=1) > 1e-12)):
            inverses[k] = _updated(inverses[k], moves[k], bends[k], is_fresh[k])
            is_fresh[k] = False
        is_still = (np.abs(next_values - values) < _SAME_VALUE) & (np.abs(moves).max(axis=1) < _SAME_PLACE)
        is_done |= ~has_moved | is_still
        rows[:, columns], values, gradients = next_places, next_values, next_gradients
        if is_done.all():
            break
    return rows, values


def climb_within(
    acquisition: Acquisition, rows: Array, columns: Sequence[int], mixture: Mixture, n_steps: int
) -> tuple[Array, Array]:
    """Climb from each row, feasible, in some columns, kept in [0, 1] and within linear constraints.

    Returns:
        As ``climb``; a row is as feasible as SLSQP's tolerance, and may need repair.
    """
    columns = [j for j in columns if j not in mixture.stepped]  # off their steps they could not be repaired
    ended = rows.copy()
    if columns:
        for k, row in enumerate(rows):
            ended[k] = _climbed_within(acquisition, row, columns, mixture, n_steps)
    return ended, acquisition.values(ended)


def _climbed_within(acquisition: Acquisition, row: Array, columns: list[int], mixture: Mixture, n_steps: int) -> Array:
    low, high = mixture.low, mixture.high
    at_start = mixture.slopes(row, columns)[1]
    scale = np.abs(at_start).max(axis=1, initial=0.0)
    is_sloped = scale > 0
    scale[~is_sloped] = 1.0
    is_equal = is_sloped & (low == high)
    is_equal[is_equal] = _independent(at_start[is_equal] / scale[is_equal, None])

    is_loose = is_sloped & (low != high)

    def full(places: Array) -> Array:
        other = row.copy()
        other[columns] = np.clip(places, 0.0, 1.0)
        return other

    def negative(places: Array) -> tuple[float, Array]:
        value, gradient = acquisition.values_with_gradients(full(places)[None])
        return -float(value[0]), -gradient[0, columns]

    def margins(places: Array, which: str) -> tuple[Array, Array]:
        sums, slopes = mixture.slopes(full(places), columns)
        sums, slopes = sums / scale, slopes / scale[:, None]
        if which == "eq":
            return (sums - low / scale)[is_equal], slopes[is_equal]
        above, below = is_loose & np.isfinite(low), is_loose & np.isfinite(high)
        gaps = np.concatenate([(sums - low / scale)[above], (high / scale - sums)[below]])
        return gaps, np.concatenate([slopes[above], -slopes[below]])

    limits = [
        {"type": which, "fun": lambda z, w=which: margins(z, w)[0], "jac": lambda z, w=which: margins(z, w)[1]}
        for which, count in (("eq", is_equal.sum()), ("ineq", is_loose.sum()))
        if count
    ]
    result = minimize(
        negative,
        row[columns],
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * len(columns),
        constraints=limits,
        options={"maxiter": n_steps, "ftol": 1e-8},
    )
    return full(result.x) if np.isfinite(result.x).all() else row


def _independent(slopes: Array) -> NDArray[np.bool_]:
    # SLSQP stops at once where one equality follows from others.
    chosen: list[int] = []
    for i in range(len(slopes)):
        if np.linalg.matrix_rank(slopes[[*chosen, i]], tol=1e-9) > len(chosen):
            chosen.append(i)
    return np.isin(np.arange(len(slopes)), chosen)


def _directions(inverses: Array, uphill: Array, is_held: NDArray[np.bool_]) -> tuple[Array, NDArray[np.bool_]]:
    steps = np.where(is_held, 0.0, np.einsum("kij,kj->ki", inverses, uphill))
    is_downhill = (steps * uphill).sum(axis=1) <= 0
    steps[is_downhill] = uphill[is_downhill]
    inverses[is_downhill] = np.eye(steps.shape[1])
    return steps, is_downhill


def _step_lengths(steps: Array, is_fresh: NDArray[np.bool_]) -> Array:
    # A step without curvature has no scale of its own.
    longest = np.where(is_fresh, _FIRST_STEP, _LONGEST_STEP)
    return np.asarray(np.minimum(1.0, longest / np.maximum(np.abs(steps).max(axis=1), 1e-300)))


def _line_search(
    acquisition: Acquisition,
    rows: Array,
    columns: list[int],
    at: tuple[Array, Array],
    along: tuple[Array, Array],
    is_done: NDArray[np.bool_],
) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
    (values, gradients), (steps, uphill) = at, along
    places = rows[:, columns]
    next_places, next_values, next_gradients = places.copy(), values.copy(), gradients.copy()
    lengths, is_found = np.ones(len(rows)), is_done.copy()
    for _ in range(_BACKTRACKS):
        open_ones = np.flatnonzero(~is_found)
        if not len(open_ones):
            break
        trial = np.clip(places[open_ones] + lengths[open_ones, None] * steps[open_ones], 0.0, 1.0)
        trial_rows = rows[open_ones]
        trial_rows[:, columns] = trial
        trial_values, trial_gradients = acquisition.values_with_gradients(trial_rows)
        promised = ((trial - places[open_ones]) * uphill[open_ones]).sum(axis=1)
        is_good = trial_values >= values[open_ones] + _SUFFICIENT * promised
        good = open_ones[is_good]
        next_places[good], next_values[good] = trial[is_good], trial_values[is_good]
        next_gradients[good] = trial_gradients[is_good][:, columns]
        is_found[good] = True
        lengths[open_ones[~is_good]] *= _SHORTER
    return next_places, next_values, next_gradients, is_found


def _updated(inverse: Array, move: Array, bend: Array, is_fresh: bool) -> Array:
    curvature = move @ bend
    if is_fresh:
        inverse = np.eye(len(move)) * (curvature / (bend @ bend))  # Nocedal and Wright 2006, equation 6.20
    bent = inverse @ bend
    outer = np.outer(bent, move)
    gain = (1.0 + (bend @ bent) / curvature) / curvature
    return np.asarray(inverse + gain * np.outer(move, move) - (outer + outer.T) / curvature)
