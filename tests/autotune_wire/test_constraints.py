import copy
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from autotune_wire.constraints import Constraint, ForbiddenCombination, LinearConstraint
from autotune_wire.experiments import NewExperiment
from autotune_wire.problems import field_problems
from autotune_wire.space import Space

COVARS = {
    "a": {"vtype": "cont", "guess": 0.2, "min": 0.0, "max": 1.0},
    "b": {"vtype": "int", "guess": 2, "min": 0, "max": 5},
    "color": {"vtype": "cat", "guess": "red", "options": ["red", "blue"]},
    "extra": {
        "vtype": "int",
        "guess": 1,
        "min": 0,
        "max": 5,
        "active_if": {"covariate": "color", "values": ["red"]},
    },
    "epochs": {"vtype": "int", "guess": 1, "min": 1, "max": 9, "role": "fidelity"},
    "size": {"vtype": "cat", "guess": 8, "options": [8, 16], "ordered": True},
}


def linear(weights, relation, bound):
    return LinearConstraint(ctype="linear", weights=weights, relation=relation, bound=bound)


@pytest.mark.parametrize(
    ("relation", "a", "expected"),
    [("<=", 3, True), ("<=", 4, False), (">=", 3, True), (">=", 2, False), ("==", 3, True), ("==", 4, False)],
)
def test_linear_constraint_holds_on_its_side_of_the_bound(relation, a, expected):
    assert linear({"a": 2.0, "b": -1.0}, relation, 5.0).holds({"a": a, "b": 1, "color": "red"}) is expected


def test_linear_constraint_forgives_the_rounding_of_doubles_and_no_more():
    mixture = linear({"a": 1.0, "b": 1.0, "c": 1.0}, "==", 1.0)
    assert mixture.holds({"a": 0.1, "b": 0.2, "c": 0.7})  # 0.1 + 0.2 + 0.7 is 0.9999999999999999
    assert linear({"a": 1.0, "b": 1.0}, "<=", 0.3).holds({"a": 0.1, "b": 0.2})  # 0.1 + 0.2 is 0.30000000000000004
    assert mixture.holds({"a": 0.3333333333, "b": 0.3333333333, "c": 0.3333333333})
    assert not mixture.holds({"a": 0.1, "b": 0.2, "c": 0.70001})


def test_slack_is_a_billionth_of_bound_and_terms():
    assert linear({"a": 2.0, "b": -1.0}, "<=", 4.0).slack({"a": 3.0, "b": 10.0}) == pytest.approx(20e-9)
    # In a range of 1e-7 nothing is forgiven that matters there.
    assert not linear({"a": 1.0}, "<=", 1e-7).holds({"a": 1.001e-7})


@given(
    st.lists(st.tuples(st.integers(-9, 9), st.integers(-99, 99)), min_size=1, max_size=6),
    st.sampled_from(["<=", ">=", "=="]),
    st.integers(-2000, 2000),
)
def test_linear_constraint_agrees_with_exact_arithmetic_on_decimals(terms, relation, bound):
    constraint = linear({f"x{i}": weight / 10 for i, (weight, _) in enumerate(terms)}, relation, bound / 100)
    exact = sum(Fraction(weight, 10) * Fraction(value, 10) for weight, value in terms) - Fraction(bound, 100)
    expected = {"<=": exact <= 0, ">=": exact >= 0, "==": exact == 0}[relation]
    assert constraint.holds({f"x{i}": value / 10 for i, (_, value) in enumerate(terms)}) is expected


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ({"color": "red", "size": 16}, False),
        ({"color": "red", "size": 16.0}, False),
        ({"color": "red", "size": 8}, True),
        ({"color": "blue", "size": 16}, True),
        ({"color": "red"}, True),
    ],
)
def test_forbidden_combination_holds_unless_all_of_it_is_there(configuration, expected):
    constraint = ForbiddenCombination(ctype="forbidden", combination={"color": ["red"], "size": [16, 32]})
    assert constraint.holds(configuration) is expected


