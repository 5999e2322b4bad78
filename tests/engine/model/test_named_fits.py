"""The surrogates by name."""

import numpy as np
import pytest

from autotune_service.engine.kinds import Kinds
from autotune_service.engine.model.likelihood import LogPosterior, Prior
from autotune_service.engine.model.named import (
    FITS,
    UNKNOWN_NOISE,
    IsotropicLogPosterior,
    fit_fixed_noise,
    fit_heteroskedastic,
    fit_isotropic,
    fit_single_task,
)

RNG = np.random.default_rng(1)
ROWS = RNG.random((40, 2))
TARGETS = np.sin(6 * ROWS[:, 0])
UNKNOWN = np.full(40, np.nan)
NUMBERS = Kinds(np.zeros(2, dtype=bool))
FLOOR = Prior().noise_floor


def test_fixed_noise_is_what_is_told_and_else_the_small_default():
    told = UNKNOWN.copy()
    told[:3] = 0.04
    noises = fit_fixed_noise(ROWS, TARGETS, told, NUMBERS).noises
    assert noises[:3] == pytest.approx(0.04 + FLOOR)
    assert noises[3:] == pytest.approx(UNKNOWN_NOISE + FLOOR)


def test_fixed_noise_is_not_inferred_from_what_scatters():
    scattered = TARGETS + RNG.normal(size=40)
    assert fit_single_task(ROWS, scattered, UNKNOWN, NUMBERS).noises.mean() > 0.1
    assert fit_fixed_noise(ROWS, scattered, UNKNOWN, NUMBERS).noises.max() < 2e-4


def test_isotropic_has_one_length_scale_where_the_others_have_one_each():
    one = fit_isotropic(ROWS, TARGETS, UNKNOWN, NUMBERS).hyperparameters.precisions
    each = fit_single_task(ROWS, TARGETS, UNKNOWN, NUMBERS).hyperparameters.precisions
    assert one[0] == one[1]
    assert each[0] > 5 * each[1]  # the second column plays no part


def test_isotropic_posterior_is_the_other_where_the_precisions_are_equal():
    # The priors differ by those of the precisions that there are fewer of, and that is a number: slopes are compared.
    data = (ROWS, TARGETS, UNKNOWN, NUMBERS, Prior())
    each, one = LogPosterior(*data), IsotropicLogPosterior(*data)
    at = np.array([0.3, 0.1, -4.0])
    slope_each = each.negative(at[[0, 0, 1, 2]])[1]
    slope_one = one.negative(at)[1]
    from_prior = (at[0] - each.location[0]) / each.scale[0] ** 2
    assert slope_one[0] == pytest.approx(slope_each[0] + slope_each[1] - from_prior)
    assert slope_one[1:] == pytest.approx(slope_each[2:])


def test_heteroskedastic_tells_the_noisy_half_from_the_quiet_one():
    x = np.linspace(0, 1, 60)[:, None]
    sds = np.where(x[:, 0] < 0.5, 0.02, 0.6)
    targets = np.sin(6 * x[:, 0]) + sds * np.random.default_rng(4).normal(size=60)
    noises = fit_heteroskedastic(x, targets, np.full(60, np.nan), Kinds(np.zeros(1, dtype=bool))).noises
    # True variances are 0.0004 and 0.36; from one response each they come out within a factor, far from the step.
    assert 0.0001 < noises[:20].min() < noises[:20].max() < 0.004
    assert 0.1 < noises[40:].min() < noises[40:].max() < 1.2


def test_heteroskedastic_counts_what_the_function_follows_of_the_noise():
    off = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = rng.random((40, 1))
        targets = np.sin(9 * x[:, 0]) + 0.4 * rng.normal(size=40)
        noises = fit_heteroskedastic(x, targets, np.full(40, np.nan), Kinds(np.zeros(1, dtype=bool))).noises
        off.append(np.log(noises / 0.16).mean())
    # Known mean, each has a standard error of about sqrt(2 / 40) and their mean of 0.05. With the bare distances from
    # the function, which follows some of the noise, it is at -0.2.
    assert abs(np.mean(off)) < 0.1


def test_heteroskedastic_keeps_the_noise_that_is_told():
    told = np.geomspace(1e-3, 1e-1, 40)
    assert fit_heteroskedastic(ROWS, TARGETS, told, NUMBERS).noises == pytest.approx(told + FLOOR)


def test_heteroskedastic_takes_runs_that_are_told_to_be_noiseless():
    told = np.where(np.arange(40) < 30, 0.0, np.nan)
    noises = fit_heteroskedastic(ROWS, TARGETS, told, NUMBERS).noises
    assert noises[:30] == pytest.approx(FLOOR)
    assert (noises[30:] > FLOOR).all()


@pytest.mark.parametrize("name", FITS)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_every_model_fits_few_and_equal_responses(name, n):
    process = FITS[name](ROWS[:n], np.zeros(n), UNKNOWN[:n], NUMBERS)
    means, variances = process.predict(ROWS)
    assert np.isfinite(means).all()
    assert (variances > 0).all()


@pytest.mark.parametrize("name", FITS)
def test_every_model_takes_runs_of_the_same_configuration(name):
    rows = np.repeat(ROWS[:4], 5, axis=0)
    targets = np.repeat(TARGETS[:4], 5) + 0.1 * np.random.default_rng(2).normal(size=20)
    means, _ = FITS[name](rows, targets, UNKNOWN[:20], NUMBERS).predict(ROWS[:4])
    assert means == pytest.approx(targets.reshape(4, 5).mean(axis=1), abs=0.15)
