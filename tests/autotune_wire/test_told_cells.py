import math

import pytest

from autotune_wire.space import CatCovariate
from autotune_wire.told_cells import CellError, Options, is_nothing, value_of, with_options


def options(*given, **more):
    return CatCovariate(vtype="cat", guess=given[0], options=list(given), **more)


@pytest.mark.parametrize(
    ("given", "value", "expected"),
    [
        (["128", "256"], "128", "128"),
        (["128", "256"], 128, "128"),
        (["128", "256"], 128.0, "128"),
        (["128", "256"], "128.0", "128"),
        (["128", "256"], 512, None),
        (["128", "256"], True, None),
        (["1", "2"], True, None),
        (["01", "2"], 1, "01"),
        (["01", "1"], "1", "1"),
        (["01", "1"], "01", "01"),
        (["1e3", "x"], 1000.0, "1e3"),
        (["0.1", "0.2"], 0.1, "0.1"),
        (["True", "False"], True, "True"),
        (["True", "False"], "TRUE", "True"),
        (["true", "false"], False, "false"),
        (["yes", "no"], True, None),
        (["True", "False"], 1, None),
        (["True", "true"], "true", "true"),
        (["1,5", "1.5"], "1,5", "1,5"),
        (["1,5", "2,5"], 1.5, "1,5"),
        (["1,050", "2,050"], 1.05, "1,050"),
        ([" a", "a "], " a", " a"),
        ([" a", "b"], "a", " a"),
        (["a", "b"], "A", None),
    ],
)
def test_option_is_found_by_what_was_made_of_its_text(given, value, expected):
    assert Options(options(*given)).of(value) == expected


@pytest.mark.parametrize(
    ("given", "value"), [(["01", "1"], 1), (["01", "1"], "1.0"), (["True", "true"], True), ([" a", "a "], "a")]
)
def test_value_that_may_be_several_options_is_refused(given, value):
    with pytest.raises(CellError, match=f'may be the option "{given[0]}" or "{given[1]}": write the text'):
        Options(options(*given)).of(value)


@pytest.mark.parametrize(
    ("given", "text", "sign", "expected"),
    [
        (["1.05", "2"], "1,050", ",", "1.05"),
        (["1050", "2"], "1,050", ",", None),
        (["1.05", "2"], "1,050", ".", None),
        (["1050", "2"], "1,050", ".", "1050"),
        (["1050", "2"], "1.050", ",", "1050"),
        (["1.05", "1050"], "1,05", ",", "1.05"),
        (["1.05", "1,050"], "1,050", ".", "1,050"),
        (["0.5", "2"], "0.50", ",", "0.5"),
        (["128", "256"], "128,0", ",", "128"),
    ],
)
def test_text_is_the_option_that_its_number_is_with_the_sign_of_the_table(given, text, sign, expected):
    assert Options(options(*given)).of(text, sign) == expected


@pytest.mark.parametrize(("text", "sign"), [("1,050", ","), ("1,050", "."), ("1.050", ","), ("1.050", ".")])
def test_text_that_is_an_option_with_either_sign_is_refused_with_both(text, sign):
    with pytest.raises(CellError, match=r'may be the option "1\.05" or "1050"|may be the option "1050" or "1\.05"'):
        Options(options("1.05", "1050")).of(text, sign)


@pytest.mark.parametrize("value", [True, False])
def test_truth_value_that_is_no_option_is_refused_with_the_options(value):
    covariate = options("yes", "no")
    with pytest.raises(CellError, match=r"^must be one of yes, no$"):
        value_of(covariate, Options(covariate), value, ".")
    with pytest.raises(CellError, match=r"^k must be one of yes, no$"):
        with_options({"k": value}, {"k": covariate})


@pytest.mark.parametrize(
    ("value", "sign", "expected"),
    [("2.5", ".", 2.5), ("2,5", ",", 2.5), ("1.0", ".", 1), (2.5, ".", 2.5), (True, ".", None), ("x", ".", None)],
)
def test_number_among_options_is_found_by_its_value(value, sign, expected):
    found = Options(options(1, 2.5, ordered=True)).of(value, sign)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    "cell", ["", " ", "NaN", "nan", "N/A", "NA", "-", "null", "None", "#N/A", "\u2013", None, math.nan]
)
def test_cell_without_a_value_is_known(cell):
    assert is_nothing(cell)


@pytest.mark.parametrize("cell", ["0", "no", "none of them", 0, False, "--x"])
def test_cell_with_a_value_is_one(cell):
    assert not is_nothing(cell)


def test_configuration_gets_its_options_back_and_nothing_else_changes():
    space = {"kb": options("128", "256"), "shuffle": options("True", "False")}
    given = {"kb": 128, "shuffle": True, "x": 1, "other": "128"}
    assert with_options(given, space) == {"kb": "128", "shuffle": "True", "x": 1, "other": "128"}
    with pytest.raises(CellError, match="kb may be the option"):
        with_options({"kb": 1}, {"kb": options("1", "01")})