def body(**constraint):
    return {"name": "x", "covars": copy.deepcopy(COVARS), "constraints": [constraint]}


@pytest.mark.parametrize(
    ("constraint", "field"),
    [
        ({"ctype": "linear", "weights": {"x": 1}, "relation": "<=", "bound": 1}, "constraints.0.weights.x"),
        ({"ctype": "linear", "weights": {"color": 1}, "relation": "<=", "bound": 1}, "constraints.0.weights.color"),
        ({"ctype": "linear", "weights": {"extra": 1}, "relation": "<=", "bound": 1}, "constraints.0.weights.extra"),
        ({"ctype": "linear", "weights": {"epochs": 1}, "relation": "<=", "bound": 1}, "constraints.0.weights.epochs"),
        ({"ctype": "linear", "weights": {"a": 0}, "relation": "<=", "bound": 1}, "constraints.0.weights"),
        ({"ctype": "linear", "weights": {}, "relation": "<=", "bound": 1}, "constraints.0.weights"),
        ({"ctype": "linear", "weights": {"a": "1"}, "relation": "<=", "bound": 1}, "constraints.0.weights.a"),
        ({"ctype": "linear", "weights": {"b": 1e308}, "relation": "<=", "bound": 1}, "constraints.0.weights"),
        ({"ctype": "linear", "weights": {"a": 1}, "relation": "<", "bound": 1}, "constraints.0.relation"),
        ({"ctype": "linear", "weights": {"a": 1}, "relation": "<="}, "constraints.0.bound"),
        ({"ctype": "forbidden", "combination": {"x": [1]}}, "constraints.0.combination.x"),
        ({"ctype": "forbidden", "combination": {"a": [1]}}, "constraints.0.combination.a"),
        ({"ctype": "forbidden", "combination": {"b": [6]}}, "constraints.0.combination.b"),
        ({"ctype": "forbidden", "combination": {"size": ["8"]}}, "constraints.0.combination.size"),
        ({"ctype": "forbidden", "combination": {"b": []}}, "constraints.0.combination.b"),
        ({"ctype": "forbidden", "combination": {}}, "constraints.0.combination"),
        ({"ctype": "quadratic"}, "constraints.0.ctype"),
    ],
)
def test_new_experiment_names_the_wrong_part_of_a_constraint(constraint, field):
    with pytest.raises(ValueError) as caught:
        NewExperiment.model_validate(body(**constraint))
    assert [problem.field for problem in field_problems(caught.value)] == [field]


def test_new_experiment_tells_all_that_is_wrong_between_fields():
    wrong = {"ctype": "forbidden", "combination": {"x": [1], "b": [9]}}
    with pytest.raises(ValueError) as caught:
        NewExperiment.model_validate(body(**wrong))
    found = field_problems(caught.value)
    assert [problem.field for problem in found] == ["constraints.0.combination.x", "constraints.0.combination.b"]
    message = "is not a covariate of this experiment; allowed in a combination: b, color, extra, epochs, size"
    assert found[0].message == message
    assert found[1].value == 9


def test_new_experiment_takes_fifty_constraints_at_most():
    forbidden = {"ctype": "forbidden", "combination": {"b": [1]}}
    assert len(NewExperiment.model_validate(body() | {"constraints": [forbidden] * 50}).constraints) == 50
    with pytest.raises(ValueError):
        NewExperiment.model_validate(body() | {"constraints": [forbidden] * 51})


def test_constraints_survive_the_wire():
    adapter = TypeAdapter(Constraint)
    for constraint in (
        linear({"a": 1.5}, ">=", -2),
        ForbiddenCombination(ctype="forbidden", combination={"size": [8, 16.0]}),
    ):
        assert adapter.validate_json(adapter.dump_json(constraint)) == constraint
    assert TypeAdapter(Space).validate_python(COVARS)["size"].options == [8, 16]
