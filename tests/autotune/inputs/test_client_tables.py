"""Tables as labs, spreadsheets and other tuners write them."""

import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autotune.errors import InvalidInputError
from autotune.inputs.loading import read_runs
from autotune.views.tables import run_records, table
from autotune_wire.observations import Observation
from generated import responses_of, space_of

X = {"vtype": "cont", "guess": 5.0, "min": 0.0, "max": 10.0}
LAB = space_of({"x": X})
TWO = responses_of(loss="minimize", acc="maximize")
ONE = responses_of(area="maximize")


def options(*texts, **more):
    return {"vtype": "cat", "guess": texts[0], "options": list(texts), **more}


def read(data, space=LAB, responses=ONE, **more):
    return read_runs(data, space, responses, **more)


def areas(text, **more):
    return [told.responses["area"] for told in read(text, **more).told]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x\tarea\n5.5\t1,050\n6.5\t950.5\n", [1050.0, 950.5]),
        ("x\tarea\n5.5\t1,050\n6.5\t12,300\n", [1050.0, 12300.0]),
        ("x;area\n5.5;1,050\n6.25;950.5\n", [1050.0, 950.5]),
        ("x;area\n5,5;1.050\n6,5;950,5\n", [1050.0, 950.5]),
        ("x;area\n5,5;1,05\n6,5;950,5\n", [1.05, 950.5]),
        ("x;area\n5;1 050\n6;1'250\n", [1050.0, 1250.0]),
        ("x;area\n5;1.050,25\n6;1.250\n", [1050.25, 1250.0]),
        ('x,area\n5.5,"1,050"\n', [1050.0]),
        ('x,area\n"5,5","1,050"\n', [1.05]),
        ("x,area\n1.125,2.250\n", [2.25]),
    ],
)
def test_one_decimal_sign_is_read_throughout_a_file(text, expected):
    assert areas(text) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x\tarea\n5\t1,050\n6\t12,300\n", r"line 2\.area: may be 1\.05 or 1050: say which with decimal"),
        ('x,area\n5,"1,050"\n', r"line 2\.area: may be 1\.05 or 1050"),
        ("x;area\n5,5;1,05\n6.5;950,5\n", r"line 3\.x: has a decimal point, but line 2\.x .5,5. has a decimal comma"),
        ("x;area\n5,5;1,050,000\n", r"line 2\.area: has a decimal point"),
        ("x;area\n5;1,0,5\n", r"line 2\.area: must be a finite number .given: '1,0,5'"),
        ("x,area\n5.5,4_5\n", r"line 2\.area: must be a finite number .given: '4_5'"),
        ("x,area\n0x10,1\n", r"line 2\.x: must be a finite number"),
        ("x,area\n1,\uff11\n", r"line 2\.area: must be a finite number"),
    ],
)
def test_number_that_is_none_or_may_be_two_is_refused_by_its_place(text, says):
    with pytest.raises(InvalidInputError, match=says):
        areas(text)


def test_decimal_says_which_number_is_meant():
    text = "x\tarea\n5\t1,050\n"
    assert (areas(text, decimal="."), areas(text, decimal=",")) == ([1050.0], [1.05])
    with pytest.raises(InvalidInputError, match=r"decimal must be '\.' or ',', not ';'"):
        areas(text, decimal=";")


def test_texts_among_the_numbers_of_a_frame_are_read_by_all_of_them():
    frame = pd.DataFrame({"x": [5.5, 6.5, 7.5], "area": ["1,050", "950.5", "12,300"]})
    assert areas(frame) == [1050.0, 950.5, 12300.0]
    with pytest.raises(InvalidInputError, match=r"row 0\.area: may be 1\.05 or 1050"):
        areas(frame[:1])


