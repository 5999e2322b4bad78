import pytest
from pydantic import TypeAdapter

from autotune_service.domain.configuration import (
    checked_configuration,
    checked_fixed,
    guess_of,
    is_feasible,
    is_same,
)
from autotune_service.domain.errors import InvalidError
from autotune_service.domain.incumbent import is_better
from autotune_wire.constraints import LinearConstraint
from autotune_wire.responses import Objective, Target, Threshold, breaks_threshold, meets_thresholds
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
    ("goal", "response", "than", "expected"),
    [
        ("match", 7.5, 7.2, True),
        ("match", 7.7, 7.2, False),
        ("match", 7.3, 7.5, False),
        ("maximize", 2.0, 1.0, True),
        ("maximize", 1.0, 1.0, False),
        ("minimize", 2.0, 1.0, False),
        ("minimize", 0.5, 1.0, True),
        ("minimize", 1.0, 1.0, False),
        ("minimize", 3.0, None, True),
    ],
)
def test_is_better_follows_the_goal(goal, response, than, expected):
    objective = Target(goal=goal, target=7.4) if goal == "match" else Objective(goal=goal)
    assert is_better(objective, response, than) is expected


def test_checked_configuration_tells_values_apart_in_a_range_below_the_rounding_of_text():
    tiny = TypeAdapter(Space).validate_python({"x": {"vtype": "cont", "guess": 5e-12, "min": 1e-12, "max": 1e-11}})
    with pytest.raises(InvalidError):
        checked_configuration(tiny, {"x": -4e-11})
    assert not is_same(tiny, {"x": 2e-12}, {"x": 3e-12})


WIDE = TypeAdapter(Space).validate_python(
    {
        "rate": {"vtype": "cont", "guess": 1e-3, "min": 1e-6, "max": 1.0, "log": True},
        "dose": {"vtype": "cont", "guess": 0.2, "min": 0.0, "max": 1.0, "step": 0.1},
        "batch": {"vtype": "cat", "guess": 16, "options": [8, 16, 32], "ordered": True},
        "layers": {"vtype": "int", "guess": 2, "min": 2, "max": 10, "step": 2},
        "site": {"vtype": "cat", "guess": "A", "options": ["A", "B"], "role": "context"},
        "momentum": {
            "vtype": "cont",
            "guess": 0.9,
            "min": 0.0,
            "max": 1.0,
            "active_if": {"covariate": "batch", "values": [8, 16]},
        },
    }
)
CHECKED = {"rate": 0.001, "dose": 0.2, "batch": 16, "layers": 2, "site": "A", "momentum": 0.9}


def fields_refused(check, *arguments, **options):
    with pytest.raises(InvalidError) as caught:
        check(*arguments, **options)
    return [problem.field for problem in caught.value.errors]


@pytest.mark.parametrize(
    ("name", "given", "stored"),
    [
        ("batch", 16.0, "16"),
        ("dose", 0.1 + 0.2, "0.3"),
        ("dose", 0.3000000001, "0.3"),
        ("layers", 4.0, "4"),
        ("rate", 9.999999999e-7, "1e-06"),
        ("rate", 1, "1.0"),
    ],
)
def test_checked_configuration_gives_the_value_that_was_meant(name, given, stored):
    assert repr(checked_configuration(WIDE, CHECKED | {name: given})[name]) == stored


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("batch", "16"),
        ("batch", 12),
        ("dose", 0.25),
        ("dose", 0.300001),
        ("layers", 3),
        ("rate", 0.0),
        ("rate", 9.9e-7),
        ("site", "C"),
        ("momentum", "high"),
    ],
)
def test_checked_configuration_refuses_what_is_beside_the_grid(name, given):
    assert fields_refused(checked_configuration, WIDE, CHECKED | {name: given}) == [f"covars.{name}"]


def test_checked_configuration_has_no_value_where_a_covariate_plays_no_part():
    without = {name: value for name, value in CHECKED.items() if name != "momentum"}
    assert checked_configuration(WIDE, without | {"batch": 32}) == without | {"batch": 32}
    assert fields_refused(checked_configuration, WIDE, without) == ["covars.momentum"]
    with pytest.raises(InvalidError, match=r"is not active .* only where batch is 8, 16"):
        checked_configuration(WIDE, CHECKED | {"batch": 32})


def test_checked_configuration_takes_what_an_earlier_space_allowed():
    earlier = TypeAdapter(Space).validate_python(
        {
            "v1": SPACE["v1"] | {"max": 9},
            "color": SPACE["color"] | {"options": ["red", "pink"]},
            "weight": SPACE["weight"]
            | {"min": -9.0, "guess": -9.0, "active_if": {"covariate": "color", "values": ["pink"]}},
        }
    )
    run = {"v1": 9, "color": "pink", "weight": -9.0}
    assert checked_configuration(space, run, earlier=[earlier]) == run
    assert fields_refused(checked_configuration, space, run | {"v1": 10}, earlier=[earlier]) == ["covars.v1"]
    # The value of a covariate that plays no part any more is kept where the earlier space gave it one.
    assert checked_configuration(earlier, GUESS | {"color": "blue"}, earlier=[space]) == GUESS | {"color": "blue"}


def test_checked_fixed_takes_some_of_the_values():
    assert checked_fixed(WIDE, {"site": "B", "dose": 0.1 + 0.2}) == {"dose": 0.3, "site": "B"}
    assert checked_fixed(WIDE, {"batch": 8, "momentum": 0.5}, needs_context=False) == {"batch": 8, "momentum": 0.5}


