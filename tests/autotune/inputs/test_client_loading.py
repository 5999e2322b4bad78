import json

import httpx2
import numpy as np
import pandas as pd
import pytest
from fake_service import problem

from autotune.errors import ConnectionFailedError, InvalidInputError, ServiceError, UnavailableError

TELL = "POST /experiment/tell"
SPACE = {
    "x": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0},
    "k": {"vtype": "int", "guess": 1, "min": 0, "max": 9},
    "color": {"vtype": "cat", "guess": "red", "options": ["red", "1,5", "1.5"]},
    "step": {"vtype": "cat", "guess": 2, "options": [1, 2.5, 2], "ordered": True},
}
ROW = {"x": 0.25, "k": 3, "color": "red", "step": 2.5}
HEADER = "x,k,color,step,Response"


@pytest.fixture
def kitchen(client):
    return client.new("kitchen", SPACE)


@pytest.fixture
def lab(client):
    return client.new("lab", SPACE, responses={"yield": "maximize", "impurity": "<= 0.05"})


@pytest.fixture
def written(tmp_path):
    def write(text: str, encoding: str = "utf-8"):
        path = tmp_path / "runs.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


def _sent(service):
    return json.loads(service.bodies[-1])["observations"]


def test_file_is_read_by_the_types_of_the_covariates(kitchen, service, written):
    told = kitchen.add_history(written(f"{HEADER}\n0.25,3,red,2.5,7\n\n1,4,1.5,2,8\n"))
    assert [observation.response for observation in told] == [7, 8]
    assert [run["covars"] for run in _sent(service)] == [ROW, {"x": 1.0, "k": 4, "color": "1.5", "step": 2}]


def test_file_is_taken_by_its_name_too(kitchen, written):
    assert len(kitchen.add_history(str(written(f"{HEADER}\n0.25,3,red,2.5,7")))) == 1


def test_text_with_line_breaks_is_the_file_itself(kitchen):
    assert len(kitchen.add_history(f"{HEADER}\n0.25,3,red,2.5,7\n")) == 1


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_file_of_a_spreadsheet_may_have_decimal_commas(kitchen, service, written, delimiter):
    text = "\ufeffx;k;color;step;Response\r\n0,25;3;1,5;2,5;-7,5e1\r\n".replace(";", delimiter)
    kitchen.add_history(written(text))
    assert _sent(service) == [{"covars": {**ROW, "color": "1,5"}, "responses": {"Response": -75.0}}]


def test_file_holds_several_responses_deviations_and_failures(lab, service, written):
    header = "color,step,k,x,yield,yield sd,impurity,status"
    lab.add_history(written(f"{header}\nred,2.5,3,0.25,1,0.1,,ok\nred,2.5,3,0.25,,,0.01,\nred,2.5,3,0.25,,,,failed\n"))
    assert [{name: run.get(name) for name in ("responses", "sds", "status")} for run in _sent(service)] == [
        {"responses": {"yield": 1.0}, "sds": {"yield": 0.1}, "status": "ok"},
        {"responses": {"impurity": 0.01}, "sds": None, "status": "ok"},
        {"responses": None, "sds": None, "status": "failed"},
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{HEADER}\n0.25,3,red,2.5,7\nmuch,3,red,2.5,7\n", r"line 3\.x: must be a finite number \(given: 'much'\)"),
        (f"{HEADER}\n0.25,3.5,red,2.5,7\n", r"line 2\.k: must be a whole number"),
        (f"{HEADER}\n0.25,3,red,2.5,\n", r"line 2: has no response"),
        (f"{HEADER}\n\n0.25,3,red,2.5\n", "line 3: has 4 cells, the header has 5"),
        (
            f"{HEADER.replace('color', 'colour')}\n0.25,3,red,2.5,7\n",
            r"line 1\.color: is a covariate without a column; columns that are not the experiment's: colour$",
        ),
        ("x,k,color,step,taste\n0.25,3,red,2.5,7\n", r"no column of a response \(Response\); .* experiment's: taste"),
        (f"{HEADER}\n", "holds no run"),
        ("\n", "holds no run"),
        (f'{HEADER}\n"0.25,3,red,2.5,7\n', "line 2: is not CSV"),
    ],
)
def test_file_that_does_not_fit_is_told_by_line_and_column(kitchen, service, text, message):
    with pytest.raises(InvalidInputError, match=message):
        kitchen.add_history(text)
    assert service.n_calls(TELL) == 0


def test_file_in_another_encoding_says_what_to_do(kitchen, written):
    with pytest.raises(InvalidInputError, match="save the file as CSV UTF-8"):
        kitchen.add_history(written("größe,Response\n1,2\n", "latin-1"))


def test_file_that_is_not_there_is_told_by_its_path(kitchen):
    with pytest.raises(InvalidInputError, match=r"cannot read nowhere\.csv: No such file"):
        kitchen.add_history("nowhere.csv")


