from collections import Counter

import numpy as np
import pytest

from autotune_service.engine.initial import design_length, initial_design
from autotune_service.engine.interface import EngineInput, Run
from autotune_service.engine.space.encoding import Encoding
from autotune_service.engine.space.region import EmptyRegionError
from generated import constraints_of, responses_of, space_of
from support import GUESS, SPACE

X = {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}


def input_of(told=(), of=SPACE, **fields):
    runs = [Run(one, {"y": 0.0}) for one in told]
    return EngineInput(space=space_of(of), responses=responses_of(y="maximize"), runs=runs, **{"seed": 1, **fields})


def points(problem):
    return [one.covars for one in initial_design(problem, "first")]


def test_points_do_not_depend_on_how_they_are_asked_for():
    together = points(input_of([GUESS], n=4))
    one_by_one = [GUESS]
    for _ in range(4):
        one_by_one += points(input_of(one_by_one))
    assert one_by_one[1:] == together


def test_pending_points_count_like_told_ones():
    first = points(input_of([GUESS], n=2))
    assert points(input_of([GUESS], pending=first)) == points(input_of([GUESS, *first]))


def test_other_seed_gives_other_points():
    assert points(input_of([GUESS], n=3)) != points(input_of([GUESS], n=3, seed=2))


def test_points_are_spread_more_evenly_than_random_ones():
    found = points(input_of(of={"x": X, "y": X}, n=16))
    # Of 16 points of a scrambled Sobol sequence, each of 16 equal stripes holds one.
    for name in ("x", "y"):
        assert sorted(int(one[name] * 16) for one in found) == list(range(16))


def test_small_space_is_listed_before_anything_comes_again():
    small = {"n": {"vtype": "int", "guess": 0, "min": 0, "max": 2}, "c": SPACE["color"]}
    found = initial_design(input_of(of=small, n=11), "first")
    assert len({tuple(one.covars.values()) for one in found[:9]}) == 9
    assert [("no other configuration is left" in one.reason) for one in found] == [False] * 9 + [True] * 2


def test_where_not_all_is_looked_at_nothing_else_was_found():
    # Only the guess is allowed of 200 options twice: too many to list, and random ones are not in.
    choice = {"vtype": "cat", "guess": "o0", "options": [f"o{n}" for n in range(200)]}
    limits = [{"ctype": "forbidden", "combination": {name: choice["options"][1:]}} for name in ("a", "b")]
    given = EngineInput(
        space=space_of({"a": choice, "b": choice}),
        responses=responses_of(y="maximize"),
        runs=[Run({"a": "o0", "b": "o0"}, {"y": 1.0})],
        seed=1,
        constraints=constraints_of(*limits),
    )
    (again,) = initial_design(given, "wanted")
    assert again.reason == "wanted; no other configuration was found, so this one is suggested again"


def test_rare_configuration_is_found_by_listing():
    # Of 4000 settings all but one are taken: no sample is likely to hit it.
    many = {"n": {"vtype": "cat", "guess": "0", "options": [str(k) for k in range(1000)]}, "m": SPACE["color"]}
    taken = [{"n": str(k), "m": m} for k in range(1000) for m in ("red", "green", "blue") if (k, m) != (617, "blue")]
    (found,) = initial_design(input_of(taken, many), "first")
    assert found.covars == {"n": "617", "m": "blue"}
    assert found.reason == "first"


def test_fixed_values_are_kept_and_the_rest_is_spread():
    found = points(input_of(of={"x": X, "y": X | {"role": "context"}}, fixed={"y": 0.1 + 0.2}, n=8))
    assert {one["y"] for one in found} == {0.1 + 0.2}
    assert np.ptp([one["x"] for one in found]) > 0.7


def test_constraints_no_configuration_meets_are_named():
    limits = constraints_of(
        {"ctype": "linear", "weights": {"x": 1.0}, "relation": ">=", "bound": 0.6},
        {"ctype": "linear", "weights": {"x": 1.0}, "relation": "<=", "bound": 0.4},
    )
    with pytest.raises(EmptyRegionError):
        points(input_of(of={"x": X}, constraints=limits))


def options(n):
    return {"vtype": "cat", "guess": "o0", "options": [f"o{k}" for k in range(n)]}


@pytest.mark.parametrize("seed", range(4))
def test_options_come_about_equally_often(seed):
    of = {"base": options(4), "solvent": options(6), "additive": options(24), "x": X}
    guess = dict.fromkeys(of, "o0") | {"x": 0.5}
    found = [guess, *points(input_of([guess], of, n=11, seed=seed))]
    counts = {name: Counter(one[name] for one in found) for name in of}
    assert set(counts["base"].values()) <= {2, 3, 4}
    assert set(counts["solvent"].values()) <= {1, 2, 3}
    assert len(counts["solvent"]) == 6
    assert len(counts["additive"]) >= 11


def test_options_that_were_run_with_another_context_come_later():
    of = {"additive": options(6), "oven": options(2) | {"role": "context"}}
    known = [{"additive": f"o{k}", "oven": "o0"} for k in range(3)]
    found = points(input_of(known, of, n=3, fixed={"oven": "o1"}))
    assert {one["additive"] for one in found} == {"o3", "o4", "o5"}


@pytest.mark.parametrize(
    ("of", "n"),
    [({"x": X, "y": X}, 5), ({"x": X, "c": options(2)}, 8), ({"x": X, "c": options(1)}, 5), ({"c": options(3)}, 3)],
)
def test_design_is_longer_with_options_and_never_longer_than_what_there_is(of, n):
    assert design_length(Encoding(space_of(of))) == n


def test_first_options_differ_in_what_is_known_of_them():
    """Of fifteen options that are alike in threes, more of the five clusters come early than without descriptors."""
    known = {f"o{k}": {"size": 10.0 * (k // 3) + 0.1 * (k % 3), "idle": 1.0} for k in range(15)}

    def n_clusters(descriptors):
        space = {"o": {"vtype": "cat", "guess": "o0", "options": [*known], "descriptors": descriptors}, "x": X}
        first = {"o": "o0", "x": 0.5}
        designs = [[first, *points(input_of([first], space, n=5, seed=seed))] for seed in range(8)]
        assert all(len({one["o"] for one in design}) == 6 for design in designs)
        return sum(len({int(one["o"][1:]) // 3 for one in design}) for design in designs)

    assert n_clusters(known) > n_clusters(None)
