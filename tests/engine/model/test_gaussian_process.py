"""The Gaussian process and the search for its hyperparameters, against hand formulas and independent numerics."""

import math

import numpy as np
import pytest

from autotune_service.engine.kinds import Kinds
from autotune_service.engine.model.gaussian_process import GaussianProcess, Hyperparameters, NotPositiveDefiniteError
from autotune_service.engine.model.kernel import compared, matern, patterns_of, scaled_distances
from autotune_service.engine.model.likelihood import LogPosterior, Prior

NUMBERS = Kinds(np.array([False, False]))


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def process_of(rng, n=9, k=None, noises=0.01):
    rows = rng.random((n, 3))
    rows[:, 2] = rng.integers(3, size=n)
    targets = rng.normal(size=n if k is None else (n, k))
    own = Hyperparameters(np.array([4.0, 0.5, 1.2]), 1.7, 0.01, np.array([0.8]))
    return GaussianProcess(rows, targets, np.full(n, noises), own, Kinds(np.array([False, False, True])))


def differences(function, at, step=1e-6):
    """Give central differences of a function of (d,) with values of any shape: last axis d."""
    steps = step * np.eye(len(at))
    return np.stack([(function(at + one) - function(at - one)) / (2 * step) for one in steps], axis=-1)


def test_matern_is_the_formula_at_one_length_scale():
    # r = 1: (1 + sqrt 5 + 5/3) exp(-sqrt 5) = 0.5239941088318203
    assert matern(np.array([0.0, 1.0]))[0].tolist() == pytest.approx([1.0, 0.5239941088318203], rel=1e-15)


def test_matern_derivative_is_the_difference_quotient():
    r2 = np.array([1e-3, 0.2, 1.0, 30.0])
    quotient = (matern(r2 + 1e-7)[0] - matern(r2 - 1e-7)[0]) / 2e-7
    np.testing.assert_allclose(matern(r2)[1], quotient, rtol=1e-6)  # of rounding: 1e-16 / 1e-7
    assert matern(np.array([0.0]))[1] == pytest.approx(-5 / 6)


def test_option_codes_differ_by_one_or_not_at_all():
    rows = np.array([[0.2, 3.0], [0.5, 0.0], [0.2, 0.0], [0.9, 7.0]])
    distances = scaled_distances(rows[:1], rows, np.array([2.0, 5.0]), Kinds(np.array([False, True])))
    assert distances[0].tolist() == pytest.approx([0.0, 2 * 0.09 + 5, 5.0, 2 * 0.49 + 5])


def test_equal_options_share_their_effects():
    rows = np.array([[3.0, 0.2, 1.0], [3.0, 0.5, 2.0], [4.0, 0.2, 1.0], [5.0, 0.2, 0.0]])
    shared = compared(rows[:1], rows, np.ones((1, 3)), np.array([[0.3, 2.0]]), Kinds(np.array([True, False, True])))[1]
    assert shared[0, 0].tolist() == pytest.approx([0.3 + 2.0, 0.3, 2.0, 0.0])


def test_patterns_are_the_squared_differences_of_every_pair(rng):
    is_code = np.array([True, False, True])
    a, b = (
        np.column_stack([rng.integers(9, size=n), rng.integers(4, size=n) / 3, rng.integers(2, size=n)])
        for n in (60, 30)
    )
    patterns = patterns_of(a, b, Kinds(is_code))
    expected = (a[:, None] - b) ** 2
    expected[..., is_code] = a[:, None, is_code] != b[:, is_code]
    np.testing.assert_allclose(patterns.squares[patterns.index], expected, atol=1e-15)
    assert len(patterns.squares) == 2 * 4 * 2  # equal or not, 0 to 3 thirds apart, equal or not


def test_numbers_that_are_all_different_have_no_patterns(rng):
    assert patterns_of(rng.random((60, 1)), rng.random((30, 1)), Kinds(np.array([False]))) is None


def test_an_option_s_effect_is_seen_where_nothing_else_is_alike(rng):
    # With length scales next to 0, two runs share nothing but the effect of their option: 1.5 of a variance of 2.
    own = Hyperparameters(np.array([1e9, 1e9]), 0.5, 0.0, np.array([1.5]))
    rows = np.array([[0.1, 0.0], [0.9, 1.0]])
    process = GaussianProcess(rows, np.array([3.0, -3.0]), np.zeros(2), own, Kinds(np.array([False, True])), mean=0.0)
    means, variances = process.predict(np.array([[0.5, 0.0], [0.5, 1.0], [0.5, 2.0]]))
    assert means.tolist() == pytest.approx([0.75 * 3.0, -0.75 * 3.0, 0.0])
    assert variances.tolist() == pytest.approx([2.0 - 1.5**2 / 2.0, 2.0 - 1.5**2 / 2.0, 2.0])


