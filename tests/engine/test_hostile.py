"""Histories that a model can stumble over: each is answered by the model, and never by a silent random point."""

import json
import math
import re
import sys
from dataclasses import asdict

import pytest

from autotune_service.engine.insights import best_predicted, insights, predict
from autotune_service.engine.interface import Run
from autotune_service.engine.model.surrogate import fit_feasibility
from autotune_service.engine.space.encoding import Encoding
from autotune_service.engine.suggest import suggest
from generated import constraints_of, fitted_to
from hostile import HOSTILE, LONG, SEVERAL, SPACE, places, problem, shares, thin, told


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_history_is_answered_by_the_model(name):
    given = HOSTILE[name]
    (one,) = suggest(given)
    assert one.source == "model"
    assert all(constraint.holds(one.covars) for constraint in given.constraints)
    assert all(math.isfinite(value) for found in one.predictions.values() for value in (found.mean, found.sd))
    assert all(found.sd >= 0 for found in one.predictions.values())
    assert (one.source == "model") == (one.acquisition is not None)
    assert one.acquisition is None or math.isfinite(one.acquisition)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_history_has_insights(name):
    given = HOSTILE[name]
    found = insights(given)
    assert found.best_predicted == best_predicted(given)
    for shares_of in found.importance.values():
        assert sum(shares_of.values()) == pytest.approx(1.0)
    assert not re.search(r"\b(Infinity|NaN|inf|nan)\b", json.dumps(asdict(found)))
    for predictions in predict(given, [run.covars for run in given.runs]):
        assert all(math.isfinite(one.mean) and math.isfinite(one.sd) for one in predictions.values())


@pytest.mark.parametrize("name", LONG)
def test_long_hostile_history_is_averaged_over_hyperparameters(name):
    assert all(len(surrogate.alternatives) == 8 for surrogate in fitted_to(HOSTILE[name]).values())


def test_hostile_histories_of_several_objectives_take_both_kinds_of_turns():
    reasons = [suggest(given)[0].reason for given in SEVERAL.values()]
    for title in ("expected hypervolume improvement,", "improvement of y alone", "improvement of z alone"):
        assert any(title in reason for reason in reasons), title


@pytest.mark.parametrize("unit", [1e-300, 1.7e308])
def test_unit_of_a_response_changes_no_suggestion(unit):
    responses = [1.0, -1.0, -0.25, 0.5] * 6
    (ordinary,) = suggest(problem(told(responses)))
    (one,) = suggest(problem(told([unit * response for response in responses])))
    expected, found = ordinary.predictions["y"], one.predictions["y"]
    assert (one.source, one.covars) == ("model", ordinary.covars)
    assert found.mean == pytest.approx(min(unit * expected.mean, sys.float_info.max))
    assert found.sd == pytest.approx(min(unit * expected.sd, sys.float_info.max))


def test_few_runs_get_initial_points_that_say_so():
    for runs in ([], told([1.0]), [Run(places(1)[0], is_failed=True)]):
        (one,) = suggest(problem(runs))
        assert (one.source, one.reason) == ("sobol", "initial design, until 8 configurations are known")


def test_runs_without_any_response_get_a_point_that_says_so():
    (one,) = suggest(problem([Run(covars) for covars in places(9)]))
    assert one.source == "sobol"
    assert "none of 9 runs has given a response" in one.reason


def test_one_point_left_by_linear_constraints_is_repeated_and_says_so():
    limits = constraints_of(
        {"ctype": "linear", "weights": {"x": 1.0, "n": 1.0}, "relation": ">=", "bound": 10.0},
        {"ctype": "forbidden", "combination": {"c": ["b", "c"]}},
    )
    point = {"x": 1.0, "n": 9, "c": "a"}
    for runs in ([Run(point, {"y": 1.0})], [Run(point, {"y": 1.0}), *told([0.5] * 6)]):
        (one,) = suggest(problem(runs, constraints=limits))
        assert one.covars | {"x": 1.0} == point
        assert one.covars["x"] == pytest.approx(1.0, rel=1e-9)  # the slack of the sum
        assert "no other configuration was found" in one.reason


def test_thin_region_is_searched_from_end_to_end():
    space, limits = shares()
    runs = thin().runs
    suggested = suggest(problem(runs, space, constraints=limits, n=6))
    assert len({one.covars["n"] for one in suggested}) > 1
    assert all(limits[0].holds(one.covars) for one in suggested)
    assert {one.source for one in suggested} == {"model"}


def test_one_hopeless_run_does_not_hide_the_others():
    # The best is at x = 0.6; without the drawing in all ordinary responses would be the same number.
    at = [{"x": k / 8, "n": 5, "c": "a"} for k in range(9)]
    responses = [-((one["x"] - 0.6) ** 2) for one in at]
    for worst in (-1e6, -1e300):
        (one,) = suggest(problem(told([worst, *responses[1:]], at=at), fixed={"n": 5, "c": "a"}))
        assert 0.4 < one.covars["x"] < 0.8


def test_thousand_observations_are_answered():
    at = [{"x": (0.37 + 0.618 * k) % 1.0, "n": 7 * k % 10, "c": "abc"[k % 3]} for k in range(1000)]
    runs = told([-((one["x"] - 0.6) ** 2) - 0.1 * abs(one["n"] - 4) for one in at], at=at)
    (one,) = suggest(problem(runs))
    assert one.source == "model"
    assert 0.5 < one.covars["x"] < 0.7


def test_few_failures_among_many_runs_are_learnt_from():
    at = [{"x": (0.37 + 0.618 * k) % 1.0, "n": 7 * k % 10, "c": "abc"[k % 3]} for k in range(2400)]
    runs = [Run(one, is_failed=True) if one["x"] > 0.97 else Run(one, {"y": one["x"]}) for one in at]
    encoding = Encoding(SPACE)
    process = fit_feasibility(runs, encoding.encode(at), encoding.kinds)
    assert len(process.rows) == 2000
    assert (process.targets < 0).sum() == sum(run.is_failed for run in runs)
