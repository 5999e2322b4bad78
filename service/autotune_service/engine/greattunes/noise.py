"""Noise that differs from place to place: a Gaussian process over the logarithm of its variance."""

from math import log

import torch
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from gpytorch.mlls import ExactMarginalLogLikelihood
from scipy.special import digamma
from torch import Tensor

LEAST_VARIANCE, GREATEST_VARIANCE = 1e-6, 1e2
"""Bounds of a noise variance, for responses of variance one."""

_ROUNDS = 2


class NoiseModel:
    """The noise's variance at any place.

    Args:
        process: A fitted process over the logarithm of the variance.
    """

    def __init__(self, process: SingleTaskGP) -> None:
        self._process = process.requires_grad_(False)

    def variance(self, x: Tensor) -> Tensor:
        """Give the most likely variance at x of shape (..., n, columns), shape (..., n, 1)."""
        log_variance: Tensor = self._process.posterior(x).mean
        return log_variance.exp().clamp(LEAST_VARIANCE, GREATEST_VARIANCE)


def fit_noise(x: Tensor, y: Tensor, told: Tensor) -> NoiseModel:
    """Fit the noise to variances where they are told, and to what the responses scatter where they are not.

    The latter goes the way of the most likely heteroscedastic Gaussian process of Kersting et al. (2007; what was read
    is an implementation, not the paper): fit the responses, fit the noise to how far they lie off, fit the responses
    given that noise, and again. Theirs halves an estimate that is too high once a round at best, as it counts the last
    round's noise in; here it is the expected square of a response's distance from the function, and two rounds do.

    Args:
        x: Rows of columns, shape (n, columns).
        y: Responses of variance one, shape (n, 1).
        told: Variances of their noise, nan where not told, shape (n, 1).
    """
    if not bool(told.isnan().any()):
        return _fit_log_variance(x, told.log())
    process = SingleTaskGP(x, y, outcome_transform=None)
    for _ in range(_ROUNDS):
        scatter = _log_scatter(_fit(process), x, y)
        noise = _fit_log_variance(x, torch.where(told.isnan(), scatter, told.log()))
        process = SingleTaskGP(x, y, noise.variance(x), outcome_transform=None)
    return noise


def _log_scatter(process: SingleTaskGP, x: Tensor, y: Tensor) -> Tensor:
    with torch.no_grad():
        prediction = process.posterior(x)
        scatter: Tensor = ((y - prediction.mean).square() + prediction.variance).log()
    # The logarithm of a squared normal number is so much less, on average, than that of its variance.
    return scatter - float(digamma(0.5) + log(2))


def _fit_log_variance(x: Tensor, log_variances: Tensor) -> NoiseModel:
    return NoiseModel(_fit(SingleTaskGP(x, log_variances.clamp(log(LEAST_VARIANCE), log(GREATEST_VARIANCE)))))


def _fit(process: SingleTaskGP) -> SingleTaskGP:
    fit_gpytorch_mll(ExactMarginalLogLikelihood(process.likelihood, process))
    return process
