"""What a suggestion tells of its acquisition's value."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from autotune_service.engine.acquisition.named.names import KINDS
from autotune_service.engine.acquisition.pareto import hypervolume
from autotune_service.engine.acquisition.units import value_in_units
from autotune_service.engine.insights import predict
from autotune_service.engine.interface import EngineInput, Run
from autotune_service.engine.model.scale import ResponseScale
from autotune_service.engine.space.encoding import Encoding
from autotune_service.engine.suggest import suggest
from autotune_wire.experiments import AcqFunc
from autotune_wire.responses import Objective
from autotune_wire.suggestions import AcquisitionKind
from generated import fitted_to, responses_of, space_of

SPACE = space_of(
    {"x": {"vtype": "cont", "guess": 0.5, "min": 0, "max": 1}, "z": {"vtype": "cont", "guess": 2, "min": 1, "max": 4}}
)
EPOCHS = space_of({"epochs": {"vtype": "int", "guess": 9, "min": 1, "max": 27, "role": "fidelity"}})
LESS = {"loss": Objective(goal="minimize")}
SCALE = ResponseScale(sign=-1.0, unit=10.0, center=0.2, spread=0.5, knee=-np.inf, depth=1.0)


def loss(covars):
    return 1000 * ((covars["x"] - 0.3) ** 2 + covars["z"] / 4) + 10.0 * covars.get("epochs", 0)


def input_of(acq_func="auto", n=7, n_failed=0, measure=loss):
    space = SPACE | EPOCHS if acq_func == "qMultiFidelityMaxValueEntropy" else SPACE
    encoding = Encoding(space)
    told = [encoding.decode(row) for row in encoding.from_unit(np.random.default_rng(4).random((n, len(space))))]
    runs = [Run(one, {"loss": measure(one)}) for one in told]
    runs[:n_failed] = [Run(one.covars, is_failed=True) for one in runs[:n_failed]]
    return EngineInput(space, LESS, runs, 1, acq_func=acq_func)


@pytest.mark.parametrize(
    ("kind", "value", "scales", "expected"),
    [
        ("mean", 1.0, [SCALE], -7.0),  # 0.2 and half of 1, ten times that, and less is better
        ("confidence_bound", -1.0, [SCALE], 3.0),
        ("expected_improvement", np.log(0.5), [SCALE], 2.5),
        ("above_worst", np.log(2.0), [SCALE], 10.0),
        ("knowledge_gradient", np.log(0.5), [SCALE], 2.5),
        ("expected_hypervolume_improvement", np.log(0.5), [SCALE, replace(SCALE, unit=2.0)], 2.5),
        ("probability_of_improvement", np.log(0.25), [SCALE], 0.25),
        ("information", np.log(0.25), [SCALE], 0.25),
        ("probability_of_success", np.log(0.25), [], 0.25),
        ("expected_improvement", 800.0, [replace(SCALE, unit=1e308)], np.exp(709.0)),
        ("expected_hypervolume_improvement", 0.0, [replace(SCALE, unit=u) for u in (1e200, 1e200, 1e-200)], 1.25e199),
        ("expected_hypervolume_improvement", 0.0, [replace(SCALE, unit=u) for u in (1e-200, 1e200, 1e200)], 1.25e199),
        ("expected_improvement", -1e9, [SCALE], 0.0),
    ],
)
def test_worth_by_hand(kind, value, scales, expected):
    assert value_in_units(value, kind, scales) == pytest.approx(expected)


@pytest.mark.parametrize("acq_func", get_args(AcqFunc))
def test_every_acquisition_tells_its_value_and_kind(acq_func):
    (one,) = suggest(input_of(acq_func))
    assert one.acquisition_kind == KINDS[acq_func]
    assert np.isfinite(one.acquisition)


@pytest.mark.parametrize(("acq_func", "n_sds"), [("PosteriorMean", 0), ("UpperConfidenceBound", 2)])
def test_level_is_that_of_the_prediction(acq_func, n_sds):
    given = input_of(acq_func)
    (one,) = suggest(given)
    (noiseless,) = predict(given, [one.covars])
    # What is told may be wider, where the leave-one-out bands cover too few runs.
    told = fitted_to(given)["loss"]._widening
    expected = noiseless["loss"].mean - n_sds * noiseless["loss"].sd / told
    assert one.acquisition == pytest.approx(expected, rel=1e-6)


def test_level_is_counted_from_the_worst_where_runs_failed():
    (one,) = suggest(input_of("PosteriorMean", n=9, n_failed=2))
    assert one.acquisition_kind == "above_worst"
    assert 0 < one.acquisition < 3000  # the responses span about 1,200, and the worst may be worse


def test_probability_is_one():
    (one,) = suggest(input_of("ProbabilityOfImprovement"))
    assert 0 < one.acquisition < 1


def test_value_is_the_chance_of_success_where_nothing_was_measured():
    (one,) = suggest(input_of(n=7, n_failed=7))
    assert one.acquisition_kind == "probability_of_success"
    assert 0 < one.acquisition < 1


def test_volume_is_what_samples_of_the_prediction_add():
    responses = responses_of(gain="maximize", cost="minimize")
    told = input_of(n=9).runs
    runs = [Run(one.covars, {"gain": 50 * one.covars["x"] + one.covars["z"], "cost": loss(one.covars)}) for one in told]
    responses = {
        "gain": responses["gain"].model_copy(update={"reference": 30.0}),
        "cost": responses["cost"].model_copy(update={"reference": 1000.0}),
    }
    given = EngineInput(SPACE, responses, runs, 1)
    (one,) = suggest(given)
    surrogates = fitted_to(given)
    rows = Encoding(SPACE).encode([run.covars for run in runs])
    front = np.stack([np.array([p.mean for p in surrogates[name].predict(rows)]) for name in responses], axis=1)
    signs, reference = np.array([1.0, -1.0]), np.array([30.0, -1000.0])  # nothing that is drawn in
    rng = np.random.default_rng(1)
    means = [one.predictions[name].mean for name in responses]
    sds = [one.predictions[name].sd for name in responses]
    drawn = rng.normal(means, sds, size=(4000, 2)) * signs
    known = hypervolume(front * signs, reference)
    gains = [hypervolume(np.vstack([front * signs, sample]), reference) - known for sample in drawn]
    assert one.acquisition_kind == "expected_hypervolume_improvement"
    assert one.acquisition == pytest.approx(np.mean(gains), rel=0.05)


def test_kinds_are_those_of_the_contract():
    assert set(KINDS.values()) < set(get_args(AcquisitionKind))
