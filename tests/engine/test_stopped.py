"""What the engine makes of runs that were stopped early."""

from dataclasses import replace

import numpy as np
import pytest

from autotune_service.engine.findings.fitted import Fitted
from autotune_service.engine.insights import best_predicted, insights
from autotune_service.engine.interface import EngineInput, Prediction, Run
from autotune_service.engine.suggest import suggest
from autotune_wire.responses import Objective
from autotune_wire.space import ContCovariate

SPACE = {"x": ContCovariate(vtype="cont", guess=0.5, min=0.0, max=1.0)}
PLACES = [0.05, 0.2, 0.4, 0.5, 0.72, 0.85, 0.95]


def _value(x):
    return 1.0 - (x - 0.6) ** 2


def _stopped(x, mean, sd):
    return Run({"x": x}, expected={"y": Prediction(mean, sd)}, is_stopped=True)


@pytest.fixture
def given():
    runs = [Run({"x": x}, {"y": _value(x)}) for x in PLACES]
    return EngineInput(SPACE, {"y": Objective(goal="maximize")}, runs, seed=1)


def test_same_input_gives_the_same_suggestion(given):
    with_stop = replace(given, runs=[*given.runs, _stopped(0.6, 0.5, 0.2)])
    assert suggest(with_stop) == suggest(with_stop)


def test_model_learns_from_what_a_stopped_run_would_have_come_to(given):
    low = replace(given, runs=[*given.runs[:4], _stopped(0.9, 0.2, 0.05)])
    high = replace(given, runs=[*given.runs[:4], _stopped(0.9, 0.9, 0.05)])
    at = [
        Fitted.of(each).surrogates["y"].predict(Fitted.of(each).encoding.encode([{"x": 0.9}]))[0].mean
        for each in (low, high)
    ]
    assert at[0] < at[1] - 0.3


def test_little_is_believed_of_a_stopped_run_that_little_is_known_of(given):
    row = {"x": 0.62}
    fitted = [Fitted.of(replace(given, runs=[*given.runs, _stopped(0.62, 0.1, sd)])) for sd in (0.001, 5.0)]
    sure, unsure = (one.surrogates["y"].predict(one.encoding.encode([row]))[0].mean for one in fitted)
    assert abs(unsure - _value(0.62)) < 0.02
    assert sure < unsure - 0.3


def test_stopped_run_is_neither_best_nor_on_the_front(given):
    runs = [*given.runs, _stopped(0.6, 9.0, 0.001)]
    found = insights(replace(given, runs=runs))
    assert found.pareto == [int(np.argmax([_value(x) for x in PLACES]))]
    assert best_predicted(replace(given, runs=runs)).covars["x"] in PLACES
    assert found.leave_one_out["y"][-1] is not None


def test_stopped_runs_do_not_raise_the_noise(given):
    exact = replace(given, runs=[replace(run, sds={"y": 0.0}) for run in given.runs])
    wide = [_stopped(x, 0.5, 3.0) for x in np.linspace(0.01, 0.99, 12)]
    for each in (given, exact):
        without, beside = (Fitted.of(replace(each, runs=[*each.runs, *more])) for more in ([], wide))
        assert beside.surrogates["y"].noise_sd <= 1.5 * without.surrogates["y"].noise_sd + 1e-3


def test_stopped_run_of_which_nothing_is_expected_is_not_repeated(given):
    bare = Run({"x": 0.6}, is_stopped=True)
    first = suggest(given)[0].covars
    again = replace(given, runs=[*given.runs, replace(bare, covars=first)])
    assert suggest(again)[0].covars != first
    assert [*Fitted.of(again).surrogates["y"].index] == [*range(len(PLACES))]


def test_only_stopped_runs_leave_the_design_to_decide():
    runs = [Run({"x": x}, is_stopped=True) for x in PLACES]
    given = EngineInput(SPACE, {"y": Objective(goal="maximize")}, runs, seed=1)
    assert suggest(given)[0].source == "sobol"
    assert insights(given).best_predicted is None


# Noise keeps the model at the best place.
CROWDED = [
    Run({"x": x}, {"y": _value(x) + 0.01 * (-1) ** k}) for k, x in enumerate((0.0, 1.0, 0.55, 0.57, 0.6, 0.62, 0.64))
]


def test_some_suggestions_look_elsewhere_where_runs_are_stopped_and_crowd(given):
    found = suggest(replace(given, runs=[*CROWDED, _stopped(0.2, 0.8, 0.1)], n=8))
    elsewhere = [each for each in found if each.source == "sobol"]
    assert {each.reason for each in elsewhere} == {
        "a Sobol point, to look elsewhere: 5 or more runs are near what the model would try next"
    }
    near = [each.covars["x"] for each in found if each.source == "model"]
    assert 2 <= len(elsewhere) <= 6
    assert near == pytest.approx([0.6] * len(near), abs=0.1)
    assert len({each.covars["x"] for each in found}) == 8


@pytest.mark.parametrize(
    ("runs", "acq_func"),
    [
        pytest.param([*CROWDED, Run({"x": 0.2}, {"y": _value(0.2)})], "auto", id="every run came to its end"),
        pytest.param([*CROWDED, _stopped(0.2, 0.8, 0.1)], "ExpectedImprovement", id="the user chose the function"),
        pytest.param([*CROWDED[:5], _stopped(0.2, 0.8, 0.1)], "auto", id="few runs are near"),
    ],
)
def test_otherwise_the_model_alone_decides(given, runs, acq_func):
    found = suggest(replace(given, runs=runs, n=2, acq_func=acq_func))
    assert [each.source for each in found] == ["model", "model"]
