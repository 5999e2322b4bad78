"""The logarithms of expected improvement and of a probability, without underflow, and their derivatives."""

import numpy as np
from scipy.special import erfcx, log_ndtr, ndtr

from autotune_service.engine.arrays import Array

_LOG_SQRT_2PI = 0.5 * np.log(2.0 * np.pi)
_SQRT_HALF_PI = np.sqrt(0.5 * np.pi)
_FAR = -1e3  # below this z, a series of three terms is more exact than the difference of two terms


def log_improvement(mean: Array, sd: Array, best: Array | float) -> tuple[Array, Array, Array]:
    """Compute the logarithm of the expected improvement over ``best``, and its derivatives by mean and sd.

    EI = sd h(z) with z = (mean - best) / sd and h(z) = phi(z) + z Phi(z). For z below -1, log h is computed as
    log phi + log(h / phi), after Ament et al. 2023, "Unexpected Improvements to Expected Improvement for Bayesian
    Optimization", equations 8 and 9.

    Args:
        mean: Predicted means, any shape.
        sd: Predicted standard deviations, all above 0, in a shape that broadcasts with that of the means.
        best: The value to improve on, in a shape that broadcasts with that of the means.
    """
    z = (mean - best) / sd
    mills, ratio = _below(np.minimum(z, -1.0))
    near = np.maximum(z, -1.0)
    density, probability = np.exp(-0.5 * near * near - _LOG_SQRT_2PI), ndtr(near)
    height = density + near * probability
    is_near = z >= -1.0
    log_h = np.where(is_near, np.log(height), -0.5 * z * z - _LOG_SQRT_2PI + np.log(ratio))
    by_mean = np.where(is_near, probability / height, mills / ratio) / sd
    by_sd = np.where(is_near, density / height, 1.0 / ratio) / sd
    return np.log(sd) + log_h, by_mean, by_sd


def log_probability(mean: Array, sd: Array) -> tuple[Array, Array, Array]:
    """Compute the logarithm of the probability that a normal value is above 0, and its derivatives by mean and sd."""
    z = mean / sd
    value = log_ndtr(z)
    near = np.maximum(z, -1.0)
    by_z = np.where(
        z >= -1.0, np.exp(-0.5 * near * near - _LOG_SQRT_2PI) / ndtr(near), 1.0 / _below(np.minimum(z, -1.0))[0]
    )
    return value, by_z / sd, -by_z * z / sd


def _below(z: Array) -> tuple[Array, Array]:
    """Compute Phi / phi and h / phi for z of at most -1, where h / phi = 1 + z Phi / phi."""
    squares = np.square(np.minimum(z, _FAR))
    far_ratio = (1.0 - (3.0 - 15.0 / squares) / squares) / squares
    mills = np.where(z < _FAR, (far_ratio - 1.0) / z, _SQRT_HALF_PI * erfcx(-z / np.sqrt(2.0)))
    return mills, np.where(z < _FAR, far_ratio, 1.0 + np.maximum(z, _FAR) * mills)
