import random
from dataclasses import replace

import numpy as np
import pytest

from autotune_service.engine.acquisition.functions import LogProbability
from autotune_service.engine.interface import EngineInput, Run
from autotune_service.engine.model.surrogate import fit_feasibility
from autotune_service.engine.space.encoding import Encoding
from autotune_service.engine.suggest import explore, suggest
from generated import constraints_of, responses_of, space_of
from support import GUESS, SPACE

X = {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}
NUMBERS = space_of({"x": X, "z": X})
MAXIMIZE = responses_of(y="maximize")
space = space_of(SPACE)
key = Encoding(space).key


def quality(covars):
    return (
        {"red": 0, "green": 2, "blue": 1}[covars["color"]]
        - (covars["v1"] - 3) ** 2
        - ((covars["weight"] - 120) / 50) ** 2
    )


def problem(told=(), measure=quality, of=space, **fields):
    runs = [Run(one, {"y": measure(one)}) for one in told]
    return EngineInput(space=of, runs=runs, **{"seed": 1, "responses": MAXIMIZE, **fields})


def design(n, of=space, guess=GUESS, seed=1):
    return [guess, *(one.covars for one in explore(problem(of=of, n=n - 1, seed=seed), "wanted"))]


def tuned(n, first, **fields):
    """Tell what is suggested until n configurations are told."""
    runs = list(first.runs)
    while len(runs) < n:
        suggested = suggest(replace(first, runs=runs))[0].covars
        runs.append(Run(suggested, **fields["tell"](suggested)))
    return runs


def test_first_suggestions_are_sobol_points_that_say_so():
    suggested = suggest(problem([GUESS], n=4))
    assert [one.source for one in suggested] == ["sobol"] * 4
    assert {one.reason for one in suggested} == {"initial design, until 8 configurations are known"}


def test_model_suggests_after_five_configurations_of_numbers_and_eight_with_options():
    middle = {"x": 0.5, "z": 0.5}
    for n, told in ((5, problem(design(5, NUMBERS, middle), lambda one: one["x"], NUMBERS)), (8, problem(design(8)))):
        (last,), (suggested,) = suggest(replace(told, runs=told.runs[:-1])), suggest(told)
        assert (last.source, last.reason) == ("sobol", f"initial design, until {n} configurations are known")
        assert suggested.source == "model"
        assert suggested.reason == f"the highest expected improvement, after {n} observations"


def test_model_finds_the_best_configuration():
    runs = tuned(16, problem([GUESS]), tell=lambda one: {"responses": {"y": quality(one)}})
    # The optimum is 2 at green, 3, 120; a random search of this length is at about -1.
    assert max(run.responses["y"] for run in runs) > 1.9


def test_minimizing_is_maximizing_the_negative():
    told = design(8)
    (high,) = suggest(problem(told))
    (low,) = suggest(problem(told, lambda one: -quality(one), responses=responses_of(y="minimize")))
    assert low.covars == high.covars
    assert low.predictions["y"].mean == pytest.approx(-high.predictions["y"].mean)
    assert low.predictions["y"].sd == pytest.approx(high.predictions["y"].sd)


def test_predictions_are_in_the_unit_of_the_response():
    told = design(11)
    (small,) = suggest(problem(told))
    (large,) = suggest(problem(told, lambda one: 1000 * quality(one) + 5e6))
    # Scaling and shifting the responses only scales and shifts the prediction, up to the climbs' stopping rules.
    assert large.covars["weight"] == pytest.approx(small.covars["weight"], rel=1e-3)
    assert large.predictions["y"].mean == pytest.approx(1000 * small.predictions["y"].mean + 5e6, rel=1e-5)
    assert large.predictions["y"].sd == pytest.approx(1000 * small.predictions["y"].sd, rel=1e-2)
    assert large.acquisition == pytest.approx(1000 * small.acquisition, rel=1e-2)


def test_suggestions_do_not_depend_on_the_state_of_the_process():
    given = problem(design(8), pending=[GUESS | {"v1": 5}], n=2)
    suggested = []
    for state in range(3):
        random.seed(state)
        np.random.seed(state)
        suggested.append(suggest(given))
    assert suggested[0] == suggested[1] == suggested[2]


def test_batch_differs_from_itself_and_from_what_is_known():
    told = design(8)
    pending = [suggest(problem(told))[0].covars]
    batch = [one.covars for one in suggest(problem(told, pending=pending, n=5))]
    assert len({key(one) for one in batch + pending + told}) == 5 + 1 + 8


@pytest.mark.parametrize("seed", range(13, 17))
def test_batch_is_what_asking_one_by_one_gives_to_the_last_bit(seed):
    chance, pending = random.Random(seed), []
    told = [
        {"v1": chance.randrange(6), "color": chance.choice(["red", "green", "blue"]), "weight": chance.uniform(0, 190)}
        for _ in range(12)
    ]
    given = problem(told, lambda one: one["v1"] - (one["weight"] - 90.0) ** 2 / 1000, seed=seed, n=4)
    for together in suggest(given):
        (alone,) = suggest(replace(given, pending=pending, n=1))
        assert alone == together
        pending.append(alone.covars)


