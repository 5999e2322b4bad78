import math

import numpy as np
import pytest

from autotune_service.engine.model.scale import ResponseScale


def test_scale_standardizes():
    scale = ResponseScale.of(np.array([1.0, 3.0, 5.0]), 1.0, is_objective=True)
    # Mean 3; population standard deviation sqrt(8 / 3).
    expected = [-2 / math.sqrt(8 / 3), 0.0, 2 / math.sqrt(8 / 3)]
    assert scale.to_model(np.array([1.0, 3.0, 5.0])).tolist() == pytest.approx(expected)
    assert scale.from_model(0.0, 1.0) == pytest.approx((3.0, math.sqrt(8 / 3)))


def test_less_is_more_where_it_is_to_be_minimized():
    scale = ResponseScale.of(np.array([1.0, 3.0, 5.0]), -1.0, is_objective=True)
    assert scale.to_model(np.array([1.0]))[0] == pytest.approx(2 / math.sqrt(8 / 3))
    assert scale.from_model(2 / math.sqrt(8 / 3), 0.5)[0] == pytest.approx(1.0)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("is_objective", [True, False])
@pytest.mark.parametrize("size", [1e-300, 1.0, 1e300])
def test_scale_and_back_is_where_it_was(sign, is_objective, size):
    responses = size * np.array([1.0, 3.0, 5.0, -4.0, 0.2, -40.0, 40.0])
    scale = ResponseScale.of(responses, sign, is_objective=is_objective)
    back = [scale.from_model(value, 0.1)[0] for value in scale.to_model(responses)]
    np.testing.assert_allclose(back, responses, rtol=1e-9, atol=1e-12 * size)


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


def test_deviation_reaching_into_what_was_drawn_in_is_wide():
    scale = ResponseScale.of(np.array([*np.linspace(0.0, 1.0, 9), -1e3]), 1.0, is_objective=True)
    low = scale.to_model(np.array([-100.0]))[0]
    mean, sd = scale.from_model(low, 0.5)
    ends = [scale.from_model(low + step, 0.0)[0] for step in (-0.5, 0.5)]
    assert mean == pytest.approx(-100.0)
    assert sd == pytest.approx((ends[1] - ends[0]) / 2)


def test_equal_responses_become_nothing():
    for value in (0.0, 7.0, -1e300, 5e-324):
        scale = ResponseScale.of(np.full(4, value), 1.0, is_objective=True)
        assert scale.to_model(np.full(4, value)).tolist() == [0.0] * 4
        assert scale.from_model(0.0, 0.0)[0] == pytest.approx(value)


def test_what_no_number_can_hold_is_cut_and_finite():
    scale = ResponseScale.of(np.array([1e-300, 2e-300]), 1.0, is_objective=False)
    assert np.isfinite(scale.to_model(np.array([1e300, -1e300]))).all()
    assert np.isfinite(scale.sd_to_model(np.array([1e308]))).all()
    huge = ResponseScale.of(np.array([1e308, -1e308, 1e305]), 1.0, is_objective=True)
    assert all(math.isfinite(one) for one in huge.from_model(-40.0, 10.0))
