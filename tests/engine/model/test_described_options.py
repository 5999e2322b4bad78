"""Options with descriptors in the model: what the kernel makes of them, by hand and by independent numerics."""

import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from autotune_service.engine.kinds import Described, Kinds
from autotune_service.engine.model.gaussian_process import GaussianProcess, Hyperparameters
from autotune_service.engine.model.likelihood import LogPosterior, Prior
from autotune_service.engine.model.named import FITS, fit_single_task, sample_alternatives
from autotune_service.engine.model.sampled import SampledProcess

# Three descriptors of four options, then two of three options of another column; the last one tells nothing.
FIRST = np.array([[0.1, 1.0, 0.3], [0.2, -1.0, 0.3], [0.9, 1.0, 0.1], [0.4, 0.2, -0.8]])
SECOND = np.array([[0.5, 0.7], [-0.5, 0.7], [0.1, 0.7]])
KINDS = Kinds(np.array([True, False, True, True]), [Described(0, FIRST), Described(3, SECOND)])
N_PRECISIONS, N_EFFECTS = 4 + 3 + 2, 3 + 2
SIZES = (4, 1, 5, 3)
"""How many options the columns have; the third column's have no descriptors, and the second holds numbers."""


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def rows_of(rng, n):
    rows = np.stack([rng.integers(size, size=n) for size in SIZES], axis=1).astype(float)
    rows[:, 1] = rng.random(n)
    return rows


def hyperparameters_of(rng):
    return Hyperparameters(np.exp(rng.normal(size=N_PRECISIONS)), 1.3, 0.02, np.exp(0.5 * rng.normal(size=N_EFFECTS)))


def scaled_by_hand(table):
    """Divide each descriptor by the root of the mean squared difference of two different options."""
    scaled = np.zeros(table.shape)
    for k, column in enumerate(table.T):
        squares = [(x - y) ** 2 for i, x in enumerate(column) for j, y in enumerate(column) if i != j]
        usual = sum(squares) / len(squares)
        scaled[:, k] = column / math.sqrt(usual) if usual > 0 else 0.0
    return scaled


def covariance_by_hand(a, b, own):
    def matern(square):
        r = math.sqrt(5.0 * square)
        return (1.0 + r + r * r / 3.0) * math.exp(-r)

    precisions, effects, shared = own.precisions, own.effects, 0.0
    total = precisions[1] * (a[1] - b[1]) ** 2
    for effect, j in zip(effects, (0, 2, 3), strict=False):
        total += precisions[j] * (a[j] != b[j])
        shared += effect * (a[j] == b[j])
    for j, table, part, effect in ((0, FIRST, slice(4, 7), effects[3]), (3, SECOND, slice(7, 9), effects[4])):
        scaled = scaled_by_hand(table)
        unlike = float(precisions[part] @ (scaled[int(a[j])] - scaled[int(b[j])]) ** 2)
        total += unlike
        shared += effect * matern(unlike)
    return own.variance * matern(total) + shared


def process_of(rng, n=9):
    rows = rows_of(rng, n)
    return GaussianProcess(rows, rng.normal(size=n), np.full(n, 0.05), hyperparameters_of(rng), KINDS)


def test_descriptors_are_scaled_so_that_two_options_are_one_apart_on_average():
    for table in (FIRST, SECOND, 1e-9 * FIRST, 1e6 + FIRST):
        places = Described(0, table).places
        by_hand = scaled_by_hand(table)
        np.testing.assert_allclose(places - places[0], by_hand - by_hand[0], rtol=1e-6, atol=1e-12)
    assert not Described(0, np.array([[3.0, -1.0]])).places.any()  # of an option that is alone nothing is learnt


def test_covariance_is_the_formula_pair_by_pair(rng):
    a, b, own = rows_of(rng, 8), rows_of(rng, 5), hyperparameters_of(rng)
    process = GaussianProcess(b, np.zeros(5), np.full(5, 0.1), own, KINDS)
    by_hand = [[covariance_by_hand(one, other, own) for other in b] for one in a]
    np.testing.assert_allclose(process.covariance(a, b), by_hand, rtol=1e-12)
    assert own.total_variance == pytest.approx(covariance_by_hand(a[0], a[0], own))


@pytest.mark.parametrize("kinds", [KINDS, Kinds(np.array([True]), [Described(0, FIRST)])])
def test_log_posterior_gradient_is_the_difference_quotient(rng, kinds):
    rows = rows_of(rng, 9)[:, : kinds.d]
    posterior = LogPosterior(rows, rng.normal(size=9), np.where(np.arange(9) < 3, 0.3, np.nan), kinds, Prior())
    logs = rng.normal(size=len(posterior.location))
    steps = 1e-6 * np.eye(len(logs))
    quotient = [(posterior.negative(logs + one)[0] - posterior.negative(logs - one)[0]) / 2e-6 for one in steps]
    np.testing.assert_allclose(posterior.negative(logs)[1], quotient, rtol=1e-6, atol=1e-7)


def log_prior_by_hand(logs, posterior):
    """Sum the logarithms of the densities: normal ones, a number's tail, and a joint one of the descriptors."""
    prior, off = posterior.prior, logs - posterior.location
    total = 0.0
    for part in (slice(4, 7), slice(7, 9)):
        m = part.stop - part.start
        covariance = prior.descriptor_sd**2 * np.eye(m) + prior.descriptors_sd**2
        total += multivariate_normal(np.zeros(m), covariance).logpdf(off[part])
    for k in (*range(4), *range(9, len(logs))):
        deviation, tail = off[k] / posterior.scale[k], posterior.tail[k]
        total -= 0.5 * deviation**2 if deviation > -tail else 0.5 * tail**2 - tail * (deviation + tail)
    return total


