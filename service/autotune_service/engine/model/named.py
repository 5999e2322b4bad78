"""The surrogates by name: how each fits its Gaussian process; importing this module loads no torch.

Every fit takes n observations, as rows of shape (n, d) and targets of shape (n,), and is conditioned on all of them.
``subset`` selects the observations that the hyperparameters are learnt from.
"""

from collections.abc import Callable
from contextlib import suppress
from math import log
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from autotune_service.engine.arrays import Array
from autotune_service.engine.kinds import Kinds
from autotune_service.engine.model.earlier import Earlier
from autotune_service.engine.model.gaussian_process import GaussianProcess, Hyperparameters, NotPositiveDefiniteError
from autotune_service.engine.model.likelihood import LogPosterior, Prior
from autotune_wire.experiments import ModelType

UNKNOWN_NOISE = 1e-4
"""The noise variance that FixedNoiseGP takes if none was told: a standard deviation of 0.01 on the model's scale."""

Subset = NDArray[np.int64] | slice
ALL = slice(None)

_ROUNDS = 3
_LEAST_SHARE = 1e-3
_LOG_LEAST, _LOG_GREATEST = log(1e-6), log(1e1)
_LOG_CHI_SQUARE = float(digamma(0.5)) + log(2.0)  # the mean logarithm of a squared standard normal number
_SCATTER_VARIANCE = 0.5 * np.pi**2  # the variance of that logarithm


class IsotropicLogPosterior(LogPosterior):
    """The log posterior of a kernel with one precision for all columns."""

    def __init__(
        self,
        rows: Array,
        targets: Array,
        known_noises: Array,
        kinds: Kinds,
        prior: Prior,
        earlier: Earlier | None = None,
    ) -> None:
        super().__init__(rows, targets, known_noises, kinds, prior, earlier)
        d = rows.shape[1]
        self._owners, self._together = np.zeros_like(self._owners), []
        no_codes = Kinds(np.zeros(d, dtype=np.bool_))
        self.location, self.scale, self.tail = (
            parameters_of(no_codes)[d - 1 :] for parameters_of in (prior.location, prior.scale, prior.tail)
        )


def fit_single_task(
    rows: Array,
    targets: Array,
    known_noises: Array,
    kinds: Kinds,
    subset: Subset = ALL,
    earlier: Earlier | None = None,
) -> GaussianProcess:
    """Fit a process to standardized targets; one variance is inferred for all noises that are not known (NaN)."""
    return _fit(LogPosterior, rows, targets, known_noises, kinds, subset, earlier)


def fit_fixed_noise(
    rows: Array,
    targets: Array,
    known_noises: Array,
    kinds: Kinds,
    subset: Subset = ALL,
    earlier: Earlier | None = None,
) -> GaussianProcess:
    """Fit a process to targets whose noise is never inferred: a noise that is not known (NaN) is next to 0."""
    noises = np.where(np.isnan(known_noises), UNKNOWN_NOISE, known_noises)
    return _fit(LogPosterior, rows, targets, noises, kinds, subset, earlier)


def fit_isotropic(
    rows: Array,
    targets: Array,
    known_noises: Array,
    kinds: Kinds,
    subset: Subset = ALL,
    earlier: Earlier | None = None,
) -> GaussianProcess:
    """Fit a process with one length scale for all columns."""
    return _fit(IsotropicLogPosterior, rows, targets, known_noises, kinds, subset, earlier)


def fit_heteroskedastic(
    rows: Array,
    targets: Array,
    known_noises: Array,
    kinds: Kinds,
    subset: Subset = ALL,
    earlier: Earlier | None = None,
) -> GaussianProcess:
    """Fit a process to targets whose noise differs from run to run: known, or else predicted by a second process.

    The method is that of Kersting et al. 2007, "Most Likely Heteroscedastic Gaussian Process Regression" (its abstract
    was read): fit the targets, fit the logarithm of the noise to the targets' distances from the fitted function, fit
    the targets given that noise, and repeat. A target's distance from the function is smaller than its noise, as the
    function follows the target. With noise variance s and covariance K, the square of the distance is expected to be
    s^2 [K^-1]_ii (from Rasmussen and Williams 2006, equations 5.10 to 5.12). So the square is divided by the share
    s [K^-1]_ii.
    """
    is_unknown = np.isnan(known_noises)
    process = fit_single_task(rows, targets, known_noises, kinds, subset, earlier)
    if not is_unknown.any():
        return process
    smoothed = None
    for _ in range(_ROUNDS):
        smoothed = _smoothed_scatter(process, rows, targets, subset, smoothed)
        logs = smoothed.predict(rows)[0]
        noises = np.where(is_unknown, np.exp(np.clip(logs, _LOG_LEAST, _LOG_GREATEST)), known_noises)
        process = _fit(LogPosterior, rows, targets, noises, kinds, subset, earlier, near=process)
    return process


