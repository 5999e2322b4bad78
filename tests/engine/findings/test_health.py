"""What is said of an experiment's health, each finding from data made to have it."""

import numpy as np
import pytest

from autotune_service.engine.insights import insights
from autotune_service.engine.interface import EngineInput, Run
from generated import responses_of, space_of

X = {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}
BASE = {"vtype": "cat", "guess": "K", "options": ["K", "Na", "Cs"]}


def found(space, runs, **goals):
    given = EngineInput(space=space_of(space), responses=responses_of(**goals or {"y": "maximize"}), runs=runs, seed=1)
    return insights(given)


def kinds(space, runs, **goals):
    return [note.kind for note in found(space, runs, **goals).health]


def hill(n=14, top=0.45):
    return [Run({"t": k / (n - 1)}, {"y": 90 - 50 * (k / (n - 1) - top) ** 2}) for k in range(n)]


def test_healthy_experiment_has_no_notes_and_a_verdict_in_words():
    healthy = found({"t": X}, hill())
    assert healthy.health == []
    assert healthy.verdict == (
        "Of 14 runs the one with the highest y, 89.9933, had t = 0.461538. The model foretells y well. "
        "t matters most (100%)."
    )


def test_experiment_without_runs_has_no_notes():
    empty = found({"t": X}, [])
    assert (empty.health, empty.verdict) == ([], "No run has been told yet.")


def test_threshold_that_no_run_met_is_named_with_the_nearest():
    runs = [Run({"t": k / 9}, {"y": k, "cost": 6.0 + k}) for k in range(10)]
    shown = found({"t": X}, runs, y="maximize", cost=("<=", 5.0))
    assert shown.health[0].kind == "threshold_never_met"
    assert shown.health[0].response == "cost"
    assert shown.health[0].finding == "no run has cost <= 5; the nearest had 6"
    assert shown.verdict == "None of 10 runs meets every threshold so far."


def test_border_of_a_range_is_named_with_its_end():
    rising = [Run({"t": k / 9}, {"y": k}) for k in range(10)]
    (note,) = (note for note in found({"t": X}, rising).health if note.kind == "border")
    assert note.finding == "the best run has t = 1, the upper end of its range"
    assert note.advice == "if a higher t is possible, widen its range"
    lowest = [Run({"t": k / 9}, {"y": -k}) for k in range(10)]
    assert "the lower end" in found({"t": X}, lowest).health[0].finding


def test_context_at_its_border_is_no_finding():
    runs = [Run({"t": k / 13, "room": 1.0}, run.responses) for k, run in enumerate(hill())]
    assert "border" not in kinds({"t": X, "room": X | {"role": "context"}}, runs)


def test_model_that_foretells_nothing_is_said_to():
    rng = np.random.default_rng(3)
    noise = [Run({"t": float(t)}, {"y": float(rng.normal())}) for t in rng.random(30)]
    shown = found({"t": X}, noise)
    assert "does_not_foretell" in [note.kind for note in shown.health]
    assert "does not foretell y yet" in shown.verdict
    assert "matters most" not in shown.verdict


def test_repeats_that_differ_as_much_as_all_runs_are_found():
    rng = np.random.default_rng(4)
    runs = [Run({"t": 0.2 * (k % 5)}, {"y": float(rng.normal())}) for k in range(20)]
    assert "repeats_disagree" in kinds({"t": X}, runs)
    exact = [Run({"t": 0.2 * (k % 5)}, {"y": float(k % 5) ** 2}) for k in range(20)]
    assert "repeats_disagree" not in kinds({"t": X}, exact)


