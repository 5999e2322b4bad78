"""Logarithms that do not underflow: of expected improvement and of probabilities, with their derivatives."""

import numpy as np
from scipy.special import erfcx, log_ndtr

from autotune_service.engine.kernel import Array

_LOG_SQRT_2PI = 0.5 * np.log(2.0 * np.pi)
_LOG_SQRT_HALF_PI = 0.5 * np.log(0.5 * np.pi)
_FAR = -1e6  # below it the difference of the two terms is lost, and the asymptote is exact to the last bit


def log_improvement(mean: Array, sd: Array, best: Array | float) -> tuple[Array, Array, Array]:
    """Give the logarithm of the expected improvement over ``best`` and its derivatives by mean and sd.

    EI = sd h(z) with z = (mean - best) / sd and h(z) = phi(z) + z Phi(z); log h is computed as Ament et al. 2023,
    "Unexpected Improvements to Expected Improvement for Bayesian Optimization", equations 8 and 9.

    Args:
        mean: Predicted means, any shape.
        sd: Predicted standard deviations, a shape that broadcasts with it, all above 0.
        best: What has to be improved on.
    """
    z = (mean - best) / sd
    log_h = _log_h(z)
    by_mean = np.exp(log_ndtr(z) - log_h) / sd
    by_sd = np.exp(-0.5 * z * z - _LOG_SQRT_2PI - log_h) / sd
    return np.log(sd) + log_h, by_mean, by_sd


def log_probability(mean: Array, sd: Array) -> tuple[Array, Array, Array]:
    """Give the logarithm of the probability that a value is above 0, and its derivatives by mean and sd."""
    z = mean / sd
    value = log_ndtr(z)
    by_z = np.exp(-0.5 * z * z - _LOG_SQRT_2PI - value)
    return value, by_z / sd, -by_z * z / sd


def _log_h(z: Array) -> Array:
    near = np.maximum(z, -1.0)
    direct: Array = np.log(np.exp(-0.5 * near * near - _LOG_SQRT_2PI) + near * np.exp(log_ndtr(near)))
    if (z >= -1.0).all():
        return direct
    far = np.clip(z, _FAR, -1.0)
    ratio = np.log(erfcx(-far / np.sqrt(2.0)) * -far) + _LOG_SQRT_HALF_PI
    tail = np.where(z < _FAR, -2.0 * np.log(-np.minimum(z, -1.0)), np.log(-np.expm1(np.minimum(ratio, -1e-300))))
    return np.asarray(np.where(z >= -1.0, direct, -0.5 * z * z - _LOG_SQRT_2PI + tail))
