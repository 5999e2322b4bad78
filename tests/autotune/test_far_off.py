import math
import random

import pytest
from fake_service import SPACE, problem

from autotune.far_off import far_off, far_off_values
from autotune.views.shown import Observation
from autotune_wire.suggestions import Predicted

MEASURED = [0.2, 0.9, 0.5, 0.7]
PREDICTED = Predicted(mean=0.79, sd=0.05)


def test_far_off_says_what_was_expected_and_measured():
    assert far_off(80, PREDICTED, MEASURED) == (
        "80 lies far outside what the model expects here (0.790 ± 0.050) and all that was measured (0.2 to 0.9)"
    )
    assert far_off(80, None, MEASURED) == "80 lies far outside all that was measured (0.2 to 0.9)"


# The range of MEASURED is 0.7: three times the range on both sides is -1.9 to 3.0, and ten standard deviations are 0.5.
# Upwards the value must also exceed 0.9 * (0.9 / 0.2) = 4.05.
@pytest.mark.parametrize(("value", "is_far"), [(4.0, False), (4.1, True), (-1.8, False), (-2.0, True), (0.1, False)])
def test_far_off_is_beyond_three_times_the_range(value, is_far):
    assert (far_off(value, PREDICTED, MEASURED) is not None) == is_far


def test_value_that_the_model_expects_is_never_far_off():
    assert far_off(80, Predicted(mean=70.0, sd=1.1), MEASURED) is None
    assert far_off(80, Predicted(mean=68.0, sd=1.1), MEASURED) is not None


# Without a prediction, ten times the largest value: 0.9 + 9.
@pytest.mark.parametrize(("value", "is_far"), [(9.0, False), (9.8, False), (10.0, True)])
def test_far_off_without_a_prediction_is_beyond_ten_times_the_largest(value, is_far):
    assert (far_off(value, None, MEASURED) is not None) == is_far


@pytest.mark.parametrize("others", [[], [0.2, 0.9, 0.5], [0.0, 0.0, 0.0, 0.0]])
def test_too_little_to_compare_with_is_no_reason_to_warn(others):
    assert far_off(80, PREDICTED, others) is None
    assert far_off(80, None, others) is None


def test_equal_values_are_compared_by_their_size():
    assert far_off(19, Predicted(mean=5.0, sd=0.1), [5.0] * 4) is None  # 5 + 3 * 5 = 20
    assert far_off(21, Predicted(mean=5.0, sd=0.1), [5.0] * 4) is not None


def test_negative_values_are_compared_by_their_ratio_too():
    assert far_off(-4.0, Predicted(mean=-0.79, sd=0.05), [-value for value in MEASURED]) is None
    assert far_off(-80.0, Predicted(mean=-0.79, sd=0.05), [-value for value in MEASURED]) is not None


@pytest.mark.parametrize("sd", [0.5, 1.0, 2.0, 3.0])
def test_heavy_tailed_values_are_seldom_far_off(sd):
    """Lognormal values, each predicted to be as the others without a doubt, which only a bad model does."""
    draw = random.Random(1)
    n_warnings = 0
    for _ in range(300):
        values = [math.exp(draw.gauss(0, sd)) for _ in range(20)]
        found = [far_off(value, Predicted(mean=1.0, sd=0.0), values[:k]) for k, value in enumerate(values)]
        n_warnings += sum(text is not None for text in found)
    assert n_warnings < 0.01 * 300 * 20


@pytest.fixture
def told(experiment):
    def told(response: float) -> Observation:
        return experiment.tell({"x": 0.5}, response)

    return told


def test_only_what_counts_is_compared(experiment, told):
    for value in MEASURED:
        told(value)
    experiment.exclude(told(80), "a slip")
    again = told(80)
    assert far_off_values(experiment, again, {"Response": PREDICTED}) != []
    experiment.restore(5, "it was right")
    assert far_off_values(experiment, again, {"Response": PREDICTED}) == []


def test_each_response_is_compared_with_its_own(client):
    lab = client.new("lab", SPACE, responses={"yield": "maximize", "cost": "minimize"})
    for value in MEASURED:
        lab.tell({"x": 0.5}, {"yield": value, "cost": 100 * value})
    observation = lab.tell({"x": 0.5}, {"yield": 80, "cost": 80})
    predictions = {"yield": PREDICTED, "cost": Predicted(mean=70.0, sd=5.0)}
    assert [text[:12] for text in far_off_values(lab, observation, predictions)] == ["yield 80 lie"]


def test_expected_value_asks_nothing_of_the_service(experiment, service, told):
    observation = told(0.8)
    n_calls = len(service.calls)
    assert far_off_values(experiment, observation, {"Response": PREDICTED}) == []
    assert len(service.calls) == n_calls


def test_long_history_is_not_read_for_a_value_without_a_prediction(experiment, service, told):
    for value in MEASURED:
        told(value)
    observation = told(80)
    service.experiments[str(experiment.exp_uuid)]["n_observations"] = 1001
    assert far_off_values(experiment, observation, {}) == []
    service.experiments[str(experiment.exp_uuid)]["n_observations"] = 1000
    assert len(far_off_values(experiment, observation, {})) == 1


def test_history_that_cannot_be_read_is_no_error(experiment, service, told):
    observation = told(80)
    service.trouble("GET /experiment", problem(404, "not_found", "gone"))
    assert far_off_values(experiment, observation, {"Response": PREDICTED}) == []
