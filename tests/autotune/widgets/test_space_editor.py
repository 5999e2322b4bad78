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


def test_it_can_learn_from_the_experiment_that_it_is_like(client, service):
    first = client.new("first", {"t": "40..120"})
    assert SpaceEditor(client, like=first).learn.layout.display == "none"  # nothing was told yet
    first.tell({"t": 80}, 1.5)
    first.state()
    editor = SpaceEditor(client, like=first)
    assert editor.learn.description == "Learn from the 1 run of first"
    editor.create.click()
    assert "learn_from" not in json.loads(service.bodies[-1])
    editor.learn.value = True
    editor.create.click()
    sent = [json.loads(body) for body in service.bodies if b'"learn_from"' in body]
    assert [one["learn_from"] for one in sent] == [[str(first.exp_uuid)]]
    assert editor.line.endswith(f"--learn-from {first.exp_uuid}")


def test_every_input_has_a_label(editor):
    assert all(field.input.description for field in editor._row_fields())


def test_still_shows_the_space(editor):
    assert "40 to 120 °C in steps of 5" in editor.still()
    assert "not complete" in SpaceEditor(editor.client).still()


MIXTURE = ("lactose", "0.2", "0.8"), ("starch", "0.1", "0.6"), ("binder", "0", "0.1")


@pytest.fixture
def mixture(client):
    editor = SpaceEditor(client)
    editor.name.input.value = "tablets"
    for _more in MIXTURE[1:]:
        editor.add_covariate.click()
    for row, (name, low, high) in zip(editor.covariates, MIXTURE, strict=True):
        _fill(row, name=name, min=low, max=high)
    editor.add_constraint.click()
    _fill(editor.constraints[0], text="lactose + starch + binder = 1")
    return editor


def test_mixture_gets_a_first_guess_that_meets_its_sum(mixture, service):
    assert "<circle" in mixture._preview.value
    mixture.create.click()
    guesses = [covariate["guess"] for covariate in _sent(service)["covars"].values()]
    assert sum(guesses) == pytest.approx(1, abs=1e-12)


def test_first_guess_that_breaks_a_rule_is_said_beside_it_as_it_is_typed(mixture, service):
    for row in mixture.covariates:
        _fill(row, guess=row.text("max"))
    assert "the first guess violates this rule" in mixture.constraints[0].fields["text"].error.value
    assert "is 1.5, and must be == 1" in mixture.constraints[0].fields["text"].error.value
    assert "<circle" not in mixture._preview.value
    mixture.create.click()
    assert service.n_calls("POST /experiment/new") == 0
    _fill(mixture.covariates[0], guess="0.3")
    assert mixture.constraints[0].fields["text"].error.value == ""


def test_rule_behind_one_with_two_bounds_gets_its_own_error(editor):
    editor.add_covariate.click()
    _fill(editor.covariates[1], name="p", min="1", max="9", guess="9")
    for text in ("1 <= p <= 9", "t + 10*p <= 150"):
        editor.add_constraint.click()
        _fill(editor.constraints[-1], text=text)
    assert editor.constraints[0].fields["text"].error.value == ""
    assert "the first guess violates" in editor.constraints[1].fields["text"].error.value


def test_create_twice_makes_one_experiment(editor, service):
    editor.create.click()
    first = editor.experiment
    editor.create.click()
    assert "was created before" in editor.said
    assert service.n_calls("POST /experiment/new") == 1
    assert editor.experiment is first
    editor.name.input.value = "Suzuki 2"
    editor.create.click()
    assert editor.experiment.name == "Suzuki 2"


def test_experiment_that_was_deleted_is_created_again(editor, service):
    editor.create.click()
    service.experiments.clear()
    editor.create.click()
    assert editor.said == "Created Suzuki."


def test_past_runs_that_were_not_told_are_told_by_a_second_click(client, service):
    editor = SpaceEditor(client, like=FRAME)
    editor.name.input.value = "again"
    service.trouble("POST /experiment/tell", problem(409, "experiment_paused", "not now"))
    editor.create.click()
    assert "past runs are not all told" in editor.said
    editor.create.click()
    assert service.n_calls("POST /experiment/new") == 1
    assert "2 runs told" in editor.said


@pytest.mark.parametrize("like", [None, FRAME.rename(columns={"c": "impurity"})])
def test_responses_are_described_as_for_the_client(client, like):
    editor = SpaceEditor(client, like=like, responses={"yield": "max", "impurity": "<= 5,5"})
    assert [row.read() for row in editor.responses] == [{"goal": "maximize"}, {"goal": "<=", "bound": 5.5}]


