"""What earlier experiments tell, as a part of the model's prior: by hand, and by independent numerics."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from autotune_service.engine.acquisition.named.bridge import ProcessModel, tensor
from autotune_service.engine.kinds import Kinds
from autotune_service.engine.model.earlier import WEIGHT, WEIGHT_SD, Earlier
from autotune_service.engine.model.gaussian_process import GaussianProcess, Hyperparameters
from autotune_service.engine.model.likelihood import LogPosterior, Prior
from autotune_service.engine.model.named import FITS, sample_alternatives
from autotune_service.engine.model.sampled import SampledProcess
from autotune_service.engine.model.scale import ResponseScale

KINDS = Kinds(np.array([False, False, True]))
OWN = Hyperparameters(np.array([2.0, 0.7, 0.5]), 0.8, 0.02, np.array([0.3]))


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def rows_of(rng, n):
    return np.column_stack([rng.random((n, 2)), rng.integers(3, size=n)])


def alone(rng, n):
    return GaussianProcess(rows_of(rng, n), rng.normal(size=n), np.full(n, 0.05), OWN, KINDS)


@pytest.fixture
def earlier(rng):
    return Earlier([alone(rng, 6), alone(rng, 9)])


@pytest.fixture
def process(rng, earlier):
    return GaussianProcess(rows_of(rng, 8), rng.normal(size=8), np.full(8, 0.02), OWN, KINDS, earlier=earlier)


def prior_by_hand(process, rows):
    """Return the prior's mean, its constant aside, and its covariance: that of a weighted sum and a process alone."""
    predictions = np.stack([one.predict(rows)[0] for one in process.earlier.processes], axis=1)
    kernel = GaussianProcess(rows[:1], np.zeros(1), np.ones(1), OWN, KINDS).covariance(rows, rows)
    return predictions @ np.full(2, WEIGHT / 2), kernel + WEIGHT_SD**2 * predictions @ predictions.T, predictions


def conditioned_by_hand(process, rows):
    both = np.concatenate([process.rows, rows])
    means, covariance, _ = prior_by_hand(process, both)
    n, ones = len(process.rows), np.ones(len(process.rows))
    inverse = np.linalg.inv(covariance[:n, :n] + np.diag(process.noises))
    rest = process.targets - means[:n]
    constant = (ones @ inverse @ rest) / (ones @ inverse @ ones)
    gain = covariance[n:, :n] @ inverse
    return constant + means[n:] + gain @ (rest - constant), covariance[n:, n:] - gain @ covariance[:n, n:]


def test_the_posterior_is_that_of_a_weighted_sum_and_a_process_for_the_rest(rng, process):
    rows = rows_of(rng, 5)
    means, covariance = conditioned_by_hand(process, rows)
    np.testing.assert_allclose(process.predict(rows)[0], means, atol=1e-9)
    np.testing.assert_allclose(process.predict(rows)[1], np.diag(covariance), atol=1e-9)
    np.testing.assert_allclose(process.expect(rows), means, atol=1e-9)
    np.testing.assert_allclose(process.joint(rows)[0], means, atol=1e-9)
    np.testing.assert_allclose(process.joint(rows)[1], covariance, atol=1e-9)


def test_weights_are_those_of_a_joint_normal_distribution(process):
    means, covariance, predictions = prior_by_hand(process, process.rows)
    inverse = np.linalg.inv(covariance + np.diag(process.noises))
    gain = WEIGHT_SD**2 * predictions.T @ inverse
    weights, sds = process.earlier_weights()
    np.testing.assert_allclose(weights, WEIGHT / 2 + gain @ (process.targets - means - process.mean), atol=1e-9)
    by_hand = WEIGHT_SD**2 * np.eye(2) - gain @ (WEIGHT_SD**2 * predictions)
    np.testing.assert_allclose(sds, np.sqrt(np.diag(by_hand)), atol=1e-9)


def test_leaving_one_out_predicts_it_from_the_others(process):
    means, variances = process.leave_one_out()
    for i in range(len(process.rows)):
        kept = np.arange(len(process.rows)) != i
        others = GaussianProcess(
            process.rows[kept], process.targets[kept], process.noises[kept], OWN, KINDS, process.mean, process.earlier
        )
        mean, variance = others.predict(process.rows[[i]])
        assert means[i] == pytest.approx(mean[0], abs=1e-8)
        assert variances[i] == pytest.approx(variance[0] + process.noises[i], abs=1e-8)


def test_gradients_agree_with_differences(rng, process):
    several = SampledProcess([process, process.conditioned_on(process.rows, process.targets + 0.1, process.noises)])
    rows, step = rows_of(rng, 4), 1e-6
    _, _, mean_gradients, variance_gradients = process.predict_with_gradients(rows)
    of_several = several.predict_with_gradients(rows)
    for j in (0, 1):
        moved = rows + step * np.eye(3)[j]
        up, down = process.predict(moved), process.predict(rows - step * np.eye(3)[j])
        np.testing.assert_allclose(mean_gradients[:, j], (up[0] - down[0]) / (2 * step), atol=1e-6)
        np.testing.assert_allclose(variance_gradients[:, j], (up[1] - down[1]) / (2 * step), atol=1e-6)
    np.testing.assert_allclose(of_several[2][0, :, 0], mean_gradients, atol=1e-10)
    np.testing.assert_allclose(of_several[3][0], variance_gradients, atol=1e-10)


