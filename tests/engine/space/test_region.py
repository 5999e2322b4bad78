import numpy as np
import pytest
from scipy.stats import kstest

from autotune_service.engine.space.encoding import Encoding
from autotune_service.engine.space.region import EmptyRegionError, Region
from generated import constraints_of, space_of


def share(**more):
    return {"vtype": "cont", "guess": 0.2, "min": 0.0, "max": 1.0, **more}


def sums_to(bound, *names, relation="==", **weights):
    return {"ctype": "linear", "weights": dict.fromkeys(names, 1.0) | weights, "relation": relation, "bound": bound}


def region_of(covars, *limits, **fixed):
    return Region(Encoding(space_of(covars)), constraints_of(*limits), fixed)


def sampled(region, n=200, seed=0):
    rng = np.random.default_rng(seed)
    return [region.decode(row) for row in region.sample(n, rng.random((n, len(region.encoding.columns))), rng)]


def changed(region, row, most=1000):
    return region.changed(row, most, np.random.default_rng(0))


def numbers(found, *names):
    return np.array([[one[name] for name in names] for one in found])


def test_shares_sum_to_one_and_fill_the_simplex():
    region = region_of({name: share() for name in "abcde"}, sums_to(1.0, *"abcde"))
    found = sampled(region)
    assert len(found) == 200
    assert all(limit.holds(one) for one in found for limit in region.constraints)
    # Uniform on the simplex of five shares: mean 1/5, standard deviation sqrt(4 / 150) = 0.163. The mean of 200 is
    # within 0.05 of it by more than four of its own standard deviations.
    values = numbers(found, *"abcde")
    np.testing.assert_allclose(values.mean(axis=0), 0.2, atol=0.05)
    np.testing.assert_allclose(values.std(axis=0), 0.163, atol=0.05)


@pytest.mark.parametrize("step", [0.1, 0.05, 0.01, 0.001])
def test_stepped_shares_fill_the_inside_and_not_only_the_corners(step):
    region = region_of({name: share(step=step, guess=0.0) for name in "abc"}, sums_to(1.0, *"abc"))
    found = sampled(region)
    assert all(limit.holds(one) for one in found for limit in region.constraints)
    values = numbers(found, *"abc")
    assert len(np.unique(values, axis=0)) > 50
    # Uniform: mean 1/3, standard deviation sqrt(1 / 18) = 0.236; corners alone would have 0.47.
    np.testing.assert_allclose(values.mean(axis=0), 1 / 3, atol=0.1)
    np.testing.assert_allclose(values.std(axis=0), 0.236, atol=0.08)


def test_whole_number_and_continua_pay_for_each_other():
    covars = {name: share() for name in "abcde"} | {"n": {"vtype": "int", "guess": 0, "min": 0, "max": 20}}
    region = region_of(covars, sums_to(1.0, *"abcde", n=0.01))
    found = sampled(region)
    assert all(limit.holds(one) for one in found for limit in region.constraints)
    assert len({one["n"] for one in found}) > 15


def test_weights_of_their_own_make_whole_numbers_trade_at_their_ratio():
    covars = {name: {"vtype": "int", "guess": 0, "min": 0, "max": 300} for name in "ab"}
    region = region_of(covars, {"ctype": "linear", "weights": {"a": 2.0, "b": 3.0}, "relation": "==", "bound": 600.0})
    found = sampled(region)
    assert all(2 * one["a"] + 3 * one["b"] == 600 for one in found)
    assert len({one["a"] for one in found}) > 40  # of 101


def test_two_sides_that_leave_no_room_are_one_equation():
    region = region_of(
        {name: share() for name in "abc"},
        sums_to(1.0, *"abc", relation="<="),
        {"ctype": "linear", "weights": dict.fromkeys("abc", -2.0), "relation": "<=", "bound": -2.0},
    )
    found = sampled(region)
    assert len(found) == 200
    assert numbers(found, *"abc").std(axis=0).min() > 0.1


def test_equations_that_rounding_makes_contradict_each_other_are_one():
    region = region_of({name: share() for name in "ab"}, sums_to(0.3, "a", "b"), sums_to(0.1 + 0.2, "a", "b"))
    assert len(sampled(region)) == 200


