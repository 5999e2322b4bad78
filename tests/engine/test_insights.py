from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.stats import qmc

from autotune_service.engine import insights as shown
from autotune_service.engine.findings.importance import importance
from autotune_service.engine.insights import insights, predict
from autotune_service.engine.interface import EngineInput, Run
from autotune_service.engine.kinds import Kinds
from autotune_service.engine.model.gaussian_process import GaussianProcess, Hyperparameters
from autotune_service.engine.space.encoding import Encoding
from generated import constraints_of, fitted_to, responses_of, space_of

X = {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}
C = {"vtype": "cat", "guess": "a", "options": ["a", "b", "c"]}
N = {"vtype": "int", "guess": 5, "min": 0, "max": 10}
PLANE = {"x": X, "z": X}
MAXIMIZE = responses_of(y="maximize")


def points(names, n):
    rows = qmc.Sobol(len(names), rng=np.random.default_rng(1)).random(64)[:n]
    return [dict(zip(names, row.tolist(), strict=True)) for row in rows]


def problem(covars, measure, space=PLANE, responses=MAXIMIZE, **fields):
    runs = [Run(one, measure(one)) for one in covars]
    return EngineInput(space=space_of(space), responses=responses, runs=runs, seed=3, **fields)


def best_predicted(given):
    best = shown.best_predicted(given)
    return None if best is None else (best.covars, best.predictions["y"])


def bowl(one):
    return {"y": 1.0 - 4 * (one["x"] - 0.3) ** 2 - (one["z"] - 0.6) ** 2}


# Predictions.


def test_prediction_of_a_smooth_function_is_near_it():
    given = problem(points("xz", 30), bowl)
    asked = [{"x": 0.3, "z": 0.6}, {"x": 0.9, "z": 0.1}]
    for one, found in zip(asked, predict(given, asked), strict=True):
        assert found["y"].mean == pytest.approx(bowl(one)["y"], abs=0.02)  # of a range of 3
        assert 0 <= found["y"].sd < 0.05


def test_each_response_is_predicted_in_its_own_unit():
    responses = responses_of(y="maximize", cost=("<=", 5e6))
    given = problem(points("xz", 20), lambda one: bowl(one) | {"cost": 1e6 * (1 + one["x"])}, responses=responses)
    (found,) = predict(given, [{"x": 0.5, "z": 0.5}])
    assert found["cost"].mean == pytest.approx(1.5e6, rel=0.02)


def test_prediction_without_runs_is_empty():
    assert predict(problem([], bowl), points("xz", 3)) == [{}, {}, {}]


def test_prediction_of_one_run_is_what_it_measured():
    given = problem([{"x": 0.2, "z": 0.2}], bowl)
    (found,) = predict(given, [{"x": 0.2, "z": 0.2}])
    assert found["y"].mean == pytest.approx(bowl({"x": 0.2, "z": 0.2})["y"])


# The best.


def test_best_predicted_is_the_run_nearest_to_the_top():
    covars = points("xz", 20)
    best, found = best_predicted(problem(covars, bowl))
    assert best == max(covars, key=lambda one: bowl(one)["y"])
    assert found.mean == pytest.approx(bowl(best)["y"], abs=0.02)


def test_best_predicted_of_what_is_minimized_is_the_lowest():
    covars = points("xz", 20)
    best, _ = best_predicted(problem(covars, bowl, responses=responses_of(y="minimize")))
    assert best == min(covars, key=lambda one: bowl(one)["y"])


def test_best_predicted_is_not_the_luckiest_measurement():
    rng = np.random.default_rng(0)
    at = [{"x": x, "z": 0.5} for x in (0.0, 0.25, 0.5, 0.75, 1.0) for _ in range(8)]
    given = problem(at, lambda one: {"y": -((one["x"] - 0.5) ** 2) + 0.1 * rng.normal()})
    runs = [*given.runs, Run({"x": 1.0, "z": 0.5}, {"y": 0.4})]  # luck: four deviations
    best, _ = best_predicted(replace(given, runs=runs))
    assert best["x"] in {0.25, 0.5, 0.75}


def test_best_predicted_meets_the_thresholds_and_worked():
    responses = responses_of(y="maximize", z1=("<=", 0.5))
    runs = [
        Run({"x": 0.9, "z": 0.5}, {"y": 9.0, "z1": 0.9}),  # too much
        Run({"x": 0.8, "z": 0.5}, {"y": 8.0}),  # predicted to be too much
        Run({"x": 0.95, "z": 0.5}, is_failed=True),
        *(Run({"x": x, "z": 0.5}, {"y": 10 * x, "z1": x}) for x in (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7)),
    ]
    best, _ = best_predicted(replace(problem([], bowl), runs=runs, responses=responses))
    assert best["x"] == 0.4