@pytest.mark.parametrize(
    ("text", "extra"),
    [
        ("name,x,loss,acc\nlegendary-1,1,0.5,0.9\n", "name"),
        ('x,loss,acc,comment\n1,0.5,0.9,"new lamp, 2 h"\n', "comment"),
        ("index,x,date,loss,acc\n0,1,2026-01-02,0.5,0.9\n", "index, date"),
    ],
)
def test_columns_that_are_not_the_experiments_are_left_out_with_a_notice(text, extra):
    runs = read(text, responses=TWO)
    assert [told.responses for told in runs.told] == [{"loss": 0.5, "acc": 0.9}]
    assert runs.notices == [f"left out because they are not columns of this experiment: {extra}"]
    quiet = read(text, responses=TWO, ignore=extra.split(", "))
    assert (quiet.told, list(quiet.notices)) == (runs.told, [])


def test_ignore_takes_one_name_and_leaves_out_columns_of_the_experiment_too():
    [told] = read([{"x": 1, "area": 2, "status": "good"}], ignore="status").told
    assert told.status == "ok"
    with pytest.raises(InvalidInputError, match="x: is a covariate without a column"):
        read([{"x": 1, "area": 2}], ignore="x")


def test_frame_may_hold_decimals_as_a_database_gives_them():
    frame = pd.DataFrame({"x": [Decimal("0.5"), Decimal("1")], "area": [Decimal("2.25"), Decimal("NaN")]})
    frame["status"] = ["ok", "failed"]
    assert [(told.covars, told.responses) for told in read(frame).told] == [
        ({"x": 0.5}, {"area": 2.25}), ({"x": 1.0}, None),
    ]  # fmt: skip


def test_frame_whose_index_is_a_covariate_is_refused_with_the_way_to_a_column():
    frame = pd.DataFrame({"x": [1], "area": [2]})
    for name in ("x", "area"):
        with pytest.raises(InvalidInputError, match=rf"^{name} is the index of the DataFrame: reset_index\(\) makes"):
            read(frame.set_index(name))
    assert len(read(frame.set_index("x").reset_index()).told) == 1
    assert len(read(frame.set_index("x", drop=False)).told) == 1


def test_index_of_pandas_is_left_out_without_a_notice():
    assert not read("Unnamed: 0,x,area\n0,1,2\n").notices


@pytest.mark.parametrize("cell", ["", "NaN", "N/A", "NA", "-", "null", "None", "#N/A"])
def test_value_that_was_not_measured_may_be_written_in_many_ways(cell):
    runs = read(f"x,loss,acc\n1,0.5,{cell}\n", responses=TWO)
    assert [told.responses for told in runs.told] == [{"loss": 0.5}]
    assert read([{"x": 1, "loss": 0.5, "acc": cell}], responses=TWO).told == runs.told


def test_option_that_is_called_like_nothing_is_this_option():
    space = space_of({"x": X, "region": options("NA", "EU"), "sign": options("-", "+")})
    [told] = read("x,region,sign,area\n1,NA,-,2\n", space).told
    assert told.covars == {"x": 1.0, "region": "NA", "sign": "-"}
    [told] = read("x,region,sign,area\n1,N/A,,2\n", space).told
    assert told.covars == {"x": 1.0}


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;"])
def test_separator_that_excel_names_is_taken(first):
    # By its header this is one column, and by the other separators' count of known names as well.
    assert areas(f"{first}\r\nx;area\r\n1;2\r\n") == [2.0]
    with pytest.raises(InvalidInputError, match=r"line 3\.x"):
        areas(f"{first}\nx;area\nlots;2\n")


def test_separator_may_be_any_character():
    assert areas("sep=|\nx|area\n1|2\n") == [2.0]


@pytest.mark.parametrize("name", ["area", "Area", "AREA", "response", "Response", "RESPONSE"])
def test_response_is_found_by_any_of_its_names(name):
    assert areas(f"x;{name}\n1;2\n") == areas([{"x": 1, name: 2}]) == [2.0]


def test_options_that_pandas_made_numbers_and_truths_of_are_these_options():
    space = space_of({"kb": options("128", "256"), "shuffle": options("True", "False")})
    frame = pd.DataFrame({"kb": [128, np.nan], "shuffle": [True, False], "area": [1, 2]})
    assert frame["kb"].dtype == float
    first, second = read(frame, space).told
    assert (first.covars, second.covars) == ({"kb": "128", "shuffle": "True"}, {"shuffle": "False"})
    [told] = read("kb,shuffle,area\n256.0,FALSE,3\n", space).told
    assert told.covars == {"kb": "256", "shuffle": "False"}