def test_inequality_is_sampled_by_trying():
    region = region_of({name: share() for name in "ab"}, sums_to(0.5, "a", "b", relation="<="))
    found = sampled(region)
    assert len(found) == 200
    assert (numbers(found, "a", "b").sum(axis=1) <= 0.5 + 1e-9).all()


@pytest.mark.parametrize(("relation", "bound"), [("<=", 0.1), (">=", 2.9)])
def test_corner_that_an_inequality_leaves_is_filled_uniformly(relation, bound):
    """It is too small to be hit by trying."""
    region = region_of(
        {name: share(guess=0.0 if bound < 1 else 1.0) for name in "abc"}, sums_to(bound, *"abc", relation=relation)
    )
    totals = numbers(sampled(region, n=500), *"abc").sum(axis=1)
    # The part of a simplex in which the sum is at most the share u of its bound has the share u^3 of the volume.
    shares = (totals if bound < 1 else 3 - totals) / 0.1
    assert kstest(shares, lambda u: u**3).pvalue > 1e-4


def test_whole_numbers_below_a_sum_are_not_all_at_it():
    region = region_of(
        {name: {"vtype": "int", "guess": 0, "min": 0, "max": 100} for name in "abcdefgh"},
        sums_to(60.0, *"abcdefgh", relation="<="),
    )
    totals = numbers(sampled(region, n=500), *"abcdefgh").sum(axis=1)
    # C(s + 7, 7) combinations have the sum s, of C(68, 8): 8 in 68 the sum 60, and the mean is 60 * 8 / 9.
    assert (totals <= 60).all()
    assert (totals == 60).mean() < 0.25
    assert abs(totals.mean() - 53.3) < 2


def test_weights_of_very_different_sizes_hold():
    covars = {"grams": share(max=1e6, guess=1e5), "share": share(), "tiny": share(max=1e-6, guess=1e-7)}
    weights = {"grams": 1e-6, "share": 1.0, "tiny": 1e6}
    region = region_of(covars, {"ctype": "linear", "weights": weights, "relation": "==", "bound": 1.0})
    found = sampled(region)
    assert len(found) == 200
    assert all(limit.holds(one) for one in found for limit in region.constraints)


def test_logarithmic_numbers_sum_in_their_own_unit():
    covars = {name: share(min=0.001, log=True) for name in "abc"}
    region = region_of(covars, sums_to(1.0, *"abc"))
    found = sampled(region)
    assert len(found) == 200
    assert all(limit.holds(one) for one in found for limit in region.constraints)


def test_fixed_values_count_in_the_sums_to_the_last_digit():
    region = region_of({name: share() for name in "abc"}, sums_to(1.0, *"abc"), a=0.1 + 0.2)
    found = sampled(region)
    assert all(one["a"] == 0.1 + 0.2 for one in found)
    assert all(limit.holds(one) for one in found for limit in region.constraints)
    assert numbers(found, "b").std() > 0.1


@pytest.mark.parametrize("value", [21.017490070400715, 20.9, 21.5 + 1e-9, 21.1, 21.3333333333])
def test_fixed_value_that_encoding_rounds_comes_back_to_the_last_digit(value):
    region = region_of({"x": share(min=20.82, max=21.82, guess=21.0, log=True), "y": share()}, x=value)
    assert {one["x"] for one in sampled(region, 3)} == {value}


def test_rows_may_miss_a_sum_by_half_of_what_the_contract_allows():
    region = region_of({name: share() for name in "ab"}, sums_to(1.0, "a", "b"))
    # The contract allows 1e-9 of bound and terms, 2e-9 here.
    rows = np.array([[0.5, 0.5 + excess] for excess in (0.0, 0.9e-9, -0.9e-9, 1.1e-9, -1.1e-9)])
    assert region.holds(rows).tolist() == [True, True, True, False, False]


def test_forbidden_combination_is_left_out():
    covars = {
        "c": {"vtype": "cat", "guess": "a", "options": ["a", "b"]},
        "n": {"vtype": "int", "guess": 0, "min": 0, "max": 3},
    }
    region = region_of(covars, {"ctype": "forbidden", "combination": {"c": ["b"], "n": [1, 2]}})
    left = [region.decode(row) for row in region.all_rows()]
    assert len(left) == 6
    assert {"c": "b", "n": 0} in left
    assert {"c": "b", "n": 1} not in left


