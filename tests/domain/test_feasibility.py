from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from autotune_service.domain.errors import InvalidError
from autotune_service.domain.feasibility import check_feasible, find_configuration
from autotune_service.domain.simplex import Budget, UndecidedError
from autotune_wire.constraints import Constraint
from autotune_wire.space import Space, is_active


def a_space(**covariates):
    return TypeAdapter(Space).validate_python(covariates)


def the_constraints(*constraints):
    return TypeAdapter(list[Constraint]).validate_python(list(constraints))


def an_int(low, high, **changes):
    return {"vtype": "int", "guess": low, "min": low, "max": high, **changes}


def a_cont(low, high, **changes):
    return {"vtype": "cont", "guess": low, "min": low, "max": high, **changes}


def a_cat(*options, **changes):
    return {"vtype": "cat", "guess": options[0], "options": list(options), **changes}


def linear(relation, bound, **weights):
    return {"ctype": "linear", "weights": weights, "relation": relation, "bound": bound}


def forbidden(**combination):
    return {"ctype": "forbidden", "combination": combination}


def refusal(space, *constraints, fixed=None):
    with pytest.raises(InvalidError) as caught:
        check_feasible(space, the_constraints(*constraints), fixed)
    return [(problem.field, problem.message) for problem in caught.value.errors]


def found(space, *constraints, fixed=None):
    return find_configuration(space, the_constraints(*constraints), fixed or {}, Budget(200_000))


def test_sum_that_no_configuration_reaches_is_refused_with_its_range():
    assert refusal(a_space(x=a_cont(0.0, 1.0), y=a_cont(-1.0, 2.0)), linear(">=", 3.5, x=1, y=1)) == [
        ("constraints.0", "cannot be met: its sum lies between -1 and 3, and must be >= 3.5")
    ]


def test_sum_counts_the_last_step_below_max():
    space = a_space(x=an_int(0, 10, step=4))
    assert found(space, linear(">=", 8, x=1)) == {"x": 8}
    assert "between 0 and 8" in refusal(space, linear(">=", 9, x=1))[0][1]


def test_sum_of_steps_that_misses_its_bound_is_refused():
    space = a_space(x=an_int(0, 1000), y=an_int(0, 1000))
    assert refusal(space, linear("==", 7, x=2, y=4)) == [
        (
            "constraints.0",
            "cannot be met: its sum lies between 0 and 6000, and must be == 7, "
            "which no whole numbers and steps of its covariates give",
        )
    ]


def test_decimals_count_as_they_are_written():
    space = a_space(x=a_cont(0.0, 1.0, step=0.1), y=a_cont(0.0, 1.0, step=0.1), z=a_cont(0.0, 0.7, step=0.1))
    assert found(space, linear("==", 0.3, x=1), linear("==", 1, x=1, y=1, z=1), linear(">=", 0.7, z=1)) == {
        "x": 0.3,
        "y": 0.0,
        "z": 0.7,
    }
    assert refusal(space, linear("==", 0.35, x=1, y=1))


def test_weights_cut_to_ten_digits_are_forgiven():
    space = a_space(x=an_int(0, 1), y=an_int(0, 1), z=an_int(0, 1))
    thirds = {"x": 0.3333333333, "y": 0.3333333333, "z": 0.3333333333}
    assert found(space, linear("==", 1, **thirds)) == {"x": 1, "y": 1, "z": 1}
    assert refusal(space, linear("==", 1.0001, **thirds))


def test_constraints_that_clash_name_each_other_and_leave_out_the_rest():
    space = a_space(x=a_cont(0.0, 1.0), y=a_cont(0.0, 1.0), z=a_cont(0.0, 1.0))
    problems = refusal(
        space, linear("<=", 0.5, z=1), linear("<=", 0.5, x=1, y=1), linear(">=", 0.4, y=1), linear(">=", 0.2, x=1)
    )
    assert problems == [
        ("constraints.1", "cannot be met together with constraints.2, constraints.3"),
        ("constraints.2", "cannot be met together with constraints.1, constraints.3"),
        ("constraints.3", "cannot be met together with constraints.1, constraints.2"),
    ]


