"""Noisy expected improvement: expected improvement, averaged over draws of the runs' noiseless values."""

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.acquisition.functions import LogExpectedImprovement
from autotune_service.engine.acquisition.named.scene import Scene
from autotune_service.engine.arrays import Array
from autotune_service.engine.model.gaussian_process import GaussianProcess
from autotune_service.engine.model.sampled import SampledProcess
from autotune_service.engine.model.subset import representatives

_ALTERNATIVES = 20  # as many as BoTorch's LogNoisyExpectedImprovement takes
_MAX_BASELINE = 200
_NOISELESS = 1e-7  # a variance; BoTorch takes the same for no noise


def noisy_improvement(scene: Scene, rng: np.random.Generator) -> LogExpectedImprovement:
    """Build the noisy expected improvement over the best of the observed and the pending runs in the region.

    Alternatives of the noiseless values at all these rows are drawn jointly. Each alternative has its own noiseless
    process and its own best (Letham et al. 2019, "Constrained Bayesian Optimization with Noisy Experiments", as in
    BoTorch's LogNoisyExpectedImprovement).

    Args:
        scene: The objective's model and the region to search.
        rng: Draws the alternatives.
    """
    process = scene.process
    kept = representatives(process.rows, process.targets, _MAX_BASELINE, process.kinds.is_code)
    rows = np.unique(np.concatenate([process.rows[kept], scene.pending, scene.best_incumbent]), axis=0)
    means, covariance = process.joint(rows)
    roots, vectors = np.linalg.eigh(covariance)
    half = rng.normal(size=(len(rows), _ALTERNATIVES // 2))
    normal = np.concatenate([half, -half], axis=1)  # antithetic: their mean is the mean
    values = means[:, None] + (vectors * np.sqrt(np.maximum(roots, 0.0))) @ normal
    return improvement_over(process, rows, values, scene.region.contains(rows))


def improvement_over(
    process: GaussianProcess, rows: Array, values: Array, is_incumbent: NDArray[np.bool_]
) -> LogExpectedImprovement:
    """Build the expected improvement, averaged over k alternatives of the noiseless values at m rows, shape (m, k).

    Args:
        process: The model whose hyperparameters and mean are used.
        rows: The m rows.
        values: Alternatives of the noiseless values there, shape (m, k).
        is_incumbent: The rows to improve on, shape (m,).
    """
    noises = np.full(len(rows), _NOISELESS)
    noiseless = process.conditioned_on(rows, values, noises)
    return LogExpectedImprovement(SampledProcess([noiseless]), values[is_incumbent].max(axis=0)[None])