def test_combination_with_what_plays_no_part_is_allowed():
    covars = {
        "c": {"vtype": "cat", "guess": "a", "options": ["a", "b"]},
        "n": {"vtype": "int", "guess": 0, "min": 0, "max": 3, "active_if": {"covariate": "c", "values": ["b"]}},
    }
    region = region_of(covars, {"ctype": "forbidden", "combination": {"n": [0]}})
    left = [region.decode(row) for row in region.all_rows()]
    assert {"c": "a"} in left
    assert {"c": "b", "n": 0} not in left


def test_only_the_guess_in_a_needle_of_a_region_is_found():
    options = [f"o{k}" for k in range(300)]
    covars = {name: {"vtype": "cat", "guess": "o7", "options": options} for name in "abc"}
    rest = [option for option in options if option != "o7"]
    region = region_of(covars, *({"ctype": "forbidden", "combination": {name: rest}} for name in "abc"))
    assert sampled(region)[0] == {"a": "o7", "b": "o7", "c": "o7"}


def test_rare_region_is_filled_from_the_guess_on():
    # Of each of three choices one option in fifty is allowed: a random configuration is in 1 time of 125,000.
    choice = {"vtype": "cat", "guess": "o0", "options": [f"o{n}" for n in range(50)]}
    forbidden = [{"ctype": "forbidden", "combination": {name: choice["options"][1:]}} for name in "abc"]
    region = region_of({"x": share()} | dict.fromkeys("abc", choice), *forbidden)
    found = sampled(region)
    assert all(limit.holds(one) for one in found for limit in region.constraints)
    assert len({one["x"] for one in found}) > 10


def test_rare_region_of_several_changes_is_found_whole():
    # Of 61 settings each of five numbers may have two: 32 configurations of 8e8.
    number = {"vtype": "int", "guess": 2, "min": 0, "max": 60}
    others = [value for value in range(61) if value not in (2, 40)]
    forbidden = [{"ctype": "forbidden", "combination": {name: others}} for name in "abcde"]
    found = sampled(region_of(dict.fromkeys("abcde", number), *forbidden))
    assert len({tuple(one.values()) for one in found}) > 25


def test_region_is_counted_by_what_is_free():
    covars = {
        "c": {"vtype": "cat", "guess": "o0", "options": [f"o{n}" for n in range(200)]},
        "n": {"vtype": "int", "guess": 2, "min": 0, "max": 100},
    }
    assert not region_of(covars).is_listed
    region = region_of(covars, c="o3")
    assert region.is_listed
    assert sorted(region.decode(row)["n"] for row in region.all_rows()) == list(range(101))


def test_what_is_rounded_changes_by_one_setting():
    region = region_of({"n": {"vtype": "int", "guess": 2, "min": 0, "max": 1000}, "x": share()})
    row = region.encoding.encode([{"n": 7, "x": 0.4}])[0]
    assert [region.decode(one) for one in changed(region, row)] == [{"n": 6, "x": 0.4}, {"n": 8, "x": 0.4}]
    first = region.encoding.encode([{"n": 0, "x": 0.4}])[0]
    assert [region.decode(one)["n"] for one in changed(region, first)] == [1]


def test_of_many_changes_as_many_as_wanted_are_drawn():
    region = region_of({name: {"vtype": "cat", "guess": "a", "options": list("abcdefgh")} for name in "klmnop"})
    row = region.encoding.encode([dict.fromkeys("klmnop", "a")])[0]
    assert len(changed(region, row)) == 6 * 7
    assert 10 <= len(changed(region, row, most=15)) <= 15


def test_region_without_a_configuration_says_so():
    region = region_of({name: share() for name in "ab"}, sums_to(1.0, "a", "b"), a=0.5, b=0.6)
    with pytest.raises(EmptyRegionError):
        sampled(region)


