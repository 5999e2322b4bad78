"""Logarithms of expected improvement and of chances, against arithmetic of sixty digits and difference quotients."""

import mpmath
import numpy as np
import pytest
from scipy.stats import norm

from autotune_service.engine.acquisition.functions import (
    LogProbability,
    SumOfLogs,
    expected_improvement_of,
    with_fantasies,
)
from autotune_service.engine.acquisition.log_improvement import log_improvement, log_probability
from autotune_service.engine.kinds import Kinds
from autotune_service.engine.model.gaussian_process import GaussianProcess, Hyperparameters
from autotune_service.engine.model.scale import ResponseScale
from autotune_service.engine.model.surrogate import Surrogate

SD, BEST = 0.7, 0.3
SCORES = [30.0, 3.0, 1.0, 0.0, -0.5, -0.9999, -1.0, -1.0001, -3.0, -10.0, -37.0, -40.0, -300.0, -1e4]


def exact(score):
    """Give the logarithm of the expected improvement at a score (mean - best) / sd, and its two derivatives."""
    with mpmath.workdps(60):
        z, sd = mpmath.mpf(score), mpmath.mpf(SD)
        improvement = mpmath.npdf(z) + z * mpmath.ncdf(z)
        by_mean, by_sd = mpmath.ncdf(z) / improvement / sd, mpmath.npdf(z) / improvement / sd
        return float(mpmath.log(sd * improvement)), float(by_mean), float(by_sd)


@pytest.mark.parametrize("score", SCORES)
def test_log_improvement_is_exact(score):
    found = log_improvement(np.array([BEST + score * SD]), np.array([SD]), BEST)
    value, by_mean, by_sd = exact(score)
    assert found[0][0] == pytest.approx(value, rel=1e-12, abs=1e-12)
    # Logarithms of size score^2 / 2 are subtracted, which costs their last digits.
    tolerance = 1e-11 + 1e-15 * score**2
    assert found[1][0] == pytest.approx(by_mean, rel=tolerance)
    assert found[2][0] == pytest.approx(by_sd, rel=tolerance)


def test_log_improvement_is_the_integral_over_the_normal_density():
    from scipy.integrate import quad

    integral = quad(lambda value: (value - BEST) * norm.pdf(value, -0.4, SD), BEST, BEST + 20)[0]
    assert np.exp(log_improvement(np.array([-0.4]), np.array([SD]), BEST)[0][0]) == pytest.approx(integral, rel=1e-8)


@pytest.mark.parametrize("score", [-1e5, -1e7, -1e10, -1e13])
def test_log_improvement_far_below_keeps_falling(score):
    nearer, farther = (log_improvement(np.array([z]), np.array([1.0]), 0.0)[0][0] for z in (score, 2 * score))
    # The leading term is -score^2 / 2.
    assert (nearer, farther) == pytest.approx((-(score**2) / 2, -2 * score**2), rel=1e-8)


@pytest.mark.parametrize("score", [5.0, 0.0, -1.0, -10.0, -1e3])
def test_log_probability_is_exact(score):
    value, by_mean, by_sd = log_probability(np.array([score * SD]), np.array([SD]))
    with mpmath.workdps(60):
        z = mpmath.mpf(score)
        slope = float(mpmath.npdf(z) / mpmath.ncdf(z))
        expected = float(mpmath.log(mpmath.ncdf(z)))
    assert value[0] == pytest.approx(expected, rel=1e-12)
    assert by_mean[0] == pytest.approx(slope / SD, rel=1e-9)
    assert by_sd[0] == pytest.approx(-slope * score / SD, rel=1e-9)


@pytest.fixture
def surrogate():
    rng = np.random.default_rng(3)
    rows = rng.random((8, 3))
    rows[:, 2] = rng.integers(3, size=8)
    own = Hyperparameters(np.array([4.0, 0.5, 1.2]), 1.7, 0.05)
    process = GaussianProcess(rows, rng.normal(size=8), np.full(8, 0.05), own, Kinds(np.array([False, False, True])))
    scale = ResponseScale(1.0, 1.0, 0.0, 1.0, -np.inf, 1.0)
    return Surrogate(process, scale, np.arange(8), "SingleTaskGP", np.full(8, np.nan))