def test_repeats_that_differ_by_more_than_the_largest_number_are_said_to_by_that():
    ends = [Run({"t": 0.2 * (k // 2)}, {"y": 1.7e308 * (-1) ** k}) for k in range(6)]
    # Of 1 and -1 the standard deviation of repeats is sqrt(2), of all six sqrt(6 / 5) = 1.095.
    (note,) = [note for note in found({"t": X}, ends).health if note.kind == "repeats_disagree"]
    assert note.finding == (
        "repeats of one configuration differ in y by 1.8e+308 (standard deviation), all runs by 1.8e+308"
    )


def test_options_never_tried_and_options_too_many_to_learn():
    runs = [Run(run.covars | {"base": "K" if k % 2 else "Na"}, run.responses) for k, run in enumerate(hill())]
    (note,) = (note for note in found({"t": X, "base": BASE}, runs).health if note.kind == "options_not_tried")
    assert note.finding == "base was never Cs"
    many = BASE | {"options": ["K", "Na", *map(str, range(20))]}
    assert "too_many_options" in kinds({"t": X, "base": many}, runs)
    assert "too_many_options" not in kinds({"t": X, "base": BASE}, runs)


def test_space_that_is_exhausted():
    small = {"n": {"vtype": "int", "guess": 1, "min": 1, "max": 3}, "base": BASE}
    runs = [Run({"n": n, "base": base}, {"y": float(n)}) for n in (1, 2, 3) for base in BASE["options"]]
    assert "exhausted" in kinds(small, runs)
    assert "exhausted" not in kinds(small, runs[1:])


def test_what_had_one_value_in_all_runs_is_named():
    runs = [Run(run.covars | {"stir": 0.3}, run.responses) for run in hill()]
    (note,) = (note for note in found({"t": X, "stir": X}, runs).health if note.kind == "not_varied")
    assert note.finding == "stir had the same value in all runs that it played a part in"


def test_most_runs_failed():
    runs = [Run({"t": k / 9}, is_failed=True) if k > 3 else Run({"t": k / 9}, {"y": 1.0 * k}) for k in range(10)]
    (note,) = (note for note in found({"t": X}, runs).health if note.kind == "many_failed")
    assert note.finding == "6 of 10 runs failed"


def test_verdict_on_several_objectives_counts_the_front():
    runs = [Run({"t": k / 9}, {"y": 1.0 * k, "cost": 1.0 * k * k}) for k in range(10)]
    shown = found({"t": X}, runs, y="maximize", cost="minimize")
    assert shown.verdict.startswith("10 runs of 10 are on the front between y, cost: ")


@pytest.mark.parametrize("told", [None, 0.3])
def test_noise_is_that_of_repeats_in_the_response_s_unit(told):
    rng = np.random.default_rng(5)
    runs = [
        Run({"t": t}, {"y": 100 * t + 3 * float(rng.normal())}, {} if told is None else {"y": told})
        for t in np.linspace(0, 1, 12).tolist()
        for _ in range(4)
    ]
    noise = found({"t": X}, runs).noise_sds["y"]
    assert noise == pytest.approx(3.0 if told is None else told, rel=0.3)


def test_noise_with_one_outlier_is_not_foretold():
    rng = np.random.default_rng(0)
    runs = [Run({"t": float(rng.random())}, {"y": float(y)}) for y in [*rng.normal(size=20), 1000.0]]
    shown = found({"t": X}, runs, y="minimize")
    assert "does not foretell y yet" in shown.verdict


def test_best_run_beyond_its_range_is_said_to_lie_beyond():
    runs = [*(Run({"t": k / 9}, {"y": k}) for k in range(10)), Run({"t": 1.2}, {"y": 12.0})]
    (note,) = (note for note in found({"t": X}, runs).health if note.kind == "border")
    assert note.finding == "the best run has t = 1.2, beyond its range of 0 to 1"


def test_equal_responses_have_no_border_and_nothing_to_foretell():
    shown = found({"t": X}, [Run({"t": k / 19}, {"y": 5.0}) for k in range(20)])
    assert shown.health == []
    assert "All runs have the same y, so there is nothing to foretell." in shown.verdict


def test_thresholds_met_by_none_together():
    runs = [Run({"t": k / 9}, {"y": 1.0 * k, "cost": 1.0 * k, "purity": 1.0 * k}) for k in range(10)]
    shown = found({"t": X}, runs, y="maximize", cost=("<=", 2.0), purity=(">=", 7.0))
    assert shown.health[0].kind == "thresholds_never_together"
    assert "threshold_never_met" not in [note.kind for note in shown.health]


@pytest.mark.parametrize(("n", "words"), [(1, "The one run failed."), (3, "All 3 runs failed.")])
def test_failures_alone_are_said_to_be(n, words):
    assert found({"t": X}, [Run({"t": k / 3}, is_failed=True) for k in range(n)]).verdict == words


@pytest.mark.parametrize("seed", [1, 3, 8, 11])
def test_runs_gathered_at_the_optimum_do_not_hide_that_the_model_foretells(seed):
    rng = np.random.default_rng(seed)
    times = [*rng.uniform(5, 90, 8), *rng.normal(45, 1.5, 14)]
    runs = [Run({"t": float(t) / 90}, {"y": 80 - 0.02 * (t - 45) ** 2 + float(rng.normal(0, 0.3))}) for t in times]
    shown = found({"t": X}, runs)
    assert "does_not_foretell" not in [note.kind for note in shown.health]
    assert "The model foretells y" in shown.verdict
