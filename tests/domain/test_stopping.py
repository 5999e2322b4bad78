import pytest

from autotune_service.domain.stopping import fired
from autotune_wire.responses import Objective, Target
from autotune_wire.stopping import StopRules

MORE = {"yield": Objective(goal="maximize")}
LESS = {"loss": Objective(goal="minimize")}


def rule(rules, responses, values, expected_gain=None):
    found = fired(StopRules.model_validate(rules), responses, values, expected_gain)
    return None if found is None else found.rule


@pytest.mark.parametrize(
    ("rules", "responses", "values", "expected"),
    [
        ({"budget": 3}, MORE, [1.0, None], None),
        ({"budget": 3}, MORE, [1.0, None, 2.0], "budget"),
        ({"target": 2}, MORE, [1.9, None], None),
        ({"target": 2}, MORE, [1.0, 2.0, 0.0], "target"),
        ({"target": 2}, LESS, [2.1], None),
        ({"target": 2}, LESS, [3.0, 2.0], "target"),
        ({"target": 2}, MORE, [], None),
        ({"target": 2, "budget": 1}, MORE, [3.0], "target"),
        ({"plateau": {"n_runs": 2}}, MORE, [1.0, 1.0], None),
        ({"plateau": {"n_runs": 2}}, MORE, [1.0, 1.0, 0.5], "plateau"),
        ({"plateau": {"n_runs": 2}}, MORE, [1.0, 0.5, 1.1], None),
        ({"plateau": {"n_runs": 2, "min_gain": 0.5}}, MORE, [1.0, 0.5, 1.5], "plateau"),
        ({"plateau": {"n_runs": 2, "min_gain": 0.5}}, MORE, [1.0, 0.5, 1.75], None),
        ({"plateau": {"n_runs": 2}}, LESS, [1.0, 2.0, 3.0], "plateau"),
        ({"plateau": {"n_runs": 2}}, LESS, [1.0, 2.0, 0.9], None),
        ({"plateau": {"n_runs": 2}}, MORE, [1.0, None, None], "plateau"),
        ({"plateau": {"n_runs": 2}}, MORE, [None, None, None], None),
    ],
)
def test_fired_names_the_rule_that_is_met(rules, responses, values, expected):
    assert rule(rules, responses, values) == expected


@pytest.mark.parametrize(("gain", "expected"), [(0.09, "min_expected_gain"), (0.1, None), (None, None)])
def test_expected_gain_must_be_known_and_too_small(gain, expected):
    assert rule({"min_expected_gain": 0.1}, MORE, [1.0], gain) == expected


def test_only_the_budget_stops_several_objectives():
    assert rule({"budget": 2, "target": 0}, MORE | LESS, [1.0]) is None
    assert rule({"budget": 2, "target": 0}, MORE | LESS, [1.0, 1.0]) == "budget"


def test_reasons_tell_the_numbers_in_the_unit_of_the_response():
    found = fired(StopRules(target=2), LESS, [2.5, 1.5], None)
    assert found.reason == "loss reached 1.5, the target is 2"
    found = fired(StopRules.model_validate({"plateau": {"n_runs": 1, "min_gain": 0.5}}), LESS, [2.0, 1.75], None)
    assert found.reason == "the last 1 runs gained 0.25, no more than 0.5"


def test_runs_farther_from_a_target_than_the_largest_number_gained_nothing():
    responses = {"pH": Target(goal="match", target=-1.7e308)}
    found = fired(StopRules.model_validate({"plateau": {"n_runs": 2}}), responses, [1.7e308] * 3, None)
    assert found is not None
    assert found.reason == "the last 2 runs gained 0, no more than 0"
