"""Our own acquisition functions: expected improvement, and the probability that a run works and meets its thresholds.

Most of them are logarithms, so that their sum is the logarithm of a product.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autotune_service.engine.acquisition.aims import MORE, Aim
from autotune_service.engine.acquisition.log_improvement import log_probability
from autotune_service.engine.arrays import Array
from autotune_service.engine.model.gaussian_process import GaussianProcess
from autotune_service.engine.model.sampled import SampledProcess
from autotune_service.engine.model.surrogate import Surrogate
from autotune_service.engine.search.ascent import Acquisition
from autotune_wire.responses import Response, thresholds_of

_FANTASIES = 8
_LOG_2 = float(np.log(2.0))
_PENALTY = 1e3  # more than merits differ, on the models' scales


@dataclass(frozen=True, slots=True)
class LogExpectedImprovement:
    """The logarithm of the expected improvement, averaged over alternatives.

    There are s alternatives of the hyperparameters, and of each k alternative responses of the pending runs.

    Args:
        process: The objective's model under each alternative. Without pending runs k is 1, and the model is conditioned
            on the observations alone.
        best: The merit to improve on under each alternative, shape (s, k).
        aim: What makes a response better.
    """

    process: SampledProcess
    best: Array
    aim: Aim = MORE

    def values(self, rows: Array) -> Array:
        """Compute the value, shape (n,), at each of n rows, shape (n, d)."""
        means, variances = self.process.predict(rows)
        logs, _, _ = self.aim.log_improvement(means, np.sqrt(variances)[..., None], self.best[:, None])
        return np.asarray(np.logaddexp.reduce(logs, axis=(0, 2)) - np.log(self.best.size))

    def values_with_gradients(self, rows: Array) -> tuple[Array, Array]:
        """Compute the values, shape (n,), and their derivatives by the rows, shape (n, d)."""
        means, variances, mean_gradients, variance_gradients = self.process.predict_with_gradients(rows)
        sds = np.sqrt(variances)[..., None]
        logs, by_mean, by_sd = self.aim.log_improvement(means, sds, self.best[:, None])
        values = np.logaddexp.reduce(logs, axis=(0, 2))
        shares = np.exp(logs - values[:, None])
        gradients = np.einsum("snk,snkd->nd", shares * by_mean, mean_gradients)
        gradients += np.einsum("sn,snd->nd", (shares * by_sd / (2.0 * sds)).sum(axis=2), variance_gradients)
        return values - np.log(self.best.size), gradients


@dataclass(frozen=True, slots=True)
class LogProbability:
    """The logarithm of the probability that a process is above a bound."""

    process: GaussianProcess
    bound: float

    def values(self, rows: Array) -> Array:
        """Compute the value, shape (n,), at each of n rows, shape (n, d)."""
        means, variances = self.process.predict(rows)
        return log_probability(means - self.bound, np.sqrt(variances))[0]

    def values_with_gradients(self, rows: Array) -> tuple[Array, Array]:
        """Compute the values, shape (n,), and their derivatives by the rows, shape (n, d)."""
        means, variances, mean_gradients, variance_gradients = self.process.predict_with_gradients(rows)
        sds = np.sqrt(variances)
        logs, by_mean, by_sd = log_probability(means - self.bound, sds)
        return logs, by_mean[:, None] * mean_gradients + (by_sd / (2.0 * sds))[:, None] * variance_gradients


@dataclass(frozen=True, slots=True)
class Unlikely:
    """A penalty for what is more likely not to be than to be: 0 where a probability is at least one half."""

    log_probability: Acquisition

    def values(self, rows: Array) -> Array:
        """Compute the value, shape (n,), at each of n rows, shape (n, d)."""
        return _PENALTY * np.minimum(self.log_probability.values(rows) + _LOG_2, 0.0)

    def values_with_gradients(self, rows: Array) -> tuple[Array, Array]:
        """Compute the values, shape (n,), and their derivatives by the rows, shape (n, d)."""
        logs, gradients = self.log_probability.values_with_gradients(rows)
        return _PENALTY * np.minimum(logs + _LOG_2, 0.0), _PENALTY * (logs < -_LOG_2)[:, None] * gradients


@dataclass(frozen=True, slots=True)
class PredictedMerit:
    """The merit of a process's predicted mean."""

    process: GaussianProcess
    aim: Aim = MORE

    def values(self, rows: Array) -> Array:
        """Compute the value, shape (n,), at each of n rows, shape (n, d)."""
        return self.aim.merits(self.process.expect(rows))

    def values_with_gradients(self, rows: Array) -> tuple[Array, Array]:
        """Compute the values, shape (n,), and their derivatives by the rows, shape (n, d)."""
        means, _, gradients, _ = self.process.predict_with_gradients(rows)
        return self.aim.merits(means), self.aim.slopes(means)[:, None] * gradients


