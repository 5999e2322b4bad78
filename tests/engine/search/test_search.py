"""The ascent and the search, on functions whose maximum is known and on acquisitions against fine grids."""

import numpy as np
import pytest

from autotune_service.engine.acquisition.functions import expected_improvement_of
from autotune_service.engine.interface import EngineInput, Run
from autotune_service.engine.search.ascent import climb, climb_within
from autotune_service.engine.search.best import find_best
from autotune_service.engine.space.encoding import Encoding
from autotune_service.engine.space.region import EmptyRegionError, Region
from autotune_service.engine.suggest import suggest
from generated import constraints_of, fitted_to, responses_of, space_of

X = {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}
N = {"vtype": "int", "guess": 0, "min": 0, "max": 9}


class Quadratic:
    """Minus the squared distance to a target, stretched along the axes and turned in the first two."""

    def __init__(self, target, stretch, turn=0.0):
        self.target = np.array(target)
        self.matrix = np.diag(np.array(stretch, dtype=float))
        if turn:
            self.matrix[0, 1] = self.matrix[1, 0] = turn

    def values(self, rows):
        return self.values_with_gradients(rows)[0]

    def values_with_gradients(self, rows):
        away = rows - self.target
        return -np.einsum("ni,ij,nj->n", away, self.matrix, away), -2 * away @ self.matrix


def region_of(covars, *limits, **fixed):
    return Region(Encoding(space_of(covars)), constraints_of(*limits), fixed)


def starts(n, d, seed=0):
    return np.random.default_rng(seed).random((n, d))


def test_climb_finds_the_maximum_inside():
    acquisition = Quadratic([0.3, 0.6, 0.5], [1.0, 20.0, 5.0], turn=3.0)
    ended, values = climb(acquisition, starts(4, 3), [0, 1, 2], 50)
    np.testing.assert_allclose(ended, np.tile(acquisition.target, (4, 1)), atol=2e-3)  # a step of 1e-3 ends the climb
    np.testing.assert_allclose(values, 0.0, atol=1e-4)


def test_climb_finds_the_maximum_at_a_bound():
    # With x held at 1, the derivative by y is 0 where 20 (y - 0.5) = -3 (1 - 1.4): y = 0.56.
    acquisition = Quadratic([1.4, 0.5], [2.0, 20.0], turn=3.0)
    ended, _ = climb(acquisition, starts(4, 2), [0, 1], 50)
    np.testing.assert_allclose(ended, np.tile([1.0, 0.56], (4, 1)), atol=2e-3)


def test_climb_leaves_other_columns_alone():
    rows = starts(3, 3)
    ended, _ = climb(Quadratic([0.3, 0.6, 0.5], [1, 1, 1]), rows, [1], 50)
    np.testing.assert_array_equal(ended[:, [0, 2]], rows[:, [0, 2]])
    np.testing.assert_allclose(ended[:, 1], 0.6, atol=2e-3)


def test_climb_never_goes_down():
    acquisition = Quadratic([0.3, 0.6, 0.5], [1.0, 400.0, 5.0], turn=15.0)
    rows = starts(20, 3)
    for n_steps in (1, 2, 5):
        assert (climb(acquisition, rows, [0, 1, 2], n_steps)[1] >= acquisition.values(rows)).all()


def test_climb_within_finds_the_maximum_on_the_simplex():
    region = region_of(
        dict.fromkeys("abc", X),
        {"ctype": "linear", "weights": dict.fromkeys("abc", 1.0), "relation": "==", "bound": 1.0},
    )
    # The target (0.7, 0.6, -0.1) projects on the simplex at (0.55, 0.45, 0).
    rng = np.random.default_rng(0)
    rows = region.sample(4, rng.random((4, 3)), rng)
    ended, _ = climb_within(Quadratic([0.7, 0.6, -0.1], [1, 1, 1]), rows, [0, 1, 2], region.mixture, 50)
    np.testing.assert_allclose(ended, np.tile([0.55, 0.45, 0.0], (4, 1)), atol=1e-5)


def test_climb_within_stops_at_an_inequality():
    region = region_of(
        dict.fromkeys("ab", X),
        {"ctype": "linear", "weights": {"a": 1.0, "b": 2.0}, "relation": "<=", "bound": 1.0},
    )
    # The nearest point of a + 2 b = 1 to (1, 1) is (1, 1) - 2 / 5 (1, 2).
    ended, _ = climb_within(Quadratic([1.0, 1.0], [1, 1]), np.array([[0.1, 0.1]]), [0, 1], region.mixture, 50)
    np.testing.assert_allclose(ended, [[0.6, 0.2]], atol=1e-5)


