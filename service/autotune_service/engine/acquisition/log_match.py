"""The logarithm of the expected improvement towards a target, without underflow, and its derivatives."""

import numpy as np
from scipy.special import log_ndtr

from autotune_service.engine.acquisition.log_improvement import log_improvement
from autotune_service.engine.arrays import Array

_LOG_SQRT_2PI = 0.5 * np.log(2.0 * np.pi)
_NARROW = 1e-3  # the second difference of three nearly equal numbers loses digits; a narrow target has a short formula
_NEAREST = 1e-6  # of the responses' spread: where the best so far is on the target, being sure of it still counts


def log_match_improvement(mean: Array, sd: Array, distance: Array | float) -> tuple[Array, Array, Array]:
    """Compute the logarithm of the expected improvement on a distance from 0, and its derivatives by mean and sd.

    A response Y improves on a distance w by max(w - |Y|, 0), which is max(Y + w, 0) - 2 max(Y, 0) + max(Y - w, 0). So
    the expectation is the second difference of the ordinary expected improvement h, taken where h is smallest: left of
    0. For a target that is narrow for the prediction, the density is nearly exponential within it, and the integral is
    4 (sinh(w z / 2) / z)^2 times the density, with z the mean in standard deviations and w the distance likewise.

    Args:
        mean: Predicted means minus the target, any shape.
        sd: Predicted standard deviations, all above 0, in a shape that broadcasts with that of the means.
        distance: The distance to improve on, above 0, in a shape that broadcasts with that of the means.
    """
    z, width = np.broadcast_arrays(np.abs(mean) / sd, np.maximum(distance, _NEAREST) / sd)
    is_narrow = (width < _NARROW) & (z * width < _NARROW)
    wide = np.where(is_narrow, 1.0, width)
    ones = np.ones_like(z)
    logs = [log_improvement(-z + k * wide, ones, 0.0)[0] for k in (1, 0, -1)]
    chances = [log_ndtr(-z + k * wide) for k in (1, 0, -1)]
    height = _second_difference(logs, logs[0])
    by_z = np.where(is_narrow, 0.0, -_second_difference(chances, logs[0]) / height)
    by_width = (np.exp(chances[0] - logs[0]) - np.exp(chances[2] - logs[0])) / height
    log_height = np.log(np.where(is_narrow, 1.0, height)) + logs[0]

    half = np.where(is_narrow, 0.5 * z * width, 0.0)
    slope = 1.0 + half * half / 3.0  # half / tanh(half), to four digits of a correction that is itself tiny
    log_height = np.where(is_narrow, 2.0 * np.log(width) + half * half / 3.0 - 0.5 * z * z - _LOG_SQRT_2PI, log_height)
    by_z = np.where(is_narrow, -z + width * width * z / 6.0, by_z)
    by_width = np.where(is_narrow, 2.0 * slope / width, by_width)
    by_sd = (1.0 - z * by_z - width * by_width) / sd
    return np.log(sd) + log_height, np.sign(mean) * by_z / sd, by_sd


def _second_difference(logs: list[Array], base: Array) -> Array:
    return np.exp(logs[0] - base) - 2.0 * np.exp(logs[1] - base) + np.exp(logs[2] - base)
