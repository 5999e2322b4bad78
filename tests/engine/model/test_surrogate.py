"""What users are told of a response's model."""

import sys

import numpy as np
import pytest

from autotune_service.engine.interface import Prediction
from autotune_service.engine.kinds import Kinds
from autotune_service.engine.model.gaussian_process import GaussianProcess, Hyperparameters
from autotune_service.engine.model.scale import ResponseScale
from autotune_service.engine.model.surrogate import Surrogate

LARGEST = sys.float_info.max


def surrogate_of(responses, variance):
    """Model responses that tell nothing of each other, each with this variance, half of it noise, on the model's scale.

    The rows lie so far apart that the covariances between them are 0. So each response is predicted to be the mean.
    """
    n = len(responses)
    scale = ResponseScale.of(np.array(responses), 1.0, is_objective=False)
    apart = Hyperparameters(precisions=np.array([1e12]), variance=variance / 2, noise=variance / 2)
    process = GaussianProcess(
        np.arange(n, dtype=float)[:, None],
        scale.to_model(np.array(responses)),
        np.full(n, variance / 2),
        apart,
        Kinds(np.array([False])),
    )
    return Surrogate(process, scale, np.arange(n), "SingleTaskGP", np.full(n, np.nan))


# Of 1, -1, 1, -1 the mean is 0 and the standard deviation 1. Leave-one-out predicts each to be 0 with a standard
# deviation of 0.25, so each is wrong by 4 of them, and the bands cover all if they are widened 4 / 1.96 times.
@pytest.mark.parametrize("unit", [1e-300, 1.0, 1.7e308])
def test_bands_are_widened_until_they_cover_in_any_unit(unit):
    surrogate = surrogate_of([unit, -unit, unit, -unit], 0.0625)
    told = [(one.mean / unit, one.sd / unit) for one in surrogate.left_out()]
    assert told == [pytest.approx((0.0, 0.25 * 4 / 1.96), abs=1e-12)] * 4


def test_bands_are_widened_threefold_at_most():
    (told,) = surrogate_of([1.0, -1.0, 1.0, -1.0], 0.01).predictions(np.array([0.5]), np.array([0.04]))
    assert (told.mean, told.sd) == pytest.approx((0.5, 3 * 0.2))  # 10 standard deviations apart


def test_prediction_that_no_number_can_hold_is_the_largest_number():
    surrogate = surrogate_of([1.7e308, -1.7e308, 1.7e308, -1.7e308], 0.01)  # widened threefold
    found = surrogate.predictions(np.array([0.0, 1.0, 2.0, -2.0]), np.array([1.0, 0.01, 0.09, 4.0]))
    # In units of 1.7e308: means of 0, 1, 2 and -2; standard deviations of 3, 0.3, 0.9 and 6.
    assert found == [
        Prediction(pytest.approx(0.0, abs=1e295), LARGEST),
        Prediction(pytest.approx(1.7e308), pytest.approx(0.3 * 1.7e308)),
        Prediction(LARGEST, pytest.approx(0.9 * 1.7e308)),
        Prediction(-LARGEST, LARGEST),
    ]


def test_noise_that_no_number_can_hold_is_the_largest_number():
    # Half of a variance of 8 is a standard deviation of 2.
    assert surrogate_of([1.7e308, -1.7e308], 8.0).noise_sd == LARGEST
    assert surrogate_of([1.7e308, -1.7e308], 0.5).noise_sd == pytest.approx(0.85e308)
