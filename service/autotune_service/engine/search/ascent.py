"""The climb of an acquisition function from many rows: projected BFGS in a box, SLSQP inside linear constraints."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from autotune_service.engine.arrays import Array
from autotune_service.engine.space.mixture import Mixture

_BACKTRACKS = 6  # lengths that the line search tries
_SHORTER = 0.3  # each length as a share of the one before
_SUFFICIENT = 1e-4  # Armijo's constant
_FIRST_STEP, _LONGEST_STEP = 0.1, 0.5  # shares of a column's range
_SAME_VALUE, _SAME_PLACE = 1e-5, 1e-3  # a step that changes value and places by less ends a climb


class Acquisition(Protocol):
    """An acquisition function: the search finds a row of its highest value; many are logarithms."""

    def values(self, rows: Array) -> Array:
        """Compute the value, shape (n,), at each of n rows, shape (n, d)."""
        ...

    def values_with_gradients(self, rows: Array) -> tuple[Array, Array]:
        """Compute the values, shape (n,), and their derivatives, shape (n, d); those by an option code are 0."""
        ...


def climb(acquisition: Acquisition, rows: Array, columns: Sequence[int], n_steps: int) -> tuple[Array, Array]:
    """Climb from every row, changing some columns within [0, 1].

    All rows take their steps together, so that a trial step costs one call for all of them. Each row has its own
    inverse Hessian (Nocedal and Wright 2006, equation 6.17) over the columns that are not held at a bound.

    Args:
        acquisition: The function to climb.
        rows: The rows to start from, shape (k, d).
        columns: The columns that may change.
        n_steps: The greatest number of steps.

    Returns:
        The rows at which the climbs ended, shape (k, d), and their values, shape (k,).
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
        moves, drops = next_places - places, gradients - next_gradients
        for k in np.flatnonzero(has_moved & ~is_done & ((moves * drops).sum(axis=1) > 1e-12)):
            inverses[k] = _updated(inverses[k], moves[k], drops[k], is_fresh[k])
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
    """Climb from every row, changing some columns within [0, 1] and within linear constraints.

    Args:
        acquisition: The function to climb.
        rows: The feasible rows to start from, shape (k, d).
        columns: The columns that may change; those with steps in a constraint stay as they are.
        mixture: The linear constraints.
        n_steps: The greatest number of steps.

    Returns:
        The rows at which the climbs ended, shape (k, d), and their values, shape (k,). A row meets the constraints up
        to SLSQP's tolerance and may need repair.
    """
    columns = [j for j in columns if j not in mixture.stepped]  # a number off its steps could not be repaired
    ended = rows.copy()
    if columns:
        for k, row in enumerate(rows):
            ended[k] = _climbed_within(acquisition, row, columns, mixture, n_steps)
    return ended, acquisition.values(ended)


def _climbed_within(acquisition: Acquisition, row: Array, columns: list[int], mixture: Mixture, n_steps: int) -> Array:
    """Climb from one row with SLSQP; return the row itself if SLSQP ends at numbers that are not finite."""
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
    """Choose the rows of a matrix that are linearly independent of those before, as a mask.

    SLSQP stops at once if one equality follows from others.
    """
    chosen: list[int] = []
    for i in range(len(slopes)):
        if np.linalg.matrix_rank(slopes[[*chosen, i]], tol=1e-9) > len(chosen):
            chosen.append(i)
    return np.isin(np.arange(len(slopes)), chosen)


def _directions(inverses: Array, uphill: Array, is_held: NDArray[np.bool_]) -> tuple[Array, NDArray[np.bool_]]:
    """Compute each row's quasi-Newton step, shape (k, c), or the gradient if that step does not lead uphill.

    The inverse Hessians of the rows that take the gradient are reset in place; the second array says for which rows.
    """
    steps = np.where(is_held, 0.0, np.einsum("kij,kj->ki", inverses, uphill))
    is_downhill = (steps * uphill).sum(axis=1) <= 0
    steps[is_downhill] = uphill[is_downhill]
    inverses[is_downhill] = np.eye(steps.shape[1])
    return steps, is_downhill


def _step_lengths(steps: Array, is_fresh: NDArray[np.bool_]) -> Array:
    """Compute a factor of at most 1 for each row's step, which bounds the step's longest component.

    The bound of a fresh row is tighter: without a curvature from earlier steps, a step's length is arbitrary.
    """
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
    """Shorten each row's step until the value rises enough (Armijo's rule); a row without such a step stays.

    Args:
        acquisition: The function to climb.
        rows: The rows, shape (k, d).
        columns: The c columns that may change.
        at: The values, shape (k,), and gradients, shape (k, c), at the rows.
        along: The steps and the gradients of the columns that are not held at a bound, each of shape (k, c).
        is_done: The rows that need no step, shape (k,).

    Returns:
        Places (k, c), values (k,) and gradients (k, c) after the step, and whether a step was found or not needed (k,).
    """
    (values, gradients), (steps, uphill) = at, along
    places = rows[:, columns]
    next_places, next_values, next_gradients = places.copy(), values.copy(), gradients.copy()
    lengths, is_found = np.ones(len(rows)), is_done.copy()
    for _ in range(_BACKTRACKS):
        open_rows = np.flatnonzero(~is_found)
        if not len(open_rows):
            break
        trial = np.clip(places[open_rows] + lengths[open_rows, None] * steps[open_rows], 0.0, 1.0)
        trial_rows = rows[open_rows]
        trial_rows[:, columns] = trial
        trial_values, trial_gradients = acquisition.values_with_gradients(trial_rows)
        expected_rises = ((trial - places[open_rows]) * uphill[open_rows]).sum(axis=1)
        is_good = trial_values >= values[open_rows] + _SUFFICIENT * expected_rises
        good = open_rows[is_good]
        next_places[good], next_values[good] = trial[is_good], trial_values[is_good]
        next_gradients[good] = trial_gradients[is_good][:, columns]
        is_found[good] = True
        lengths[open_rows[~is_good]] *= _SHORTER
    return next_places, next_values, next_gradients, is_found


def _updated(inverse: Array, move: Array, drop: Array, is_fresh: bool) -> Array:
    """Return the BFGS update of an inverse Hessian, of the negated function, after a move and the gradient's drop."""
    curvature = move @ drop
    if is_fresh:
        inverse = np.eye(len(move)) * (curvature / (drop @ drop))  # Nocedal and Wright 2006, equation 6.20
    scaled = inverse @ drop
    outer = np.outer(scaled, move)
    gain = (1.0 + (drop @ scaled) / curvature) / curvature
    return np.asarray(inverse + gain * np.outer(move, move) - (outer + outer.T) / curvature)
