"""Noise that depends on the configuration: a Gaussian process over the logarithm of the noise variance."""

from math import log

import torch
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from gpytorch.mlls import ExactMarginalLogLikelihood
from scipy.special import digamma
from torch import Tensor

LEAST_VARIANCE, GREATEST_VARIANCE = 1e-6, 1e2
"""Bounds of a noise variance, for responses of variance 1."""

_ROUNDS = 2


class NoiseModel:
    """The variance of the noise, which depends on the configuration.

    Args:
        process: A fitted process over the logarithm of the variance.
    """

    def __init__(self, process: SingleTaskGP) -> None:
        self._process = process.requires_grad_(False)

    def variance(self, x: Tensor) -> Tensor:
        """Return the most likely variance at x of shape (..., n, columns), shape (..., n, 1)."""
        log_variance: Tensor = self._process.posterior(x).mean
        return log_variance.exp().clamp(LEAST_VARIANCE, GREATEST_VARIANCE)


def fit_noise(x: Tensor, y: Tensor, variances: Tensor) -> NoiseModel:
    """Fit the noise to the known variances, and to the scatter of the responses whose variance is not known.

    The scatter is found by the method of the most likely heteroscedastic Gaussian process of Kersting et al. (2007; an
    implementation was read, not the paper): fit the responses, fit the noise to their distances from the fitted
    function, fit the responses given that noise, and repeat. The estimate of Kersting et al. includes the last round's
    noise, so an estimate that is too high is at best halved in a round. Here the estimate is the expected square of a
    response's distance from the function, and two rounds suffice.

    Args:
        x: Rows of columns, shape (n, columns).
        y: Responses of variance 1, shape (n, 1).
        variances: Variances of the responses' noise, NaN if not known, shape (n, 1).
    """
    if not bool(variances.isnan().any()):
        return _fit_log_variance(x, variances.log())
    process = SingleTaskGP(x, y, outcome_transform=None)
    for _ in range(_ROUNDS):
        scatter = _log_scatter(_fit(process), x, y)
        noise = _fit_log_variance(x, torch.where(variances.isnan(), scatter, variances.log()))
        process = SingleTaskGP(x, y, noise.variance(x), outcome_transform=None)
    return noise


def _log_scatter(process: SingleTaskGP, x: Tensor, y: Tensor) -> Tensor:
    with torch.no_grad():
        prediction = process.posterior(x)
        scatter: Tensor = ((y - prediction.mean).square() + prediction.variance).log()
    # The mean logarithm of a squared normal number is the logarithm of its variance plus this constant.
    return scatter - float(digamma(0.5) + log(2))


def _fit_log_variance(x: Tensor, log_variances: Tensor) -> NoiseModel:
    return NoiseModel(_fit(SingleTaskGP(x, log_variances.clamp(log(LEAST_VARIANCE), log(GREATEST_VARIANCE)))))


def _fit(process: SingleTaskGP) -> SingleTaskGP:
    fit_gpytorch_mll(ExactMarginalLogLikelihood(process.likelihood, process))
    return process
