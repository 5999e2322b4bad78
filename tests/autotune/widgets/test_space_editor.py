import json

import pandas as pd
import pytest
from fake_service import problem

from autotune.errors import InvalidInputError
from autotune.widgets.space_editor import SpaceEditor


@pytest.fixture
def editor(client):
    editor = SpaceEditor(client)
    editor.name.input.value = "Suzuki"
    _fill(editor.covariates[0], name="t", vtype="int", min="40", max="120", step="5", unit="°C")
    return editor


def _fill(row, **values):
    for name, value in values.items():
        row.fields[name].input.value = value


def _sent(service):
    [body] = [
        json.loads(body)
        for call, body in zip(service.calls, service.bodies, strict=True)
        if call[1] == "/experiment/new"
    ]
    return body


def test_create_sends_what_was_typed(editor, service):
    editor.add_covariate.click()
    _fill(editor.covariates[1], name="base", vtype="cat", options="KOH | NaOH", guess="NaOH")
    _fill(editor.responses[0], name="yield")
    editor.add_response.click()
    _fill(editor.responses[1], name="cost", goal="<=", value="0,5")
    editor.create.click()
    sent = _sent(service)
    assert sent["name"] == "Suzuki"
    assert sent["covars"] == {
        "t": {"vtype": "int", "min": 40, "max": 120, "step": 5, "unit": "°C", "guess": 80},
        "base": {"vtype": "cat", "options": ["KOH", "NaOH"], "guess": "NaOH"},
    }
    assert sent["responses"] == {"yield": {"goal": "maximize"}, "cost": {"goal": "<=", "bound": 0.5}}
    assert editor.experiment.name == "Suzuki"