@dataclass(frozen=True, slots=True)
class SumOfLogs:
    """The sum of acquisition functions that are logarithms: the logarithm of the product of their values."""

    parts: Sequence[Acquisition]

    def values(self, rows: Array) -> Array:
        """Compute the value, shape (n,), at each of n rows, shape (n, d)."""
        return np.asarray(np.sum([part.values(rows) for part in self.parts], axis=0))

    def values_with_gradients(self, rows: Array) -> tuple[Array, Array]:
        """Compute the values, shape (n,), and their derivatives by the rows, shape (n, d)."""
        values, gradients = zip(*(part.values_with_gradients(rows) for part in self.parts), strict=True)
        return np.sum(values, axis=0), np.sum(gradients, axis=0)


def log_probabilities_of(
    responses: Mapping[str, Response], surrogates: Mapping[str, Surrogate], feasibility: GaussianProcess | None
) -> list[LogProbability]:
    """Return the log probabilities that a run meets each measured threshold and that it works.

    Args:
        responses: The experiment's responses.
        surrogates: The models of the responses that were measured; a threshold without a model is left out.
        feasibility: The model of whether a run works, None if no run failed: then that probability is left out.
    """
    log_probabilities = [
        LogProbability(surrogates[name].process, float(surrogates[name].scale.to_model(np.array([threshold.bound]))[0]))
        for name, threshold in thresholds_of(responses).items()
        if name in surrogates
    ]
    return log_probabilities if feasibility is None else [*log_probabilities, LogProbability(feasibility, 0.0)]


def expected_improvement_of(
    processes: Sequence[GaussianProcess],
    pending: Array,
    incumbents: Array,
    rng: np.random.Generator,
    aim: Aim = MORE,
) -> LogExpectedImprovement:
    """Build the expected improvement over the best of some rows, such as the acceptable runs and the pending ones.

    Several alternatives of the pending runs' responses are drawn jointly from the posterior, and the process is
    conditioned on each of them (Snoek et al. 2012, "Practical Bayesian Optimization of Machine Learning Algorithms",
    section 3.2). The best is the highest predicted mean, because noise misleads the highest observation more.

    Args:
        processes: The objective's model under each alternative of its hyperparameters, s of them.
        pending: Rows that are suggested but not told, shape (p, d).
        incumbents: The rows to improve on, shape (m, d). If there are none, finding an acceptable row comes first: over
            the worst mean, every row has some improvement, and the probability to be acceptable decides.
        rng: Draws the alternatives.
        aim: What makes a response better.
    """
    if len(pending):
        k = max(_FANTASIES // len(processes), 2)
        processes = [with_fantasies(process, pending, k, rng) for process in processes]
    process = SampledProcess(processes)
    merits = aim.merits(process.expect(incumbents if len(incumbents) else process.rows))
    return LogExpectedImprovement(process, merits.max(axis=1) if len(incumbents) else merits.min(axis=1), aim)


def with_fantasies(process: GaussianProcess, pending: Array, k: int, rng: np.random.Generator) -> GaussianProcess:
    """Condition a process on k alternative responses at m pending rows, drawn jointly from its posterior."""
    means, covariance = process.joint(pending)
    noise = process.hyperparameters.noise
    roots, vectors = np.linalg.eigh(covariance + noise * np.eye(len(pending)))
    factor = vectors * np.sqrt(np.maximum(roots, 0.0))
    half = rng.normal(size=(len(pending), k // 2))
    drawn = means[:, None] + factor @ np.concatenate([half, -half], axis=1)  # antithetic: their mean is the mean
    targets = np.concatenate([np.repeat(process.targets[:, None], k, axis=1), drawn])
    noises = np.concatenate([process.noises, np.full(len(pending), max(noise, 1e-6))])
    rows = np.concatenate([process.rows, pending])
    return process.conditioned_on(rows, targets, noises)