@pytest.mark.parametrize("data", [[{"kb": 1, "area": 2}], "kb,area\n1.0,2\n"])
def test_number_that_may_be_two_options_is_refused(data):
    with pytest.raises(InvalidInputError, match='kb: may be the option "01" or "1": write the text of the option'):
        read(data, space_of({"kb": options("01", "1")}))


def test_value_of_a_covariate_that_is_not_active_is_left_out_with_a_notice():
    gamma = {**X, "active_if": {"covariate": "kernel", "values": ["rbf"]}}
    space = space_of({"kernel": options("rbf", "linear"), "gamma": gamma})
    runs = read("gamma,kernel,area\n1,rbf,2\nunused,linear,4\n", space)
    assert [told.covars for told in runs.told] == [{"kernel": "rbf", "gamma": 1.0}, {"kernel": "linear"}]
    assert runs.notices == ["the value of gamma is left out in 1 run where it is not active"]
    assert [told.covars for told in read("kernel,area\nlinear,4\n", space).told] == [{"kernel": "linear"}]


def trials(**more):
    columns = {
        "number": [0, 1, 2, 3],
        "value": [0.5, np.nan, 0.75, np.nan],
        "datetime_start": pd.to_datetime(["2026-01-02"] * 4),
        "datetime_complete": pd.to_datetime(["2026-01-02", None, "2026-01-02", None]),
        "duration": pd.to_timedelta([1, None, 2, None], "s"),
        "params_x": [1.0, 2.0, 3.0, 4.0],
        "params_kernel": ["rbf", "rbf", "linear", "rbf"],
        "system_attrs_completed_rung_0": [0.5, np.nan, 0.75, np.nan],
        "state": ["COMPLETE", "FAIL", "PRUNED", "RUNNING"],
    }
    return pd.DataFrame(columns | more)


@pytest.mark.parametrize("is_csv", [False, True])
def test_trials_of_optuna_are_taken_as_they_come(is_csv):
    space = space_of({"x": X, "kernel": options("rbf", "linear")})
    frame = trials()
    runs = read(frame.to_csv() if is_csv else frame, space)
    assert [(told.covars, told.responses, told.status) for told in runs.told] == [
        ({"x": 1.0, "kernel": "rbf"}, {"area": 0.5}, "ok"),
        ({"x": 2.0, "kernel": "rbf"}, None, "failed"),
    ]
    assert runs.notices == ["left out because these trials did not end: 1 PRUNED, 1 RUNNING"]


def test_trials_of_optuna_may_have_several_values_and_two_header_lines():
    frame = trials(values_0=[0.5, np.nan, 0.75, np.nan], values_1=[9, 8, 7, 6]).drop(columns=["value", "params_kernel"])
    parts = [tuple(name.split("_", 1)) if name.startswith(("params", "values")) else (name, "") for name in frame]
    frame.columns = pd.MultiIndex.from_tuples(parts)
    runs = read(frame, responses=TWO)
    assert [told.responses for told in runs.told] == [{"loss": 0.5, "acc": 9.0}, None]
    assert runs.notices[0] == "the values are read in the order of the responses: values_0 as loss, values_1 as acc"


def test_trial_of_optuna_in_an_unknown_state_is_refused():
    with pytest.raises(InvalidInputError, match=r"row 0\.state: must be one of COMPLETE, FAIL, PRUNED"):
        read([{"params_x": 1, "value": 2, "state": "DONE"}])


def test_tell_takes_an_option_as_pandas_reads_it(client, service):
    tuned = client.new("texts", {"kb": options("128", "256"), "shuffle": options("True", "False")})
    tuned.tell({"kb": 128, "shuffle": True}, 1.0)
    tuned.fail({"kb": np.float64(256), "shuffle": np.bool_(False)})
    assert [run["covars"] for run in service.runs] == [
        {"kb": "128", "shuffle": "True"},
        {"kb": "256", "shuffle": "False"},
    ]
    tuned = client.new("texts", {"kb": options("01", "1")})
    with pytest.raises(InvalidInputError, match='kb may be the option "01" or "1"'):
        tuned.tell({"kb": 1}, 1.0)