@pytest.mark.parametrize("is_csv", [False, True])
def test_history_of_one_experiment_is_taken_by_another(client, lab, service, written, is_csv):
    lab.tell(ROW, {"yield": 1.5, "impurity": 0.01}, sd={"yield": 0.1})
    lab.fail({**ROW, "x": 0.75})
    frame = lab.history()
    # With an index column, as pandas writes it unless it is told not to.
    other = client.new("other", SPACE, responses={"yield": "maximize", "impurity": "<= 0.05"})
    other.add_history(written(frame.to_csv()) if is_csv else frame)
    first, second = _sent(service)
    measured = {"responses": {"yield": 1.5, "impurity": 0.01}, "sds": {"yield": 0.1}}
    assert first == {"covars": ROW, **measured, "status": "ok"}
    assert second == {"covars": {**ROW, "x": 0.75}, "status": "failed"}


@pytest.mark.parametrize("is_csv", [False, True])
def test_history_with_a_covariate_called_like_a_column_is_taken(client, service, is_csv):
    space = {"status": {"vtype": "int", "guess": 1, "min": 0, "max": 9}}
    first = client.new("first", space)
    first.tell({"status": 3}, 1)
    frame = first.history()
    client.new("second", space).add_history(frame.to_csv(index=False) if is_csv else frame)
    assert _sent(service)[0]["covars"] == {"status": 3}


@pytest.mark.parametrize("is_csv", [False, True])
def test_history_with_excluded_runs_is_taken_without_them(client, kitchen, service, written, is_csv):
    for n in range(3):
        told = kitchen.tell(ROW, n)
        if n == 1:
            kitchen.exclude(told, "spilt")
    frame = kitchen.history()
    assert list(frame["excluded"]) == [False, True, False]
    client.new("other", SPACE).add_history(written(frame.to_csv()) if is_csv else frame)
    assert [run["responses"]["Response"] for run in _sent(service)] == [0, 2]


@pytest.mark.parametrize("cell", ["", "false", "FALSE", "0"])
def test_file_may_say_that_no_run_is_excluded(kitchen, service, cell):
    kitchen.add_history(f"{HEADER},excluded\n0.25,3,red,2.5,7,{cell}\n")
    assert len(_sent(service)) == 1


@pytest.mark.parametrize("cell", [None, False, np.bool_(False), np.nan, pd.NA, "false", 0])
def test_rows_may_say_that_no_run_is_excluded(kitchen, service, cell):
    kitchen.add_history([{**ROW, "Response": 1, "excluded": cell}])
    assert len(_sent(service)) == 1


def test_file_with_an_excluded_run_names_the_lines_after_it_by_their_number(kitchen):
    with pytest.raises(InvalidInputError, match=r"line 3\.x"):
        kitchen.add_history(f"{HEADER},excluded\n0.25,3,red,2.5,7,True\nwide,3,red,2.5,7,False\n")


@pytest.mark.parametrize("is_csv", [False, True])
def test_history_that_says_neither_excluded_nor_not_is_refused(kitchen, is_csv):
    text = f"{HEADER},excluded\n0.25,3,red,2.5,7,perhaps\n"
    place = r"line 2\.excluded" if is_csv else r"row 0\.excluded"
    with pytest.raises(InvalidInputError, match=f"{place}: must be true, false or empty; .*given: 'perhaps'"):
        kitchen.add_history(text if is_csv else [{**ROW, "Response": 1, "excluded": "perhaps"}])


@pytest.mark.parametrize("is_csv", [False, True])
def test_covariate_called_excluded_is_a_covariate(client, service, is_csv):
    space = {"excluded": {"vtype": "int", "guess": 1, "min": 0, "max": 9}}
    first = client.new("first", space)
    told = first.tell({"excluded": 1}, 1)
    second = client.new("second", space)
    second.add_history([{"excluded": 1, "Response": 3}])
    assert _sent(service)[0]["covars"] == {"excluded": 1}
    first.exclude(told, "spilt")
    first.tell({"excluded": 0}, 2)
    frame = first.history()
    second.add_history(frame.to_csv(index=False) if is_csv else frame)
    assert [run["covars"] for run in _sent(service)] == [{"excluded": 0}]


def test_frame_has_empty_cells_where_nothing_was_measured(lab, service):
    rows = {**{name: [value, value] for name, value in ROW.items()}, "yield": [1.0, np.nan], "impurity": [None, 0.5]}
    lab.add_history(pd.DataFrame(rows))
    assert [run["responses"] for run in _sent(service)] == [{"yield": 1.0}, {"impurity": 0.5}]


def test_frame_of_pandas_own_types_is_taken(kitchen, service):
    frame = pd.DataFrame([{**ROW, "Response": 1.0}]).convert_dtypes()
    frame["status"] = pd.NA
    kitchen.add_history(frame)
    assert _sent(service) == [{"covars": ROW, "responses": {"Response": 1.0}, "status": "ok"}]


