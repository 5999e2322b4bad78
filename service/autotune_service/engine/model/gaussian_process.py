"""The Gaussian process: posterior, likelihood and their derivatives, in closed form on numpy arrays.

With fifty observations the arithmetic takes microseconds. Automatic differentiation takes a hundred times as long.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.linalg import cho_solve
from scipy.linalg.lapack import dpotrf, dtrtri

from autotune_service.engine.arrays import Array
from autotune_service.engine.kinds import Kinds
from autotune_service.engine.model.earlier import WEIGHT_SD, Earlier
from autotune_service.engine.model.kernel import compared, matern

MIN_VARIANCE = 1e-12  # share of the prior's variance: rounding can make a posterior variance negative
_BLOCK = 128  # rows whose mean is computed at a time: their covariances stay in the processor's cache


class NotPositiveDefiniteError(ArithmeticError):
    """The covariance of the observations has no Cholesky factor at these hyperparameters."""


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """The numbers that are fitted by maximizing the posterior.

    Args:
        precisions: One over the squared length scale of each column and descriptor, shape (p,).
        variance: The prior's variance of what the covariates do together.
        noise: The noise variance of the observations whose own noise variance is not known.
        effects: The prior's variance of what each option does by itself, for each of the columns of codes, and of what
            similar options do, for each described column, shape (c,); empty where options have no such effects.
    """

    precisions: Array
    variance: float
    noise: float
    effects: Array = field(default_factory=lambda: np.empty(0))

    @property
    def total_variance(self) -> float:
        """The prior's variance of a noiseless value."""
        return self.variance + float(self.effects.sum())


