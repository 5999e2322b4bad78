from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from autotune.values import plain, spread_text, value_text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.str_("red"), "red"),
        (np.bool_(True), True),
        (np.array(2.0), 2.0),
        (Decimal("0.25"), 0.25),
        (0.5, 0.5),
        ("red", "red"),
    ],
)
def test_plain_gives_python_s_own_scalar(value, expected):
    assert (plain(value), type(plain(value))) == (expected, type(expected))


def test_plain_reaches_into_dicts_and_lists():
    row = pd.DataFrame({"k": [1], "c": ["red"]}).iloc[0].to_dict()
    assert plain({"a": [np.int64(1), {"b": np.float64(2)}], **row}) == {"a": [1, {"b": 2.0}], "k": 1, "c": "red"}


@pytest.mark.parametrize("value", [None, Fraction(1, 2), np.array([1.0])])
def test_plain_leaves_what_it_does_not_know(value):
    assert plain(value) is value


@pytest.mark.parametrize(("value", "text"), [(3, "3"), (12345678, "12345678"), (0.123456789, "0.123457"), ("a", "a")])
def test_value_text_is_short(value, text):
    assert value_text(value) == text


@pytest.mark.parametrize(
    ("mean", "sd", "text"),
    [
        (0.977001, 0.0123, "0.977 ± 0.012"),
        (977.001, 12.3, "977 ± 12"),
        (0.5, 0.0, "0.5 ± 0"),
        (1e12, 3e10, "1e+12 ± 3e+10"),
    ],
)
def test_spread_text_gives_two_digits_of_the_deviation(mean, sd, text):
    assert spread_text(mean, sd) == text
