"""Runs, and contexts of an ask, whose values the space does not allow."""

from math import log

import numpy as np
import pytest

from autotune_service.engine.insights import insights, predict
from autotune_service.engine.interface import EngineInput, Run
from autotune_service.engine.space.encoding import Encoding
from autotune_service.engine.suggest import suggest
from generated import responses_of, space_of

MAXIMIZE = responses_of(y="maximize")
STEPPED = {"vtype": "cont", "guess": 60.0, "min": 20.0, "max": 100.0, "step": 5.0}
WHOLE = {"vtype": "int", "guess": 10, "min": 0, "max": 100, "step": 10}
HUMIDITY = {"vtype": "cont", "guess": 40.0, "min": 20.0, "max": 60.0, "role": "context"}
RATE = {"vtype": "cont", "guess": 0.1, "min": 0.01, "max": 1.0, "log": True}
SPACE = space_of({"t": STEPPED, "humidity": HUMIDITY, "n": WHOLE})
TOLD = [(60.0, 40.0, 10), (62.4, 71.0, 12), (100.6, 35.0, 50), (20.0, 20.0, 90), (-15.0, 48.0, 0), (85.0, 55.0, 130)]


def problem(**fields):
    runs = [Run({"t": t, "humidity": h, "n": n}, {"y": -((t - 70) ** 2) / 100 - n / 50}) for t, h, n in TOLD]
    return EngineInput(space=SPACE, runs=runs, **{"responses": MAXIMIZE, "seed": 1, **fields})


# 62.4 is 42.4 of 80 above 20; log10(10) is one of two decades above 1, which is at place 1.
@pytest.mark.parametrize(
    ("covariate", "value", "place"),
    [
        (STEPPED, 62.4, 42.4 / 80),
        (STEPPED, 100.6, 80.6 / 80),
        (STEPPED, 0.0, -0.25),
        (WHOLE, 12, 0.12),
        (WHOLE, 130, 1.3),
        (RATE, 10.0, 1.5),
        (RATE, 1e-3, -0.5),
        (STEPPED, 20.0 + 80e3, 1000.0),
        (STEPPED, 20.0 - 80e4, -1000.0 - log(10.0)),
        (STEPPED, 1.7e308, 1000.0 + log(1.7e305) - log(80.0)),
    ],
)
def test_number_outside_keeps_its_place_up_to_a_thousand_ranges(covariate, value, place):
    assert Encoding(space_of({"v": covariate})).encode([{"v": value}])[0, 0] == pytest.approx(place, abs=1e-9)


def test_number_between_two_steps_is_another_setting_than_both():
    encoding = Encoding(space_of({"t": STEPPED}))
    assert len({encoding.key({"t": t}) for t in (60.0, 62.4, 62.5, 65.0)}) == 4


def test_covariate_is_inactive_where_its_whole_number_is_off_the_list():
    extra = {"vtype": "cont", "guess": 0.25, "min": 0.0, "max": 1.0, "active_if": {"covariate": "n", "values": [10]}}
    encoding = Encoding(space_of({"n": WHOLE, "extra": extra}))
    assert encoding.encode([{"n": 12}]).tolist() == [[0.12, 0.25]]
    row = encoding.with_inactive_places(np.array([[0.12, 0.75]]))[0]
    assert row.tolist() == [0.12, 0.25]
    assert encoding.decode(row, {"n": 12}) == {"n": 12}
    assert encoding.decode(np.array([0.1, 0.75]), {"n": 10}) == {"n": 10, "extra": 0.75}


@pytest.mark.parametrize("humidity", [40.0, 71.0, -3.0])
@pytest.mark.parametrize("engine", ["autotune", "greattunes"])
def test_suggestions_stay_inside_and_keep_the_context_as_it_is(engine, humidity):
    suggested = suggest(problem(fixed={"humidity": humidity}, n=3, engine=engine))
    for suggestion in suggested:
        covars = suggestion.covars
        assert covars["humidity"] == humidity
        assert covars["t"] in range(20, 101, 5)
        assert covars["n"] in range(0, 101, 10)
    assert len({(suggestion.covars["t"], suggestion.covars["n"]) for suggestion in suggested}) == 3


@pytest.mark.parametrize("acq_func", ["UpperConfidenceBound", "qKnowledgeGradient"])
def test_named_acquisition_functions_take_runs_outside(acq_func):
    (suggested,) = suggest(problem(fixed={"humidity": 71.0}, acq_func=acq_func))
    assert suggested.covars["t"] in range(20, 101, 5)


def test_run_outside_counts_at_its_true_value():
    # A line in t, told at values beside the grid: read at the nearest steps, the prediction would miss by one.
    space = space_of({"t": STEPPED})
    runs = [Run({"t": t}, {"y": t}) for t in (17.6, 32.4, 47.6, 62.4, 77.6, 92.4, 107.4)]
    predicted = predict(EngineInput(space=space, runs=runs, responses=MAXIMIZE, seed=1), [{"t": 62.4}, {"t": 105.0}])
    assert predicted[0]["y"].mean == pytest.approx(62.4, abs=0.2)
    assert predicted[1]["y"].mean == pytest.approx(105.0, abs=0.5)


def test_insights_take_runs_outside():
    found = insights(problem())
    assert len(found.leave_one_out["y"]) == len(TOLD)
    assert all(np.isfinite(prediction.mean) for prediction in found.leave_one_out["y"] if prediction is not None)


def test_run_at_an_absurd_distance_leaves_the_others_apart():
    space = space_of({"x": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}})
    runs = [Run({"x": x}, {"y": -((min(x, 1.0) - 0.7) ** 2)}) for x in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1e300)]
    (suggested,) = suggest(EngineInput(space=space, runs=runs, responses=MAXIMIZE, seed=1))
    assert suggested.covars["x"] == pytest.approx(0.7, abs=0.1)
    assert np.isfinite(log(suggested.predictions["y"].sd))
