"""The surrogates by name: how each fits its Gaussian process; importing this loads no torch.

All take the observations, shape (n, d) and (n,), and which of them teach the hyperparameters.
"""

from collections.abc import Callable
from math import log

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from autotune_service.engine.arrays import Array
from autotune_service.engine.model.gaussian_process import GaussianProcess, Hyperparameters
from autotune_service.engine.model.likelihood import LogPosterior, Prior
from autotune_wire.experiments import ModelType

UNKNOWN_NOISE = 1e-4
"""Variance of a measurement that FixedNoiseGP is not told of: a hundredth of the responses' standard deviation."""

Taught = NDArray[np.int64] | slice
ALL = slice(None)

_ROUNDS = 3
_LEAST_SHARE = 1e-3
_LOG_LEAST, _LOG_GREATEST = log(1e-6), log(1e1)
_LOG_CHI_SQUARE = float(digamma(0.5)) + log(2.0)  # the mean logarithm of a squared standard normal number
_SCATTER_VARIANCE = 0.5 * np.pi**2  # the variance of that logarithm


class IsotropicLogPosterior(LogPosterior):
    """The log posterior of a kernel with one precision for all columns."""

    def __init__(
        self, rows: Array, targets: Array, known_noises: Array, is_code: NDArray[np.bool_], prior: Prior
    ) -> None:
        super().__init__(rows, targets, known_noises, is_code, prior)
        d = rows.shape[1]
        self._owners = np.zeros_like(self._owners)
        numbers = np.zeros(d, dtype=np.bool_)
        self.location, self.scale, self.tail = (
            of(numbers)[d - 1 :] for of in (prior.location, prior.scale, prior.tail)
        )


def fit_single_task(
    rows: Array, targets: Array, known_noises: Array, is_code: NDArray[np.bool_], taught: Taught = ALL
) -> GaussianProcess:
    """Fit a process to standardized targets, shape (n,); noises that are not known are NaN and one for all."""
    return _fit(LogPosterior, rows, targets, known_noises, is_code, taught)


def fit_fixed_noise(
    rows: Array, targets: Array, known_noises: Array, is_code: NDArray[np.bool_], taught: Taught = ALL
) -> GaussianProcess:
    """Fit a process to targets whose noise is what is told, or next to nothing; it is never inferred."""
    noises = np.where(np.isnan(known_noises), UNKNOWN_NOISE, known_noises)
    return _fit(LogPosterior, rows, targets, noises, is_code, taught)


def fit_isotropic(
    rows: Array, targets: Array, known_noises: Array, is_code: NDArray[np.bool_], taught: Taught = ALL
) -> GaussianProcess:
    """Fit a process with one length scale for all columns."""
    return _fit(IsotropicLogPosterior, rows, targets, known_noises, is_code, taught)


def fit_heteroskedastic(
    rows: Array, targets: Array, known_noises: Array, is_code: NDArray[np.bool_], taught: Taught = ALL
) -> GaussianProcess:
    """Fit a process to targets whose noise differs from run to run, told or else predicted by a process of its own.

    The way of Kersting et al. 2007, "Most Likely Heteroscedastic Gaussian Process Regression" (what was opened is its
    abstract): fit the targets, fit the logarithm of the noise to how far they lie off, fit the targets given that
    noise, and again. A target's distance from the function says less than its noise, as the function follows it: with
    noise s and covariance K its square is expected to be s^2 [K^-1]_ii (from Rasmussen and Williams 2006, equations
    5.10 to 5.12), of which s times that share is what is left.
    """
    is_unknown = np.isnan(known_noises)
    process = fit_single_task(rows, targets, known_noises, is_code, taught)
    if not is_unknown.any():
        return process
    smoothed = None
    for _ in range(_ROUNDS):
        smoothed = _smoothed_scatter(process, rows, targets, taught, smoothed)
        logs = smoothed.predict(rows)[0]
        noises = np.where(is_unknown, np.exp(np.clip(logs, _LOG_LEAST, _LOG_GREATEST)), known_noises)
        process = _fit(LogPosterior, rows, targets, noises, is_code, taught, near=process)
    return process


def _smoothed_scatter(
    process: GaussianProcess, rows: Array, targets: Array, taught: Taught, before: GaussianProcess | None
) -> GaussianProcess:
    """Fit a process to the logarithm of each run's noise, as its distance from the function tells it."""
    means, variances = process.predict(rows)
    shares = 1.0 - variances / process.noises  # the noise times the diagonal of the inverse covariance
    squares = (targets - means) ** 2 / np.clip(shares, _LEAST_SHARE, 1.0)
    scatter = np.log(np.maximum(squares, np.exp(_LOG_LEAST))) - _LOG_CHI_SQUARE
    scatter = np.clip(scatter, _LOG_LEAST, _LOG_GREATEST)
    # One run's scatter says little of its noise: known to vary so much, it is smoothed over the neighbours.
    noises = np.full(len(rows), _SCATTER_VARIANCE)
    return _fit(LogPosterior, rows, scatter, noises, process.is_code, taught, near=before)


def _fit(
    kind: type[LogPosterior],
    rows: Array,
    targets: Array,
    known_noises: Array,
    is_code: NDArray[np.bool_],
    taught: Taught,
    near: GaussianProcess | None = None,
) -> GaussianProcess:
    start = None if near is None else near.hyperparameters
    found = kind(rows[taught], targets[taught], known_noises[taught], is_code, Prior()).maximize(start)
    is_unknown = np.isnan(known_noises)
    noises = np.where(is_unknown, found.noise, known_noises) + Prior().noise_floor
    precisions = np.broadcast_to(found.precisions, (rows.shape[1],)).copy()
    noise = found.noise if is_unknown.any() else float(np.median(known_noises))
    return GaussianProcess(rows, targets, noises, Hyperparameters(precisions, found.variance, noise), is_code)


Fit = Callable[[Array, Array, Array, NDArray[np.bool_], Taught], GaussianProcess]

FITS: dict[ModelType, Fit] = {
    "SingleTaskGP": fit_single_task,
    "FixedNoiseGP": fit_fixed_noise,
    "HeteroskedasticSingleTaskGP": fit_heteroskedastic,
    "SimpleCustomMaternGP": fit_isotropic,
}
