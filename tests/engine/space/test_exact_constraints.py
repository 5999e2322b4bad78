"""What is suggested meets a user's own check in floating point, in whatever order the user adds."""

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotune_service.engine.initial import initial_design
from autotune_service.engine.interface import EngineInput, Run
from autotune_service.engine.space.encoding import Encoding
from autotune_service.engine.space.region import Region
from autotune_service.engine.suggest import suggest
from generated import constraints_of, responses_of, space_of

X = {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}
STEP = X | {"guess": 0.1, "step": 0.1}


def linear(relation, bound, **weights):
    return {"ctype": "linear", "weights": weights, "relation": relation, "bound": bound}


def sums(constraint, covars):
    """All totals that adding the terms from the left, in any order, can give."""
    terms = [weight * covars[name] for name, weight in constraint.weights.items()]
    for order in permutations(terms):
        total = 0.0
        for term in order:
            total += term
        yield total


def is_met(constraint, covars):
    if constraint.relation == "==":
        exact = sum(Fraction(weight) * Fraction(covars[name]) for name, weight in constraint.weights.items())
        size = sum(abs(weight * covars[name]) for name, weight in constraint.weights.items())
        return abs(exact - Fraction(constraint.bound)) <= 4 * np.finfo(float).eps * size
    sign = 1 if constraint.relation == "<=" else -1
    return all(sign * (total - constraint.bound) <= 0 for total in sums(constraint, covars))


def inputs(space, constraint, objective, n=8):
    rng = np.random.default_rng(1)
    region = Region(Encoding(space_of(space)), constraints_of(constraint), {})
    rows = region.sample(n, rng.random((n, len(space))), rng)
    runs = [Run(one, {"y": objective(one)}) for one in map(region.decode, rows)]
    return EngineInput(
        space=space_of(space), responses=responses_of(y="maximize"), runs=runs, seed=2,
        constraints=constraints_of(constraint),
    )  # fmt: skip


CASES = {
    "a sum": (linear("<=", 1.0, a=1.0, b=1.0), lambda q: 2 * q["a"] + q["b"]),
    "a difference": (linear("<=", 0.0, a=1.0, b=-1.0), lambda q: 2 * q["a"] - q["b"]),
    "a weighted sum": (linear(">=", 1.5, a=2.0, b=3.0, c=1.0), lambda q: -(q["a"] + q["b"] + 2 * q["c"])),
    "a total": (linear("==", 0.9, a=1.0, b=1.0, c=1.0), lambda q: -((q["a"] - 0.31) ** 2) - (q["b"] - 0.47) ** 2),
    "thirds": (linear("<=", 0.1, a=1 / 3, b=1 / 7, c=1 / 9), lambda q: q["a"] + q["b"] + q["c"]),
}


@pytest.mark.parametrize("name", CASES)
def test_best_on_the_bound_is_suggested_inside_it(name):
    constraint, objective = CASES[name]
    (wanted,) = constraints_of(constraint)
    given = inputs(dict.fromkeys(constraint["weights"], X), constraint, objective)
    found = [*suggest(given), *initial_design(given, "because")]
    assert [one.covars for one in found if not is_met(wanted, one.covars)] == []
    # It is on the bound all the same, but for a ten-billionth.
    total = sum(weight * found[0].covars[name] for name, weight in wanted.weights.items())
    assert total == pytest.approx(wanted.bound, abs=1e-9)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    weights=st.lists(st.floats(0.01, 30) | st.floats(-30, -0.01), min_size=2, max_size=4),
    relation=st.sampled_from(["<=", ">=", "=="]),
    at=st.lists(st.floats(0.05, 0.95), min_size=4, max_size=4),
    missed=st.floats(-0.9e-9, 0.9e-9),
)
def test_whatever_misses_a_bound_by_the_slack_is_moved_inside(weights, relation, at, missed):
    names = "abcd"[: len(weights)]
    values = dict(zip(names, at, strict=False))
    named = dict(zip(names, weights, strict=True))
    size = sum(abs(weight * values[name]) for name, weight in named.items())
    bound = sum(weight * values[name] for name, weight in named.items()) + missed * size
    (wanted,) = constraints_of(linear(relation, bound, **named))
    region = Region(Encoding(space_of(dict.fromkeys(names, X))), [wanted], {})
    moved = region.decode(region.encoding.encode([values])[0])
    assert is_met(wanted, moved)
    assert all(abs(moved[name] - values[name]) < 1e-6 for name in names)


def test_two_inequalities_that_meet_leave_nothing_to_move_inside():
    both = constraints_of(linear("<=", 2.0, a=1.0, b=1.0), linear(">=", 2.0, a=1.0, b=1.0))
    region = Region(Encoding(space_of({"a": X, "b": X})), both, {})
    assert region.decode(np.ones(2)) == {"a": 1.0, "b": 1.0}


def test_equalities_that_share_numbers_are_all_met():
    both = constraints_of(linear("==", 0.9, a=1.0, b=1.0, c=1.0), linear("==", 0.35, b=1.0, c=-1.0, d=0.5))
    region = Region(Encoding(space_of(dict.fromkeys("abcd", X))), both, {})
    rng = np.random.default_rng(0)
    for row in region.sample(20, rng.random((20, 4)), rng):
        assert all(is_met(wanted, region.decode(row)) for wanted in both)


def test_numbers_with_steps_meet_the_bound_in_floating_point():
    """0.1 + 0.2 is 0.30000000000000004 in floating point, and a user's own check of 0.3 would refuse it."""
    (wanted,) = constraints_of(linear("<=", 0.3, a=1.0, b=1.0))
    region = Region(Encoding(space_of({"a": STEP, "b": STEP})), [wanted], {})
    listed = [region.decode(row) for row in region.all_rows()]
    assert all(one["a"] + one["b"] <= 0.3 for one in listed)
    # Nine of ten pairs of tenths up to 0.3 remain: only 0.1 + 0.2 both ways round too far.
    assert len(listed) == 10 - 2


def test_where_rounding_leaves_nothing_the_decimals_count():
    edges = constraints_of(linear("<=", 0.3, a=1.0, b=1.0), linear(">=", 0.1, a=1.0), linear(">=", 0.2, b=1.0))
    region = Region(Encoding(space_of({"a": STEP, "b": STEP})), edges, {})
    assert [region.decode(row) for row in region.all_rows()] == [{"a": 0.1, "b": 0.2}]
