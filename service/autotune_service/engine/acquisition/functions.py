"""The acquisition of the engine's own: expected improvement, times the chance that the run works and is acceptable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.acquisition.log_improvement import log_improvement, log_probability
from autotune_service.engine.arrays import Array
from autotune_service.engine.model.gaussian_process import GaussianProcess
from autotune_service.engine.model.surrogate import Surrogate
from autotune_service.engine.search.ascent import Acquisition
from autotune_wire.responses import Response, thresholds_of

_FANTASIES = 8


@dataclass(frozen=True, slots=True)
class LogExpectedImprovement:
    """The logarithm of the expected improvement, averaged over what the pending runs may come to.

    Args:
        process: Conditioned on the observations and, where any are pending, on k alternatives of those; else k is 1.
        best: What has to be improved on, for each alternative, shape (k,).
    """

    process: GaussianProcess
    best: Array

    def values(self, rows: Array) -> Array:
        """Value rows, shape (n, d), to shape (n,)."""
        means, variances = self.process.predict(rows)
        logs, _, _ = log_improvement(means.reshape(len(rows), -1), np.sqrt(variances)[:, None], self.best)
        return np.asarray(np.logaddexp.reduce(logs, axis=1) - np.log(len(self.best)))

    def values_with_gradients(self, rows: Array) -> tuple[Array, Array]:
        """Value rows and give the derivatives by them, shape (n, d)."""
        means, variances, mean_gradients, variance_gradients = self.process.predict_with_gradients(rows)
        sds = np.sqrt(variances)[:, None]
        logs, by_mean, by_sd = log_improvement(means.reshape(len(rows), -1), sds, self.best)
        mean_gradients = mean_gradients.reshape(len(rows), -1, rows.shape[1])
        values = np.logaddexp.reduce(logs, axis=1)
        shares = np.exp(logs - values[:, None])
        gradients = np.einsum("nk,nkd->nd", shares * by_mean, mean_gradients)
        gradients += ((shares * by_sd).sum(axis=1) / (2.0 * sds[:, 0]))[:, None] * variance_gradients
        return values - np.log(len(self.best)), gradients


@dataclass(frozen=True, slots=True)
class LogProbability:
    """The logarithm of the probability that a process is above a bound."""

    process: GaussianProcess
    bound: float

    def values(self, rows: Array) -> Array:
        """Value rows, shape (n, d), to shape (n,)."""
        means, variances = self.process.predict(rows)
        return log_probability(means - self.bound, np.sqrt(variances))[0]

    def values_with_gradients(self, rows: Array) -> tuple[Array, Array]:
        """Value rows and give the derivatives by them, shape (n, d)."""
        means, variances, mean_gradients, variance_gradients = self.process.predict_with_gradients(rows)
        sds = np.sqrt(variances)
        logs, by_mean, by_sd = log_probability(means - self.bound, sds)
        return logs, by_mean[:, None] * mean_gradients + (by_sd / (2.0 * sds))[:, None] * variance_gradients


@dataclass(frozen=True, slots=True)
class PredictedMean:
    """The predicted mean of a process."""

    process: GaussianProcess

    def values(self, rows: Array) -> Array:
        """Value rows, shape (n, d), to shape (n,)."""
        return self.process.expect(rows)

    def values_with_gradients(self, rows: Array) -> tuple[Array, Array]:
        """Value rows and give the derivatives by them, shape (n, d)."""
        means, _, gradients, _ = self.process.predict_with_gradients(rows)
        return means, gradients


@dataclass(frozen=True, slots=True)
class SumOfLogs:
    """The sum of logarithms: what is worth something only if all of it comes true."""

    parts: Sequence[Acquisition]

    def values(self, rows: Array) -> Array:
        """Value rows, shape (n, d), to shape (n,)."""
        return np.asarray(np.sum([part.values(rows) for part in self.parts], axis=0))

    def values_with_gradients(self, rows: Array) -> tuple[Array, Array]:
        """Value rows and give the derivatives by them, shape (n, d)."""
        values, gradients = zip(*(part.values_with_gradients(rows) for part in self.parts), strict=True)
        return np.sum(values, axis=0), np.sum(gradients, axis=0)


def log_probabilities_of(
    responses: Mapping[str, Response], surrogates: Mapping[str, Surrogate], feasibility: GaussianProcess | None
) -> list[LogProbability]:
    """Give the chances of meeting each threshold that was measured and, where any run failed, of working at all."""
    chances = [
        LogProbability(surrogates[name].process, float(surrogates[name].scale.to_model(np.array([one.bound]))[0]))
        for name, one in thresholds_of(responses).items()
        if name in surrogates
    ]
    return chances if feasibility is None else [*chances, LogProbability(feasibility, 0.0)]


def expected_improvement_of(
    surrogate: Surrogate, pending: Array, is_acceptable: NDArray[np.bool_], rng: np.random.Generator
) -> LogExpectedImprovement:
    """Build the expected improvement over the best of what is known and of what is pending.

    The pending runs' responses are drawn from the posterior, several alternatives of all of them together, and the
    process is conditioned on each alternative (Snoek et al. 2012, "Practical Bayesian Optimization of Machine
    Learning Algorithms", section 3.2). The best is that of the predicted means, which noise misleads less than the
    best of the observations.

    Args:
        surrogate: The objective's model.
        pending: Rows that are suggested but not told, shape (m, d).
        is_acceptable: Which of the model's observations meet the thresholds, shape (n,).
        rng: Draws the alternatives.
    """
    process = surrogate.process
    if len(pending):
        process = with_fantasies(process, pending, _FANTASIES, rng)
        is_acceptable = np.concatenate([is_acceptable, np.ones(len(pending), dtype=np.bool_)])
    means = process.expect(process.rows)
    means = means.reshape(len(means), -1)
    # Where nothing was acceptable yet, all that is has to be found first: over the worst, every mean counts a little.
    known = is_acceptable[: len(surrogate.process.rows)]
    best = means[is_acceptable].max(axis=0) if known.any() else means.min(axis=0)
    return LogExpectedImprovement(process, best)


def aimed_higher(improvement: LogExpectedImprovement) -> LogExpectedImprovement:
    """Have the improvement counted from one standard deviation of the prior above the best.

    What is little above the best counts nothing then, so that rows promise most of which little is known.
    """
    step = np.sqrt(improvement.process.hyperparameters.variance)
    return LogExpectedImprovement(improvement.process, improvement.best + step)


def with_fantasies(process: GaussianProcess, pending: Array, k: int, rng: np.random.Generator) -> GaussianProcess:
    """Condition a process on k alternatives of the responses at m pending rows, drawn together from the posterior."""
    means, covariance = process.joint(pending)
    noise = process.hyperparameters.noise
    roots, vectors = np.linalg.eigh(covariance + noise * np.eye(len(pending)))
    factor = vectors * np.sqrt(np.maximum(roots, 0.0))
    half = rng.normal(size=(len(pending), k // 2))
    drawn = means[:, None] + factor @ np.concatenate([half, -half], axis=1)  # antithetic: their mean is the mean
    targets = np.concatenate([np.repeat(process.targets[:, None], k, axis=1), drawn])
    noises = np.concatenate([process.noises, np.full(len(pending), max(noise, 1e-6))])
    rows = np.concatenate([process.rows, pending])
    return GaussianProcess(rows, targets, noises, process.hyperparameters, process.is_code, mean=process.mean)