def test_climb_within_is_not_stopped_by_sums_of_other_columns():
    covars = {"a": N, "b": N, "x": X}
    limit = {"ctype": "linear", "weights": {"a": 1.0, "b": 1.0}, "relation": "==", "bound": 9.0}
    region = region_of(covars, limit, limit)  # twice, as SLSQP fails on equations that follow from each other
    row = region.encoding.encode([{"a": 4, "b": 5, "x": 0.1}])
    ended, _ = climb_within(Quadratic([0.0, 0.0, 0.8], [1, 1, 1]), row, [2], region.mixture, 50)
    assert ended[0, 2] == pytest.approx(0.8, abs=1e-5)


@pytest.mark.parametrize("repeated", [False, True])
def test_climb_within_takes_equations_that_follow_from_each_other(repeated):
    limit = {"ctype": "linear", "weights": dict.fromkeys("abc", 1.0), "relation": "==", "bound": 1.0}
    twice = {"ctype": "linear", "weights": dict.fromkeys("abc", 2.0), "relation": "==", "bound": 2.0}
    region = region_of(dict.fromkeys("abc", X), limit, *([twice] if repeated else []))
    ended, _ = climb_within(
        Quadratic([0.7, 0.6, -0.1], [1, 1, 1]), np.array([[0.2, 0.3, 0.5]]), [0, 1, 2], region.mixture, 50
    )
    np.testing.assert_allclose(ended, [[0.55, 0.45, 0.0]], atol=1e-5)


def found_in(region, acquisition, promising=None, taken=frozenset()):
    promising = np.empty((0, len(region.encoding.columns))) if promising is None else promising
    return find_best(acquisition, region, promising, taken, np.random.default_rng(0))


def test_search_lists_a_small_region_whole():
    region = region_of(
        {"n": {"vtype": "int", "guess": 0, "min": 0, "max": 9}, "m": {"vtype": "int", "guess": 0, "min": 0, "max": 9}}
    )
    found = found_in(region, Quadratic([0.34, 0.8], [1, 1]))
    assert region.decode(found.row) == {"n": 3, "m": 7}


def test_search_takes_the_next_best_where_the_best_is_taken():
    region = region_of({"n": N, "m": N})
    found = found_in(region, Quadratic([0.34, 0.8], [1, 1]), taken={region.encoding.key({"n": 3, "m": 7})})
    assert region.decode(found.row) == {"n": 3, "m": 8}  # 8/9 is 0.089 from 0.8; 4/9 is 0.104 from 0.34
    assert found.is_new


def test_search_repeats_the_best_where_all_is_taken():
    region = region_of({"n": N})
    taken = {region.encoding.key({"n": n}) for n in range(10)}
    found = found_in(region, Quadratic([0.34], [1]), taken=taken)
    assert region.decode(found.row) == {"n": 3}
    assert not found.is_new


def test_search_climbs_wide_whole_numbers_to_the_nearest():
    region = region_of({"n": {"vtype": "int", "guess": 0, "min": 0, "max": 100_000}, "x": X})
    found = found_in(region, Quadratic([0.123456, 0.7], [1, 1]))
    assert region.decode(found.row)["n"] == pytest.approx(12346, abs=300)  # a step of 1e-3 of the range ends it
    assert isinstance(region.decode(found.row)["n"], int)


def test_search_does_not_climb_onto_what_is_forbidden():
    limit = {"ctype": "forbidden", "combination": {"n": [0]}}
    region = region_of({"n": N | {"max": 500, "guess": 1}, "x": X}, limit)
    found = found_in(region, Quadratic([-0.2, 0.7], [1, 1]))  # every climb ends at n = 0
    assert region.decode(found.row)["n"] > 0


def test_search_changes_settings_that_no_climb_reaches():
    covars = {f"c{k}": {"vtype": "cat", "guess": "a", "options": list("abcdefgh")} for k in range(6)}
    region = region_of(covars)

    class Matches:
        def values(self, rows):
            return (rows == 5.0).sum(axis=1).astype(float)

        def values_with_gradients(self, rows):
            return self.values(rows), np.zeros_like(rows)

    # 6 right of 8^6 = 262144: each round sets one column right; samples start with two or three.
    assert found_in(region, Matches()).value >= 5


class Counted:
    """A quadratic that counts what is asked of it."""

    def __init__(self, d):
        self.of = Quadratic(np.full(d, 0.3), np.ones(d))
        self.n_valued = 0

    def values(self, rows):
        self.n_valued += len(rows)
        return self.of.values(rows)

    def values_with_gradients(self, rows):
        self.n_valued += len(rows)
        return self.of.values_with_gradients(rows)


def test_search_of_many_whole_numbers_climbs_all_of_them_together():
    region = region_of({f"n{k}": N | {"max": 100} for k in range(40)})
    acquisition = Counted(40)
    found = found_in(region, acquisition)
    np.testing.assert_allclose(found.row, 0.3, atol=0.0101)  # the nearest setting, or one beside it
    assert acquisition.n_valued < 2000


