import pytest
import torch
from pydantic import TypeAdapter

from autotune_service.engine.greattunes.columns import Columns
from autotune_wire.space import Space

SPACE = TypeAdapter(Space).validate_python(
    {
        "x": {"vtype": "cont", "guess": 0.5, "min": -1.0, "max": 3.0},
        "c": {"vtype": "cat", "guess": "a", "options": ["a", "b"]},
        "k": {"vtype": "int", "guess": 3, "min": 1, "max": 9},
    }
)


def test_columns_are_shares_of_the_range_and_one_hot_codes():
    rows = Columns(SPACE).encode([{"x": 0.0, "c": "b", "k": 5}, {"x": 3.0, "c": "a", "k": 1}])
    assert rows.tolist() == [[0.25, 0.0, 1.0, 0.5], [1.0, 1.0, 0.0, 0.0]]


def test_columns_decode_what_they_encode():
    columns = Columns(SPACE)
    for covars in ({"x": 0.25, "c": "b", "k": 7}, {"x": 3.0, "c": "a", "k": 9}, {"x": -1.0, "c": "a", "k": 1}):
        assert columns.decode(columns.encode([covars])[0]) == covars


@pytest.mark.parametrize("place", [-0.2, 0.0, 0.06, 0.07, 0.51, 1.0, 1.2])
def test_columns_decode_every_row_to_a_configuration_within_bounds(place):
    covars = Columns(SPACE).decode(torch.full((4,), place, dtype=torch.double))
    assert -1.0 <= covars["x"] <= 3.0
    assert covars["k"] in range(1, 10)
    assert isinstance(covars["k"], int)


def test_columns_fix_values_and_shut_out_retired_options():
    columns = Columns(SPACE, fixed={"x": 1.0}, retired={"c": ["old"]})
    assert columns.bounds.tolist() == [[0.5, 0.0, 0.0, 0.0, 0.0], [0.5, 1.0, 1.0, 0.0, 1.0]]
    assert columns.encode([{"x": 1.0, "c": "old", "k": 1}]).tolist() == [[0.5, 0.0, 0.0, 1.0, 0.0]]
    assert columns.n_configurations == 18
    listed = list(columns.all_configurations())
    assert len(listed) == 18
    assert {"x": 1.0, "c": "b", "k": 9} in listed


def test_columns_know_a_number_outside_the_bounds_of_today():
    assert Columns(SPACE).encode([{"x": 5.0, "c": "a", "k": 11}]).tolist() == [[1.5, 1.0, 0.0, 1.25]]


def test_columns_are_near_only_where_real_numbers_differ_by_little():
    columns = Columns(SPACE)
    here = {"x": 1.0, "c": "a", "k": 5}
    assert columns.is_near(here, {**here, "x": 1.03})
    assert not columns.is_near(here, {**here, "x": 1.05})
    assert not columns.is_near(here, {**here, "k": 6})
