import pytest

from autotune.errors import InvalidInputError
from autotune.inputs.typed import typed_number


@pytest.mark.parametrize(
    ("word", "expected"),
    [("0,93", 0.93), ("-1,5", -1.5), (",5", 0.5), ("1,5e-3", 0.0015), ("1.050,5", 1050.5), ("1,050.5", 1050.5)],
)
def test_number_with_a_comma_is_read(word, expected):
    assert typed_number(word) == expected


@pytest.mark.parametrize("word", ["0.93", "7", "-1e5", "1.", "mine", "f(1,2)", "[1,2]", "(0,5)", "1+1", "3space"])
def test_everything_else_is_left_to_python(word):
    assert typed_number(word) is None


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("1,050", "may be 1.05 or 1050: write one of these"),
        ("0.93,0.1", "is not a number"),
        ("1,2,3", "is not a number"),
        ("4_5", "is not written as a number"),
        ("1_000,5", "is not a number"),
        ("0x10", "is not written as a number"),
        ("2j", "is not written as a number"),
        ("50%", "50% is not a number; write it without %"),
        ("0,5%", "0,5% is not a number; write it without %"),
    ],
)
def test_word_that_is_no_number_or_two_is_refused(word, says):
    with pytest.raises(InvalidInputError, match=says):
        typed_number(word)
