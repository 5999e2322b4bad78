"""Learning from earlier experiments, in suggestions and insights."""

import math
from dataclasses import replace

import pytest

from autotune_service.engine.insights import insights, predict
from autotune_service.engine.interface import EarlierExperiment, EngineInput, Run
from autotune_service.engine.suggest import suggest
from generated import fitted_to, responses_of, space_of
from hostile import END, HOSTILE

SPACE = {
    "x": {"vtype": "cont", "guess": 0.2, "min": 0.0, "max": 1.0},
    "z": {"vtype": "cont", "guess": 0.2, "min": 0.0, "max": 1.0},
    "base": {"vtype": "cat", "guess": "a", "options": ["a", "b", "c", "d"]},
}
VALUES = {"a": 0.0, "b": 0.6, "c": 1.0, "d": 0.3}
BEST = {"x": 0.8, "z": 0.6, "base": "c"}


def measured(covars):
    return VALUES[covars["base"]] - 4 * (covars["x"] - 0.8) ** 2 - (covars["z"] - 0.6) ** 2


def places(n, begin=0):
    return [
        {"x": (0.31 + 0.618 * k) % 1, "z": (0.77 + 0.755 * k) % 1, "base": "abcd"[k * 7 % 4]}
        for k in range(begin, begin + n)
    ]


def earlier(n=40, scale=1.0, level=0.0, name="before"):
    return EarlierExperiment(name, [Run(one, {"y": level + scale * measured(one)}) for one in places(n)])


def given(n=3, *before, **fields):
    runs = [Run(one, {"y": measured(one)}) for one in places(n, 100)]
    return EngineInput(
        space=space_of(SPACE), responses=responses_of(y="maximize"), runs=runs, seed=5, earlier=[*before], **fields
    )


def gone_on(problem, n):
    """Follow n suggestions."""
    for _ in range(n):
        (one,) = suggest(problem)
        problem.runs.append(Run(one.covars, {"y": measured(one.covars)}))
    return problem


def test_what_was_the_same_leads_to_the_best_at_once():
    (one,) = suggest(given(3, earlier()))
    assert one.source == "model"
    assert one.covars["base"] == "c"
    assert one.covars["x"] == pytest.approx(0.8, abs=0.1)


def test_unit_and_level_of_an_earlier_experiment_change_little():
    before = earlier(), earlier(scale=250, level=9e4)
    suggested = [suggest(given(4, one))[0].covars for one in before]
    assert [one["base"] for one in suggested] == ["c", "c"]
    assert suggested[0]["x"] == pytest.approx(suggested[1]["x"], abs=0.1)


def test_weights_say_what_is_the_same_and_what_misleads():
    found = insights(given(16, earlier(), earlier(scale=-1.0, name="opposite"))).earlier["y"]
    assert found[0][0] - found[1][0] == pytest.approx(1.0, abs=0.3)  # they are the same but for the sign
    (alone,) = insights(given(16, earlier(scale=-1.0))).earlier["y"]
    assert alone[0] == pytest.approx(-1.0, abs=0.3)


def test_what_tells_nothing_counts_for_nothing_and_health_says_so():
    told = [Run(one, {"y": math.sin(97.0 * k * k)}) for k, one in enumerate(places(40))]
    found = insights(given(24, EarlierExperiment("noise", told), earlier()))
    [note] = [note for note in found.health if note.kind == "earlier_tells_nothing"]
    assert note.finding == "what noise measured tells nothing of y"


def test_misleading_experiments_cost_nothing_in_the_end():
    misleading = EarlierExperiment("misleading", [Run(one, {"y": -measured(one) + one["z"]}) for one in places(60)])
    found = [max(run.responses["y"] for run in gone_on(given(3, *before), 15).runs) for before in ([misleading], [])]
    assert found[0] == pytest.approx(1.0, abs=0.02)
    assert found[0] > found[1] - 0.02


def test_an_experiment_that_measured_another_response_counts_for_none():
    other = EarlierExperiment("other", [Run(run.covars, {"cost": 1.0}) for run in earlier().runs])
    assert insights(given(6, other)).earlier == {"y": [None]}
    assert suggest(given(9, other)) == suggest(given(9))


@pytest.mark.parametrize(
    "told",
    [
        pytest.param([3.0] * 8, id="equal"),
        pytest.param([END, -END] * 4, id="at the end of the numbers"),
        pytest.param([5e-324, 0.0] * 4, id="subnormal"),
        pytest.param([7.0], id="one"),
        pytest.param([], id="none"),
    ],
)
@pytest.mark.parametrize("n", [1, 4, 20])
def test_hostile_experiments_are_answered_by_the_model(told, n):
    before = EarlierExperiment("hostile", [Run(at, {"y": y}) for at, y in zip(places(8), told, strict=False)])
    problem = given(n, before)
    (one,) = suggest(problem)
    assert one.source == ("model" if n >= (3 if told else 8) else "sobol")
    assert all(math.isfinite(number) for found in one.predictions.values() for number in (found.mean, found.sd))
    (found,) = predict(problem, [BEST])
    assert math.isfinite(found["y"].mean)
    assert math.isfinite(found["y"].sd)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_history_learns_from_itself(name):
    problem = HOSTILE[name]
    problem = replace(problem, earlier=[EarlierExperiment("itself", problem.runs)])
    (one,) = suggest(problem)
    assert all(math.isfinite(value) for found in one.predictions.values() for value in (found.mean, found.sd))


def test_values_of_earlier_runs_that_the_space_lacks_are_learnt_from_and_not_suggested():
    wide = [
        Run({"x": 3.0 * at["x"] - 1.0, "z": at["z"], "base": "e" if at["base"] == "a" else at["base"]}, {"y": at["x"]})
        for at in places(40)
    ]
    problem = given(4, EarlierExperiment("wide", wide), retired={"base": ["e"]})
    (one,) = suggest(problem)
    assert one.covars["base"] in VALUES
    assert 0.0 <= one.covars["x"] <= 1.0


@pytest.mark.parametrize("n", [6, 30])
def test_same_data_give_the_same_suggestion(n):
    problem = given(n, earlier(), earlier(25, -0.3, 7.0))
    again = given(n, earlier(), earlier(25, -0.3, 7.0))
    if n == 30:
        assert all(len(surrogate.alternatives) == 8 for surrogate in fitted_to(problem).values())
    assert suggest(problem) == suggest(again)


@pytest.mark.parametrize("acq_func", ["ExpectedImprovement", "qMaxValueEntropy", "qKnowledgeGradient"])
def test_named_acquisition_functions_learn_too(acq_func):
    (one,) = suggest(given(9, earlier(), acq_func=acq_func))
    assert one.covars["base"] == "c"