def test_copy_keeps_all_digits(client):
    covars = {
        "x": {"vtype": "cont", "guess": 0.34567891, "min": 0.123456789, "max": 0.987654321},
        "y": {"vtype": "cont", "guess": 0.1234567, "min": 0.1234567, "max": 10.1234567, "step": 0.12345678},
        "eq": {"vtype": "cat", "guess": 1.2345678, "options": [1.2345678, 2.5], "ordered": True},
    }
    responses = {"yield": "max", "cost": "<= 12.3456789", "pH": "= 7.12345678"}
    first = client.new("first", covars, responses=responses)
    editor = SpaceEditor(client, like=first)
    editor.create.click()
    assert editor.experiment.covars == first.covars
    assert editor.experiment.responses == first.responses


def test_past_runs_lie_within_the_ranges_that_are_made_of_them(client):
    editor = SpaceEditor(client, like=pd.DataFrame({"x": [0.12345678, 0.98765432], "y": [1.0, 2.0]}))
    assert editor.covariates[0].read() == {"vtype": "cont", "min": 0.12345678, "max": 0.98765432}


def test_copy_keeps_options_with_a_bar(client):
    first = client.new("first", {"b": {"vtype": "cat", "guess": "e|f", "options": ["d", "e|f"]}})
    editor = SpaceEditor(client, like=first)
    assert editor.covariates[0].text("options") == r"d | e\|f"
    editor.create.click()
    assert editor.experiment.covars == first.covars


def test_what_the_form_was_made_of_stays_said(client):
    editor = SpaceEditor(client, like=FRAME)
    editor.name.input.value = "a"
    assert "yield is taken for the response" in editor._about.value


def _table(tmp_path, client, text):
    path = tmp_path / "runs.csv"
    path.write_text(text, encoding="utf-8")
    return SpaceEditor(client, like=path)


def _kinds(editor):
    names = [(row.name, row.text("vtype")) for row in editor.covariates]
    return dict(names), [row.name for row in editor.responses]


@pytest.mark.parametrize("sep", [";", "\t", ","])
def test_option_with_a_comma_between_digits_makes_no_decimal_comma(client, tmp_path, sep):
    rows = ["solvent;eq;t;yield", '"1,2-DCE";0.5;40;0.2', "DMF;1.25;90;0.9", "THF;2.75;60;0.7"]
    editor = _table(tmp_path, client, "\n".join(row.replace(";", sep) for row in rows))
    assert _kinds(editor) == ({"solvent": "cat", "eq": "cont", "t": "int"}, ["yield"])
    assert editor.covariates[0].text("options") == "1,2-DCE | DMF | THF"


def test_table_with_commas_between_cells_may_have_decimal_commas_in_quotes(client, tmp_path):
    editor = _table(tmp_path, client, 'base,t,yield\nA,"0,5",1\nB,"1,5",2\n')
    assert _kinds(editor) == ({"base": "cat", "t": "cont"}, ["yield"])
    assert editor.covariates[1].text("max") == "1.5"


def test_table_of_excel_with_failed_runs_and_notes_is_read(client, service, tmp_path):
    text = "sep=;\nt;binder;yield;status;note\n40;none;1,5;;slow: 1.5 h\n50;PVP;;failed;\n60;none;2,5;;\n"
    editor = _table(tmp_path, client, text)
    assert _kinds(editor) == ({"t": "int", "binder": "cat"}, ["yield"])
    assert editor.covariates[1].text("options") == "none | PVP"
    editor.name.input.value = "again"
    editor.create.click()
    assert [(run["status"], run["covars"]["binder"]) for run in service.runs] == [
        ("ok", "none"),
        ("failed", "PVP"),
        ("ok", "none"),
    ]


def test_table_is_read_by_the_separator_that_it_names(client, tmp_path):
    editor = _table(tmp_path, client, "sep=|\nt;1|u|yield\n40|A|1.5\n60|B|2.5\n")
    assert _kinds(editor) == ({"t;1": "int", "u": "cat"}, ["yield"])


def test_table_whose_decimal_sign_is_open_is_refused_with_the_cell(client, tmp_path):
    with pytest.raises(InvalidInputError, match=r"line 2, column t: 1,050 may be 1\.05 or 1050"):
        _table(tmp_path, client, "t;yield\n1,050;3\n")


def test_experiment_that_was_not_created_for_a_dead_service_is_created_once(editor, service, dead):
    with dead():
        editor.create.click()
    editor.create.click()
    assert editor.said == "Created Suzuki."


def test_first_guess_of_past_runs_meets_a_rule_that_is_added(client, service):
    runs = pd.DataFrame({"a": [0.1, 0.9], "b": [0.1, 0.5], "y": [1.0, 2.0]})
    editor = SpaceEditor(client, like=runs)
    editor.name.input.value = "again"
    editor.add_constraint.click()
    _fill(editor.constraints[0], text="a + b = 1")
    editor.create.click()
    assert sum(covariate["guess"] for covariate in _sent(service)["covars"].values()) == pytest.approx(1, abs=1e-12)