def test_posterior_of_two_points_is_the_hand_formula():
    # Prior variance 2, noise 0.5, correlation rho between the points and a, b to the new one, mean 1.
    a, b, rho = (matern(np.array([r * r]))[0][0] for r in (0.3, 0.7, 1.0))
    own = Hyperparameters(np.array([1.0]), 2.0, 0.5)
    process = GaussianProcess(
        np.array([[0.0], [1.0]]), np.array([3.0, -1.0]), np.array([0.5, 0.5]), own, Kinds(np.array([False])), mean=1.0
    )
    mean, variance = process.predict(np.array([[0.3]]))
    # The inverse of [[2.5, 2 rho], [2 rho, 2.5]] is [[2.5, -2 rho], [-2 rho, 2.5]] / (6.25 - 4 rho^2).
    det = 6.25 - 4 * rho**2
    first, second = (2.5 * 2.0 - 2 * rho * -2.0) / det, (2.5 * -2.0 - 2 * rho * 2.0) / det
    assert mean[0] == pytest.approx(1.0 + 2 * a * first + 2 * b * second, rel=1e-12)
    explained = (2.5 * 4 * a * a - 2 * 2 * rho * 4 * a * b + 2.5 * 4 * b * b) / det
    assert variance[0] == pytest.approx(2.0 - explained, rel=1e-12)


def test_estimated_mean_is_that_of_generalized_least_squares(rng):
    process = process_of(rng)
    covariance = process.covariance(process.rows, process.rows) + np.diag(process.noises)
    inverse = np.linalg.inv(covariance)
    assert process.mean == pytest.approx(inverse.sum(axis=0) @ process.targets / inverse.sum(), rel=1e-9)


def test_posterior_goes_through_noiseless_observations(rng):
    process = process_of(rng, noises=1e-10)
    mean, variance = process.predict(process.rows)
    np.testing.assert_allclose(mean, process.targets, atol=1e-6)
    assert (variance < 1e-6).all()


def test_posterior_far_from_all_is_the_prior(rng):
    process = process_of(rng)
    mean, variance = process.predict(np.full((1, 3), 1e3))
    assert (mean[0], variance[0]) == pytest.approx((process.mean, 1.7 + 0.8))


def test_joint_posterior_agrees_with_the_single_one(rng):
    process = process_of(rng)
    rows = rng.random((4, 3))
    mean, covariance = process.joint(rows)
    expected_mean, variance = process.predict(rows)
    np.testing.assert_allclose(mean, expected_mean)
    np.testing.assert_allclose(np.diag(covariance), variance)
    own = np.linalg.inv(process.covariance(process.rows, process.rows) + np.diag(process.noises))
    cross = process.covariance(rows, process.rows)
    np.testing.assert_allclose(covariance, process.covariance(rows, rows) - cross @ own @ cross.T, atol=1e-10)


