from dataclasses import replace

import numpy as np
import pytest

from autotune_service.engine.insights import best_predicted, insights, predict
from autotune_service.engine.interface import EngineInput, Run
from generated import constraints_of, fitted_to, responses_of, space_of

X = {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}
OVEN = {"vtype": "cat", "guess": "a", "options": ["a", "b"], "role": "context"}
AT = [{"x": x, "z": z} for x in (0.1, 0.4, 0.7, 1.0) for z in (0.2, 0.5, 0.8)]
MAXIMIZE = responses_of(y="maximize")


def problem(covars, measure, space, responses=MAXIMIZE, **fields):
    runs = [Run(one, measure(one)) for one in covars]
    return EngineInput(space=space_of(space), responses=responses, runs=runs, seed=3, **fields)


def rising(one):
    return {"y": 10 * one["x"] - 4 * (one["z"] - 0.5) ** 2}


LIMIT = {"ctype": "linear", "weights": {"x": 1.0, "z": 1.0}, "relation": "<=", "bound": 0.8}


def test_promise_40_best_predicted_is_a_run_that_may_be_made_again():
    narrowed = problem(AT, rising, {"x": X | {"max": 0.5}, "z": X})
    assert best_predicted(narrowed).covars == {"x": 0.4, "z": 0.5}
    limited = problem(AT, rising, {"x": X, "z": X}, constraints=constraints_of(LIMIT))
    assert best_predicted(limited).covars == {"x": 0.4, "z": 0.2}  # x = 0.4 with z = 0.5 is beyond the limit
    # 0.75 of a step is no setting, and 1.2 lies beyond the range: both were run and are not recommended.
    measured = [*AT, {"x": 1.2, "z": 0.5}, {"x": 1.0, "z": 0.55}]
    stepped = problem(measured, rising, {"x": X, "z": X | {"step": 0.1}})
    assert best_predicted(stepped).covars == {"x": 1.0, "z": 0.5}


def test_best_predicted_where_no_run_may_be_made_again_is_searched_for():
    total = constraints_of(LIMIT | {"relation": "==", "bound": 0.75})
    best = best_predicted(problem(AT, rising, {"x": X, "z": X}, constraints=total))
    # On x + z = 0.75, 10 x - 4 (0.25 - x)^2 rises up to x = 0.75.
    assert best.covars["x"] + best.covars["z"] == pytest.approx(0.75, abs=1e-15)
    assert best.covars["x"] == pytest.approx(0.75, abs=0.02)


def test_best_predicted_of_a_space_in_which_no_threshold_can_be_met_is_none():
    two = responses_of(y="maximize", cost=("<=", 5.0))
    given = problem(
        AT, lambda one: rising(one) | {"cost": 10 * one["x"]}, {"x": X | {"min": 0.8, "guess": 0.9}, "z": X}, two
    )
    assert best_predicted(given) is None  # the runs with x of at most 0.5 meet it, and the space begins at 0.8


def test_best_predicted_tells_every_response():
    two = responses_of(y="maximize", cost=("<=", 5.0))
    given = problem(AT, lambda one: rising(one) | {"cost": 10 * one["x"]}, {"x": X, "z": X}, two)
    best = best_predicted(given)
    assert best.covars == {"x": 0.4, "z": 0.5}
    (expected,) = predict(given, [best.covars])
    for name, prediction in expected.items():  # predicted one by one, the last digits may differ
        assert best.predictions[name].mean == pytest.approx(prediction.mean, rel=1e-9)


def ovens(one):
    """Oven a is best at x = 0.1, oven b at x = 1, far below all of oven a."""
    return {"y": 90 - 10 * one["x"] if one["oven"] == "a" else 10 * one["x"]}