def test_best_predicted_is_no_run_that_failed():
    runs = [*(Run({"x": k / 8, "z": 0.5}, {"y": k}) for k in range(7)), Run({"x": 1.0, "z": 0.5}, is_failed=True)]
    given = replace(problem([], bowl), runs=runs)
    best, expected = best_predicted(given)
    assert best["x"] == 0.75
    assert predict(given, [{"x": 1.0, "z": 0.5}])[0]["y"].mean > expected.mean


def test_nothing_is_best_where_nothing_counts():
    assert best_predicted(problem([], bowl)) is None
    failed = [Run(one, is_failed=True) for one in points("xz", 3)]
    assert best_predicted(replace(problem([], bowl), runs=failed)) is None
    responses = responses_of(y="maximize", z1=(">=", 5.0))
    assert best_predicted(problem(points("xz", 6), lambda one: bowl(one) | {"z1": 0.0}, responses=responses)) is None


# Leave-one-out.


def test_left_out_predictions_are_aligned_with_the_runs():
    runs = [
        *problem(points("xz", 8), bowl).runs,
        Run({"x": 0.1, "z": 0.1}, is_failed=True),
        Run({"x": 0.2, "z": 0.1}, {}),
        Run({"x": 0.3, "z": 0.1}, {"y": 0.5}),
    ]
    found = insights(replace(problem([], bowl), runs=runs)).leave_one_out["y"]
    assert [one is None for one in found] == [False] * 8 + [True, True, False]


def test_left_out_predictions_tell_a_good_model_from_a_bad_one():
    covars = points("xz", 24)
    rng = np.random.default_rng(0)
    luck = iter(rng.normal(size=24))

    def error(given):
        found = insights(given).leave_one_out["y"]
        measured = np.array([run.responses["y"] for run in given.runs])
        return np.std(measured - [one.mean for one in found]) / np.std(measured)

    assert error(problem(covars, bowl)) < 0.4
    assert error(problem(covars, lambda one: {"y": next(luck)})) > 0.8


def test_left_out_prediction_is_that_of_a_refit_with_the_same_kernel():
    given = problem(points("xz", 9), bowl)
    surrogate = fitted_to(given)["y"]
    process, rest = surrogate.process, np.arange(9) != 4
    refit = GaussianProcess(
        process.rows[rest],
        process.targets[rest],
        process.noises[rest],
        process.hyperparameters,
        process.kinds,
        mean=process.mean,
    )
    mean, variance = refit.predict(process.rows[4:5])
    expected = surrogate.scale.from_model(mean, np.sqrt(variance + process.noises[4]))
    found = insights(given).leave_one_out["y"][4]
    assert found.mean == pytest.approx(expected[0][0], rel=1e-6)
    assert 1 - 1e-6 <= found.sd / expected[1][0] <= 3  # wider where the bands cover too few runs


def test_runs_the_model_is_not_conditioned_on_have_no_prediction(monkeypatch):
    monkeypatch.setattr("autotune_service.engine.insights.MAX_SHOWN", 20)
    found = insights(problem(points("xz", 40), bowl)).leave_one_out["y"]
    assert (len(found), found.count(None)) == (40, 20)


# Importance.


def flat_process(weights, is_code=None):
    """Give a process whose mean is nearly linear with these slopes."""
    d = len(weights)
    rows = np.array(list(product(np.linspace(0, 1, 4), repeat=d)))
    own = Hyperparameters(np.full(d, 0.05), 100.0, 1e-6)
    return GaussianProcess(rows, rows @ weights, np.full(len(rows), 1e-6), own, Kinds(np.zeros(d, dtype=bool)))


def test_importance_of_a_sum_is_the_share_of_its_squares():
    # The variance of 2 x + z over the unit square is 4 / 12 + 1 / 12.
    found = importance(Encoding(space_of(PLANE)), flat_process(np.array([2.0, 1.0])), 0)
    assert found == pytest.approx({"x": 0.8, "z": 0.2}, abs=0.01)


def test_importance_of_a_product_counts_for_both():
    # (x - 1/2)(z - 1/2) has no part that is of one alone: first-order shares would be 0 by 0.
    rows = np.array(list(product(np.linspace(0, 1, 6), repeat=2)))
    own = Hyperparameters(np.full(2, 1.0), 10.0, 1e-6)
    targets = (rows[:, 0] - 0.5) * (rows[:, 1] - 0.5)
    process = GaussianProcess(rows, targets, np.full(len(rows), 1e-6), own, Kinds(np.zeros(2, dtype=bool)))
    assert importance(Encoding(space_of(PLANE)), process, 0) == pytest.approx({"x": 0.5, "z": 0.5}, abs=0.03)


