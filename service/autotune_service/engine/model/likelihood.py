"""Hyperparameters by maximum a posteriori: the log posterior with its gradient in closed form, maximized by L-BFGS."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg.blas import dsyr
from scipy.linalg.lapack import dpotri, dtrtrs
from scipy.optimize import OptimizeResult, minimize
from scipy.spatial.distance import cdist

from autotune_service.engine.arrays import Array
from autotune_service.engine.kinds import Described, Kinds
from autotune_service.engine.model.earlier import Earlier
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

    The precisions of a covariate's descriptors move together by ``descriptors_sd``, beside ``descriptor_sd`` each: all
    of them may tell little, or leave every option apart, and few data show which.

    The values were chosen on generated functions; ``docs/engine.md`` describes which and how.
    """

    precision: float = 0.4
    precision_sd: float = 1.0
    precision_tail: float = 10.0
    code_precision: float = -1.0
    code_precision_sd: float = 1.5
    descriptor_precision: float = -1.0
    descriptor_sd: float = 1.0
    descriptors_sd: float = 2.0
    effect: float = -1.0
    likeness_effect: float = -2.0
    effect_sd: float = 1.5
    variance: float = 0.0
    variance_beside_effects: float = -0.5
    variance_sd: float = 1.0
    noise: float = -12.0
    noise_sd: float = 2.0
    noise_floor: float = 1e-6

    def location(self, kinds: Kinds) -> Array:
        """Return the priors' means: of the p precisions, the c effects, the variance and the noise.

        Codes have effects, except where they are the only column: there the variance is all.

        The more covariates, the longer the length scales. Otherwise any two points of a space of many covariates would
        be almost uncorrelated (Hvarfner et al. 2024, "Vanilla Bayesian Optimization Performs Great in High
        Dimensions"). The same holds for many descriptors of one covariate.
        """
        precisions = np.where(kinds.is_code, self.code_precision, self.precision - 0.25 * np.log(kinds.d))
        descriptors = [np.full(one.n, self.descriptor_precision - np.log(one.n)) for one in kinds.described]
        n_likenesses = len(kinds.described) if kinds.d > 1 else 0
        effects = np.full(_n_effects(kinds), self.effect)
        effects[len(effects) - n_likenesses :] = self.likeness_effect
        variance = self.variance_beside_effects if len(effects) else self.variance
        return np.concatenate([precisions, *descriptors, effects, [variance, self.noise]])

    def scale(self, kinds: Kinds) -> Array:
        """Return the priors' standard deviations, in the order of ``location``."""
        precisions = np.where(kinds.is_code, self.code_precision_sd, self.precision_sd)
        descriptors = np.full(kinds.n_precisions - kinds.d, np.hypot(self.descriptor_sd, self.descriptors_sd))
        effects = np.full(_n_effects(kinds), self.effect_sd)
        return np.concatenate([precisions, descriptors, effects, [self.variance_sd, self.noise_sd]])

    def tail(self, kinds: Kinds) -> Array:
        """Return how many standard deviations below the mean each prior's tail begins, in the order of ``location``."""
        precisions = np.where(kinds.is_code, np.inf, self.precision_tail / kinds.d)
        return np.append(precisions, np.full(kinds.n_precisions - kinds.d + _n_effects(kinds) + 2, np.inf))


def _n_effects(kinds: Kinds) -> int:
    return int(kinds.is_code.sum()) + len(kinds.described) if kinds.d > 1 else 0


class _Options:
    """The options of one described column in the data: what is learnt of their descriptors.

    Args:
        described: The column.
        rows: The observed configurations, shape (n, d).
    """

    def __init__(self, described: Described, rows: Array) -> None:
        self._places, self._index = described.options_of(rows)
        self._squares = self._places**2
        u = len(self._places)
        self._pairs = (self._index[:, None] * u + self._index).reshape(-1)

    def unlike(self, precisions: Array) -> Array:
        """Return the scaled squared distances of the u options, shape (u, u)."""
        scaled = self._places * np.sqrt(precisions)
        return np.asarray(cdist(scaled, scaled, "sqeuclidean"))

    def over_runs(self, values: Array) -> Array:
        """Return the value of each pair of runs, shape (n, n), from those of the pairs of options, shape (u, u)."""
        return values[self._index][:, self._index]

    def over_options(self, weights: Array) -> Array:
        """Sum weights of pairs of runs, shape (n, n), by the pairs of their options, shape (u, u)."""
        u = len(self._places)
        return np.asarray(np.bincount(self._pairs, weights.reshape(-1), u * u).reshape(u, u), dtype=np.float64)

    def weighted_squares(self, weights: Array) -> Array:
        """Sum each descriptor's squared differences of all pairs of options, times the pair's weight, shape (m,)."""
        return _weighted_squares(self._places, self._squares, weights)