def test_dicts_are_taken(kitchen, service):
    kitchen.add_history([{**ROW, "Response": np.float64(2), "sd": 0.5}, {**ROW, "status": "failed"}])
    assert [run.get("sds") for run in _sent(service)] == [{"Response": 0.5}, None]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [{**{name: ROW[name] for name in ROW if name != "k"}, "Response": 1, "taste": 3}],
            r"  k: is a covariate without a column; columns that are not the experiment's: taste",
        ),
        ([{**ROW, "Response": 1}, {**ROW, "Response": "good"}], r"row 1\.Response: must be a finite number .*'good'"),
        ([{**ROW, "Response": 1}, {**ROW, "Response": np.inf}], r"row 1\.Response: must be a finite number"),
        ([{**ROW, "x": [1], "Response": 1}], r"row 0\.x: must be a finite number"),
        ([{**ROW, "x": True, "Response": 1}], r"row 0\.x: must be a finite number"),
        ([{**ROW, "color": [1], "Response": 1}], r"row 0\.color: must be a number or a text"),
        ([{**ROW, "Response": 1, "sd": -1}], r"row 0\.sd: must not be negative"),
        ([{**ROW, "Response": 1}, ROW], "row 1: has no response; set status to failed for a run that gave no response"),
        ([ROW], r"there is no column of a response \(Response\)"),
        ([{**ROW, "Response": 1, "status": "lost"}], r"row 0\.status"),
        ([3], "must hold dicts; row 0 is int"),
        ([], "the list of runs holds no run"),
        (3, "not as int"),
        ({"x": 1}, "not as dict"),
    ],
)
def test_rows_that_do_not_fit_are_told_by_row_and_column(kitchen, service, rows, message):
    with pytest.raises(InvalidInputError, match=message):
        kitchen.add_history(rows)
    assert service.n_calls(TELL) == 0


def test_many_runs_are_told_in_parts_that_are_reported(kitchen, service):
    said = []
    told = kitchen.add_history([{**ROW, "Response": n} for n in range(2500)], say=said.append)
    assert [observation.response for observation in told] == list(range(2500))
    assert service.n_calls(TELL) == 3
    assert said == ["1000 of 2500 runs told\n", "2000 of 2500 runs told\n", "2500 of 2500 runs told\n"]


def test_service_that_takes_fewer_at_once_is_told_in_smaller_parts(kitchen, service):
    rows, said = [{**ROW, "Response": n} for n in range(1200)], []
    service.trouble(TELL, *[problem(422, "batch_too_large", "a tell may bring 300 observations here")] * 2)
    told = kitchen.add_history(rows, say=said.append)
    assert [observation.response for observation in told] == list(range(1200))
    assert said == [f"{n} of 1200 runs told\n" for n in (250, 500, 750, 1000, 1200)]


def test_service_that_takes_not_even_one_is_not_asked_for_ever(kitchen, service):
    service.trouble(TELL, *[problem(422, "batch_too_large", "no")] * 3)
    with pytest.raises(ServiceError, match="no"):
        kitchen.add_history([{**ROW, "Response": n} for n in range(5)])
    assert service.n_calls(TELL) == 3


def test_a_few_runs_are_told_without_a_word(kitchen, capsys):
    kitchen.add_history([{**ROW, "Response": 1}])
    assert capsys.readouterr() == ("", "")


def test_run_that_the_service_refuses_is_told_by_its_line(kitchen, service):
    field = {"field": "observations.1.covars.x", "message": "must be a number from 0 to 1", "value": 7.0}
    service.trouble(TELL, problem(422, "invalid", "no", errors=[field]))
    with pytest.raises(InvalidInputError, match=r"line 4\.x: must be a number from 0 to 1 \(given: 7\.0\)") as caught:
        kitchen.add_history(f"{HEADER}\n0.25,3,red,2.5,7\n\n7,3,red,2.5,7\n")
    assert caught.value.__notes__ == ["None of the runs is stored."]


def test_part_that_was_not_told_says_what_is_stored(kitchen, service):
    rows = [{**ROW, "Response": n} for n in range(1500)]

    def stumble(_text):
        service.trouble(TELL, problem(409, "experiment_closed", "it is closed"))

    with pytest.raises(ServiceError) as caught:
        kitchen.add_history(rows, say=stumble)
    assert caught.value.__notes__ == [
        "The first 1000 of 1500 runs are stored. The runs from row 1000 on are not stored."
    ]
    assert caught.value._render_traceback_()[-1] == caught.value.__notes__[0]


def test_part_whose_reply_was_lost_is_stored_once(kitchen, service):
    service.lose(TELL)
    assert len(kitchen.add_history([{**ROW, "Response": n} for n in range(3)])) == 3
    assert len(service.runs) == 3


@pytest.mark.parametrize("trouble", [httpx2.ReadError("cut"), problem(503, "unavailable", "not now")])
def test_part_that_never_got_a_reply_says_what_may_be_stored(kitchen, service, trouble):
    service.trouble(TELL, *[trouble] * 99)
    with pytest.raises((ConnectionFailedError, UnavailableError)) as caught:
        kitchen.add_history([{**ROW, "Response": n} for n in range(3)])
    [note] = caught.value.__notes__
    assert note == "The runs from row 0 to row 2 may be stored or not: look at history()."