def test_several_processes_together_predict_what_each_does(rng, process):
    others = process.conditioned_on(process.rows, process.targets[::-1].copy(), process.noises)
    rows, several = rows_of(rng, 300), SampledProcess([process, others])
    for k, one in enumerate((process, others)):
        np.testing.assert_allclose(several.predict(rows)[0][k, :, 0], one.predict(rows)[0], atol=1e-10)
        np.testing.assert_allclose(several.predict(rows)[1][k], one.predict(rows)[1], atol=1e-10)
        np.testing.assert_allclose(several.expect(rows)[k, :, 0], one.expect(rows), atol=1e-10)


def test_alternatives_of_targets_have_means_of_their_own(rng, process):
    rows, two = rows_of(rng, 4), np.stack([process.targets, process.targets[::-1]], axis=1)
    both = process.conditioned_on(process.rows, two, process.noises)
    for k in (0, 1):
        one = process.conditioned_on(process.rows, two[:, k], process.noises)
        np.testing.assert_allclose(both.predict(rows)[0][:, k], one.predict(rows)[0], atol=1e-10)
        np.testing.assert_allclose(
            both.predict_with_gradients(rows)[2][:, k], one.predict_with_gradients(rows)[2], atol=1e-10
        )


def test_likelihood_is_that_of_the_normal_distribution_and_its_gradient_is_right(rng, process):
    posterior = LogPosterior(
        process.rows, process.targets, np.full(8, np.nan), KINDS, Prior(noise_floor=0.0), process.earlier
    )
    logs = np.log([2.0, 0.7, 0.5, 0.3, 0.8, 0.02])
    value, gradient = posterior.negative(logs)
    means, covariance, _ = prior_by_hand(process, process.rows)
    exact = process.conditioned_on(process.rows, process.targets, np.full(8, 0.02))
    constant = exact._estimated_mean()
    density = multivariate_normal.logpdf(process.targets, constant + means, covariance + 0.02 * np.eye(8))
    penalty = posterior._prior(logs)[0]
    assert -value == pytest.approx(density + 4 * np.log(2 * np.pi) - penalty, rel=1e-9)
    for j in range(len(logs)):
        step = 1e-5 * np.eye(len(logs))[j]
        slope = (posterior.negative(logs + step)[0] - posterior.negative(logs - step)[0]) / 2e-5
        assert gradient[j] == pytest.approx(slope, rel=1e-4, abs=1e-5)


def test_torch_predicts_the_same(rng, process):
    rows, model = rows_of(rng, 4), ProcessModel(process)
    means, covariance = process.joint(rows)
    posterior = model.posterior(tensor(rows))
    np.testing.assert_allclose(posterior.mean.squeeze(-1).detach().numpy(), means, atol=1e-9)
    np.testing.assert_allclose(posterior.distribution.covariance_matrix.detach().numpy(), covariance, atol=1e-9)
    alone = model.posterior(tensor(rows).unsqueeze(-2)).variance.flatten().detach().numpy()
    np.testing.assert_allclose(alone, process.predict(rows)[1], atol=1e-7)  # differences of near rows lose digits


@pytest.mark.parametrize("name", sorted(FITS))
def test_every_model_learns_the_weight_of_what_is_the_same(rng, name):
    rows = rows_of(rng, 30)
    truth = np.sin(6 * rows[:, 0]) + rows[:, 1] + 0.5 * (rows[:, 2] == 1)
    truth = (truth - truth.mean()) / truth.std()
    before = FITS[name](rows, truth, np.full(30, np.nan), KINDS, slice(None), None)
    own = rows_of(rng, 6)
    told = FITS[name](own, 2.0 * before.expect(own) + 5.0, np.full(6, np.nan), KINDS, slice(None), Earlier([before]))
    [weight], [sd] = told.earlier_weights()
    assert weight == pytest.approx(2.0, abs=0.4)  # of the prior's two thirds, six runs leave a little
    assert sd < 0.4
    assert all(one.earlier is told.earlier for one in sample_alternatives(name, told, np.full(6, np.nan), 3))


@pytest.mark.parametrize(("n", "expected"), [(1, 4.0), (2, 2.0), (4, 2.0**0.5)])
def test_the_spread_of_few_responses_leans_on_that_of_earlier_ones(n, expected):
    # The earlier responses have a spread of 4 and count as one, so it is 4 to the power 1 / n.
    own = ResponseScale(sign=1.0, unit=1.0, center=0.0, spread=1.0, knee=-np.inf, depth=1.0)
    earlier = ResponseScale(sign=1.0, unit=2.0, center=9.0, spread=2.0, knee=-np.inf, depth=1.0)
    assert own.leaning_on([earlier], n).spread == pytest.approx(expected)
    assert own.leaning_on([], n) is own