def test_settled_rows_are_the_nearest_that_hold():
    region = region_of({name: share() for name in "abc"}, sums_to(1.0, *"abc"))
    # (0.5, 0.5, 0.3) lies 0.3 above the plane: the nearest point is 0.1 lower in each.
    settled = region.settled(np.array([[0.5, 0.5, 0.3]]))
    np.testing.assert_allclose(settled, [[0.4, 0.4, 0.2]], atol=1e-9)
    # From (0.9, 0.9, 0) the same step would leave the bounds: c stays at 0, and the others share.
    np.testing.assert_allclose(region.settled(np.array([[0.9, 0.9, 0.0]])), [[0.5, 0.5, 0.0]], atol=1e-9)


def test_shares_at_their_bounds_leave_the_repair_to_the_others():
    # Of 60 shares 58 are 0 already: 1.3 becomes 1 by 0.15 less in each of the two others.
    names = [f"s{k}" for k in range(60)]
    region = region_of({name: share() for name in names}, sums_to(1.0, *names))
    settled = region.settled(np.array([[0.9, 0.4] + [0.0] * 58]))
    np.testing.assert_allclose(settled, [[0.75, 0.25] + [0.0] * 58], atol=1e-9)


def test_rounding_next_to_a_bound_ends_on_it():
    region = region_of({name: share() for name in "abc"}, sums_to(1.0, *"abc"))
    (row,) = region.settled(np.array([[0.5, 0.5 - 2e-16, 3e-18]]))
    assert region.decode(row)["c"] == 0.0
    # Unless a sum needs just that little.
    needle = region_of({"x": share(guess=1e-228)}, sums_to(1e-228, "x"))
    assert sampled(needle, 1) == [{"x": 1e-228}]


def test_rows_that_are_settled_or_exchanged_stay_as_they_were():
    region = region_of({name: share(step=0.1, guess=0.0) for name in "abc"}, sums_to(1.0, *"abc"), a=0.2)
    rows = np.array([[0.5, 0.3, 0.2]])
    region.settled(rows)
    region.exchanged(rows[0])
    assert rows.tolist() == [[0.5, 0.3, 0.2]]


def test_exchange_moves_steps_from_one_number_to_another():
    covars = {name: {"vtype": "int", "guess": 0, "min": 0, "max": 10} for name in "abc"}
    region = region_of(covars, sums_to(10.0, *"abc"))
    row = region.encoding.encode([{"a": 4, "b": 6, "c": 0}])[0]
    found = [region.decode(one) for one in region.exchanged(row)]
    assert {"a": 5, "b": 5, "c": 0} in found
    assert {"a": 1, "b": 6, "c": 3} in found
    assert all(sum(one.values()) == 10 for one in found)


def test_near_rows_are_near_and_hold():
    region = region_of({name: share() for name in "abc"}, sums_to(1.0, *"abc"))
    row = region.encoding.encode([{"a": 0.3, "b": 0.3, "c": 0.4}])
    found = region.near(np.repeat(row, 50, axis=0), 0.05, np.random.default_rng(0))
    assert region.holds(found).all()
    distances = np.abs(found - row).max(axis=1)
    assert 0.01 < distances.mean() < 0.15  # three steps of up to 0.05
    assert distances.max() <= 0.15 + 1e-9


def test_near_rows_leave_the_end_of_an_inequality():
    region = region_of({name: share() for name in "abc"}, sums_to(0.9, *"abc", relation="<="))
    row = region.encoding.encode([{"a": 0.3, "b": 0.3, "c": 0.3}])
    found = numbers(
        [region.decode(one) for one in region.near(np.repeat(row, 50, axis=0), 0.05, np.random.default_rng(0))], *"abc"
    )
    assert (found.sum(axis=1) <= 0.9 + 1e-9).all()
    assert found.sum(axis=1).min() < 0.85


def test_changed_rows_differ_in_one_setting():
    covars = {
        "c": {"vtype": "cat", "guess": "a", "options": ["a", "b", "c"]},
        "n": {"vtype": "int", "guess": 0, "min": 0, "max": 3},
        "x": share(),
    }
    region = region_of(covars)
    row = region.encoding.encode([{"c": "a", "n": 1, "x": 0.4}])[0]
    found = [region.decode(one) for one in changed(region, row)]
    assert len(found) == 2 + 3
    assert all(one["x"] == 0.4 for one in found)