def test_each_context_has_a_best_of_its_own_that_of_the_newest_run_first():
    covars = [one | {"oven": "ab"[k % 2]} for k, one in enumerate(AT)]
    found = insights(problem(covars, ovens, {"x": X, "z": X, "oven": OVEN})).best_by_context
    assert [context for context, _ in found] == [{"oven": "b"}, {"oven": "a"}]
    assert [best.covars["oven"] for _, best in found] == ["b", "a"]
    runs_of_b = [one for one in covars if one["oven"] == "b"]
    assert found[0][1].covars["x"] == max(one["x"] for one in runs_of_b)
    assert found[1][1].covars["x"] == 0.1


def test_context_with_few_runs_has_the_best_that_the_model_predicts_there():
    rng = np.random.default_rng(1)
    covars = [{"x": x, "room": room} for x, room in rng.random((20, 2)).tolist()]
    space = {"x": X, "room": X | {"role": "context"}}
    found = insights(problem(covars, lambda one: {"y": -((one["x"] - one["room"]) ** 2)}, space)).best_by_context
    context, best = found[0]
    assert context == {"room": covars[-1]["room"]} == {"room": best.covars["room"]}
    assert best.covars["x"] == pytest.approx(context["room"], abs=0.12)  # no run of that room was there


def test_experiments_without_contexts_have_no_best_by_context():
    assert insights(problem(AT, rising, {"x": X, "z": X})).best_by_context == []


# Importance.


def test_promise_40_covariate_with_one_value_in_the_data_has_no_share():
    rng = np.random.default_rng(1)
    space = {"t": X, "stir": X, "base": OVEN | {"role": "design"}}
    covars = [{"t": float(t), "stir": 0.3, "base": "a"} for t in rng.random(15)]
    found = insights(problem(covars, lambda one: {"y": -((one["t"] - 0.6) ** 2)}, space))
    assert found.not_varied == ["stir", "base"]
    assert found.importance["y"] == pytest.approx({"t": 1.0, "stir": 0.0, "base": 0.0}, abs=1e-9)


def test_covariate_that_varied_among_runs_of_another_response_only_has_no_share_in_this_one():
    space = {"t": X, "stir": X}
    runs = [Run({"t": k / 10, "stir": 0.3}, {"y": (k / 10) ** 2}) for k in range(10)]
    runs += [Run({"t": 0.5, "stir": k / 4}, {"w": k}) for k in range(5)]
    given = EngineInput(space=space_of(space), responses=responses_of(y="maximize", w="maximize"), runs=runs, seed=1)
    found = insights(given)
    assert found.not_varied == []
    assert found.importance["y"] == pytest.approx({"t": 1.0, "stir": 0.0}, abs=1e-9)
    assert found.importance["w"] == pytest.approx({"t": 0.0, "stir": 1.0}, abs=1e-9)


def test_covariate_that_was_active_with_one_value_only_has_no_share():
    knob = X | {"active_if": {"covariate": "oven", "values": ["b"]}}
    space = {"t": X, "oven": OVEN | {"role": "design"}, "knob": knob}
    covars = [{"t": k / 10, "oven": "ab"[k % 2]} | ({"knob": 0.9} if k % 2 else {}) for k in range(10)]
    found = insights(problem(covars, lambda one: {"y": one["t"] + (one["oven"] == "b")}, space))
    assert found.not_varied == ["knob"]
    assert found.importance["y"]["knob"] == pytest.approx(0.0, abs=1e-9)
    assert found.importance["y"]["oven"] > 0.3


# Predictions that stay in scale.

TAILS = {
    "growth": ([0, 16, 20, 24, 32, 80], [0.81, 1.03, 1.02, 1.03, 0.62, 0.43], "maximize", 100),
    "accuracy": (
        [0, 12, 25, 37, 50, 62, 75, 87, 100],
        [0.95, 0.951, 0.949, 0.95, 0.9505, 0.1, 0.11, 0.1, 0.12],
        "maximize",
        100,
    ),
    "yield": ([10, 30, 50, 70, 90, 20], [72, 81, 83, 79, 15, 78], "maximize", 100),
    "loss": ([1, 2, 3, 4, 5, 6, 7, 8], [0.31, 0.33, 0.305, 0.32, 2.3, 2.3, 0.31, 1.9], "minimize", 10),
    "seconds": ([1, 2, 3, 4, 5, 6, 7, 8], [12, 12.5, 11.8, 13, 60, 600, 12.2, 55], "minimize", 10),
}


