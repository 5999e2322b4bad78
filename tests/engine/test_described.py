"""Options with descriptors in suggestions and insights."""

import math

import numpy as np
import pytest

from autotune_service.engine.insights import insights, predict
from autotune_service.engine.interface import EngineInput, Run
from autotune_service.engine.space.encoding import Encoding
from autotune_service.engine.suggest import suggest
from autotune_wire.space import CatCovariate
from generated import fitted_to, responses_of, space_of
from hostile import HOSTILE

MASSES = {f"o{k}": {"mass": 10.0 * k, "idle": (7.0 * k) % 3} for k in range(20)}
X = {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}


def choice(descriptors=MASSES, **more):
    return {"vtype": "cat", "guess": "o0", "options": [*MASSES], "descriptors": descriptors, **more}


def measured(covars):
    """Fall on both sides of the option of mass 130, which is not among those that are told."""
    return -abs(MASSES[covars["option"]]["mass"] - 130) / 40 - (covars["x"] - 0.4) ** 2


def told(n=10, descriptors=MASSES):
    options = [f"o{2 * k % 20}" for k in range(n)]
    covars = [{"option": option, "x": (0.3 + 0.618 * k) % 1} for k, option in enumerate(options)]
    space = {"option": choice(descriptors), "x": X} if descriptors else {"option": choice(None), "x": X}
    runs = [Run(one, {"y": measured(one)}) for one in covars]
    return EngineInput(space=space_of(space), responses=responses_of(y="maximize"), runs=runs, seed=5)


def test_options_are_suggested_for_what_is_known_of_similar_ones():
    given = told()
    for _ in range(6):
        (one,) = suggest(given)
        given.runs.append(Run(one.covars, {"y": measured(one.covars)}))
    assert one.source == "model"
    tried = [run.covars["option"] for run in given.runs[10:]]
    assert "o13" in tried
    assert len({*tried} & {f"o{k}" for k in range(9, 18)}) == len({*tried})


def test_an_option_that_nobody_tried_is_predicted_by_its_neighbours():
    asked = [{"option": "o13", "x": 0.4}, {"option": "o1", "x": 0.4}]
    good, bad = (found["y"].mean for found in predict(told(20), asked))
    assert good > bad + 1.0


def test_the_descriptor_that_tells_has_the_larger_share():
    shares = insights(told(20)).descriptors["y"]["option"]
    assert sum(shares.values()) == pytest.approx(1.0)
    assert [*shares] == ["mass", "idle"]
    assert shares["mass"] > 0.8
    assert insights(told(20, None)).descriptors == {}


def test_unit_and_origin_of_a_descriptor_change_nothing():
    for scale, shift in ((1e-3, 0.0), (1e6, -40.0), (1e300, 0.0)):
        changed = {option: {"mass": scale * own["mass"] + shift, "idle": own["idle"]} for option, own in MASSES.items()}
        (one,) = suggest(told(descriptors=changed))
        (other,) = suggest(told())
        assert one.covars["option"] == other.covars["option"]
        assert one.covars["x"] == pytest.approx(other.covars["x"], abs=1e-3)


def test_descriptors_that_are_the_same_for_all_are_as_none():
    same = {option: {"mass": 3.0} for option in MASSES}
    assert suggest(told(descriptors=same)) == suggest(told(descriptors=None))
    assert insights(told(descriptors=same)).descriptors == {}


@pytest.mark.parametrize("is_known", [True, False])
def test_a_dropped_option_counts_by_its_descriptors_or_as_one_like_the_others(is_known):
    left = [option for option in MASSES if option != "o12"]
    known = MASSES if is_known else {option: MASSES[option] for option in left}
    space = space_of({"option": choice(known, options=left), "x": X})
    given = told()
    dropped = EngineInput(space=space, responses=given.responses, runs=given.runs, seed=5, retired={"option": ["o12"]})
    column = Encoding(space, dropped.retired).columns[0]
    usual = np.mean([own["mass"] for own in map(known.get, left)]) / 190
    assert column.descriptors[-1][0] == pytest.approx(120 / 190 if is_known else usual)
    (one,) = suggest(dropped)
    assert one.covars["option"] in left
    (found,) = predict(dropped, [{"option": "o13", "x": 0.4}])
    assert math.isfinite(found["y"].mean)


def test_same_data_give_the_same_suggestion_where_hyperparameters_are_averaged():
    given = told(30)
    assert all(len(surrogate.alternatives) == 8 for surrogate in fitted_to(given).values())
    assert suggest(given) == suggest(told(30))


def described(given):
    space = {}
    for name, covariate in given.space.items():
        space[name] = covariate
        if isinstance(covariate, CatCovariate) and not covariate.ordered:
            known = {str(option): {"d": float(k), "e": -(3.0**k)} for k, option in enumerate(covariate.options)}
            space[name] = covariate.model_copy(update={"descriptors": known})
    return given.__class__(**{field: getattr(given, field) for field in given.__slots__} | {"space": space})


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_history_of_described_options_is_answered_by_the_model(name):
    (one,) = suggest(described(HOSTILE[name]))
    assert one.source == "model"
    assert all(math.isfinite(value) for found in one.predictions.values() for value in (found.mean, found.sd))


@pytest.mark.parametrize("acq_func", ["ExpectedImprovement", "qMaxValueEntropy", "qNoisyExpectedImprovement"])
def test_named_acquisition_functions_know_descriptors(acq_func):
    given = told()
    (one,) = suggest(given.__class__(**{f: getattr(given, f) for f in given.__slots__} | {"acq_func": acq_func}))
    assert one.covars["option"] in {"o10", "o11", "o13", "o14", "o15"}
