import copy

import pytest
from pydantic import ValidationError

from autotune_wire.experiments import NewExperiment
from autotune_wire.observations import Tell
from autotune_wire.problems import field_problems, shown
from support import SPACE


def refused(model, body):
    with pytest.raises(ValidationError) as caught:
        model.model_validate(body)
    return field_problems(caught.value)


def with_covariate(name, **changes):
    covars = copy.deepcopy(SPACE)
    covars[name] |= changes
    return {"name": "x", "covars": covars}


@pytest.mark.parametrize(
    ("name", "changes", "field"),
    [
        ("v1", {"guess": 6}, "covars.v1.guess"),
        ("v1", {"guess": 2.5}, "covars.v1.guess"),
        ("v1", {"guess": True}, "covars.v1.guess"),
        ("v1", {"guess": "2"}, "covars.v1.guess"),
        ("v1", {"min": 6}, "covars.v1.min"),
        ("v1", {"max": 2**60}, "covars.v1.max"),
        ("weight", {"guess": -3.1}, "covars.weight.guess"),
        ("weight", {"max": float("inf")}, "covars.weight.max"),
        ("weight", {"min": float("nan")}, "covars.weight.min"),
        ("weight", {"min": -1.7e308, "max": 1.7e308}, "covars.weight.max"),
        ("color", {"guess": "pink"}, "covars.color.guess"),
        ("color", {"options": ["red", "red"]}, "covars.color.options"),
        ("color", {"options": []}, "covars.color.options"),
        ("color", {"options": {"red": 1}}, "covars.color.options"),
        ("color", {"options": ["red", ""]}, "covars.color.options.1"),
        ("color", {"options": ["red", "a\x00b"]}, "covars.color.options.1"),
        ("v1", {"vtype": "text"}, "covars.v1.vtype"),
        ("v1", {"stepp": 2}, "covars.v1.stepp"),
    ],
)
def test_new_experiment_names_the_wrong_covariate_field(name, changes, field):
    assert field in [problem.field for problem in refused(NewExperiment, with_covariate(name, **changes))]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"covars": SPACE}, "name"),
        ({"name": "", "covars": SPACE}, "name"),
        ({"name": "x" * 201, "covars": SPACE}, "name"),
        ({"name": "x\ud800", "covars": SPACE}, "name"),
        ({"name": "x", "covars": {}}, "covars"),
        ({"name": "x", "covars": {f"v{i}": SPACE["v1"] for i in range(101)}}, "covars"),
        ({"name": "x", "covars": SPACE, "direction": "up"}, "direction"),
        ({"name": "x", "covars": SPACE, "acq_func": "Magic"}, "acq_func"),
        ({"name": "x", "covars": SPACE, "seed": -1}, "seed"),
        ({"name": "x", "covars": SPACE, "colour": 1}, "colour"),
    ],
)
def test_new_experiment_names_the_wrong_field(body, field):
    assert refused(NewExperiment, body)[0].field == field


def test_whole_number_covariate_takes_a_float_without_fraction():
    experiment = NewExperiment.model_validate(with_covariate("v1", guess=3.0))
    assert experiment.covars["v1"].guess == 3


def test_covariates_keep_their_order():
    assert list(NewExperiment.model_validate({"name": "x", "covars": SPACE}).covars) == ["v1", "color", "weight"]


def test_tell_in_tables_gives_a_run_per_row():
    body = Tell(covars_tell='[{"x":1,"c":"a"},{"x":2,"c":"b"}]', response_tell={"Response": {"0": 0.5, "1": -1}})
    assert [(run.covars, run.response) for run in body.runs()] == [({"x": 1, "c": "a"}, 0.5), ({"x": 2, "c": "b"}, -1)]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"covars": {"x": 1}},
        {"response": 1.0},
        {"covars": {"x": 1}, "response": 1.0, "observations": [{"covars": {"x": 1}, "response": 1}]},
        {"covars_tell": "[]"},
        {"observations": []},
        {"covars": {"x": 1}, "response": True},
        {"covars": {"x": 1}, "response": "1"},
        {"covars": {"x": 1}, "response": float("nan")},
        {"covars": {"x": 1}, "response": float("inf")},
        {"covars": {"x": 1}, "response": 10**400},
        {"covars": {"x": None}, "response": 1.0},
        {"covars": {"x": float("-inf")}, "response": 1.0},
    ],
)
def test_tell_refuses_what_is_no_observation(body):
    assert refused(Tell, body)


@pytest.mark.parametrize(
    ("covars_tell", "response_tell", "field"),
    [
        ("[{", '[{"Response":1}]', "covars_tell"),
        ('[{"x":1}]', "nothing", "response_tell"),
        ('[{"x":1}]', '[{"Response":1},{"Response":2}]', "response_tell"),
        ('[{"x":1}]', '[{"taste":1}]', "response_tell"),
        ('[{"x":1}]', '[{"Response":NaN}]', "response_tell"),
        ('[{"x":1}]', '[{"Response":null}]', "response_tell.0.Response"),
    ],
)
def test_tell_in_tables_names_the_wrong_table(covars_tell, response_tell, field):
    with pytest.raises(ValidationError) as caught:
        Tell(covars_tell=covars_tell, response_tell=response_tell).runs()
    assert field_problems(caught.value)[0].field == field


def test_shown_cuts_long_values_and_keeps_secrets_out():
    assert len(str(shown("x" * 10_000))) < 300
    assert shown(10**400) == "a whole number of 1329 bits"
