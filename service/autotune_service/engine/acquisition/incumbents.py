"""The rows that a suggestion has to improve on."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.acquisition.aims import MORE, Aim
from autotune_service.engine.acquisition.functions import PredictedMerit, SumOfLogs, Unlikely
from autotune_service.engine.arrays import Array
from autotune_service.engine.model.gaussian_process import GaussianProcess
from autotune_service.engine.search.ascent import Acquisition
from autotune_service.engine.search.best import find_best
from autotune_service.engine.space.region import Region


def incumbents_of(
    process: GaussianProcess,
    region: Region,
    is_acceptable: NDArray[np.bool_],
    log_probabilities: Sequence[Acquisition],
    rng: np.random.Generator,
    aim: Aim = MORE,
) -> Array:
    """Choose the rows whose best predicted mean a suggestion in a region has to improve on, shape (m, d).

    They are the acceptable runs that could be suggested in the region: a better run of another context, or outside a
    space that was narrowed since, says nothing about what can be gained here (as in the profile expected improvement of
    Ginsbourger et al. 2014, "Bayesian adaptive reconstruction of profile optima and optimizers"). If no run lies in the
    region, it is the region's best predicted row.

    Args:
        process: The objective's model, with n observations.
        region: The rows that may be suggested.
        is_acceptable: Which of the observations are acceptable, shape (n,).
        log_probabilities: The log probabilities that a run is acceptable.
        rng: Draws the candidates of the search for the best predicted row.
        aim: What makes a response better.

    Returns:
        The rows; none if runs lie in the region but none of them is acceptable, or if no run is acceptable at all.
    """
    is_inside = region.contains(process.rows)
    if is_inside.any() or not is_acceptable.any():
        return process.rows[is_inside & is_acceptable]
    return best_predicted_row(process, region, log_probabilities, rng, aim)[None]


def best_predicted_row(
    process: GaussianProcess,
    region: Region,
    log_probabilities: Sequence[Acquisition],
    rng: np.random.Generator,
    aim: Aim = MORE,
) -> Array:
    """Find the region's row of the best predicted mean among those that are predicted to be acceptable, shape (d,).

    If no row is, it is one that misses that by little.
    """
    known = process.rows[np.argsort(-aim.merits(process.expect(process.rows)), kind="stable")]
    penalties = [Unlikely(log_probability) for log_probability in log_probabilities]
    acquisition = SumOfLogs([PredictedMerit(process, aim), *penalties])
    return find_best(acquisition, region, known, set(), rng).row
