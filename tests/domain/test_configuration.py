import pytest
from pydantic import TypeAdapter

from autotune_service.domain.configuration import checked_configuration, guess_of, is_same
from autotune_service.domain.errors import InvalidError
from autotune_service.domain.incumbent import is_better
from autotune_wire.space import Space
from support import GUESS, SPACE

space = TypeAdapter(Space).validate_python(SPACE)


def test_checked_configuration_gives_each_value_its_type_in_column_order():
    checked = checked_configuration(space, {"weight": 7, "color": "red", "v1": 2.0})
    assert list(checked.items()) == [("v1", 2), ("color", "red"), ("weight", 7.0)]
    assert [type(value) for value in checked.values()] == [int, str, float]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"v1": 6}, "covars.v1"),
        ({"v1": 2.5}, "covars.v1"),
        ({"v1": "2"}, "covars.v1"),
        ({"color": "pink"}, "covars.color"),
        ({"color": 1}, "covars.color"),
        ({"weight": 200.1}, "covars.weight"),
        ({"weight": "heavy"}, "covars.weight"),
        ({"colour": "red"}, "covars.colour"),
    ],
)
def test_checked_configuration_names_the_wrong_value(change, field):
    with pytest.raises(InvalidError) as caught:
        checked_configuration(space, GUESS | change)
    assert [problem.field for problem in caught.value.errors] == [field]


def test_checked_configuration_tells_all_that_is_wrong_at_once():
    with pytest.raises(InvalidError) as caught:
        checked_configuration(space, {"v1": 9, "shade": 1})
    fields = {problem.field for problem in caught.value.errors}
    assert fields == {"covars.shade", "covars.v1", "covars.color", "covars.weight"}


def test_checked_configuration_forgives_the_rounding_of_text():
    narrow = TypeAdapter(Space).validate_python(
        {"rate": {"vtype": "cont", "guess": 0.01, "min": 0.00123456789012, "max": 0.1}}
    )
    # pandas' to_json() writes ten decimals: the bound itself comes back a little below itself.
    assert checked_configuration(narrow, {"rate": 0.0012345679})["rate"] >= 0.00123456789012
    assert checked_configuration(narrow, {"rate": 0.0012345678})["rate"] == 0.00123456789012


def test_is_same_up_to_ten_decimals():
    assert is_same(space, GUESS, GUESS | {"weight": 6.6000000001})
    assert not is_same(space, GUESS, GUESS | {"weight": 6.61})
    assert not is_same(space, GUESS, GUESS | {"color": "blue"})


def test_guess_is_a_configuration_of_the_space():
    assert guess_of(space) == GUESS


@pytest.mark.parametrize(
    ("direction", "response", "than", "expected"),
    [
        ("maximize", 2.0, 1.0, True),
        ("maximize", 1.0, 1.0, False),
        ("minimize", 2.0, 1.0, False),
        ("minimize", 0.5, 1.0, True),
        ("minimize", 3.0, None, True),
    ],
)
def test_is_better_follows_the_direction(direction, response, than, expected):
    assert is_better(direction, response, than) is expected


def test_checked_configuration_tells_values_apart_in_a_range_below_the_rounding_of_text():
    tiny = TypeAdapter(Space).validate_python({"x": {"vtype": "cont", "guess": 5e-12, "min": 1e-12, "max": 1e-11}})
    with pytest.raises(InvalidError):
        checked_configuration(tiny, {"x": -4e-11})
    assert not is_same(tiny, {"x": 2e-12}, {"x": 3e-12})