@pytest.mark.parametrize("name", TAILS)
def test_what_is_told_stays_within_what_was_measured(name):
    xs, ys, goal, high = TAILS[name]
    space = {"v": X | {"max": float(high), "guess": high / 2}}
    given = problem([{"v": float(x)} for x in xs], lambda _: {}, space, responses_of(y=goal))
    given = replace(given, runs=[Run({"v": float(x)}, {"y": float(y)}) for x, y in zip(xs, ys, strict=True)])
    found = insights(given)
    low, top = min(ys), max(ys)
    predictions = [point.prediction for point in found.slices["y"]["v"]] + found.leave_one_out["y"]
    assert all(low - 0.1 * (top - low) <= one.mean <= top + 0.1 * (top - low) for one in predictions)
    assert all(one.sd < 2 * (top - low) for one in predictions)


def test_leave_one_out_bands_cover_what_they_should_where_values_are_very_bad():
    """Of functions with bad tails, 95 % bands cover 90 to 98 % of the measurements."""
    covered = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        slope, center, rate = rng.normal(size=2) * 3, rng.random(2), rng.uniform(1.5, 2.5)
        covars = [{"x": x, "z": z} for x, z in rng.random((int(rng.integers(10, 30)), 2)).tolist()]

        def bad(one, slope=slope, center=center, rate=rate):
            at = np.array([one["x"], one["z"]])
            return {"y": -float(np.exp(-rate * (np.cos(at @ slope) - 3 * ((at - center) ** 2).sum())))}

        given = problem(covars, bad, {"x": X, "z": X})
        left_out = insights(given).leave_one_out["y"]
        covered += [
            abs(run.responses["y"] - one.mean) <= 1.96 * one.sd for run, one in zip(given.runs, left_out, strict=True)
        ]
    assert 0.9 <= np.mean(covered) <= 0.98


def test_best_predicted_is_the_setting_that_a_run_was_made_at():
    covars = [{"x": x, "z": 0.5} for x in (0.1, 0.3, 0.5, 0.8, 1.0000005)]
    best = best_predicted(problem(covars, rising, {"x": X, "z": X}))
    assert best.covars == {"x": 1.0, "z": 0.5}


def test_importance_does_not_depend_on_the_order_of_the_runs():
    knob = X | {"active_if": {"covariate": "k", "values": ["b"]}}
    space = {"x": X, "k": OVEN | {"role": "design"}, "d": knob}
    covars = [{"x": k / 10, "k": "ab"[k % 2]} | ({"d": 0.0} if k % 2 else {}) for k in range(11)]
    given = problem(covars, lambda one: {"y": one["x"] + 3 * (one["k"] == "b")}, space)
    turned = replace(given, runs=given.runs[::-1])
    assert insights(turned).importance["y"] == pytest.approx(insights(given).importance["y"], abs=0.01)


def test_bands_that_cover_too_few_runs_are_widened():
    """Where a function falls steeply a Gaussian process is too sure of itself: too few of its bands cover their run."""
    rng = np.random.default_rng(6)
    covars = [{"x": x, "z": z} for x, z in rng.random((30, 2)).tolist()]
    given = problem(
        covars, lambda one: {"y": float(-np.exp(4 * one["x"] * one["z"] - 2 * np.cos(6 * one["x"])))}, {"x": X, "z": X}
    )
    surrogate = fitted_to(given)["y"]
    measured = np.array([run.responses["y"] for run in given.runs])

    def covered(means, sds):
        return np.mean(np.abs(measured - means) <= 1.96 * sds)

    means, variances = surrogate.process.leave_one_out()
    raw = covered(*surrogate.scale.from_model(means, np.sqrt(variances)))
    told = covered(*np.array([(one.mean, one.sd) for one in surrogate.left_out()]).T)
    assert raw <= 0.85
    assert told >= 0.93