def test_combination_of_everything_is_refused():
    space = a_space(color=a_cat("red", "blue"), x=a_cont(0.0, 1.0))
    assert refusal(space, forbidden(color=["red", "blue"])) == [("constraints.0", "forbids every configuration")]


def test_combinations_that_together_forbid_everything_are_refused():
    space = a_space(a=a_cat("x", "y"), b=an_int(0, 1))
    corners = [forbidden(a=[a], b=[b]) for a, b in product(["x", "y"], [0, 1])]
    assert len(refusal(space, *corners)) == 4
    assert found(space, *corners[:3]) == {"a": "y", "b": 1}


def test_combination_with_a_conditional_covariate_can_be_avoided_by_its_parent():
    space = a_space(
        kind=a_cat("a", "b"), depth=an_int(1, 2, active_if={"covariate": "kind", "values": ["a"]}), x=an_int(0, 1)
    )
    assert found(space, forbidden(depth=[1, 2])) == {"kind": "b", "x": 0}
    assert refusal(space, forbidden(depth=[1, 2]), forbidden(kind=["b"], x=[0, 1]))
    assert refusal(space, forbidden(depth=[1, 2]), fixed={"kind": "a"})
    assert found(space, forbidden(depth=[1, 2]), fixed={"kind": "b"}) == {"kind": "b", "x": 0}


def test_whole_number_of_both_kinds_of_constraint_meets_both():
    space = a_space(x=an_int(0, 9), y=an_int(0, 9))
    nine = linear("==", 9, x=1, y=1)
    assert found(space, nine, forbidden(x=[0, 1, 2, 3, 4, 5, 6, 8, 9])) == {"x": 7, "y": 2}
    assert refusal(space, nine, forbidden(x=[0, 1, 2, 3, 4, 5, 6, 8, 9]), forbidden(y=[2]))


def test_values_that_an_ask_fixes_count():
    space = a_space(x=a_cont(0.0, 1.0), y=a_cont(0.0, 1.0))
    one = linear("==", 1.5, x=1, y=1)
    assert found(space, one, fixed={"x": 0.6}) == {"x": 0.6, "y": 0.9}
    assert refusal(space, one, fixed={"x": 0.4}) == [
        (
            "constraints.0",
            "cannot be met with the values fixed: its sum lies between 0.4 and 1.4, and must be == 1.5",
        )
    ]


def test_ranges_of_any_size_are_decided():
    space = a_space(x=an_int(-(2**53), 2**53), y=an_int(-(2**53), 2**53))
    assert found(space, linear("==", 2**53 - 3, x=1), linear("==", 1, x=2, y=3)) == {
        "x": 2**53 - 3,
        "y": (7 - 2**54) // 3,
    }
    assert found(space, forbidden(x=[-(2**53)]))["x"] == -(2**53) + 1


def test_search_that_takes_too_long_accepts():
    # Knapsack equality over many whole numbers: odd weights hide that no sum of ten ones gives the bound.
    space = a_space(**{f"x{i}": an_int(0, 1) for i in range(60)})
    weights = {f"x{i}": 2.0 * i + 101 for i in range(60)}
    constraints = the_constraints(linear("==", 10, **dict.fromkeys(weights, 1)), linear("==", 1601, **weights))
    with pytest.raises(UndecidedError):
        find_configuration(space, constraints, {}, Budget(2_000))
    check_feasible(space, constraints)