def improvement(surrogate, n_pending):
    pending = np.random.default_rng(4).random((n_pending, 3)).round(1)
    incumbents = np.concatenate([surrogate.process.rows, pending])
    return expected_improvement_of([surrogate.process], pending, incumbents, np.random.default_rng(5))


@pytest.mark.parametrize("n_pending", [0, 2])
@pytest.mark.parametrize("kind", ["improvement", "chance", "sum of logs"])
def test_acquisition_gradients_are_difference_quotients(surrogate, n_pending, kind):
    chance = LogProbability(surrogate.process, 0.8)
    parts = {"improvement": improvement(surrogate, n_pending), "chance": chance}
    acquisition = SumOfLogs(list(parts.values())) if kind == "sum of logs" else parts[kind]
    rows = np.array([[0.3, 0.8, 1.0], [0.9, 0.1, 2.0]])
    values, gradients = acquisition.values_with_gradients(rows)
    np.testing.assert_allclose(values, acquisition.values(rows), rtol=1e-9)
    for j in (0, 1):
        step = 1e-6 * np.eye(3)[j]
        quotient = (acquisition.values(rows + step) - acquisition.values(rows - step)) / 2e-6
        np.testing.assert_allclose(gradients[:, j], quotient, rtol=1e-5, atol=1e-7)
    assert (gradients[:, 2] == 0).all()


def test_sum_of_logs_is_the_product_of_its_parts(surrogate):
    parts = [improvement(surrogate, 0), LogProbability(surrogate.process, 0.8)]
    rows = np.random.default_rng(6).random((5, 3))
    product = np.exp(parts[0].values(rows)) * np.exp(parts[1].values(rows))
    np.testing.assert_allclose(np.exp(SumOfLogs(parts).values(rows)), product)


def test_fantasies_average_to_the_posterior_mean(surrogate):
    process, pending = surrogate.process, np.array([[0.2, 0.3, 0.0], [0.7, 0.7, 1.0]])
    imagined = with_fantasies(process, pending, 8, np.random.default_rng(0))
    rows = np.random.default_rng(6).random((4, 3))
    means, variances = imagined.predict(rows)
    # Conditioning on the means themselves changes no mean, and the alternatives come in pairs around them.
    np.testing.assert_allclose(means.mean(axis=1), process.predict(rows)[0], atol=1e-6)
    assert (variances < process.predict(rows)[1]).all()


def test_fantasies_spread_as_measurements_would():
    """Measurements at pending rows have the posterior's covariance, and the noise of a run on its diagonal."""
    rows = np.array([[0.1], [0.5], [0.9]])
    own = Hyperparameters(np.array([4.0]), 1.0, 0.6)
    process = GaussianProcess(rows, np.array([0.3, -0.2, 0.5]), np.full(3, 0.6), own, Kinds(np.array([False])))
    pending, n = np.array([[0.3], [0.45], [0.8]]), 40_000
    drawn = with_fantasies(process, pending, n, np.random.default_rng(7)).targets[-3:]
    _, covariance = process.joint(pending)
    # Half of the draws are independent: the standard error of a variance is sqrt(2 / 20,000) of it, a hundredth.
    np.testing.assert_allclose(np.cov(drawn), covariance + 0.6 * np.eye(3), atol=0.05)


def test_pending_point_has_a_lower_value_than_before(surrogate):
    row = np.array([[0.2, 0.3, 0.0]])
    process = surrogate.process
    free = expected_improvement_of([process], np.empty((0, 3)), process.rows, np.random.default_rng(5))
    busy = expected_improvement_of([process], row, np.concatenate([process.rows, row]), np.random.default_rng(5))
    assert busy.values(row)[0] < free.values(row)[0] - 1.0


def test_without_a_row_to_improve_on_anything_above_the_worst_is_a_gain(surrogate):
    means, _ = surrogate.process.predict(surrogate.process.rows)
    none = np.empty((0, 3))
    found = expected_improvement_of([surrogate.process], none, none, np.random.default_rng(5))
    assert found.best == pytest.approx(means.min())