class GaussianProcess:
    """A Gaussian process with a constant mean, conditioned on observations.

    Args:
        rows: The observed configurations, shape (n, d).
        targets: The observed values, shape (n,); or k alternatives of them, shape (n, k), which lead to k means.
        noises: The variance of each observation's noise, shape (n,).
        hyperparameters: The hyperparameters of the kernel and the noise.
        kinds: What the columns hold.
        mean: The prior's mean; where None, the generalized least squares estimate (Rasmussen and Williams 2006,
            equation 2.41 with a constant basis).
        earlier: What earlier experiments predict, which the prior holds too; None without any.

    Raises:
        NotPositiveDefiniteError: If the observations' covariance cannot be factored.
    """

    def __init__(
        self,
        rows: Array,
        targets: Array,
        noises: Array,
        hyperparameters: Hyperparameters,
        kinds: Kinds,
        mean: float | None = None,
        earlier: Earlier | None = None,
    ) -> None:
        self.rows = rows
        self.targets = targets
        self.noises = noises
        self.hyperparameters = hyperparameters
        self.kinds = kinds
        self.earlier = earlier
        covariance = self.covariance(rows, rows)
        covariance[np.diag_indices_from(covariance)] += noises
        self._factor = cholesky(covariance)
        self._rest = targets if earlier is None else (targets.T - earlier.mean(rows)).T
        self.mean = self._estimated_mean() if mean is None else mean
        self.weights = cho_solve((self._factor, True), self._rest - self.mean, check_finite=False)

    def conditioned_on(self, rows: Array, targets: Array, noises: Array) -> "GaussianProcess":
        """Return the process with the same prior and hyperparameters, conditioned on these observations alone."""
        return GaussianProcess(rows, targets, noises, self.hyperparameters, self.kinds, self.mean, self.earlier)

    def covariance(self, a: Array, b: Array) -> Array:
        """Return the prior covariance of the noiseless values at rows a and b, shape (n, m)."""
        covariance = self._alone(a, b)
        if self.earlier is not None:
            covariance += self.earlier.deviations(a) @ self.earlier.deviations(b).T
        return covariance

    def _alone(self, a: Array, b: Array) -> Array:
        """Return the prior covariance without what earlier experiments predict, shape (n, m)."""
        own = self.hyperparameters
        distances, shared = compared(a, b, own.precisions[None], own.effects[None], self.kinds)
        together = own.variance * matern(distances[0])[0]
        return together if shared is None else together + shared[0]

    def expect(self, rows: Array) -> Array:
        """Return the means that ``predict`` returns, without the variances, which cost more."""
        blocks = [rows[i : i + _BLOCK] for i in range(0, len(rows), _BLOCK)] or [rows]
        means = self.mean + np.concatenate([self.covariance(block, self.rows) @ self.weights for block in blocks])
        return means if self.earlier is None else (means.T + self.earlier.mean(rows)).T

    def predict(self, rows: Array) -> tuple[Array, Array]:
        """Return mean and variance of the noiseless value at m rows.

        Returns:
            The means, shape (m,) or (m, k), and the variances, shape (m,).
        """
        covariance, variance = self._alone(rows, self.rows), self.hyperparameters.total_variance
        if self.earlier is not None:
            earlier_means, deviations = self.earlier.at(rows)
            covariance += deviations @ self._deviations.T
            variance = variance + np.einsum("ij,ij->i", deviations, deviations)
        spread = covariance @ self.inverse_factor.T
        means = self.mean + covariance @ self.weights
        if self.earlier is not None:
            means = (means.T + earlier_means).T
        return means, self._bounded(variance - np.einsum("ij,ij->i", spread, spread))

    def predict_with_gradients(self, rows: Array) -> tuple[Array, Array, Array, Array]:
        """Return the means and variances that ``predict`` returns, and their derivatives by the rows.

        The derivative by an option code is 0.

        Returns:
            Means, shape (m,) or (m, k), variances, (m,), the means' gradients, (m, d) or (m, k, d), and the variances'
            gradients, (m, d).
        """
        own = self.hyperparameters
        distances, shared = compared(rows, self.rows, own.precisions[None], own.effects[None], self.kinds)
        differences = rows[:, None, :] - self.rows[None, :, :]
        differences[..., self.kinds.is_code] = 0.0
        correlation, slope = matern(distances[0])
        covariance = own.variance * correlation
        if shared is not None:
            covariance += shared[0]
        if self.earlier is not None:
            earlier_means, deviations, earlier_slopes, deviation_slopes = self.earlier.with_gradients(rows)
            covariance += deviations @ self._deviations.T
        means = self.mean + covariance @ self.weights
        solved = covariance @ self.inverse
        variance = own.total_variance - np.einsum("ij,ij->i", solved, covariance)
        directions = differences * (2.0 * own.precisions[: self.kinds.d])
        slope *= own.variance
        weights = self.weights.T if self.weights.ndim == 2 else self.weights[None]
        mean_gradients = np.matmul(slope[:, None, :] * weights, directions)
        variance_gradients = np.matmul((-2.0 * slope * solved)[:, None, :], directions)[:, 0]
        if self.earlier is not None:
            means = (means.T + earlier_means).T
            variance = variance + np.einsum("ij,ij->i", deviations, deviations)
            by_deviation = weights @ self._deviations  # (k, s)
            mean_gradients = mean_gradients + np.einsum("ks,msd->mkd", by_deviation, deviation_slopes)
            mean_gradients = mean_gradients + earlier_slopes[:, None]
            variance_gradients = variance_gradients + 2.0 * np.einsum(
                "ms,msd->md", deviations - solved @ self._deviations, deviation_slopes
            )
        if self.weights.ndim == 1:
            mean_gradients = mean_gradients[:, 0]
        return means, self._bounded(variance), mean_gradients, variance_gradients

    def joint(self, rows: Array) -> tuple[Array, Array]:
        """Return the joint posterior of the noiseless values at m rows: means, shape (m,), and covariance, (m, m)."""
        covariance = self.covariance(rows, self.rows)
        spread = covariance @ self.inverse_factor.T
        means = self.mean + covariance @ self.weights
        means = means if self.earlier is None else means + self.earlier.mean(rows)
        return means, self.covariance(rows, rows) - spread @ spread.T

    def leave_one_out(self) -> tuple[Array, Array]:
        """Predict each observation, its noise included, from all others, with the same hyperparameters.

        Rasmussen and Williams 2006, equations 5.10 to 5.12.

        Returns:
            Means and variances, each of shape (n,).
        """
        variance = 1.0 / np.diag(self.inverse)
        return self.targets - self.weights * variance, variance

    def earlier_weights(self) -> tuple[Array, Array]:
        """Return the weight of each of the s earlier experiments and its standard deviation, shape (s,)."""
        if self.earlier is None:
            return np.empty(0), np.empty(0)
        spread = self.inverse_factor @ self._deviations
        variance = np.maximum(1.0 - np.einsum("ij,ij->j", spread, spread), 0.0)
        return self.earlier.weight + WEIGHT_SD * (self._deviations.T @ self.weights), WEIGHT_SD * np.sqrt(variance)

    @property
    def log_likelihood(self) -> float:
        """The log marginal likelihood of the targets (Rasmussen and Williams 2006, equation 2.30)."""
        residual = self._rest - self.mean
        fit = -0.5 * residual @ self.weights - np.log(np.diag(self._factor)).sum()
        return float(fit - 0.5 * len(residual) * np.log(2.0 * np.pi))

    @cached_property
    def inverse_factor(self) -> Array:
        """The inverse of the Cholesky factor of the observations' covariance, shape (n, n)."""
        return np.asarray(dtrtri(self._factor, lower=1)[0])

    @cached_property
    def inverse(self) -> Array:
        """The inverse of the observations' covariance, noises included, shape (n, n)."""
        return self.inverse_factor.T @ self.inverse_factor

    @cached_property
    def _deviations(self) -> Array:
        assert self.earlier is not None
        return self.earlier.deviations(self.rows)

    def _estimated_mean(self) -> float:
        targets = self._rest if self._rest.ndim == 1 else self._rest[:, 0]
        solved = cho_solve((self._factor, True), np.ones(len(self.rows)), check_finite=False)
        return float(solved @ targets / solved.sum())

    def _bounded(self, variance: Array) -> Array:
        return np.maximum(variance, MIN_VARIANCE * self.hyperparameters.total_variance)


def cholesky(covariance: Array) -> Array:
    """Return the lower Cholesky factor; the input is not checked, as checks cost more than a small factorization.

    Raises:
        NotPositiveDefiniteError: If the matrix has no Cholesky factor.
    """
    factor, info = dpotrf(covariance, lower=1, clean=1)
    if info != 0:
        message = f"the covariance matrix of {len(covariance)} observations is not positive definite"
        raise NotPositiveDefiniteError(message)
    return np.asarray(factor)
