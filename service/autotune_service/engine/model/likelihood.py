"""Hyperparameters by maximum a posteriori: the log posterior with its gradient in closed form, maximized by L-BFGS."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dsyr
from scipy.linalg.lapack import dpotri, dtrtrs
from scipy.optimize import OptimizeResult, minimize
from scipy.spatial.distance import cdist

from autotune_service.engine.arrays import Array
from autotune_service.engine.model.gaussian_process import Hyperparameters, NotPositiveDefiniteError, cholesky
from autotune_service.engine.model.kernel import matern
from autotune_service.engine.model.sampling import sample

_FIRST_ITERATIONS, _MAX_ITERATIONS = 5, 60
_REACH = 6.0  # bounds of the search, in prior standard deviations: values farther out only overflow
_NO_POSTERIOR = 1e25  # minus the log posterior where the covariance has no Cholesky factor


@dataclass(frozen=True, slots=True)
class Prior:
    """Independent priors over the logarithms of the hyperparameters, and the floor of the noise variance.

    The priors are normal, except that the prior of a number's precision has an exponential tail towards 0. The tail
    begins ``precision_tail`` / d standard deviations below the mean: of few covariates each probably matters, of many
    most may not.

    The values were chosen on generated functions; ``docs/engine.md`` describes which and how.
    """

    precision: float = 0.4
    precision_sd: float = 1.0
    precision_tail: float = 10.0
    code_precision: float = -1.0
    code_precision_sd: float = 1.5
    effect: float = -1.0
    effect_sd: float = 1.5
    variance: float = 0.0
    variance_beside_effects: float = -0.5
    variance_sd: float = 1.0
    noise: float = -12.0
    noise_sd: float = 2.0
    noise_floor: float = 1e-6

    def location(self, is_code: NDArray[np.bool_]) -> Array:
        """Return the priors' means: of the d columns' precisions, the c effects, the variance and the noise.

        Each of the c columns of codes has effects, except one that is the only column: there the variance is all.

        The more covariates, the longer the length scales. Otherwise any two points of a space of many covariates would
        be almost uncorrelated (Hvarfner et al. 2024, "Vanilla Bayesian Optimization Performs Great in High
        Dimensions").
        """
        numbers = self.precision - 0.25 * np.log(len(is_code))
        effects = np.full(_n_effects(is_code), self.effect)
        variance = self.variance_beside_effects if len(effects) else self.variance
        return np.concatenate([np.where(is_code, self.code_precision, numbers), effects, [variance, self.noise]])

    def scale(self, is_code: NDArray[np.bool_]) -> Array:
        """Return the priors' standard deviations, in the order of ``location``."""
        precisions = np.where(is_code, self.code_precision_sd, self.precision_sd)
        effects = np.full(_n_effects(is_code), self.effect_sd)
        return np.concatenate([precisions, effects, [self.variance_sd, self.noise_sd]])

    def tail(self, is_code: NDArray[np.bool_]) -> Array:
        """Return how many standard deviations below the mean each prior's tail begins, in the order of ``location``."""
        precisions = np.where(is_code, np.inf, self.precision_tail / len(is_code))
        return np.append(precisions, np.full(_n_effects(is_code) + 2, np.inf))


def _n_effects(is_code: NDArray[np.bool_]) -> int:
    return int(is_code.sum()) if len(is_code) > 1 else 0


class LogPosterior:
    """The log marginal likelihood plus the log prior, as a function of the hyperparameters' logarithms.

    The prior's constant mean is profiled out: at each point the mean is the generalized least squares estimate. By the
    envelope theorem the gradient therefore needs no term for the mean.

    Args:
        rows: The observed configurations, shape (n, d).
        targets: The observed values, shape (n,), standardized.
        known_noises: The variance of each observation's noise, shape (n,); NaN where the variance is not known.
        is_code: Which columns hold option codes, shape (d,).
        prior: The priors.
    """

    def __init__(
        self, rows: Array, targets: Array, known_noises: Array, is_code: NDArray[np.bool_], prior: Prior
    ) -> None:
        n = len(rows)
        self.prior = prior
        self.location, self.scale, self.tail = prior.location(is_code), prior.scale(is_code), prior.tail(is_code)
        self._is_code = is_code
        self._owners = np.arange(rows.shape[1])  # the index of each column's precision
        numbers, codes = rows[:, ~is_code], rows[:, is_code].T
        self._numbers = numbers - numbers.mean(axis=0)  # near zero, squares and products lose fewer digits
        self._squares = self._numbers**2
        self._differs = (codes[:, :, None] != codes[:, None, :]).reshape(len(codes), n * n).astype(np.float64)
        self._diagonal = np.arange(n) * (n + 1)
        self._is_inferred = np.isnan(known_noises)
        self._known = np.where(self._is_inferred, 0.0, known_noises)
        self._sides = np.stack([targets, np.ones(n)], axis=1)

    def noises(self, noise: float) -> Array:
        """Return the variance of each observation's noise, shape (n,): ``noise`` for noises that are not known."""
        return np.where(self._is_inferred, noise, self._known) + self.prior.noise_floor

    def negative(self, logs: Array) -> tuple[float, Array]:
        """Return minus the log posterior, up to a constant, and its gradient at parameters in the prior's order.

        The likelihood's gradient is that of Rasmussen and Williams 2006, equation 5.9.
        """
        precisions, effects, variance, noise = self._split(np.exp(logs))
        k = len(precisions)
        distances, shared = self._compared(precisions[self._owners], effects)
        correlation, slope = matern(distances)
        correlation *= variance
        covariance = correlation.copy() if shared is None else correlation + shared
        covariance.reshape(-1)[self._diagonal] += self.noises(noise)
        try:
            factor = cholesky(covariance)
        except NotPositiveDefiniteError:
            return _NO_POSTERIOR, np.zeros(len(logs))
        sides = dtrtrs(factor, self._sides, lower=1)[0]
        mean = (sides[:, 0] @ sides[:, 1]) / (sides[:, 1] @ sides[:, 1])
        residual = sides[:, 0] - mean * sides[:, 1]
        weights = dtrtrs(factor, residual, lower=1, trans=1)[0]
        inner = dsyr(-1.0, weights, lower=1, a=dpotri(factor, lower=1)[0], overwrite_a=1).T  # zero below the diagonal
        own = np.diag(inner)
        gradient = np.empty(len(logs))
        by_column, differing = self._weighted_squares(inner * slope, inner)
        gradient[:k] = -variance * precisions * np.bincount(self._owners, by_column, minlength=k)
        gradient[k:-2] = effects * (0.5 * own.sum() - inner.sum() + differing[: len(effects)])
        gradient[-2] = 0.5 * variance * own.sum() - inner.reshape(-1) @ correlation.reshape(-1)
        gradient[-1] = -0.5 * noise * own[self._is_inferred].sum()
        deviation = (logs - self.location) / self.scale
        within = np.maximum(deviation, -self.tail)  # minus the log prior's slope: constant in a tail
        value = -0.5 * (residual @ residual) - np.log(np.diag(factor)).sum() - within @ (deviation - 0.5 * within)
        return -float(value), within / self.scale - gradient

    def _split(self, parameters: Array) -> tuple[Array, Array, float, float]:
        """Return the precisions, the effects, the variance and the noise out of parameters in the prior's order."""
        k = self._owners.max() + 1
        return parameters[:k], parameters[k:-2], float(parameters[-2]), float(parameters[-1])

    def _compared(self, precisions: Array, effects: Array) -> tuple[Array, Array | None]:
        """Compare all rows: the scaled squared distances, and the covariances by equal options, both shape (n, n).

        Without effects there are no covariances by equal options.

        Args:
            precisions: The precision of each column, shape (d,).
            effects: The effects, shape (c,) or (0,).
        """
        scaled = self._numbers * np.sqrt(precisions[~self._is_code])
        distances = cdist(scaled, scaled, "sqeuclidean")
        if not len(self._differs):
            return distances, None
        own = precisions[self._is_code]
        apart = (np.stack([own, effects]) if len(effects) else own[None]) @ self._differs
        distances += apart[0].reshape(distances.shape)
        return distances, (effects.sum() - apart[1]).reshape(distances.shape) if len(effects) else None

    def _weighted_squares(self, weights: Array, code_weights: Array) -> tuple[Array, Array]:
        """Sum the squared differences of all pairs of rows, each times the pair's weight.

        The squared difference of two numbers is the sum of their squares less twice their product. So for numbers the
        sum is a product of matrices, and no array of all pairs and columns is needed.

        Args:
            weights: The weight of each pair, shape (n, n).
            code_weights: Other weights, shape (n, n), for the second of the results.

        Returns:
            The sum of each column, shape (d,), and the sum of the other weights of each column of codes, shape (c,).
        """
        sums = weights.sum(axis=0) + weights.sum(axis=1)
        by_column = np.empty(len(self._is_code))
        products = np.einsum("ij,ij->j", self._numbers, weights @ self._numbers)
        by_column[~self._is_code] = sums @ self._squares - 2.0 * products
        differing = np.stack([weights.reshape(-1), code_weights.reshape(-1)]) @ self._differs.T
        by_column[self._is_code] = differing[0]
        return by_column, differing[1]

    def maximize(self, near: Hyperparameters | None = None) -> Hyperparameters:
        """Find the most probable hyperparameters, from two starts that depend on nothing but the prior.

        After a few iterations only the better one of both goes on: the other one seldom ends higher.

        Args:
            near: The hyperparameters of nearly the same data, to start from instead.
        """
        begun = [self._climbed(start, _FIRST_ITERATIONS) for start in self._starts(near)]
        best = min(begun, key=lambda result: float(result.fun))
        precisions, effects, variance, noise = self._split(np.exp(self._climbed(best.x, _MAX_ITERATIONS).x))
        return Hyperparameters(precisions, variance, noise, effects)

    def _climbed(self, start: Array, n_iterations: int) -> OptimizeResult:
        bounds = list(zip(self.location - _REACH * self.scale, self.location + _REACH * self.scale, strict=True))
        options = {"maxiter": n_iterations, "ftol": 1e-6, "gtol": 1e-3}
        return minimize(self.negative, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)

    def sample(self, peak: Hyperparameters, n: int, rng: np.random.Generator) -> list[Hyperparameters]:
        """Draw n samples of the hyperparameters from their posterior, of which ``peak`` is the most probable.

        Where every noise is known, the noise of a sample is that of the peak: the data say nothing of another one.
        """
        samples = map(self._split, np.exp(sample(self._bounded, self._logs(peak), self.scale, n, rng)))
        is_inferred = self._is_inferred.any()
        return [
            Hyperparameters(precisions[self._owners], variance, noise if is_inferred else peak.noise, effects)
            for precisions, effects, variance, noise in samples
        ]

    def _bounded(self, logs: Array) -> tuple[float, Array]:
        """Return what ``negative`` does within the bounds of the search, and no density outside them."""
        if (np.abs(logs - self.location) > _REACH * self.scale).any():
            return _NO_POSTERIOR, np.zeros(len(logs))
        return self.negative(logs)

    def _starts(self, near: Hyperparameters | None) -> list[Array]:
        if near is not None:
            return [self._logs(near)]
        smooth = self.location
        rough = smooth.copy()  # short length scales and some noise: the other explanation of wiggly data
        rough[self._owners] += 1.5
        rough[-1] = np.log(1e-2)
        return [smooth, rough]

    def _logs(self, of: Hyperparameters) -> Array:
        """Return the logarithms of hyperparameters, in the order of ``location``."""
        precisions = of.precisions[: self._owners.max() + 1]
        # A noise that is known is no parameter, and may be 0 or lie beyond the bounds: then the prior alone decides.
        noise = np.log(max(of.noise, self.prior.noise_floor)) if self._is_inferred.any() else self.location[-1]
        return np.append(np.log(np.concatenate([precisions, of.effects, [of.variance]])), noise)
