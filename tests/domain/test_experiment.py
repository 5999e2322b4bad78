import pytest

from autotune_service.domain.constraints import violations
from autotune_service.domain.errors import InvalidError
from autotune_service.domain.experiment import check_new
from autotune_service.domain.models import GREATTUNES_ACQ_FUNCS
from autotune_wire.experiments import NewExperiment
from support import GUESS, SPACE

MAXIMIZE = {"goal": "maximize"}
THRESHOLD = {"goal": ">=", "bound": 0}
FIDELITY = {"epochs": {"vtype": "int", "guess": 1, "min": 1, "max": 9, "role": "fidelity"}}
MF = "qMultiFidelityMaxValueEntropy"


def a_new(**changes):
    return NewExperiment.model_validate({"name": "x", "covars": SPACE} | changes)


def refusal(**changes):
    with pytest.raises(InvalidError) as caught:
        check_new(a_new(**changes))
    return {problem.field: problem.message for problem in caught.value.errors}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"acq_func": "qKnowledgeGradient", "model_type": "FixedNoiseGP"},
        {"responses": {"a": MAXIMIZE, "b": MAXIMIZE, "c": THRESHOLD}},
        {"covars": SPACE | FIDELITY, "acq_func": MF},
        {"engine": "greattunes"},
        {"engine": "greattunes", "acq_func": "UpperConfidenceBound", "stop": {"budget": 9, "target": 1}},
        {"engine": "greattunes", "responses": {"loss": {"goal": "minimize"}}},
    ],
)
def test_check_new_takes_what_goes_together(changes):
    check_new(a_new(**changes))


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"covars": SPACE | FIDELITY}, {"acq_func"}),
        ({"acq_func": MF}, {"acq_func"}),
        ({"responses": {"a": MAXIMIZE, "b": MAXIMIZE}, "acq_func": "qExpectedImprovement"}, {"acq_func"}),
        ({"responses": {"a": MAXIMIZE, "b": THRESHOLD}, "acq_func": "qExpectedImprovement"}, {"acq_func"}),
    ],
)
def test_check_new_names_the_acquisition_that_does_not_fit(changes, fields):
    assert refusal(**changes).keys() == fields


def with_covariate(name, **changes):
    return {"covars": SPACE | {name: SPACE[name] | changes}}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"responses": {"a": MAXIMIZE, "b": MAXIMIZE}}, "responses"),
        ({"responses": {"a": MAXIMIZE, "b": THRESHOLD}}, "responses.b"),
        (
            {"constraints": [{"ctype": "linear", "weights": {"v1": 1}, "relation": "<=", "bound": 3}]},
            "constraints",
        ),
        (with_covariate("v1", step=1), "covars.v1.step"),
        (with_covariate("weight", min=1.0, log=True), "covars.weight.log"),
        (with_covariate("color", ordered=True), "covars.color.ordered"),
        (with_covariate("color", role="context"), "covars.color.role"),
        (with_covariate("color", active_if={"covariate": "v1", "values": [1]}), "covars.color.active_if"),
        ({"stop": {"min_expected_gain": 0.1}}, "stop.min_expected_gain"),
    ],
)
def test_greattunes_takes_plain_problems_only(changes, field):
    assert refusal(engine="greattunes", **changes).keys() == {field}


def test_greattunes_has_its_own_list_of_acquisitions(monkeypatch):
    monkeypatch.setattr("autotune_service.domain.models.GREATTUNES_ACQ_FUNCS", GREATTUNES_ACQ_FUNCS - {"qSimpleRegret"})
    message = refusal(engine="greattunes", acq_func="qSimpleRegret")["acq_func"]
    assert message.startswith("greattunes does not have this acquisition function; it has auto, ExpectedImprovement, ")
    check_new(a_new(engine="greattunes", acq_func="PosteriorMean"))


def test_guess_that_violates_a_constraint_is_refused():
    small = {"ctype": "linear", "weights": {"v1": 1, "weight": 0.5}, "relation": "<=", "bound": 5}
    red = {"ctype": "forbidden", "combination": {"v1": [1, 2], "color": ["red"]}}
    assert refusal(constraints=[small, red]) == {
        "constraints.0": "the guess violates this constraint: v1 + 0.5 weight is 5.3, and must be <= 5",
        "constraints.1": "the guess violates this constraint: v1 = 2, color = red is forbidden",
    }


def test_constraints_without_a_configuration_are_refused_before_the_guess():
    assert refusal(constraints=[{"ctype": "linear", "weights": {"v1": 1}, "relation": "<=", "bound": -1}]) == {
        "constraints.0": "cannot be met: its sum lies between 0 and 5, and must be <= -1"
    }


def test_violations_are_none_where_all_constraints_hold():
    constraints = a_new(constraints=[{"ctype": "forbidden", "combination": {"color": ["blue"]}}]).constraints
    assert violations(constraints, GUESS) == []
    assert [problem.field for problem in violations(constraints, GUESS | {"color": "blue"})] == ["constraints.0"]
