"""Noisy expected improvement: expected improvement, averaged over draws of the runs' noiseless values."""

import numpy as np

from autotune_service.engine.acquisition.functions import LogExpectedImprovement
from autotune_service.engine.arrays import Array
from autotune_service.engine.model.gaussian_process import GaussianProcess
from autotune_service.engine.model.subset import representatives

_ALTERNATIVES = 20  # as many as BoTorch's LogNoisyExpectedImprovement takes
_MAX_BASELINE = 200
_NOISELESS = 1e-7  # a variance; BoTorch takes the same for no noise


def noisy_improvement(process: GaussianProcess, pending: Array, rng: np.random.Generator) -> LogExpectedImprovement:
    """Build the noisy expected improvement over the best of the observed and the pending runs.

    Alternatives of the noiseless values at all these rows are drawn jointly. Each alternative has its own noiseless
    process and its own best (Letham et al. 2019, "Constrained Bayesian Optimization with Noisy Experiments", as in
    BoTorch's LogNoisyExpectedImprovement).

    Args:
        process: The objective's model.
        pending: Rows that are suggested but not told, shape (m, d).
        rng: Draws the alternatives.
    """
    kept = representatives(process.rows, process.targets, _MAX_BASELINE, process.is_code)
    rows = np.unique(np.concatenate([process.rows[kept], pending]), axis=0)
    means, covariance = process.joint(rows)
    roots, vectors = np.linalg.eigh(covariance)
    half = rng.normal(size=(len(rows), _ALTERNATIVES // 2))
    normal = np.concatenate([half, -half], axis=1)  # antithetic: their mean is the mean
    values = means[:, None] + (vectors * np.sqrt(np.maximum(roots, 0.0))) @ normal
    return improvement_over(process, rows, values)


def improvement_over(process: GaussianProcess, rows: Array, values: Array) -> LogExpectedImprovement:
    """Build the expected improvement, averaged over k alternatives of the noiseless values at m rows, shape (m, k)."""
    noises = np.full(len(rows), _NOISELESS)
    noiseless = GaussianProcess(rows, values, noises, process.hyperparameters, process.is_code, mean=process.mean)
    return LogExpectedImprovement(noiseless, values.max(axis=0))