numbers = st.integers(-3, 3)
SMALL = a_space(
    a=an_int(-2, 2),
    b=an_int(0, 6, step=3),
    c=a_cont(0.0, 0.5, step=0.1),
    d=a_cat("r", "g", "b"),
    e=a_cat(1, 2.5, 4, ordered=True, active_if={"covariate": "d", "values": ["r", "g"]}),
)
VALUES: dict[str, list[Any]] = {
    "a": [-2, -1, 0, 1, 2],
    "b": [0, 3, 6],
    "c": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5],
    "d": ["r", "g", "b"],
    "e": [1, 2.5, 4],
}
a_sum = st.builds(
    linear,
    st.sampled_from(["<=", ">=", "=="]),
    st.integers(-30, 60).map(lambda tenths: tenths / 10),
    a=numbers.filter(bool),
    b=numbers,
    c=numbers,
)
a_combination = st.fixed_dictionaries(
    {},
    optional={
        name: st.lists(st.sampled_from(VALUES[name]), min_size=1, max_size=4, unique=True)
        for name in ("a", "b", "d", "e")
    },
).filter(bool)
some_constraints = st.lists(
    st.one_of(a_sum, a_combination.map(lambda combination: forbidden(**combination))), max_size=8
)


def all_configurations(space):
    for values in product(*VALUES.values()):
        configuration = dict(zip(VALUES, values, strict=True))
        yield {name: value for name, value in configuration.items() if is_active(space, name, configuration)}


@settings(max_examples=300, deadline=None)
@given(some_constraints, st.fixed_dictionaries({}, optional={n: st.sampled_from(VALUES[n]) for n in "abcd"}))
def test_feasibility_agrees_with_trying_every_configuration(constraints, fixed):
    parsed = the_constraints(*constraints)
    answer = find_configuration(SMALL, parsed, fixed, Budget(10**6))
    good = [
        one
        for one in all_configurations(SMALL)
        if all(constraint.holds(one) for constraint in parsed) and fixed.items() <= one.items()
    ]
    assert answer in good if good else answer is None


@settings(max_examples=100, deadline=None)
@given(some_constraints)
def test_constraints_named_as_a_clash_are_infeasible_by_themselves(constraints):
    parsed = the_constraints(*constraints)
    try:
        check_feasible(SMALL, parsed)
    except InvalidError as error:
        clash = [parsed[int(problem.field.split(".")[1])] for problem in error.errors]
        assert not any(all(one.holds(configuration) for one in clash) for configuration in all_configurations(SMALL))


HELD = {
    "length": a_cont(5.0, 5.0),
    "n": an_int(3, 3),
    "t": a_cont(0.3, 0.3, step=0.1),
    "rate": a_cont(0.1, 0.1, log=True),
}


def test_sum_may_name_numbers_that_are_held_at_one_value():
    space = a_space(x=a_cont(-2.0, 2.0, guess=2.0), **HELD)
    room = found(space, linear(">=", 4, length=1, x=-1))
    assert room["length"] == 5.0
    assert room["x"] <= 1.0
    # 5 + 3 + 3 * 0.3 + 0.1 = 9, by decimals.
    assert found(space, linear("==", 9, length=1, n=1, t=3, rate=1)) is not None
    assert refusal(space, linear(">=", 9.1, length=1, n=1, t=3, rate=1)) == [
        ("constraints.0", "cannot be met: its sum lies between 9 and 9, and must be >= 9.1")
    ]


def test_combination_that_forbids_the_only_value_is_avoided_by_the_others():
    space = a_space(n=an_int(3, 3), color=a_cat("red", "blue"))
    assert found(space, forbidden(n=[3], color=["red"])) == {"n": 3, "color": "blue"}
    assert refusal(space, forbidden(n=[3])) == [("constraints.0", "forbids every configuration")]


@pytest.mark.parametrize(("humidity", "is_met"), [(71.0, True), (81.0, False)])
def test_context_beyond_its_range_counts_as_it_is(humidity, is_met):
    space = a_space(x=a_cont(0.0, 9.0), humidity=a_cont(20.0, 60.0, role="context"))
    limit = the_constraints(linear("<=", 80, x=1, humidity=1))
    if is_met:
        check_feasible(space, limit, {"humidity": humidity})
        return
    with pytest.raises(InvalidError, match="its sum lies between 81 and 90"):
        check_feasible(space, limit, {"humidity": humidity})
