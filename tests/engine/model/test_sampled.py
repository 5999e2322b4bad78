"""Processes under several hyperparameters are what each is alone, and the samples are those of the posterior."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from autotune_service.engine.acquisition.functions import expected_improvement_of, with_fantasies
from autotune_service.engine.kinds import Kinds
from autotune_service.engine.model.gaussian_process import GaussianProcess, Hyperparameters
from autotune_service.engine.model.likelihood import LogPosterior, Prior
from autotune_service.engine.model.named import FITS, sample_alternatives
from autotune_service.engine.model.sampled import SampledProcess
from autotune_service.engine.model.sampling import sample

KINDS = Kinds(np.array([False, False, True]))
NEW = np.array([[0.3, 0.8, 1.0], [0.9, 0.1, 2.0]])


@pytest.fixture
def data():
    rng = np.random.default_rng(5)
    rows = rng.random((12, 3))
    rows[:, 2] = rng.integers(3, size=12)
    return rows, rng.normal(size=12)


@pytest.fixture
def processes(data):
    rows, targets = data
    own = [([4.0, 0.5, 1.2], 1.7, 0.01, 0.9), ([0.3, 6.0, 0.1], 0.8, 0.1, 0.1), ([1.0, 1.0, 3.0], 2.5, 1e-4, 2.0)]
    return [
        GaussianProcess(
            rows, targets, np.full(12, noise), Hyperparameters(np.array(ps), v, noise, np.array([e])), KINDS
        )
        for ps, v, noise, e in own
    ]


@pytest.mark.parametrize("k", [None, 4])
def test_each_process_predicts_what_it_predicts_alone(processes, k):
    if k is not None:
        processes = [with_fantasies(one, NEW[:1], k, np.random.default_rng(2)) for one in processes]
    together = SampledProcess(processes)
    means, variances, by_mean, by_variance = together.predict_with_gradients(NEW)
    assert means.shape == (3, 2, k or 1)
    for s, one in enumerate(processes):
        alone = one.predict_with_gradients(NEW)
        np.testing.assert_allclose(means[s], alone[0].reshape(2, -1), rtol=1e-9)
        np.testing.assert_allclose(variances[s], alone[1], rtol=1e-7)
        np.testing.assert_allclose(by_mean[s], alone[2].reshape(2, -1, 3), rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(by_variance[s], alone[3], rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(together.predict(NEW)[0], means, rtol=1e-9)
    np.testing.assert_allclose(together.predict(NEW)[1], variances, rtol=1e-6)
    np.testing.assert_allclose(together.expect(NEW), means, rtol=1e-9)


def test_predictions_of_many_rows_on_few_levels_are_those_of_each_row(processes):
    rows = np.array([[x / 4, y / 2, code] for x in range(5) for y in range(3) for code in range(4)])
    on_levels = [
        GaussianProcess(
            rows[::7], one.targets[: len(rows[::7])], one.noises[: len(rows[::7])], one.hyperparameters, KINDS
        )
        for one in processes
    ]
    together = SampledProcess(on_levels)
    means, variances = together.predict(rows)  # by the patterns of differences, which are few beside 540 pairs
    for s, one in enumerate(on_levels):
        np.testing.assert_allclose(means[s, :, 0], one.predict(rows)[0], rtol=1e-9)
        np.testing.assert_allclose(variances[s], one.predict(rows)[1], rtol=1e-6)


def test_improvement_is_the_mean_of_those_under_each_alternative(processes):
    none, rows = np.empty((0, 3)), processes[0].rows
    each = [expected_improvement_of([one], none, rows, np.random.default_rng(1)).values(NEW) for one in processes]
    found = expected_improvement_of(processes, none, rows, np.random.default_rng(1))
    np.testing.assert_allclose(np.exp(found.values(NEW)), np.exp(each).mean(axis=0), rtol=1e-9)
    values, gradients = found.values_with_gradients(NEW)
    np.testing.assert_allclose(values, found.values(NEW), rtol=1e-9)
    for j in (0, 1):
        step = 1e-6 * np.eye(3)[j]
        quotient = (found.values(NEW + step) - found.values(NEW - step)) / 2e-6
        np.testing.assert_allclose(gradients[:, j], quotient, rtol=1e-5, atol=1e-7)


def test_samples_of_a_normal_density_have_its_mean_and_covariance():
    mean, root = np.array([1.0, -2.0, 0.5]), np.array([[2.0, 0.0, 0.0], [0.9, 0.5, 0.0], [0.0, -0.3, 0.1]])
    covariance = root @ root.T
    density = multivariate_normal(mean, covariance)
    precision = np.linalg.inv(covariance)

    def energy(at):
        return -float(density.logpdf(at)), precision @ (at - mean)

    drawn = sample(energy, mean, np.ones(3), 4000, np.random.default_rng(3))
    sds = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.08 * sds.max())
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.25)
    np.testing.assert_allclose(drawn.std(axis=0), sds, rtol=0.06)


def test_samples_of_a_skewed_density_have_its_quantiles():
    """The logarithm of a number of the gamma distribution: steep on one side, flat on the other."""

    def energy(at):
        return float(np.exp(at[0]) - 2.0 * at[0]), np.exp(at) - 2.0

    drawn = np.exp(sample(energy, np.log([2.0]), np.ones(1), 4000, np.random.default_rng(3))[:, 0])
    np.testing.assert_allclose(np.quantile(drawn, [0.1, 0.5, 0.9]), [0.5318, 1.6783, 3.8897], rtol=0.08)


def test_samples_of_hyperparameters_have_the_mean_that_importance_weights_give(data):
    """An independent way: draws from the prior, weighted by their likelihood."""
    rows, targets = data
    posterior = LogPosterior(rows, targets, np.full(12, 0.04), KINDS, Prior())
    peak = posterior.maximize()
    drawn = posterior.sample(peak, 1500, np.random.default_rng(3))
    found = np.mean([np.log(one.variance) for one in drawn])

    rng, logs = np.random.default_rng(4), []
    for _ in range(6000):
        at = rng.normal(posterior.location, posterior.scale)
        at[:2] = rng.uniform(-9.0, 5.0, 2)  # their priors have a tail: uniform draws, weighted by the prior too
        value = posterior.negative(at)[0]
        normal = 0.5 * np.square((at[2:] - posterior.location[2:]) / posterior.scale[2:]).sum()
        logs.append((-value + normal, at[-2]))
    weights = np.exp([one - max(logs)[0] for one, _ in logs])
    assert found == pytest.approx(np.average([value for _, value in logs], weights=weights), abs=0.15)


@pytest.mark.parametrize("name", FITS)
def test_alternatives_follow_from_the_data_and_keep_what_is_known(data, name):
    rows, targets = data
    known = np.where(np.arange(12) < 6, 0.04, np.nan)
    process = FITS[name](rows, targets, known, KINDS, slice(None))
    once, again = (sample_alternatives(name, process, known, 5) for _ in range(2))
    assert [one.hyperparameters.variance for one in once] == [one.hyperparameters.variance for one in again]
    assert len({one.hyperparameters.variance for one in once}) > 2
    for one in once:
        np.testing.assert_allclose(one.noises[:6], 0.04, atol=1e-5)
        assert one.hyperparameters.precisions.shape == (3,)
        if name == "SimpleCustomMaternGP":
            assert len(set(one.hyperparameters.precisions)) == 1


@pytest.mark.parametrize("known", [0.0, 0.3, 9.0])  # the last one is more than an inferred noise may be
def test_alternatives_expect_the_noise_that_was_told_for_every_run(data, known):
    """So a pending run is as uncertain under an alternative as under the most probable hyperparameters."""
    rows, targets = data
    process = FITS["SingleTaskGP"](rows, targets, np.full(12, known), KINDS, slice(None))
    alternatives = sample_alternatives("SingleTaskGP", process, np.full(12, known), 8)
    assert {one.hyperparameters.noise for one in alternatives} == {process.hyperparameters.noise} == {known}
    assert len({one.hyperparameters.variance for one in alternatives}) > 4


def test_equal_targets_have_alternatives():
    rows = np.random.default_rng(1).random((20, 3))
    process = FITS["SingleTaskGP"](rows, np.zeros(20), np.full(20, np.nan), KINDS, slice(None))
    assert all(np.isfinite(one.mean) for one in sample_alternatives("SingleTaskGP", process, np.full(20, np.nan), 8))
