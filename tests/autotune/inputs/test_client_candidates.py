"""Lists of candidates as users have them at hand."""

import pandas as pd
import pytest

from autotune.errors import InvalidInputError
from autotune.inputs.candidates import described_by, in_parts, read_rows

FRAME = pd.DataFrame({"solvent": ["DMF", "NMP"], "t": [60, 80], "bottle": ["a", None], "full": [True, False]})


def test_frame_has_its_values_and_leaves_empty_cells_out():
    assert read_rows(FRAME).rows == [
        {"solvent": "DMF", "t": 60, "bottle": "a", "full": True},
        {"solvent": "NMP", "t": 80, "full": False},
    ]


@pytest.mark.parametrize("text", ["s;t;bottle\nDMF;60,5;007\nNMP;80;1,5\n", "s,t,bottle\nDMF,60.5,007\nNMP,80,1.5\n"])
def test_numbers_of_a_file_are_those_of_covariates_alone(tmp_path, text):
    file = tmp_path / "plate.csv"
    file.write_text(text)
    table = read_rows(file)
    covars = described_by(["s", "t"], table)
    assert covars["t"] == {"vtype": "cont", "min": 60.5, "max": 80, "guess": 70.25}
    assert covars["s"] == {"vtype": "cat", "options": ["DMF", "NMP"], "guess": "DMF"}
    typed = table.typed(covars)
    assert [(row["t"], row["bottle"]) for row in typed] == [(60.5, "007"), (80, text.split()[2][-3:])]


def test_covariates_take_from_the_table_what_they_leave_out():
    covars = described_by({"t": {"unit": "°C", "max": 120}, "solvent": None, "ph": "1..14"}, read_rows(FRAME))
    assert covars["t"] == {"vtype": "int", "min": 60, "max": 120, "unit": "°C", "guess": 90}
    assert covars["solvent"]["options"] == ["DMF", "NMP"]
    assert covars["ph"] == "1..14"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (7, "must come as a DataFrame, a list of dicts or the path of a CSV file, not as int"),
        ([], "the list of candidates has no row"),
        ([{"t": 1}, 3], "candidates must be dicts; row 2 is int"),
        ("gone.csv", "cannot read gone.csv"),
    ],
)
def test_what_is_no_table_is_refused(given, said):
    with pytest.raises(InvalidInputError, match=said):
        read_rows(given)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("t,bottle\n60,a\n1,5,b\n", "plate.csv has 3 cells in row 2, and 2 in the header: put quotes around"),
        ("t,bottle,t\n60,a,70\n", "plate.csv has several columns 't': rename or remove all but one"),
    ],
)
def test_cells_of_a_file_that_would_be_lost_are_refused(tmp_path, text, said):
    file = tmp_path / "plate.csv"
    file.write_text(text)
    with pytest.raises(InvalidInputError, match=said):
        read_rows(file)


def test_frame_with_two_columns_of_a_name_is_refused():
    with pytest.raises(InvalidInputError, match="the DataFrame has several columns 't'"):
        read_rows(pd.concat([FRAME, FRAME[["t"]]], axis=1))


def test_empty_columns_of_a_spreadsheet_lose_nothing(tmp_path):
    file = tmp_path / "plate.csv"
    file.write_text("t,bottle,,\n60,a,,\n70,b,,,\n80\n")
    assert read_rows(file).rows == [{"t": "60", "bottle": "a"}, {"t": "70", "bottle": "b"}, {"t": "80"}]


@pytest.mark.parametrize(("covars", "said"), [(["ph"], "has no column 'ph'"), (["full"], "neither numbers nor texts")])
def test_column_that_is_no_covariate_is_named(covars, said):
    with pytest.raises(InvalidInputError, match=said):
        described_by(covars, read_rows(FRAME))


def test_rows_are_split_by_their_size(monkeypatch):
    monkeypatch.setattr("autotune.inputs.candidates._MOST_BYTES", 100)
    rows = [{"t": k, "text": "x" * 30} for k in range(5)]
    parts = [*in_parts(rows)]
    assert [len(part) for part in parts] == [2, 2, 1]
    assert [row for part in parts for row in part] == rows
    assert [*in_parts([])] == [[]]
