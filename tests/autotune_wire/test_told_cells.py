import math

import pytest

from autotune_wire.space import CatCovariate
from autotune_wire.told_cells import CellError, Options, is_nothing, with_options


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