def test_number_as_a_guess_among_texts_is_refused_with_what_is_wanted(client):
    with pytest.raises(InvalidInputError, match="guess must be a text, one of the options: 128, 256"):
        client.new("kb", {"kb": options("128", "256") | {"guess": 128}})


def test_truth_values_as_options_are_refused_with_what_to_write(client):
    with pytest.raises(InvalidInputError, match=r'covars\.shuffle\.options\.0: .* give the texts "True" and "False"'):
        client.new("bools", {"shuffle": options(True, False)})


def test_notices_are_said(client, service, capsys):
    made = client.new("lab", {"x": X})
    said = []
    made.add_history("x,Response,comment\n1,2,good\n", say=said.append)
    assert said == ["the text: left out because they are not columns of this experiment: comment\n"]
    made.add_history("x,Response,comment\n1,3,good\n")
    assert capsys.readouterr().err == said[0]
    made.add_history("x,Response,comment\n1,4,good\n", say=None)
    assert capsys.readouterr().err == ""


def test_predict_takes_the_history_of_a_covariate_called_like_a_column(client, service):
    made = client.new("lab", {"x": X, "status": X})
    made.tell({"x": 0.25, "status": 3.0}, 1)
    made.predict(made.history())
    assert json.loads(service.bodies[-1])["configurations"] == [{"x": 0.25, "status": 3.0}]


HOSTILE = st.sampled_from(
    ["status", "sd", "excluded", "id", "told_by", "time_created", "outside", "Response sd", "y", "Y", "y sd", " y",
     "covars.y", "covars.status", "responses.y", "params_y", "value", "number", "state", "Unnamed: 0", "NA", "a;b;c",
     "a,b", 'say "y"']
)  # fmt: skip
KINDS = [X, {"vtype": "int", "guess": 1, "min": 0, "max": 9}, options("NA", "-", " red", "True", "1,5", "01", "1")]


@st.composite
def histories(draw):
    names = draw(st.lists(HOSTILE, min_size=2, max_size=6, unique=True))
    n_responses = draw(st.integers(1, min(2, len(names) - 1)))
    responses = responses_of(**dict.fromkeys(names[:n_responses], "maximize"))
    space = space_of({name: draw(st.sampled_from(KINDS)) for name in names[n_responses:]})
    values = {"cont": st.floats(0, 10), "int": st.integers(0, 9), "cat": st.sampled_from(KINDS[2]["options"])}
    numbers = st.floats(allow_nan=False, allow_infinity=False)
    runs = []
    for seq in range(1, draw(st.integers(1, 3)) + 1):
        is_failed = draw(st.booleans())
        measured = {name: draw(numbers) for name in responses if draw(st.booleans())} or {names[0]: draw(numbers)}
        runs.append(
            Observation.model_validate(
                {
                    "observation_uuid": "00000000-0000-0000-0000-0000000000aa", "suggestion_uuid": None, "seq": seq,
                    "covars": {name: draw(values[covariate.vtype]) for name, covariate in space.items()},
                    "responses": {} if is_failed else measured,
                    "response": None if is_failed else measured.get(names[0]),
                    "sds": {} if is_failed else {name: 0.5 for name in measured if draw(st.booleans())},
                    "status": "failed" if is_failed else "ok", "is_excluded": draw(st.booleans()),
                    "time_created": "2026-01-02T03:04:05Z",
                }
            )
        )  # fmt: skip
    return space, responses, runs


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(histories())
def test_history_is_read_back_whatever_the_names_are(made):
    space, responses, runs = made
    frame = table(*run_records(runs, space, responses))
    expected = [(run.covars, run.responses, run.sds, run.status) for run in runs if not run.is_excluded]
    for data in (frame, frame.to_csv(), frame.to_csv(index=False, sep=";"), frame.to_dict("records")):
        is_text = isinstance(data, str)
        found = read_runs(data, space, responses, decimal="." if is_text else None)
        assert [(run.covars, run.responses or {}, run.sds or {}, run.status) for run in found.told] == expected
        assert not found.notices