@pytest.mark.parametrize(
    ("fixed", "field"),
    [
        ({}, "fixed.site"),
        ({"site": "C"}, "fixed.site"),
        ({"site": "A", "dose": 2}, "fixed.dose"),
        ({"site": "A", "color": "red"}, "fixed.color"),
        ({"site": "A", "momentum": 0.5}, "fixed.momentum"),
        ({"site": "A", "momentum": 0.5, "batch": 32}, "fixed.momentum"),
    ],
)
def test_checked_fixed_names_the_wrong_value(fixed, field):
    assert fields_refused(checked_fixed, WIDE, fixed) == [field]


def test_guess_leaves_out_what_plays_no_part():
    assert guess_of(WIDE) == CHECKED
    assert "momentum" not in guess_of(WIDE, {"batch": 32})
    assert guess_of(WIDE, {"site": "B"}) == CHECKED | {"site": "B"}


def test_is_same_counts_log_ratios_steps_and_missing_values():
    assert is_same(WIDE, CHECKED, CHECKED | {"batch": 16.0})
    assert is_same(WIDE, CHECKED | {"rate": 0.123456789}, CHECKED | {"rate": 0.1234567891})
    assert not is_same(WIDE, CHECKED | {"rate": 1e-6}, CHECKED | {"rate": 1.5e-6})
    without = {name: value for name, value in CHECKED.items() if name != "momentum"}
    assert not is_same(WIDE, CHECKED, without)
    assert is_same(WIDE, without, without)


@pytest.mark.parametrize(("high", "step"), [(999_999.0, 1.0), (1e-8, 1e-13)])
def test_is_same_tells_neighbours_on_a_fine_grid_apart(high, step):
    fine = TypeAdapter(Space).validate_python(
        {"x": {"vtype": "cont", "guess": 0.0, "min": 0.0, "max": high, "step": step}}
    )
    assert not is_same(fine, {"x": 5 * step}, {"x": 6 * step})


def test_is_feasible_asks_for_space_and_constraints():
    constraints = [LinearConstraint(ctype="linear", weights={"weight": 1.0}, relation="<=", bound=7)]
    assert is_feasible(space, constraints, GUESS)
    assert not is_feasible(space, constraints, GUESS | {"weight": 7.1})
    assert not is_feasible(space, [], GUESS | {"weight": 201.0})


RESPONSES = {"loss": Objective(goal="minimize"), "cost": Threshold(goal="<=", bound=3)}


@pytest.mark.parametrize(
    ("values", "expected"),
    [({"loss": 9.0, "cost": 3.0}, True), ({"loss": 9.0, "cost": 3.1}, False), ({"loss": 9.0}, False)],
)
def test_meets_thresholds_only_where_each_was_measured(values, expected):
    assert meets_thresholds(RESPONSES, values) is expected
    assert meets_thresholds(RESPONSES | {"cost": Threshold(goal=">=", bound=3)}, {"cost": 2.9}) is False


@pytest.mark.parametrize(
    ("values", "expected"),
    [({"loss": 9.0, "cost": 3.0}, False), ({"loss": 9.0, "cost": 3.1}, True), ({"loss": 9.0}, False), ({}, False)],
)
def test_threshold_is_broken_only_by_what_was_measured(values, expected):
    assert breaks_threshold(RESPONSES, values) is expected


@pytest.mark.parametrize(
    ("goal", "value", "expected"),
    [
        (">=", 0.5, True),
        (">=", 0.4999, False),
        ("<=", 0.5, True),
        ("<=", 0.5001, False),
    ],
)
def test_value_on_a_threshold_meets_it(goal, value, expected):
    responses = {"y": Objective(goal="maximize"), "z": Threshold(goal=goal, bound=0.5)}
    assert meets_thresholds(responses, {"y": 1.0, "z": value}) is expected


LOG = TypeAdapter(Space).validate_python(
    {"rate": {"vtype": "cont", "guess": 1.0, "min": 1e-3, "max": 1e3, "log": True}}
)


# Values are the same within a millionth of the range; with log, of value * ln(max / min) = value * 13.8155.
@pytest.mark.parametrize(
    ("value", "other", "expected"),
    [(100.0, 100.0012, True), (100.0, 100.0016, False), (0.002, 0.00200002, True), (0.002, 0.00200004, False)],
)
def test_log_values_are_the_same_within_a_share_of_themselves(value, other, expected):
    assert is_same(LOG, {"rate": value}, {"rate": other}) is expected
    assert is_same(LOG, {"rate": other}, {"rate": value}) is expected


# At a bound a billionth is forgiven, 1e-9 * 13.8155 * 1000 at the upper one; at the lower one what ten decimals lose.
@pytest.mark.parametrize(("given", "stored"), [(1000.00001, 1000.0), (1e-3 - 4e-11, 1e-3)])
def test_log_value_a_little_beyond_a_bound_is_the_bound(given, stored):
    assert checked_configuration(LOG, {"rate": given}) == {"rate": stored}


@pytest.mark.parametrize("given", [1000.00002, 1e-3 - 1e-9])
def test_log_value_farther_beyond_a_bound_is_refused(given):
    with pytest.raises(InvalidError):
        checked_configuration(LOG, {"rate": given})