def test_importance_of_options_and_of_what_plays_no_part():
    space = {
        "c": C,
        "knob": X | {"active_if": {"covariate": "c", "values": ["b"]}},
        "idle": X,
    }
    covars = [
        {"c": c, "idle": x} | ({"knob": k} if c == "b" else {}) for c in "abc" for x in (0, 0.5, 1) for k in (0, 0.5, 1)
    ]
    given = problem(covars, lambda one: {"y": {"a": 0, "b": 3, "c": 6}[one["c"]] + one.get("knob", 0.0)}, space)
    found = insights(given).importance["y"]
    assert sum(found.values()) == pytest.approx(1.0)
    # Var c = 6.5 or so; of knob 1/12, and only in a third of the space; nothing of the third one.
    assert found["c"] > 0.9
    assert 0.001 < found["knob"] < 0.05
    assert found["idle"] < 0.005


def test_importance_of_a_flat_model_is_missing():
    assert insights(problem(points("xz", 6), lambda one: {"y": 3.0})).importance == {}


# Slices.


def test_slices_go_through_the_best_point():
    given = problem(points("xz", 20), bowl)
    found = insights(given)
    best = found.best_predicted.covars
    along = found.slices["y"]["x"]
    assert [point.value for point in along] == pytest.approx(np.linspace(0, 1, 25))
    for point in along[::8]:
        (expected,) = predict(given, [best | {"x": point.value}])
        assert point.prediction.mean == pytest.approx(expected["y"].mean, rel=1e-9)
        assert point.prediction.sd == pytest.approx(expected["y"].sd, rel=1e-9)


def test_slices_have_every_option_and_every_whole_number():
    space = {"c": C, "n": N, "wide": N | {"max": 1000}}
    covars = [{"c": "abc"[k % 3], "n": k, "wide": 90 * k} for k in range(11)]
    found = insights(problem(covars, lambda one: {"y": one["n"]}, space)).slices["y"]
    assert [point.value for point in found["c"]] == ["a", "b", "c"]
    assert [point.value for point in found["n"]] == list(range(11))
    assert len(found["wide"]) == 25
    assert all(isinstance(point.value, int) for point in found["wide"])


def test_slices_leave_out_what_plays_no_part_at_the_best_point():
    space = {"c": C, "knob": X | {"active_if": {"covariate": "c", "values": ["b"]}}}
    covars = [{"c": "a"}, {"c": "c"}, *({"c": "b", "knob": k / 4} for k in range(5))]
    plain = insights(problem(covars, lambda one: {"y": 5.0 * (one["c"] == "a")}, space)).slices["y"]
    fancy = insights(problem(covars, lambda one: {"y": 5.0 * (one["c"] == "b")}, space)).slices["y"]
    assert list(plain) == ["c"]
    assert list(fancy) == ["c", "knob"]


def test_slice_of_what_others_hang_on_switches_them_off():
    space = {"c": C, "knob": X | {"active_if": {"covariate": "c", "values": ["b"]}}}
    covars = [{"c": "a"}, {"c": "c"}, *({"c": "b", "knob": k / 4} for k in range(5))]
    given = problem(covars, lambda one: {"y": 3.0 * one.get("knob", 0.1)}, space)
    found = insights(given)
    assert found.best_predicted.covars == {"c": "b", "knob": 1.0}
    along = {point.value: point.prediction for point in found.slices["y"]["c"]}
    for option in "ac":
        assert along[option].mean == pytest.approx(predict(given, [{"c": option}])[0]["y"].mean)


def test_slices_leave_a_retired_option_for_what_is_best_of_the_others():
    covars = [{"x": k / 8, "c": ["gone", "a"][k % 2]} for k in range(8)]
    given = problem(covars, lambda one: {"y": float(one["c"] == "gone")}, {"x": X, "c": C}, retired={"c": ["gone"]})
    found = insights(given)
    assert found.best_predicted.covars["c"] == "a"
    assert [point.value for point in found.slices["y"]["c"]] == ["a", "b", "c"]


# Several objectives.


def two(first, second):
    return {"y": first, "cost": second}


def test_front_are_the_runs_that_no_other_beats():
    values = [two(1, 1), two(2, 2), two(3, 4), two(2, 3), two(0, 0.5), two(4, 9)]
    at = points("xz", 6)
    runs = [Run(one, value) for one, value in zip(at, values, strict=True)]
    responses = responses_of(y="maximize", cost="minimize")
    found = insights(replace(problem([], bowl), runs=runs, responses=responses))
    assert found.pareto == [0, 1, 2, 4, 5]  # (2, 3) is beaten by (2, 2)


