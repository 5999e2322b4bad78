"""Noisy expected improvement in closed form: expected improvement averaged over what the runs may truly have been."""

import numpy as np

from autotune_service.engine.acquisition.functions import LogExpectedImprovement
from autotune_service.engine.arrays import Array
from autotune_service.engine.model.gaussian_process import GaussianProcess
from autotune_service.engine.model.subset import representatives

_ALTERNATIVES = 20  # as many as BoTorch's LogNoisyExpectedImprovement takes
_MAX_BASELINE = 200
_NOISELESS = 1e-7  # as in BoTorch, where it stands for none


def noisy_improvement(process: GaussianProcess, pending: Array, rng: np.random.Generator) -> LogExpectedImprovement:
    """Build the noisy expected improvement over the best of what was run and of what is pending.

    Alternatives of the noiseless values at all of these rows are drawn together; each is a noiseless process of its
    own, with a best of its own (Letham et al. 2019, "Constrained Bayesian Optimization with Noisy Experiments",
    as BoTorch's LogNoisyExpectedImprovement has it).
    """
    kept = representatives(process.rows, process.targets, _MAX_BASELINE, process.is_code)
    rows = np.unique(np.concatenate([process.rows[kept], pending]), axis=0)
    return improvement_over(process, rows, _drawn(process, rows, rng))


def improvement_over(process: GaussianProcess, rows: Array, values: Array) -> LogExpectedImprovement:
    """Build the expected improvement over k alternatives of the noiseless values at m rows, shape (m, k)."""
    noises = np.full(len(rows), _NOISELESS)
    noiseless = GaussianProcess(rows, values, noises, process.hyperparameters, process.is_code, mean=process.mean)
    return LogExpectedImprovement(noiseless, values.max(axis=0))


def _drawn(process: GaussianProcess, rows: Array, rng: np.random.Generator) -> Array:
    means, covariance = process.joint(rows)
    roots, vectors = np.linalg.eigh(covariance)
    half = rng.normal(size=(len(rows), _ALTERNATIVES // 2))
    normal = np.concatenate([half, -half], axis=1)  # antithetic: their mean is the mean
    return np.asarray(means[:, None] + (vectors * np.sqrt(np.maximum(roots, 0.0))) @ normal)