class LogPosterior:
    """The log marginal likelihood plus the log prior, as a function of the hyperparameters' logarithms.

    The prior's constant mean is profiled out: at each point the mean is the generalized least squares estimate. By the
    envelope theorem the gradient therefore needs no term for the mean.

    Args:
        rows: The observed configurations, shape (n, d).
        targets: The observed values, shape (n,), standardized.
        known_noises: The variance of each observation's noise, shape (n,); NaN where the variance is not known.
        kinds: What the columns hold.
        prior: The priors.
        earlier: What earlier experiments predict; None without any.
    """

    def __init__(
        self,
        rows: Array,
        targets: Array,
        known_noises: Array,
        kinds: Kinds,
        prior: Prior,
        earlier: Earlier | None = None,
    ) -> None:
        n, is_code = len(rows), kinds.is_code
        self.prior = prior
        self.location, self.scale, self.tail = prior.location(kinds), prior.scale(kinds), prior.tail(kinds)
        self._kinds = kinds
        self._options = [_Options(one, rows) for one in kinds.described]
        self._together = kinds.parts
        self._owners = np.arange(kinds.n_precisions)  # the index of each column's and descriptor's precision
        numbers, codes = rows[:, ~is_code], rows[:, is_code].T
        self._numbers = numbers - numbers.mean(axis=0)  # near zero, squares and products lose fewer digits
        self._squares = self._numbers**2
        self._differs = (codes[:, :, None] != codes[:, None, :]).reshape(len(codes), n * n).astype(np.float64)
        self._diagonal = np.arange(n) * (n + 1)
        self._is_inferred = np.isnan(known_noises)
        self._known = np.where(self._is_inferred, 0.0, known_noises)
        self._from_earlier = None
        if earlier is not None:
            deviations = earlier.deviations(rows)
            targets, self._from_earlier = targets - earlier.mean(rows), deviations @ deviations.T
        self._sides = np.stack([targets, np.ones(n)], axis=1)

    def noises(self, noise: float) -> Array:
        """Return the variance of each observation's noise, shape (n,): ``noise`` for noises that are not known."""
        return np.where(self._is_inferred, noise, self._known) + self.prior.noise_floor

    def negative(self, logs: Array) -> tuple[float, Array]:
        """Return minus the log posterior, up to a constant, and its gradient at parameters in the prior's order.

        The likelihood's gradient is that of Rasmussen and Williams 2006, equation 5.9.
        """
        precisions, effects, variance, noise = self._split(np.exp(logs))
        k, each, n_codes = len(precisions), precisions[self._owners], len(self._differs)
        distances, shared = self._compared(each, effects[:n_codes])
        unlike = [one.unlike(each[part]) for one, part in zip(self._options, self._kinds.parts, strict=True)]
        alike = [matern(one) for one in unlike]
        for one, apart in zip(self._options, unlike, strict=True):
            distances += one.over_runs(apart)
        for one, (likeness, _), effect in zip(self._options, alike, effects[n_codes:], strict=False):
            shared += effect * one.over_runs(likeness)
        correlation, slope = matern(distances)
        correlation *= variance
        covariance = correlation.copy() if shared is None else correlation + shared
        if self._from_earlier is not None:
            covariance += self._from_earlier
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
        weighted, trace = inner * slope, 0.5 * own.sum()
        by_place, differing = self._weighted_differences(weighted, inner)
        of_options = [one.weighted_squares(one.over_options(weighted)) for one in self._options]
        by_place = np.concatenate([by_place, *of_options])
        gradient[:k] = -variance * precisions * np.bincount(self._owners, by_place, minlength=k)
        if len(effects):
            gradient[k : k + n_codes] = effects[:n_codes] * (trace - inner.sum() + differing)
            likenesses = zip(self._options, self._kinds.parts, alike, effects[n_codes:], strict=True)
            for j, (one, part, (likeness, its_slope), effect) in enumerate(likenesses, k + n_codes):
                summed = one.over_options(inner)
                gradient[j] = effect * trace - effect * (summed * likeness).sum()
                gradient[part] -= effect * precisions[part] * one.weighted_squares(summed * its_slope)
        gradient[-2] = 0.5 * variance * own.sum() - inner.reshape(-1) @ correlation.reshape(-1)
        gradient[-1] = -0.5 * noise * own[self._is_inferred].sum()
        penalty, slope_of_prior = self._prior(logs)
        value = -0.5 * (residual @ residual) - np.log(np.diag(factor)).sum() - penalty
        return -float(value), slope_of_prior - gradient

    def _prior(self, logs: Array) -> tuple[float, Array]:
        """Return minus the log prior, up to a constant, and its gradient."""
        off = logs - self.location
        deviation = off / self.scale
        for part in self._together:
            deviation[part] = 0.0
        within = np.maximum(deviation, -self.tail)  # minus the log prior's slope: constant in a tail
        penalty, slope = float(within @ (deviation - 0.5 * within)), within / self.scale
        each, all_ = self.prior.descriptor_sd**2, self.prior.descriptors_sd**2
        for part in self._together:
            own = off[part]
            slope[part] = (own - all_ / (each + len(own) * all_) * own.sum()) / each  # Sherman and Morrison's inverse
            penalty += 0.5 * float(own @ slope[part])
        return penalty, slope

    def _split(self, parameters: Array) -> tuple[Array, Array, float, float]:
        """Return the precisions, the effects, the variance and the noise out of parameters in the prior's order."""
        k = self._owners.max() + 1
        return parameters[:k], parameters[k:-2], float(parameters[-2]), float(parameters[-1])

    def _compared(self, precisions: Array, effects: Array) -> tuple[Array, Array | None]:
        """Compare all rows: the scaled squared distances, and the covariances by equal options, both shape (n, n).

        Without effects there are no covariances by equal options.

        Args:
            precisions: The precision of each column, shape (d,), and of descriptors.
            effects: The effects, shape (c,) or (0,).
        """
        is_code, precisions = self._kinds.is_code, precisions[: self._kinds.d]
        scaled = self._numbers * np.sqrt(precisions[~is_code])
        distances = cdist(scaled, scaled, "sqeuclidean")
        if not len(self._differs):
            return distances, None
        own = precisions[is_code]
        apart = (np.stack([own, effects]) if len(effects) else own[None]) @ self._differs
        distances += apart[0].reshape(distances.shape)
        return distances, (effects.sum() - apart[1]).reshape(distances.shape) if len(effects) else None

    def _weighted_differences(self, weights: Array, code_weights: Array) -> tuple[Array, Array]:
        """Sum the squared differences of all pairs of rows, each times the pair's weight.

        Args:
            weights: The weight of each pair, shape (n, n).
            code_weights: Other weights, shape (n, n), for the second of the results.

        Returns:
            The sum of each column, shape (d,), and the sum of the other weights of each column of codes, shape (c,).
        """
        by_column, is_code = np.empty(self._kinds.d), self._kinds.is_code
        by_column[~is_code] = _weighted_squares(self._numbers, self._squares, weights)
        differing = np.stack([weights.reshape(-1), code_weights.reshape(-1)]) @ self._differs.T
        by_column[is_code] = differing[0]
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


def _weighted_squares(places: Array, squares: Array, weights: Array) -> Array:
    """Sum each column's squared differences of all pairs of rows, each times the pair's weight.

    The squared difference of two numbers is the sum of their squares less twice their product. So the sum is a product
    of matrices, and no array of all pairs and columns is needed.

    Args:
        places: Numbers, shape (n, d), near zero.
        squares: Their squares, shape (n, d).
        weights: The weight of each pair, shape (n, n).
    """
    sums = weights.sum(axis=0) + weights.sum(axis=1)
    return np.asarray(sums @ squares - 2.0 * np.einsum("ij,ij->j", places, weights @ places))