def _smoothed_scatter(
    process: GaussianProcess, rows: Array, targets: Array, subset: Subset, previous: GaussianProcess | None
) -> GaussianProcess:
    """Fit a process to the logarithms of the runs' noise variances.

    The noise variance of a run is estimated from the distance between the run's target and the mean of ``process``.
    """
    means, variances = process.predict(rows)
    shares = 1.0 - variances / process.noises  # the noise times the diagonal of the inverse covariance
    squares = (targets - means) ** 2 / np.clip(shares, _LEAST_SHARE, 1.0)
    scatter = np.log(np.maximum(squares, np.exp(_LOG_LEAST))) - _LOG_CHI_SQUARE
    scatter = np.clip(scatter, _LOG_LEAST, _LOG_GREATEST)
    # One run's scatter is a poor estimate of its noise. Given the estimate's variance, the process smooths the scatter
    # over neighbouring runs.
    noises = np.full(len(rows), _SCATTER_VARIANCE)
    return _fit(LogPosterior, rows, scatter, noises, process.kinds, subset, near=previous)


def _fit(
    kind: type[LogPosterior],
    rows: Array,
    targets: Array,
    known_noises: Array,
    kinds: Kinds,
    subset: Subset,
    earlier: Earlier | None = None,
    near: GaussianProcess | None = None,
) -> GaussianProcess:
    start = None if near is None else near.hyperparameters
    found = kind(rows[subset], targets[subset], known_noises[subset], kinds, Prior(), earlier).maximize(start)
    is_unknown = np.isnan(known_noises)
    noises = np.where(is_unknown, found.noise, known_noises) + Prior().noise_floor
    precisions = np.broadcast_to(found.precisions, (kinds.n_precisions,)).copy()
    noise = found.noise if is_unknown.any() else float(np.median(known_noises))
    hyperparameters = Hyperparameters(precisions, found.variance, noise, found.effects)
    return GaussianProcess(rows, targets, noises, hyperparameters, kinds, earlier=earlier)


def sample_alternatives(
    model_type: ModelType, process: GaussianProcess, known_noises: Array, n: int
) -> list[GaussianProcess]:
    """Return the process under n samples of its hyperparameters, from their posterior.

    The samples follow from the data alone. Noises that differ from run to run stay as they were predicted.

    Args:
        model_type: The model that the process was fitted by.
        process: The process, at the most probable hyperparameters.
        known_noises: The variance of each observation's noise; NaN where it is not known.
        n: The number of samples.
    """
    if model_type == "FixedNoiseGP":
        known_noises = np.where(np.isnan(known_noises), UNKNOWN_NOISE, known_noises)
    if model_type == "HeteroskedasticSingleTaskGP":
        known_noises = process.noises - Prior().noise_floor
    kind = IsotropicLogPosterior if model_type == "SimpleCustomMaternGP" else LogPosterior
    rows, targets, kinds, earlier = process.rows, process.targets, process.kinds, process.earlier
    posterior = kind(rows, targets, known_noises, kinds, Prior(), earlier)
    rng = np.random.default_rng(crc32(rows.tobytes() + targets.tobytes()))
    alternatives = []
    for one in posterior.sample(process.hyperparameters, n, rng):
        with suppress(NotPositiveDefiniteError):  # rounding decides at the edge of what has a Cholesky factor
            noises = posterior.noises(one.noise)
            alternatives.append(GaussianProcess(rows, targets, noises, one, kinds, earlier=earlier))
    return alternatives or [process]


Fit = Callable[[Array, Array, Array, Kinds, Subset, Earlier | None], GaussianProcess]

FITS: dict[ModelType, Fit] = {
    "SingleTaskGP": fit_single_task,
    "FixedNoiseGP": fit_fixed_noise,
    "HeteroskedasticSingleTaskGP": fit_heteroskedastic,
    "SimpleCustomMaternGP": fit_isotropic,
}