SHELF = {"KOH": {"pKb": 0.5, "mass": 56.1}, "NaOH": {"pKb": 0.2, "mass": 40.0}}


def test_numbers_known_of_options_come_from_a_file(editor, service, tmp_path):
    file = tmp_path / "bases.csv"
    file.write_text("base;pKb;mass\nKOH;0,5;56,1\nNaOH;0,2;40\nEt3N;3,25;101,2\n")
    editor.add_covariate.click()
    _fill(editor.covariates[1], name="base", vtype="cat", options="KOH | NaOH", descriptors=str(file))
    editor.create.click()
    assert _sent(service)["covars"]["base"] == {
        "vtype": "cat", "options": ["KOH", "NaOH"], "guess": "KOH", "descriptors": SHELF,
    }  # fmt: skip


def test_options_left_open_are_those_of_the_file(editor, service, tmp_path):
    file = tmp_path / "bases.csv"
    file.write_text("base,pKb,mass\nKOH,0.5,56.1\nNaOH,0.2,40\n")
    editor.add_covariate.click()
    _fill(editor.covariates[1], name="base", vtype="cat", descriptors=str(file))
    editor.create.click()
    assert (_sent(service)["covars"]["base"]["options"], editor.line.count("pKb")) == (["KOH", "NaOH"], 2)


def test_file_that_cannot_be_read_is_named_beside_its_field(editor):
    editor.add_covariate.click()
    _fill(editor.covariates[1], name="base", vtype="cat", options="KOH | NaOH", descriptors="no.csv")
    assert "cannot read no.csv" in editor.covariates[1].fields["descriptors"].error.value


def test_descriptors_of_an_experiment_are_kept_until_a_file_is_named(client, service):
    base = {"vtype": "cat", "guess": "KOH", "options": ["KOH", "NaOH"], "descriptors": SHELF}
    editor = SpaceEditor(client, client.new("old", {"base": base, "t": "1..3"}))
    editor.name.input.value = "new"
    editor.create.click()
    assert [
        json.loads(body)["covars"]["base"]["descriptors"]
        for call, body in zip(service.calls, service.bodies, strict=True)
        if call[1] == "/experiment/new"
    ] == [SHELF, SHELF]


def test_first_guess_that_is_left_empty_is_hinted_at_by_the_kind(editor):
    row = editor.covariates[0]
    assert row.fields["guess"].input.placeholder == "middle"
    _fill(row, vtype="cat")
    assert row.fields["guess"].input.placeholder == "first"


def test_no_rule_that_stops_runs_early_is_shown_as_none_and_not_sent(editor, service):
    assert editor.early_stop.label == "none"
    editor.create.click()
    assert "early_stop" not in _sent(service)


def test_rule_that_stops_runs_early_is_chosen_and_kept(editor, client, service):
    editor.early_stop.value = "successive_halving"
    editor.create.click()
    assert _sent(service)["early_stop"] == {"rule": "successive_halving"}
    assert editor.line.endswith(" --early-stop successive_halving")
    assert "successive_halving" in editor.still()
    own = client.new("own", {"t": "0..1"}, early_stop={"rule": "median", "min_steps": 3})
    service.calls, service.bodies = [], []
    copy = SpaceEditor(client, like=own)
    copy.create.click()
    assert _sent(service)["early_stop"] == {"rule": "median", "min_steps": 3}
    assert copy.line.endswith(" --early-stop {'rule': 'median', 'min_steps': 3}")


def test_list_of_a_file_is_sent_and_kept_in_the_line(editor, service, tmp_path):
    file = tmp_path / "plate.csv"
    file.write_text("t,bottle\n40,001\n45,002\n")
    editor.rows.input.value = str(file)
    assert "40" in editor._preview.value
    editor.create.click()
    assert _sent(service)["candidates"] == [{"t": 40, "bottle": "001"}, {"t": 45, "bottle": "002"}]
    assert f'--candidates "{file}"' in editor.line


def test_table_of_the_notebook_is_sent(client, service):
    editor = SpaceEditor(client, candidates=pd.DataFrame({"t": [40, 45], "bottle": ["a", "b"]}))
    editor.name.input.value = "plate"
    _fill(editor.covariates[0], name="t", vtype="int", min="40", max="120")
    editor.create.click()
    assert _sent(service)["candidates"] == [{"t": 40, "bottle": "a"}, {"t": 45, "bottle": "b"}]


def test_file_that_is_not_there_is_said_beside_its_field(editor, service):
    editor.rows.input.value = "gone.csv"
    assert "cannot read gone.csv" in editor.rows.error.value
    editor.create.click()
    assert ("POST", "/experiment/new") not in service.calls