def test_reason_counts_what_is_pending():
    numbers = problem(design(8, of=NUMBERS, guess={"x": 0.5, "z": 0.5}), lambda one: one["x"], NUMBERS, n=2)
    first, second = suggest(numbers)
    assert first.reason == "the highest expected improvement, after 8 observations"
    assert second.reason == "the highest expected improvement, after 8 observations and with 1 suggestion pending"


def test_small_space_is_tried_whole_before_anything_is_repeated():
    small = space_of({"n": {"vtype": "int", "guess": 0, "min": 0, "max": 3}, "c": SPACE["color"]})
    first = problem([{"n": 0, "c": "red"}], lambda one: one["n"], small)
    runs = tuned(12, first, tell=lambda one: {"responses": {"y": one["n"]}})
    assert len({tuple(run.covars.values()) for run in runs}) == 12
    (again,) = suggest(replace(first, runs=runs))
    assert again.covars["n"] == 3
    assert "no other configuration is left, so this one is suggested again" in again.reason


def test_whole_numbers_beyond_listing_are_whole_and_inside():
    wide = space_of({"n": {"vtype": "int", "guess": 10, "min": 10, "max": 100_000, "log": True}, "x": X})
    first = problem([{"n": 10, "x": 0.0}], lambda one: 0.0, wide)
    runs = tuned(14, first, tell=lambda one: {"responses": {"y": -abs(np.log10(one["n"]) - 3) - one["x"]}})
    assert all(isinstance(run.covars["n"], int) and 10 <= run.covars["n"] <= 100_000 for run in runs)
    assert any(500 < run.covars["n"] < 2000 for run in runs)


def test_values_that_play_no_part_are_left_out_and_those_that_do_are_tuned():
    nested = space_of(
        {
            "kind": {"vtype": "cat", "guess": "plain", "options": ["plain", "fancy"]},
            "knob": X | {"active_if": {"covariate": "kind", "values": ["fancy"]}},
        }
    )

    def gain(one):
        return 1.0 - (one["knob"] - 0.3) ** 2 if one["kind"] == "fancy" else 0.5

    first = problem([{"kind": "plain"}], gain, nested)
    runs = tuned(12, first, tell=lambda one: {"responses": {"y": gain(one)}})
    assert all(("knob" in run.covars) == (run.covars["kind"] == "fancy") for run in runs)
    assert sum(run.covars["kind"] == "plain" for run in runs) < 5  # there is but one such configuration
    assert max(run.responses["y"] for run in runs) > 0.999


# Failures and thresholds.


def test_chance_to_work_is_lower_near_failures():
    line = Encoding(space_of({"x": X}))
    runs = [Run({"x": k / 10}, is_failed=k < 4) for k in range(11)]
    chance = LogProbability(fit_feasibility(runs, line.encode([run.covars for run in runs]), line.kinds), 0.0)
    logs = chance.values(np.array([[0.1], [0.35], [0.45], [0.9]]))
    assert (np.diff(logs) > 0).all()
    assert logs[0] < np.log(0.05)
    assert logs[-1] > np.log(0.9)


def test_even_odds_far_from_every_run():
    line = Encoding(space_of({"x": X}))
    chance = LogProbability(fit_feasibility([Run({"x": 0.0}, is_failed=True)], np.zeros((1, 1)), line.kinds), 0.0)
    near, far = np.exp(chance.values(np.array([[0.0], [100.0]])))
    assert near < 0.2
    assert far == pytest.approx(0.5)


def test_what_fails_is_passed_by_on_the_way_to_the_best():
    # A band where all fails lies between the guess and the best.
    plane = space_of({"x": X, "z": X})
    first = problem([{"x": 0.2, "z": 0.2}], lambda one: -((one["x"] - 0.8) ** 2) - (one["z"] - 0.8) ** 2, plane)

    def tell(one):
        fails = 0.45 < one["x"] < 0.65
        return {"is_failed": True} if fails else {"responses": {"y": -((one["x"] - 0.8) ** 2) - (one["z"] - 0.8) ** 2}}

    runs = tuned(20, first, tell=tell)
    assert sum(run.is_failed for run in runs[8:]) <= 3
    assert max(run.responses["y"] for run in runs if not run.is_failed) > -1e-3


def test_without_a_single_success_the_search_moves_away_from_failures():
    line = space_of({"x": X})
    runs = [Run({"x": x}, is_failed=True) for x in (0.0, 0.1, 0.15, 0.2, 0.3)]
    (suggested,) = suggest(replace(problem(of=line), runs=runs))
    assert suggested.covars["x"] > 0.6
    assert suggested.reason == "the most likely to work, after 5 runs of which none has measured y"
    assert suggested.predictions == {}


@pytest.mark.parametrize(("goal", "sign"), [("<=", 1), (">=", -1)])
def test_threshold_keeps_the_search_on_its_good_side(goal, sign):
    # More x is better, and costs more; what costs more than 0.6 is not acceptable.
    line = space_of({"x": X, "z": X})
    responses = MAXIMIZE | responses_of(cost=(goal, sign * 0.6))
    first = replace(problem([{"x": 0.5, "z": 0.5}], lambda one: one["x"], line), responses=responses)
    tell = {"tell": lambda one: {"responses": {"y": one["x"], "cost": sign * one["x"]}}}
    runs = tuned(16, first, **tell)
    best = max(run.covars["x"] for run in runs if run.covars["x"] <= 0.6)
    assert best > 0.58
    assert sum(run.covars["x"] > 0.65 for run in runs[8:]) <= 2


