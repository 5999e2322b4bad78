"""Which names go together."""

from itertools import product
from typing import get_args

import pytest

from autotune_service.domain.errors import InvalidError
from autotune_service.domain.models import (
    GREATTUNES_NEEDS_KNOWN_NOISE,
    GREATTUNES_WITH_KNOWN_NOISE,
    WITH_EXPECTED_GAIN,
    EngineDemand,
    check_models,
)
from autotune_service.engine.acquisition.named.names import KINDS
from autotune_service.engine.greattunes.combinations import REFUSED
from autotune_wire.experiments import AcqFunc, ModelType, NewExperiment
from support import SPACE

MF = "qMultiFidelityMaxValueEntropy"
FIDELITY = {"epochs": {"vtype": "int", "guess": 1, "min": 1, "max": 9, "role": "fidelity"}}
PAIRS = list(product(get_args(ModelType), get_args(AcqFunc)))


def refused(**changes):
    """Give the fields and messages of what is refused; none where it goes together."""
    new = NewExperiment.model_validate({"name": "x", "covars": SPACE} | changes)
    try:
        check_models(EngineDemand.of(new))
    except InvalidError as error:
        return {problem.field: problem.message for problem in error.errors}
    return {}


@pytest.mark.parametrize(("model_type", "acq_func"), PAIRS)
def test_every_model_goes_with_every_acquisition(model_type, acq_func):
    covars = SPACE | FIDELITY if acq_func == MF else SPACE
    assert refused(model_type=model_type, acq_func=acq_func, covars=covars) == {}


@pytest.mark.parametrize(("model_type", "acq_func"), PAIRS)
def test_greattunes_is_refused_what_it_cannot_compute(model_type, acq_func):
    problems = refused(engine="greattunes", model_type=model_type, acq_func=acq_func)
    assert problems.keys() == ({"acq_func"} if (model_type, acq_func) in REFUSED else set())
    if problems:
        assert "qNoisyExpectedImprovement" in problems["acq_func"]
        assert model_type in problems["acq_func"]


def test_rules_are_those_of_the_engine():
    assert set(WITH_EXPECTED_GAIN) == {name for name, kind in KINDS.items() if kind == "expected_improvement"}
    others = set(get_args(ModelType)) - set(GREATTUNES_WITH_KNOWN_NOISE)
    assert {(model_type, GREATTUNES_NEEDS_KNOWN_NOISE) for model_type in others} == REFUSED.keys()


def test_edit_of_an_experiment_does_not_ask_for_its_names_again():
    new = NewExperiment.model_validate({"name": "x", "covars": SPACE})
    check_models(EngineDemand("greattunes", "NoisyExpectedImprovement", new.covars, new.responses_or_default()))


def test_missing_fidelity_is_refused_with_what_fits():
    assert refused(acq_func=MF) == {
        "acq_func": "needs one covariate with the role fidelity; take auto if no covariate has that role"
    }


def test_fidelity_goes_with_its_acquisition_only():
    assert refused(covars=SPACE | FIDELITY) == {"acq_func": f"must be {MF}, since epochs is a fidelity"}


@pytest.mark.parametrize("other", [{"goal": "minimize"}, {"goal": ">=", "bound": 0}])
def test_fidelity_and_several_responses_are_refused_as_what_they_are(other):
    problems = refused(covars=SPACE | FIDELITY, acq_func=MF, responses={"a": {"goal": "maximize"}, "b": other})
    assert problems.keys() == {"covars.epochs.role"}
    assert problems["covars.epochs.role"].startswith("a fidelity needs exactly one response, to maximize or minimize")


@pytest.mark.parametrize("rule", [{"min_expected_gain": 0.1}, {"plateau": {"n_runs": 5}}])
def test_stopping_by_gains_goes_with_no_context(rule):
    oven = {"oven": {"vtype": "cat", "guess": "a", "options": ["a", "b"], "role": "context"}}
    problems = refused(covars=SPACE | oven, stop=rule | {"budget": 9})
    (field,) = problems
    assert field == f"stop.{next(iter(rule))}"
    assert problems[field].startswith("gains depend on oven, a context")
    assert not refused(covars=SPACE | oven, stop={"budget": 3})


TARGET = {"ph": {"goal": "match", "target": 7.4}}


def test_target_to_match_goes_with_our_own_acquisition_alone():
    assert refused(responses=TARGET, acq_func="PosteriorMean").keys() == {"acq_func"}
    assert refused(responses=TARGET, engine="greattunes").keys() == {"responses.ph"}
    assert refused(covars=SPACE | FIDELITY, acq_func=MF, responses=TARGET).keys() == {"covars.epochs.role"}
    assert refused(responses=TARGET) == {}


@pytest.mark.parametrize("acq_func", get_args(AcqFunc))
def test_stopping_by_gain_needs_an_acquisition_that_tells_it(acq_func):
    covars = SPACE | FIDELITY if acq_func == MF else SPACE
    problems = refused(acq_func=acq_func, covars=covars, stop={"min_expected_gain": 0.1})
    assert problems.keys() == (set() if acq_func in WITH_EXPECTED_GAIN else {"stop.min_expected_gain"})