def test_hypervolume_is_the_area_beyond_the_reference():
    at = points("xz", 2)
    runs = [Run(at[0], two(2, 1)), Run(at[1], two(4, 3))]
    responses = responses_of(y="maximize", cost="minimize")
    responses = {
        name: one.model_copy(update={"reference": end})
        for (name, one), end in zip(responses.items(), (1.0, 5.0), strict=True)
    }
    found = insights(replace(problem([], bowl), runs=runs, responses=responses))
    # From (1, 5): 1 x 4 of the first and 3 x 2 of the second, which share 1 x 2.
    assert found.reference == {"y": 1.0, "cost": 5.0}
    assert found.hypervolume == pytest.approx(4 + 6 - 2)


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e150, 1e250])
def test_hypervolume_is_finite_or_missing(size):
    runs = [Run(one, two(size * k, -size * k * k)) for k, one in enumerate(points("xz", 6))]
    found = insights(replace(problem([], bowl), runs=runs, responses=responses_of(y="maximize", cost="maximize")))
    assert found.hypervolume is None or np.isfinite(found.hypervolume)
    assert (found.hypervolume is None) == (size == 1e250)
    assert all(np.isfinite(one) for one in found.reference.values())


def test_hypervolume_is_told_where_a_range_is_too_large_for_a_number_and_the_volume_is_not():
    runs = [Run(points("xz", 1)[0], two(1e308, 1e-300))]
    responses = responses_of(y="maximize", cost="maximize")
    ends = {"y": -1e308, "cost": 0.0}
    responses = {name: one.model_copy(update={"reference": ends[name]}) for name, one in responses.items()}
    found = insights(replace(problem([], bowl), runs=runs, responses=responses))
    assert found.hypervolume == pytest.approx(2e8)  # 2e308 times 1e-300


def test_threshold_at_one_end_of_the_numbers_is_judged_at_the_other():
    values = [{"y": 1.0, "z": 1.7e308}, {"y": 2.0, "z": -1.7e308}, {"y": 3.0, "z": 1.0}]
    runs = [Run(at, value) for at, value in zip(points("xz", 3), values, strict=True)]
    for bound, best in ((-1.7e308, 2), (1.7e308, 0), (0.0, 2)):
        responses = responses_of(y="maximize", z=(">=", bound))
        assert insights(replace(problem([], bowl), runs=runs, responses=responses)).pareto == [best]


def test_front_of_one_objective_is_the_best_without_a_volume():
    found = insights(problem(points("xz", 8), lambda one: {"y": one["x"]}))
    assert found.pareto == [int(np.argmax([one["x"] for one in points("xz", 8)]))]
    assert (found.hypervolume, found.reference) == (None, None)


def test_front_leaves_out_what_is_unacceptable_or_partly_measured():
    responses = responses_of(y="maximize", cost="minimize", z1=("<=", 0.5))
    values = [two(9, 0) | {"z1": 0.9}, two(1, 1) | {"z1": 0.1}, {"y": 99.0, "z1": 0.1}]
    runs = [Run(one, value) for one, value in zip(points("xz", 3), values, strict=True)]
    assert insights(replace(problem([], bowl), runs=runs, responses=responses)).pareto == [1]


# The share of the space that works.


def test_feasible_share_is_that_of_the_space():
    responses = responses_of(y="maximize", z1=("<=", 0.3))
    given = problem(points("xz", 40), lambda one: bowl(one) | {"z1": one["x"]}, responses=responses)
    assert insights(given).feasible_share == pytest.approx(0.3, abs=0.03)


def test_feasible_share_counts_failures_within_the_constraints():
    limits = constraints_of({"ctype": "linear", "weights": {"x": 1.0}, "relation": "<=", "bound": 0.5})
    runs = [Run(one, {"y": 0.0}, is_failed=one["x"] > 0.25) for one in points("xz", 60)]
    given = replace(problem([], bowl), runs=runs, constraints=limits)
    # A step is learnt as a slope: a tenth of the range is as sharp as sixty points make it.
    assert insights(given).feasible_share == pytest.approx(0.5, abs=0.1)


def test_feasible_share_is_none_where_everything_works():
    assert insights(problem(points("xz", 6), bowl)).feasible_share is None


# Few data.


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_runs_give_few_insights_and_no_error(n):
    found = insights(problem(points("xz", n), bowl))
    assert found.pareto == ([] if n == 0 else found.pareto)
    assert (found.best_predicted is None) == (n == 0)
    assert set(found.slices) == ({"y"} if n else set())
    assert found.leave_one_out.get("y", []) == ([None] * n if n < 2 else found.leave_one_out["y"])
    assert found.importance == {} if n < 2 else sum(found.importance["y"].values()) == pytest.approx(1.0)


def test_only_failures_give_a_share_and_nothing_else():
    runs = [Run(one, is_failed=True) for one in points("xz", 4)]
    found = insights(replace(problem([], bowl), runs=runs))
    assert found.best_predicted is None
    assert found.pareto == []
    assert 0 < found.feasible_share < 0.5


def test_insights_depend_on_the_problem_alone():
    given = problem(points("xz", 12), bowl)
    first = insights(given)
    np.random.seed(7)
    assert insights(given) == first