def test_best_that_misses_its_threshold_is_nothing_to_improve_on():
    line = space_of({"x": X})
    responses = MAXIMIZE | responses_of(z=(">=", 0.0))
    runs = [Run({"x": x}, {"y": 10 * x, "z": 0.5 - x}) for x in (0.1, 0.3, 0.4, 0.7, 0.8, 1.0)]
    (suggested,) = suggest(replace(problem(of=line), runs=runs, responses=responses))
    assert 0.4 < suggested.covars["x"] < 0.6


# Options that no run has, contexts, and data as they come.


def test_context_moves_the_suggestion():
    climate = space_of({"x": X, "heat": X | {"role": "context"}})
    told = [{"x": x, "heat": heat} for x in (0.0, 0.25, 0.5, 0.75, 1.0) for heat in (0.0, 0.5, 1.0)]
    for heat in (0.1, 0.9):
        given = problem(told, lambda one: -((one["x"] - one["heat"]) ** 2), climate, fixed={"heat": heat})
        (suggested,) = suggest(given)
        assert suggested.covars["heat"] == heat
        assert suggested.covars["x"] == pytest.approx(heat, abs=0.1)


def test_new_option_is_tried_before_long():
    told = [{"x": k / 7, "c": "ab"[k % 2]} for k in range(8)]
    wider = space_of({"x": X, "c": {"vtype": "cat", "guess": "a", "options": ["a", "b", "new"]}})
    first = problem(told, lambda one: -((one["x"] - 0.4) ** 2), wider)
    runs = tuned(16, first, tell=lambda one: {"responses": {"y": -((one["x"] - 0.4) ** 2)}})
    assert any(run.covars["c"] == "new" for run in runs)


def test_retired_option_informs_and_is_never_suggested():
    told = [{"x": k / 7, "c": ["gone", "a"][k % 2]} for k in range(8)]
    of = space_of({"x": X, "c": {"vtype": "cat", "guess": "a", "options": ["a", "b"]}})
    given = problem(told, lambda one: -((one["x"] - 0.4) ** 2), of, retired={"c": ["gone"]}, n=4)
    assert {one.covars["c"] for one in suggest(given)} <= {"a", "b"}


def test_noisy_objective_is_not_chased():
    # Deviations of 1 around a bowl 1 deep: with 60 runs, the best prediction is near the bottom.
    rng = np.random.default_rng(0)
    line = space_of({"x": X})
    runs = [Run({"x": float(x)}, {"y": -4 * (x - 0.3) ** 2 + rng.normal()}) for x in rng.random(60)]
    (suggested,) = suggest(replace(problem(of=line), runs=runs))
    assert suggested.covars["x"] == pytest.approx(0.3, abs=0.25)


def test_mixture_with_steps_is_tuned_inside():
    shares = {
        name: {"vtype": "cont", "guess": guess, "min": 0.0, "max": 1.0, "step": 0.01}
        for name, guess in (("a", 0.2), ("b", 0.3), ("c", 0.5))
    }
    limits = constraints_of({"ctype": "linear", "weights": dict.fromkeys("abc", 1.0), "relation": "==", "bound": 1.0})

    def gain(one):
        return -((one["a"] - 0.35) ** 2 + (one["b"] - 0.42) ** 2 + (one["c"] - 0.23) ** 2)

    first = problem([{"a": 0.2, "b": 0.3, "c": 0.5}], gain, space_of(shares), constraints=limits)
    runs = tuned(16, first, tell=lambda one: {"responses": {"y": gain(one)}})
    assert max(run.responses["y"] for run in runs) > -0.001  # two hundredths off in each share


def test_explore_says_why():
    (suggested,) = explore(problem(design(8)), "NotPositiveDefiniteError: no")
    assert suggested.source == "sobol"
    assert "NotPositiveDefiniteError: no" in suggested.reason


@pytest.mark.parametrize("n_runs", [0, 1, 6])
def test_suggestions_within_a_sum_are_the_same_at_once_and_one_by_one(n_runs):
    total = constraints_of({"ctype": "linear", "weights": {"x": 1.0, "z": 1.0}, "relation": "==", "bound": 0.9})
    runs = [Run({"x": 0.1 * k, "z": 0.9 - 0.1 * k}, {"y": float(k * (7 - k))}) for k in range(n_runs)]
    given = EngineInput(
        space=space_of({"x": X, "z": X}),
        responses=responses_of(y="maximize"),
        runs=runs,
        seed=1,
        constraints=total,
        n=7,
    )
    at_once, one_by_one = [one.covars for one in suggest(given)], []
    for _ in range(7):
        one_by_one.append(suggest(replace(given, n=1, pending=one_by_one))[0].covars)
    assert at_once == one_by_one