@pytest.mark.parametrize("k", [None, 3])
def test_posterior_gradients_are_difference_quotients(rng, k):
    process = process_of(rng, k=k)
    row = np.array([0.3, 0.8, 1.0])
    means, variances, mean_gradients, variance_gradients = process.predict_with_gradients(row[None])
    np.testing.assert_allclose(means, process.predict(row[None])[0])
    np.testing.assert_allclose(variances, process.predict(row[None])[1])
    mean_quotients = differences(lambda at: process.predict(at[None])[0][0], row)
    variance_quotients = differences(lambda at: process.predict(at[None])[1][0], row)
    mean_quotients[..., 2] = variance_quotients[2] = 0.0  # by a code there is no derivative
    np.testing.assert_allclose(mean_gradients[0], mean_quotients, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(variance_gradients[0], variance_quotients, rtol=1e-6, atol=1e-8)


def test_leave_one_out_is_what_refits_without_the_one_predict(rng):
    process = process_of(rng)
    means, variances = process.leave_one_out()
    for i in range(len(process.rows)):
        rest = np.arange(len(process.rows)) != i
        refit = GaussianProcess(
            process.rows[rest],
            process.targets[rest],
            process.noises[rest],
            process.hyperparameters,
            process.kinds,
            mean=process.mean,
        )
        mean, variance = refit.predict(process.rows[i : i + 1])
        assert means[i] == pytest.approx(mean[0], rel=1e-8)
        assert variances[i] == pytest.approx(variance[0] + process.noises[i], rel=1e-8)


def test_log_likelihood_is_the_density_of_the_normal_distribution(rng):
    from scipy.stats import multivariate_normal

    process = process_of(rng)
    covariance = process.covariance(process.rows, process.rows) + np.diag(process.noises)
    density = multivariate_normal(np.full(len(process.rows), process.mean), covariance).logpdf(process.targets)
    assert process.log_likelihood == pytest.approx(density, rel=1e-9)


def test_covariance_without_a_factor_is_named(rng):
    rows = np.zeros((3, 2))
    own = Hyperparameters(np.ones(2), 1.0, 0.0)
    with pytest.raises(NotPositiveDefiniteError, match="3 observations"):
        GaussianProcess(rows, np.zeros(3), np.full(3, -1.0), own, NUMBERS)


@pytest.mark.parametrize("known", [np.nan, 0.2])
@pytest.mark.parametrize("is_code", [[False, False], [False, True], [True, True]])
def test_log_posterior_gradient_is_the_difference_quotient(rng, known, is_code):
    rows, targets = rng.random((7, 2)), rng.normal(size=7)
    rows[:, is_code] = rng.integers(3, size=(7, sum(is_code)))
    known_noises = np.where(np.arange(7) < 4, known, np.nan)
    posterior = LogPosterior(rows, targets, known_noises, Kinds(np.array(is_code)), Prior())
    logs = rng.normal(size=4 + sum(is_code))
    quotient = differences(lambda at: np.array(posterior.negative(at)[0]), logs)
    np.testing.assert_allclose(posterior.negative(logs)[1], quotient, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("is_code", [[False, False], [False, False, True]])
def test_log_posterior_is_likelihood_plus_prior_up_to_a_constant(rng, is_code):
    rows, targets = rng.random((7, len(is_code))), rng.normal(size=7)
    rows[:, is_code] = rng.integers(3, size=(7, sum(is_code)))
    d, n = len(is_code), len(is_code) + sum(is_code) + 2
    kinds = Kinds(np.array(is_code))
    posterior = LogPosterior(rows, targets, np.full(7, np.nan), kinds, Prior())
    least = -10.0 / d  # the tail of a number's precision begins ten by the number of columns below the mean

    def by_hand(logs):
        own = Hyperparameters(np.exp(logs[:d]), math.exp(logs[-2]), math.exp(logs[-1]), np.exp(logs[d:-2]))
        likelihood = GaussianProcess(rows, targets, posterior.noises(own.noise), own, kinds).log_likelihood
        off = (logs - posterior.location) / posterior.scale
        penalty = [0.5 * one**2 for one in off]
        penalty[:2] = [least * one - 0.5 * least**2 if one < least else 0.5 * one**2 for one in off[:2]]
        return -likelihood + sum(penalty)

    first, second = rng.normal(size=n), rng.normal(size=n)
    first[:2] = posterior.location[:2] + np.array([-7.0, 2.0])
    difference = posterior.negative(first)[0] - posterior.negative(second)[0]
    assert difference == pytest.approx(by_hand(first) - by_hand(second), rel=1e-9)


def test_option_codes_have_no_tail(rng):
    rows = np.stack([rng.random(9), np.arange(9) % 3], axis=1)
    posterior = LogPosterior(rows, rng.normal(size=9), np.full(9, np.nan), Kinds(np.array([False, True])), Prior())
    assert posterior.tail.tolist() == [5.0, np.inf, np.inf, np.inf, np.inf]  # then the effect, the variance, the noise


def test_found_hyperparameters_are_a_maximum(rng):
    rows = rng.random((20, 2))
    posterior = LogPosterior(rows, np.sin(6 * rows[:, 0]), np.full(20, np.nan), NUMBERS, Prior())
    own = posterior.maximize()
    logs = np.log([*own.precisions, own.variance, own.noise])
    value = posterior.negative(logs)[0]
    around = [posterior.negative(logs + 0.1 * rng.normal(size=4))[0] for _ in range(50)]
    assert value <= min(around) + 1e-3  # the climb ends where a step gains less than that
    assert own.precisions[0] > 10 * own.precisions[1]  # nothing depends on the second column


@pytest.mark.parametrize("noise", [0.01, 0.25])
def test_noisy_repetitions_lead_to_their_noise(rng, noise):
    rows = np.repeat(rng.random((12, 2)), 6, axis=0)
    targets = np.sin(4 * rows[:, 0]) + rng.normal(0.0, math.sqrt(noise), len(rows))
    own = LogPosterior(rows, targets, np.full(len(rows), np.nan), NUMBERS, Prior()).maximize()
    # 60 degrees of freedom: the estimate's relative standard deviation is sqrt(2 / 60) = 0.18.
    assert own.noise == pytest.approx(noise, rel=0.5)


def test_noiseless_data_lead_to_little_noise(rng):
    rows = rng.random((30, 2))
    own = LogPosterior(rows, np.sin(4 * rows[:, 0]), np.full(30, np.nan), NUMBERS, Prior()).maximize()
    assert own.noise < 1e-3


def test_known_noise_is_not_inferred(rng):
    rows = np.repeat(rng.random((10, 2)), 5, axis=0)
    targets = rng.normal(size=50)
    posterior = LogPosterior(rows, targets, np.full(50, 0.3), NUMBERS, Prior())
    np.testing.assert_allclose(posterior.noises(1e9), 0.3 + posterior.prior.noise_floor)