def test_search_of_many_options_values_a_part_of_them_at_a_time():
    region = region_of({f"c{k}": {"vtype": "cat", "guess": "0", "options": list("0123456789")} for k in range(60)})
    acquisition = Counted(60)
    found_in(region, acquisition)
    assert acquisition.n_valued < 512 + 4 * 4 * 256 + 500  # not 540 at each of four rows in each of four rounds


def test_search_trades_steps_of_a_sum_also_where_they_are_climbed():
    names = [f"n{k}" for k in range(6)]
    total = {"ctype": "linear", "weights": dict.fromkeys(names, 1.0), "relation": "==", "bound": 100}
    region = region_of({name: N | {"max": 100} for name in names} | {"n0": N | {"max": 100, "guess": 100}}, total)
    target = [0.31, 0.07, 0.22, 0.18, 0.05, 0.17]  # they sum to 1, so that it is a configuration
    found = found_in(region, Quadratic(target, np.ones(6)))
    np.testing.assert_allclose(found.row, target, atol=0.0101)  # but for one last trade of a step


def test_search_of_an_empty_listed_region_says_so():
    limit = {"ctype": "forbidden", "combination": {"n": [0, 1]}}
    region = region_of({"n": N | {"max": 1}}, limit)
    with pytest.raises(EmptyRegionError):
        found_in(region, Quadratic([0.5], [1]))


def test_search_near_a_known_needle_finds_its_tip():
    # A tip a hundredth wide in five dimensions: no sample hits it, the variants of a row beside it do.
    class Needle(Quadratic):
        def values_with_gradients(self, rows):
            values, gradients = super().values_with_gradients(rows)
            return np.exp(values), gradients * np.exp(values)[:, None]

    region = region_of({f"x{k}": X for k in range(5)})
    target = np.full(5, 0.37)
    acquisition = Needle(target, np.full(5, 400.0))
    found = found_in(region, acquisition, promising=target[None] + 0.04)
    assert found.value > 0.99


# What an ask fixes conditions the acquisition.

SPACE = {"x": X, "y": X}


def ridge(covars):
    """Best at x = y = 0.2; at any other y, best where x is y."""
    return -((covars["x"] - covars["y"]) ** 2) - 0.3 * (covars["y"] - 0.2) ** 2


def history(space=SPACE, n=14):
    from scipy.stats import qmc

    rows = qmc.Sobol(len(space), rng=np.random.default_rng(2)).random(16)[:n]
    runs = [dict(zip(space, row.tolist(), strict=True)) for row in rows]
    return [Run(one, {"r": ridge(one)}) for one in runs]


def input_of(space, **fields):
    return EngineInput(space=space_of(space), responses=responses_of(r="maximize"), runs=history(), seed=4, **fields)


def acquisition_of(problem, incumbents=None):
    process = fitted_to(problem)["r"].process
    incumbents = process.rows if incumbents is None else incumbents
    return expected_improvement_of([process], np.empty((0, 2)), incumbents, np.random.default_rng(0))


@pytest.mark.parametrize("role", ["design", "context"])
@pytest.mark.parametrize("y", [0.9, 0.55])
def test_fixed_value_conditions_the_acquisition(y, role):
    problem = input_of({"x": X, "y": X | {"role": role}}, fixed={"y": y})
    (suggested,) = suggest(problem)
    grid = np.stack([np.linspace(0, 1, 4001), np.full(4001, y)], axis=1)
    values = acquisition_of(problem, grid).values(grid)  # no run has this y: improvement is over the best predicted
    assert suggested.covars["y"] == y
    # The climb ends where a step gains less than 1e-5 or is shorter than 1e-3.
    assert suggested.covars["x"] == pytest.approx(grid[values.argmax(), 0], abs=2e-3)
    assert np.log(suggested.acquisition) >= values.max() + np.log(fit_scale(problem)) - 1e-3


def fit_scale(problem):
    scale = fitted_to(problem)["r"].scale
    return scale.spread * scale.unit


def test_fixed_value_is_no_overwritten_part_of_the_free_suggestion():
    (free,) = suggest(input_of(SPACE))
    (fixed,) = suggest(input_of(SPACE, fixed={"y": 0.9}))
    assert abs(free.covars["x"] - fixed.covars["x"]) > 0.3
    overwritten = Encoding(space_of(SPACE)).encode([free.covars | {"y": 0.9}, fixed.covars])
    values = acquisition_of(input_of(SPACE)).values(overwritten)
    assert values[1] > values[0] + 1.0


def test_free_suggestion_is_the_maximum_over_the_plane():
    problem = input_of(SPACE)
    (suggested,) = suggest(problem)
    axis = np.linspace(0, 1, 201)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    best = acquisition_of(problem).values(grid).max()
    found = acquisition_of(problem).values(Encoding(problem.space).encode([suggested.covars]))[0]
    assert found >= best - 1e-3