def test_log_posterior_differs_by_the_likelihood_and_the_prior(rng):
    rows, targets, noises = rows_of(rng, 9), rng.normal(size=9), np.full(9, 0.1)
    posterior = LogPosterior(rows, targets, noises, KINDS, Prior())
    values = []
    for own in (hyperparameters_of(rng), hyperparameters_of(rng)):
        logs = np.log([*own.precisions, *own.effects, own.variance, own.noise])
        likelihood = GaussianProcess(rows, targets, noises + Prior().noise_floor, own, KINDS).log_likelihood
        values.append((posterior.negative(logs)[0], -likelihood - log_prior_by_hand(logs, posterior)))
    (first, first_by_hand), (second, second_by_hand) = values
    assert first - second == pytest.approx(first_by_hand - second_by_hand, rel=1e-9)


def test_gradients_by_numbers_are_difference_quotients_and_by_codes_0(rng):
    process, at = process_of(rng), rows_of(rng, 6)
    means, variances, by_mean, by_variance = process.predict_with_gradients(at)
    step = np.array([0.0, 1e-6, 0.0, 0.0])
    above, below = process.predict(at + step), process.predict(at - step)
    np.testing.assert_allclose(by_mean[:, 1], (above[0] - below[0]) / 2e-6, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(by_variance[:, 1], (above[1] - below[1]) / 2e-6, rtol=1e-5, atol=1e-7)
    assert not by_mean[:, KINDS.is_code].any()
    assert not by_variance[:, KINDS.is_code].any()
    np.testing.assert_allclose((means, variances), process.predict(at), rtol=1e-9)


def test_samples_together_are_the_samples_one_by_one(rng):
    process = process_of(rng, 17)
    alternatives = sample_alternatives("SingleTaskGP", process, np.full(17, np.nan), 3)
    together, at = SampledProcess(alternatives), rows_of(rng, 40)
    means, variances = together.predict(at)
    for k, one in enumerate(alternatives):
        own_means, own_variances = one.predict(at)
        np.testing.assert_allclose(means[k, :, 0], own_means, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(variances[k], own_variances, rtol=1e-7)
    np.testing.assert_allclose(together.predict_with_gradients(at)[0], means, rtol=1e-9, atol=1e-12)


def told_of_a_line(rng, n_options):
    """Options on a line, of which a response falls with one descriptor; another descriptor tells nothing."""
    table = np.stack([np.linspace(0, 1, n_options), rng.random(n_options)], axis=1)
    rows = np.stack([np.arange(n_options), rng.random(n_options)], axis=1).astype(float)
    return table, rows, 2.0 - 4.0 * table[:, 0] + 0.02 * rng.normal(size=n_options)


@pytest.mark.parametrize("model_type", FITS)
def test_an_untried_option_is_expected_to_do_what_similar_ones_did(rng, model_type):
    table, rows, targets = told_of_a_line(rng, 16)
    kinds, tried = Kinds(np.array([True, False]), [Described(0, table)]), np.arange(16) % 3 != 1
    known = np.full(tried.sum(), np.nan)
    process = FITS[model_type](rows[tried], targets[tried], known, kinds, slice(None))
    blind = FITS[model_type](rows[tried], targets[tried], known, Kinds(kinds.is_code), slice(None))
    missed = np.abs(process.predict(rows[~tried])[0] - targets[~tried]).mean()
    assert missed < 0.35
    assert missed < 0.5 * np.abs(blind.predict(rows[~tried])[0] - targets[~tried]).mean()


def test_the_descriptor_that_tells_is_found(rng):
    table, rows, targets = told_of_a_line(rng, 16)
    process = fit_single_task(rows, targets, np.full(16, np.nan), Kinds(np.array([True, False]), [Described(0, table)]))
    telling, idle = process.hyperparameters.precisions[2:]
    assert telling > 5 * idle


def test_misleading_descriptors_leave_the_options_apart(rng):
    """Two options with nearly the same descriptors, one good and one bad, measured often: each keeps its own value."""
    table = np.array([[0.0], [0.001], [1.0], [0.5]])
    rows = np.stack([np.arange(12) % 4, rng.random(12)], axis=1).astype(float)
    targets = np.where(rows[:, 0] == 0, 1.5, -0.5) + 0.02 * rng.normal(size=12)
    process = fit_single_task(rows, targets, np.full(12, np.nan), Kinds(np.array([True, False]), [Described(0, table)]))
    means = process.predict(np.array([[0.0, 0.5], [1.0, 0.5], [2.0, 0.5], [3.0, 0.5]]))[0]
    assert means == pytest.approx([1.5, -0.5, -0.5, -0.5], abs=0.1)


def test_kinds_are_equal_where_all_that_they_say_is():
    assert Kinds(KINDS.is_code.copy(), [Described(0, FIRST.copy()), Described(3, SECOND.copy())]) == KINDS
    assert hash(KINDS) == hash(Kinds(KINDS.is_code.copy(), [Described(0, FIRST.copy()), Described(3, SECOND.copy())]))
    others = [
        Kinds(KINDS.is_code),
        Kinds(KINDS.is_code, [Described(0, FIRST)]),
        Kinds(KINDS.is_code, [Described(2, FIRST), Described(3, SECOND)]),
        Kinds(KINDS.is_code, [Described(0, FIRST.reshape(3, 4)), Described(3, SECOND)]),
        Kinds(KINDS.is_code, [Described(0, FIRST + 1e-9), Described(3, SECOND)]),
    ]
    assert all(other != KINDS for other in others)
