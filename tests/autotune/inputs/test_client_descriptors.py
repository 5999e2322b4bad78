"""Descriptors of options as users have them: dicts, DataFrames and files."""

import pandas as pd
import pytest

from autotune.errors import InvalidInputError
from autotune.inputs.descriptions import new_experiment, space_edit

SHELF = pd.DataFrame({
    "solvent": ["DMAc", "BuCN", "water"],
    "polarity": [37.8, 24.8, 78.4],
    "smiles": ["CC(=O)N(C)C", "CCCC#N", "O"],
    "bp": [165, 117.6, 100],
})  # fmt: skip
INDEXED = SHELF.set_index("solvent")
KNOWN = {
    "DMAc": {"polarity": 37.8, "bp": 165.0},
    "BuCN": {"polarity": 24.8, "bp": 117.6},
    "water": {"polarity": 78.4, "bp": 100.0},
}
TWO = {option: KNOWN[option] for option in ("BuCN", "DMAc")}


def made(**covariate):
    covars = {"s": {"vtype": "cat", **covariate}, "t": "1..3"}
    return new_experiment("n", covars, responses=None, constraints=()).covars["s"]


@pytest.mark.parametrize("table", [SHELF, INDEXED, INDEXED[["polarity", "bp"]], KNOWN])
def test_options_left_out_are_those_of_the_table(table):
    found = made(descriptors=table)
    assert (found.options, found.guess, found.descriptors) == ([*KNOWN], "DMAc", KNOWN)


def test_one_table_serves_an_experiment_with_fewer_options():
    found = made(options=["BuCN", "DMAc"], guess="DMAc", descriptors=SHELF)
    assert (found.options, found.guess, found.descriptors) == (["BuCN", "DMAc"], "DMAc", TWO)


@pytest.mark.parametrize(
    "text",
    [
        "solvent,polarity,smiles,bp\nDMAc,37.8,CC(=O)N(C)C,165\nBuCN,24.8,CCCC#N,117.6\n\nwater,78.4,O,100\n",
        "solvent;polarity;smiles;bp\r\nDMAc;37,8;CC(=O)N(C)C;165\r\nBuCN;24,8;CCCC#N;117,6\r\nwater;78,4;O;100\r\n",
        "sep=;\nsolvent;polarity;bp\nDMAc;37.8;165\nBuCN;24.8;117.6\nwater;78.4;100\n",
        "\ufeffsolvent\tpolarity\tbp\nDMAc\t37.8\t165\nBuCN\t24.8\t117.6\nwater\t78.4\t100\n",
    ],
)
def test_table_may_be_a_file_in_the_ways_of_spreadsheets(tmp_path, text):
    file = tmp_path / "shelf.csv"
    file.write_text(text, newline="")
    assert made(descriptors=file).descriptors == KNOWN
    assert made(descriptors=str(file)).descriptors == KNOWN


def test_edit_keeps_the_descriptors_of_an_option_that_it_drops():
    space = new_experiment("n", {"s": {"vtype": "cat", "descriptors": KNOWN}}, responses=None, constraints=()).covars
    edited = space_edit(space, {"s": {"options": ["BuCN", "DMAc"]}}, None, {}).covars["s"]
    assert (edited.options, edited.descriptors) == (["BuCN", "DMAc"], KNOWN)
    assert space_edit(space, {"s": {"descriptors": SHELF[["solvent", "bp"]]}}, None, {}).covars["s"].descriptors == {
        option: {"bp": own["bp"]} for option, own in KNOWN.items()
    }


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (SHELF.assign(bp=[165, None, 100]), r"no number for 'BuCN' in bp: fill it in or drop it"),
        (SHELF.assign(solvent=["DMAc", "DMAc", "water"]), "has the option 'DMAc' twice"),
        (pd.concat([SHELF, SHELF[["bp"]]], axis=1), "the DataFrame has several columns 'bp': rename or remove all but"),
        (SHELF[["polarity", "bp"]], "first column must hold their names"),
        (SHELF[["solvent", "smiles"]], "must have 1 to 50 descriptors, not 0"),
        (SHELF.iloc[:0], "first column must hold their names"),
        ("no/such.csv", "cannot read no/such.csv: No such file"),
        ([1, 2], "descriptors as list: give a dict for each option, a DataFrame or a CSV file"),
        ({"DMAc": 3}, r"descriptors\.DMAc"),
    ],
)
def test_table_that_describes_nothing_is_refused_with_what_to_do(table, says):
    with pytest.raises(InvalidInputError, match=says):
        made(descriptors=table)


def test_option_that_the_table_lacks_is_named():
    with pytest.raises(InvalidInputError, match="every option must have descriptors; those without: THF"):
        made(options=["DMAc", "THF"], guess="DMAc", descriptors=SHELF)


def test_file_whose_numbers_have_the_delimiter_in_them_is_refused(tmp_path):
    file = tmp_path / "solvents.csv"
    file.write_text("solvent,polarity\nDMAc,1,5\nBuCN,2,5\n")
    with pytest.raises(InvalidInputError, match=r"solvents\.csv has 3 cells in row 1, and 2 in the header: put quotes"):
        new_experiment("n", {"s": {"vtype": "cat", "descriptors": file}}, responses=None, constraints=())
