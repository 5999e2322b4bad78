import math

import numpy as np
import pytest
from scipy.stats import norm

from autotune_service.engine.model.scale import ResponseScale


def back(scale, mean, sd):
    means, sds = scale.from_model(np.array([mean]), np.array([sd]))
    return float(means[0]), float(sds[0])


def test_scale_standardizes():
    scale = ResponseScale.of(np.array([1.0, 3.0, 5.0]), 1.0, is_objective=True)
    # Mean 3; population standard deviation sqrt(8 / 3).
    expected = [-2 / math.sqrt(8 / 3), 0.0, 2 / math.sqrt(8 / 3)]
    assert scale.to_model(np.array([1.0, 3.0, 5.0])).tolist() == pytest.approx(expected)
    assert back(scale, 0.0, 1.0) == pytest.approx((3.0, math.sqrt(8 / 3)))


def test_less_is_more_where_it_is_to_be_minimized():
    scale = ResponseScale.of(np.array([1.0, 3.0, 5.0]), -1.0, is_objective=True)
    assert scale.to_model(np.array([1.0]))[0] == pytest.approx(2 / math.sqrt(8 / 3))
    assert back(scale, 2 / math.sqrt(8 / 3), 0.5)[0] == pytest.approx(1.0)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("is_objective", [True, False])
@pytest.mark.parametrize("size", [1e-300, 1.0, 1e300])
def test_scale_and_back_is_where_it_was(sign, is_objective, size):
    responses = size * np.array([1.0, 3.0, 5.0, -4.0, 0.2, -40.0, 40.0])
    scale = ResponseScale.of(responses, sign, is_objective=is_objective)
    found, _ = scale.from_model(scale.to_model(responses), np.zeros(7))
    np.testing.assert_allclose(found, responses, rtol=1e-9, atol=1e-12 * size)


def test_standard_deviation_of_a_measurement_is_scaled_alike():
    scale = ResponseScale.of(np.array([1.0, 3.0, 5.0]), -1.0, is_objective=True)
    assert scale.sd_to_model(np.array([math.sqrt(8 / 3)]))[0] == pytest.approx(1.0)


def test_hopeless_value_is_drawn_in_and_the_order_stays():
    responses = np.array([*np.linspace(0.0, 1.0, 9), -1e6])
    scale = ResponseScale.of(responses, 1.0, is_objective=True)
    modelled = scale.to_model(responses)
    assert (np.argsort(modelled) == np.argsort(responses)).all()
    # Without the drawing in, the ordinary ones would lie within 3e-6 of each other.
    assert np.ptp(modelled[:-1]) > 0.1


def test_threshold_response_is_not_drawn_in():
    scale = ResponseScale.of(np.array([*np.linspace(0.0, 1.0, 9), -1e6]), 1.0, is_objective=False)
    modelled = scale.to_model(np.array([0.0, 1.0, 2.0]))
    assert modelled[2] - modelled[1] == pytest.approx(modelled[1] - modelled[0])


def test_prediction_reaching_into_what_was_drawn_in_has_the_moments_of_the_response():
    responses = np.array([*np.linspace(0.0, 1.0, 9), -1e3])
    scale = ResponseScale.of(responses, 1.0, is_objective=True)
    low, sd = scale.to_model(np.array([-100.0]))[0], 0.5
    # The response's moments as integrals over the model's scale, by the trapezoidal rule.
    at = np.linspace(low - 10 * sd, low + 10 * sd, 20_001)
    weights = norm.pdf(at, low, sd)
    values = np.maximum(scale.from_model(at, np.zeros(len(at)))[0], -1e3 - 0.1 * 1001)
    mean = np.trapezoid(weights * values, at)
    expected = np.sqrt(np.trapezoid(weights * (values - mean) ** 2, at))
    assert back(scale, low, sd) == pytest.approx((mean, expected), rel=0.02)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_prediction_is_never_much_worse_than_the_worst_measured(sign):
    responses = sign * np.array([72.0, 81.0, 83.0, 79.0, 15.0, 78.0])
    scale = ResponseScale.of(responses, sign, is_objective=True)
    # A tenth of the range, 68, below 15. A value anywhere between the floor and the best is at most half of that away.
    for mean in (-50.0, -5.0, -1.0, 0.0):
        for sd in (0.1, 1.0, 10.0):
            found, found_sd = back(scale, mean, sd)
            assert sign * found >= 15 - 6.8 - 1e-9
            assert found_sd <= 68 * 1.1 or mean + 3 * sd > 2.0  # above the best the scale is linear


def test_prediction_above_the_knee_is_linear():
    scale = ResponseScale.of(np.array([*np.linspace(0.0, 1.0, 9), -1e3]), 1.0, is_objective=True)
    (low, high), mean = scale.to_model(np.array([0.5, 0.9])), scale.to_model(np.array([0.7]))[0]
    # A standard deviation of 0.02 reaches nowhere near the knee, which is at 0.5 - 4 * 0.5.
    found = back(scale, mean, 0.05 * (high - low))
    assert found == pytest.approx((0.7, 0.05 * 0.4))


def test_equal_responses_become_nothing():
    for value in (0.0, 7.0, -1e300, 5e-324):
        scale = ResponseScale.of(np.full(4, value), 1.0, is_objective=True)
        assert scale.to_model(np.full(4, value)).tolist() == [0.0] * 4
        assert back(scale, 0.0, 0.0)[0] == pytest.approx(value)


@pytest.mark.parametrize("is_objective", [True, False])
def test_responses_at_both_ends_of_the_numbers_have_the_mean_and_spread_that_they_have_in_any_unit(is_objective):
    responses = 1.7e308 * np.array([1.0, -1.0, 1.0, -1.0])
    scale = ResponseScale.of(responses, 1.0, is_objective=is_objective)
    assert scale.to_model(responses).tolist() == [1.0, -1.0, 1.0, -1.0]  # of mean 0 and standard deviation 1
    assert scale.to_model(np.array([0.85e308]))[0] == pytest.approx(0.5)
    assert scale.sd_to_model(np.array([1.7e308]))[0] == pytest.approx(1.0)
    assert back(scale, 1.0, 0.1) == pytest.approx((1.7e308, 0.17e308))
    # The knee, if there is one, is at -4: eight of these standard deviations away.
    assert back(scale, 0.0, 0.5) == pytest.approx((0.0, 0.85e308), rel=1e-9, abs=1e298)


def test_what_no_number_can_hold_is_cut_and_finite():
    scale = ResponseScale.of(np.array([1e-300, 2e-300]), 1.0, is_objective=False)
    assert np.isfinite(scale.to_model(np.array([1e300, -1e300]))).all()
    assert np.isfinite(scale.sd_to_model(np.array([1e308]))).all()
    huge = ResponseScale.of(np.array([1e308, -1e308, 1e305]), 1.0, is_objective=True)
    assert all(math.isfinite(one) for one in back(huge, -40.0, 10.0))
