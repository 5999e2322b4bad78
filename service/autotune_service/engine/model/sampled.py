"""A Gaussian process under several alternatives of its hyperparameters, all computed together.

With few observations the most probable hyperparameters are often wrong, and a model that takes them for true is too
sure of itself. An average over their posterior is not.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from autotune_service.engine.arrays import Array
from autotune_service.engine.model.gaussian_process import MIN_VARIANCE, GaussianProcess
from autotune_service.engine.model.kernel import compared, matern, patterns_of


class SampledProcess:
    """s Gaussian processes over the same n rows, each with hyperparameters and targets of its own.

    Args:
        processes: The processes; all have the same rows, and k alternatives of the targets each.
    """

    def __init__(self, processes: Sequence[GaussianProcess]) -> None:
        self.processes = processes
        first = processes[0]
        self.rows, self.kinds, self.earlier = first.rows, first.kinds, first.earlier
        self._precisions = np.stack([one.hyperparameters.precisions for one in processes])
        self._variances = np.array([one.hyperparameters.variance for one in processes])
        self._effects = np.stack([one.hyperparameters.effects for one in processes])
        self._totals = np.array([one.hyperparameters.total_variance for one in processes])
        self._means = np.array([one.mean for one in processes])
        self._weights = np.stack([one.weights.reshape(len(first.rows), -1) for one in processes])  # (s, n, k)
        self._factors = _stacked([one.inverse_factor.T for one in processes])

    def expect(self, rows: Array) -> Array:
        """Return the means that ``predict`` returns, without the variances, which cost more."""
        covariances = self._covariances(rows)
        means = np.asarray(self._means[:, None, None] + covariances @ self._weights)
        return means if self.earlier is None else means + self.earlier.mean(rows)[:, None]

    def predict(self, rows: Array) -> tuple[Array, Array]:
        """Return means, shape (s, m, k), and variances, shape (s, m), of the noiseless values at m rows."""
        covariances, totals = self._alone(rows), self._totals[:, None]
        if self.earlier is not None:
            earlier_means, deviations = self.earlier.at(rows)
            covariances = covariances + deviations @ self._deviations.T
            totals = totals + np.einsum("ij,ij->i", deviations, deviations)
        means = self._means[:, None, None] + covariances @ self._weights
        if self.earlier is not None:
            means = means + earlier_means[:, None]
        spread = covariances @ self._factors
        return means, self._bounded(totals - np.einsum("smn,smn->sm", spread, spread))

    def predict_with_gradients(self, rows: Array) -> tuple[Array, Array, Array, Array]:
        """Return the means and variances that ``predict`` returns, and their derivatives by the rows.

        The derivative by an option code is 0.

        Returns:
            Means, shape (s, m, k), variances, (s, m), the means' gradients, (s, m, k, d), and the variances' gradients,
            (s, m, d).
        """
        distances, shared = compared(rows, self.rows, self._precisions, self._effects, self.kinds)
        differences = rows[:, None, :] - self.rows[None, :, :]
        differences[..., self.kinds.is_code] = 0.0
        correlations, slopes = matern(distances)
        scale = self._variances[:, None, None]
        covariances = scale * correlations
        slopes *= scale
        if shared is not None:
            covariances += shared
        if self.earlier is not None:
            earlier_means, deviations, earlier_slopes, deviation_slopes = self.earlier.with_gradients(rows)
            covariances += deviations @ self._deviations.T
        means = self._means[:, None, None] + covariances @ self._weights
        solved = covariances @ self._inverses
        variances = self._totals[:, None] - (solved * covariances).sum(axis=2)
        by_mean = slopes[:, :, None, :] * np.swapaxes(self._weights, 1, 2)[:, None]  # (s, m, k, n)
        by_variance = -2.0 * slopes * solved
        factors = 2.0 * self._precisions[:, None, : self.kinds.d]
        mean_gradients = np.matmul(by_mean, differences) * factors[:, :, None]
        variance_gradients = np.matmul(np.swapaxes(by_variance, 0, 1), differences).swapaxes(0, 1) * factors
        if self.earlier is not None:
            means = means + earlier_means[:, None]
            variances = variances + np.einsum("ij,ij->i", deviations, deviations)
            by_deviation = np.swapaxes(self._weights, 1, 2) @ self._deviations  # (s, k, e)
            mean_gradients = mean_gradients + np.einsum("ske,med->smkd", by_deviation, deviation_slopes)
            mean_gradients = mean_gradients + earlier_slopes[:, None]
            by_variance = deviations - solved @ self._deviations  # (s, m, e)
            variance_gradients = variance_gradients + 2.0 * np.einsum("sme,med->smd", by_variance, deviation_slopes)
        return means, self._bounded(variances), mean_gradients, variance_gradients

    @cached_property
    def _deviations(self) -> Array:
        assert self.earlier is not None
        return self.earlier.deviations(self.rows)

    @cached_property
    def _inverses(self) -> Array:
        return _stacked([one.inverse for one in self.processes])  # where there is nothing to climb, it is not needed

    def _covariances(self, rows: Array) -> Array:
        """Return the covariances of m rows with the observed ones, shape (s, m, n)."""
        covariances = self._alone(rows)
        return covariances if self.earlier is None else covariances + self.earlier.deviations(rows) @ self._deviations.T

    def _alone(self, rows: Array) -> Array:
        """Return these covariances without what earlier experiments predict, shape (s, m, n)."""
        patterns = patterns_of(rows, self.rows, self.kinds)
        if patterns is not None:
            together = self._covariances_of(patterns.squares)[:, patterns.index]
        else:
            distances, shared = compared(rows, self.rows, self._precisions, self._effects, self.kinds)
            together = self._variances[:, None, None] * matern(distances)[0]
            together = together if shared is None else together + shared
        return together

    def _covariances_of(self, squares: Array) -> Array:
        """Return the covariances of p pairs of rows, shape (s, p), from their squared differences, shape (p, d)."""
        together = self._variances[:, None] * matern(self._precisions @ squares.T)[0]
        return together + self._effects @ (1.0 - squares[:, self.kinds.is_code].T) if self._effects.size else together

    def _bounded(self, variances: Array) -> Array:
        return np.maximum(variances, MIN_VARIANCE * self._totals[:, None])


def _stacked(matrices: Sequence[Array]) -> Array:
    """Stack matrices without a copy of one that is alone: with thousands of observations it is large."""
    return matrices[0][None] if len(matrices) == 1 else np.stack(matrices)