def test_create_sends_constraints(editor, service):
    editor.add_covariate.click()
    _fill(editor.covariates[1], name="p", min="1", max="9")
    editor.add_constraint.click()
    _fill(editor.constraints[0], text="t + 10*p <= 150")
    editor.create.click()
    assert _sent(service)["constraints"] == [
        {"ctype": "linear", "weights": {"t": 1.0, "p": 10.0}, "relation": "<=", "bound": 150.0}
    ]


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"min": "200"}, "min", "min must be at most max (120)"),
        ({"guess": "300"}, "guess", "guess must lie between min and max, 40 to 120"),
        ({"min": "hot"}, "min", "hot is not a number"),
        ({"min": "40.5"}, "min", "must be a whole number"),
        ({"step": "0"}, "step", "must be at least 1"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_as_it_is_typed(editor, typed, field, said):
    _fill(editor.covariates[0], **typed)
    assert said in editor.covariates[0].fields[field].error.value


def test_mended_field_has_no_error_any_more(editor):
    _fill(editor.covariates[0], min="200")
    _fill(editor.covariates[0], min="20")
    assert editor.covariates[0].fields["min"].error.value == ""


def test_field_that_is_still_empty_is_not_scolded_before_create(editor, service):
    _fill(editor.covariates[0], max="")
    assert editor.covariates[0].fields["max"].error.value == ""
    editor.create.click()
    assert "is missing" in editor.covariates[0].fields["max"].error.value
    assert service.n_calls("POST /experiment/new") == 0


def test_name_that_is_used_twice_is_said(editor):
    editor.add_covariate.click()
    _fill(editor.covariates[1], name="t")
    assert "another row" in editor.covariates[1].fields["name"].error.value


def test_wrong_constraint_is_said_beside_it(editor):
    editor.add_constraint.click()
    _fill(editor.constraints[0], text="t + q <= 1")
    assert "q" in editor.constraints[0].fields["text"].error.value


def test_response_with_the_name_of_a_covariate_is_said_beside_it(editor):
    _fill(editor.responses[0], name="t")
    assert "is also the name of a covariate" in editor.responses[0].fields["name"].error.value


def test_preview_shows_ten_samples_once_the_space_is_valid(editor):
    assert editor._preview.value.count("<circle") == 10
    _fill(editor.covariates[0], max="")
    assert "<circle" not in editor._preview.value


def test_removed_row_is_not_sent(editor, service):
    editor.add_covariate.click()
    _fill(editor.covariates[1], name="p", min="1", max="9")
    editor.covariates[1].remove_button.click()
    editor.create.click()
    assert list(_sent(service)["covars"]) == ["t"]


def test_problem_of_the_service_stands_beside_its_row(editor, service):
    wrong = [{"field": "covars.t.max", "message": "is too hot for this service", "value": 120}]
    service.trouble("POST /experiment/new", problem(422, "invalid", "no", errors=wrong))
    editor.create.click()
    assert "is too hot" in editor.covariates[0].fields["max"].error.value
    with pytest.raises(InvalidInputError, match="no experiment was created yet"):
        _ = editor.experiment


def test_dead_service_is_said_and_what_was_typed_stays(editor, dead):
    with dead():
        editor.create.click()
    assert "cannot reach the service" in editor.said
    assert editor.covariates[0].name == "t"


def test_advice_of_the_service_is_said(editor, service):
    service.advice = ["t had better be logarithmic"]
    editor.create.click()
    assert "t had better be logarithmic" in editor.said


FRAME = pd.DataFrame({"t": [40, 90], "c": [0.5, 1.5], "base": ["KOH", "NaOH"], "yield": [0.2, 0.9]})


def test_columns_of_past_runs_become_covariates_and_the_runs_are_told(client, service):
    editor = SpaceEditor(client, like=FRAME)
    editor.name.input.value = "again"
    editor.create.click()
    sent = _sent(service)
    assert {name: covariate["vtype"] for name, covariate in sent["covars"].items()} == {
        "t": "int",
        "c": "cont",
        "base": "cat",
    }
    assert sent["responses"] == {"yield": {"goal": "maximize"}}
    assert [run["responses"] for run in service.runs] == [{"yield": 0.2}, {"yield": 0.9}]
    assert "2 runs told" in editor.said


def test_past_runs_are_not_told_if_the_box_is_not_ticked(client, service):
    editor = SpaceEditor(client, like=FRAME)
    editor.name.input.value = "again"
    editor.tell_runs.value = False
    editor.create.click()
    assert service.runs == []


def test_responses_of_past_runs_can_be_named(client):
    editor = SpaceEditor(client, like=FRAME, responses={"c": "minimize", "yield": "maximize"})
    assert [row.name for row in editor.covariates] == ["t", "base"]
    assert [row.text("goal") for row in editor.responses] == ["minimize", "maximize"]


@pytest.mark.parametrize("text", ["t,c,yield\n40,0.5,0.2\n90,1.5,0.9\n", "t;c;yield\n40;0,5;0,2\n90;1,5;0,9\n"])
def test_csv_of_past_runs_with_points_or_commas(client, tmp_path, text):
    path = tmp_path / "runs.csv"
    path.write_text(text)
    editor = SpaceEditor(client, like=path)
    assert [(row.name, row.text("vtype"), row.text("max")) for row in editor.covariates] == [
        ("t", "int", "90"),
        ("c", "cont", "1.5"),
    ]


@pytest.mark.parametrize(
    ("like", "said"),
    [(3, "not int"), ("no.csv", "cannot read no.csv"), (pd.DataFrame({"a": ["x"]}), "no column of numbers")],
)
def test_start_that_cannot_be_read_is_refused(client, like, said):
    with pytest.raises(InvalidInputError, match=said):
        SpaceEditor(client, like=like)


def test_copy_of_an_experiment_creates_the_same_space(client, service):
    covars = {
        "t": {"vtype": "cont", "guess": 0.01, "min": 1e-5, "max": 0.1, "log": True, "unit": "mol/L"},
        "kind": {"vtype": "cat", "guess": "b", "options": ["a", "b"]},
        "deep": {"vtype": "int", "guess": 2, "min": 1, "max": 3, "active_if": {"kind": "a"}},
    }
    constraints = [{"combination": {"kind": "a", "deep": 3}}]
    first = client.new("first", covars, responses={"y": "= 7.4", "c": "<= 5"}, constraints=constraints)
    editor = SpaceEditor(client, like=first)
    editor.create.click()
    assert editor.experiment.covars == first.covars
    assert editor.experiment.responses == first.responses
    assert editor.experiment.constraints == first.constraints
    assert editor.experiment.name == "first (copy)"


def test_every_input_has_a_label(editor):
    assert all(field.input.description for field in editor._row_fields())


def test_still_shows_the_space(editor):
    assert "40 to 120 °C in steps of 5" in editor.still()
    assert "not complete" in SpaceEditor(editor.client).still()
