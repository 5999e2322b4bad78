import pytest
from pydantic import ValidationError

from autotune_wire.observations import Tell, Told
from autotune_wire.problems import field_problems

X = {"x": 1}


@pytest.mark.parametrize(
    "outcome",
    [
        {"response": 1.0},
        {"response": 1.0, "sd": 0},
        {"responses": {"yield": 1.0, "cost": 2}},
        {"responses": {"yield": 1.0}, "sds": {"yield": 0.1}},
        {"status": "failed"},
    ],
)
def test_run_is_told_alike_alone_and_among_many(outcome):
    assert Tell(covars=X, **outcome).runs() == Tell(observations=[{"covars": X, **outcome}]).runs()


@pytest.mark.parametrize(
    ("outcome", "field"),
    [
        ({}, "response"),
        ({"status": "ok"}, "response"),
        ({"response": 1.0, "responses": {"yield": 1.0}}, "responses"),
        ({"responses": {}}, "responses"),
        ({"responses": {"yield": None}}, "responses.yield"),
        ({"responses": {"yield": True}}, "responses.yield"),
        ({"response": 1.0, "status": "failed"}, "status"),
        ({"responses": {"yield": 1.0}, "status": "failed"}, "status"),
        ({"response": 1.0, "status": "lost"}, "status"),
        ({"response": 1.0, "sd": -0.1}, "sd"),
        ({"response": 1.0, "sd": float("nan")}, "sd"),
        ({"responses": {"yield": 1.0}, "sd": 0.1}, "sd"),
        ({"responses": {"yield": 1.0}, "sds": {"{cost}": 0.1}}, "sds.{cost}"),
        ({"status": "failed", "sds": {"yield": 0.1}}, "sds.yield"),
    ],
)
def test_outcome_names_the_wrong_field(outcome, field):
    with pytest.raises(ValidationError) as caught:
        Told.model_validate({"covars": X, **outcome})
    assert field_problems(caught.value)[0].field == field
    with pytest.raises(ValidationError) as caught:
        Tell.model_validate({"observations": [{"covars": X, **outcome}]})
    assert field_problems(caught.value)[0].field == f"observations.0.{field}"


def test_tables_take_a_column_per_response_and_leave_out_empty_cells():
    body = Tell(
        covars_tell=[{"x": 1, "y": None}, {"x": 2, "y": 3}],
        response_tell=[{"yield": 1, "cost": None}, {"yield": None, "cost": 2}],
    )
    told = [(run.covars, run.responses) for run in body.runs(("yield", "cost"))]
    assert told == [({"x": 1}, {"yield": 1.0}), ({"x": 2, "y": 3}, {"cost": 2.0})]


@pytest.mark.parametrize(
    ("response_tell", "field"),
    [
        ([{"yield": 1, "taste": 1}], "response_tell"),
        ([{"yield": None, "cost": None}], "response_tell.0.yield"),
        ([{"yield": "1"}], "response_tell.0.yield"),
        ([{}], "response_tell"),
    ],
)
def test_tables_name_the_wrong_cell(response_tell, field):
    with pytest.raises(ValidationError) as caught:
        Tell(covars_tell=[X], response_tell=response_tell).runs(("yield", "cost"))
    assert field_problems(caught.value)[0].field == field
