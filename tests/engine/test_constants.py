"""Covariates that are held at one value, through every engine and acquisition function."""

from dataclasses import replace
from math import log
from typing import Any

import numpy as np
import pytest

from autotune_service.engine.greattunes.columns import Columns
from autotune_service.engine.insights import insights, predict
from autotune_service.engine.interface import EngineInput, Run
from autotune_service.engine.space.encoding import Encoding
from autotune_service.engine.suggest import suggest
from generated import constraints_of, responses_of, space_of

X = {"vtype": "cont", "guess": 0.0, "min": -2.0, "max": 2.0}
CONSTANTS: dict[str, dict[str, Any]] = {
    "length": {"vtype": "cont", "guess": 5.1, "min": 5.1, "max": 5.1},
    "n": {"vtype": "int", "guess": 3, "min": 3, "max": 3},
    "rate": {"vtype": "cont", "guess": 0.3, "min": 0.3, "max": 0.3, "log": True},
    "k": {"vtype": "int", "guess": 7, "min": 7, "max": 7, "log": True},
    "t": {"vtype": "cont", "guess": 60.0, "min": 60.0, "max": 60.0, "step": 5.0},
    "zero": {"vtype": "cont", "guess": 0.0, "min": 0.0, "max": 0.0},
    "base": {"vtype": "cat", "guess": "a", "options": ["a"]},
}
HELD = {name: constant["guess"] for name, constant in CONSTANTS.items()}
SPACE = space_of({"x": X, **CONSTANTS})
ROOM = {"ctype": "linear", "weights": {"length": 1.0, "x": -1.0}, "relation": ">=", "bound": 4.1}  # x at most 1
MAXIMIZE = responses_of(y="maximize")


def problem(xs, **fields):
    runs = [Run(HELD | {"x": x}, {"y": -((x - 0.8) ** 2)}) for x in xs]
    return EngineInput(space=SPACE, runs=runs, **{"responses": MAXIMIZE, "seed": 1, **fields})


def held(covars):
    return {name: value for name, value in covars.items() if name != "x"}


@pytest.mark.parametrize("xs", [[0.0], [-1.5, -0.5, 0.0, 0.3, 0.9, 1.0]])
@pytest.mark.parametrize("constraints", [[], [ROOM]])
def test_suggestions_have_exactly_the_value_that_is_held(xs, constraints):
    suggested = suggest(problem(xs, constraints=constraints_of(*constraints), n=4))
    assert [held(suggestion.covars) for suggestion in suggested] == [HELD] * 4
    assert all(type(suggestion.covars[name]) is type(value) for suggestion in suggested for name, value in HELD.items())
    places = [suggestion.covars["x"] for suggestion in suggested]
    assert len(set(places)) == 4
    assert max(places) <= (1.0 if constraints else 2.0)


def test_model_finds_the_best_beside_what_is_held():
    (suggested,) = suggest(problem([-1.5, -0.5, 0.0, 0.3, 1.3, 2.0]))
    assert suggested.covars["x"] == pytest.approx(0.8, abs=0.1)


def test_equality_with_a_held_number_fixes_the_other():
    total = {"ctype": "linear", "weights": {"length": 1.0, "x": 1.0}, "relation": "==", "bound": 6.1}
    (suggested,) = suggest(problem([-1.5, -0.5, 0.0, 0.3, 1.3], constraints=constraints_of(total)))
    assert suggested.covars["x"] == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("constraints", [[], [{**ROOM, "weights": {"length": 1.0, "n": -0.1}}]])
@pytest.mark.parametrize("n_runs", [1, 6])
def test_space_of_constants_has_one_configuration(constraints, n_runs):
    runs = [Run(HELD, {"y": 1.0 + i}) for i in range(n_runs)]
    given = EngineInput(
        space=space_of(CONSTANTS), runs=runs, responses=MAXIMIZE, seed=1, constraints=constraints_of(*constraints)
    )
    (suggested,) = suggest(given)
    assert suggested.covars == HELD
    assert suggested.reason.endswith("no other configuration is left, so this one is suggested again")


@pytest.mark.parametrize("acq_func", ["UpperConfidenceBound", "qKnowledgeGradient", "qNoisyExpectedImprovement"])
def test_named_acquisition_functions_take_a_constant(acq_func):
    (suggested,) = suggest(problem([-1.5, -0.5, 0.0, 0.3, 0.9, 1.0], acq_func=acq_func))
    assert held(suggested.covars) == HELD


def test_fidelity_that_is_held_is_taken():
    space = space_of({"x": X, "mesh": {"vtype": "int", "guess": 4, "min": 4, "max": 4, "role": "fidelity"}})
    runs = [Run({"x": x, "mesh": 4}, {"y": -x * x}) for x in (-1.5, -0.5, 0.3, 0.9, 1.0)]
    given = EngineInput(space=space, runs=runs, responses=MAXIMIZE, seed=1, acq_func="qMultiFidelityMaxValueEntropy")
    assert suggest(given)[0].covars["mesh"] == 4


def test_constant_does_not_matter_and_has_one_point_of_a_slice():
    found = insights(problem([-1.5, -0.5, 0.0, 0.3, 0.9, 1.0]))
    assert all(found.importance["y"].get(name, 0.0) == 0.0 for name in HELD)
    assert found.importance["y"]["x"] == 1.0
    for name in HELD.keys() & found.slices["y"].keys():
        assert [point.value for point in found.slices["y"][name]] == [HELD[name]]


# The unit of a constant's column is its distance from 0, or 1 for 0; with log, a factor of ten.
@pytest.mark.parametrize(
    ("name", "value", "place"),
    [
        ("length", 5.1, 0.0),
        ("length", 10.2, -1.0),
        ("length", 0.0, 1.0),
        ("zero", 3.0, 3.0),
        ("zero", -1e6, -1000.0 - log(1e3)),
        ("n", 6, -1.0),
        ("rate", 30.0, 2.0),
        ("rate", 0.03, -1.0),
        ("t", 60.0 + 60e6, -1000.0 - log(1e3)),
    ],
)
def test_run_at_another_value_than_the_constant_has_a_place_of_its_own(name, value, place):
    encoding = Encoding(space_of({name: CONSTANTS[name]}))
    rows = encoding.encode([{name: value}])
    assert rows[0, 0] == pytest.approx(place, abs=1e-9)
    assert encoding.decode(rows[0]) == {name: HELD[name]}
    assert encoding.snap(rows).tolist() == [[0.0]]


def test_runs_from_before_a_number_was_held_teach_the_model():
    # y falls with x and with n; only n = 3 is allowed now, so the best is the least x.
    grid = [(x, n) for x in (-1.5, 0.0, 1.5) for n in (1, 3, 5)]
    runs = [Run(HELD | {"x": x, "n": n}, {"y": -x - n}) for x, n in grid]
    (suggested,) = suggest(EngineInput(space=SPACE, runs=runs, responses=MAXIMIZE, seed=1))
    assert suggested.covars["x"] < -1.5
    assert held(suggested.covars) == HELD


@pytest.mark.parametrize("held", [{"min": 0.0, "max": 0.0}, {"min": 0.001, "max": 0.001}])
def test_runs_of_the_former_range_teach_as_much_after_it_was_held(held):
    # Told over 0 to 100, then held at an end: the column keeps the scale on which the runs differ, and so the model.
    def y(x, z):
        return -((x - 0.8) ** 2) - 3 * (z / 100) ** 2 + z / 100 * x

    told = np.random.default_rng(0).uniform([-2, 0], [2, 100], size=(25, 2))
    runs = [Run({"x": x, "z": z}, {"y": y(x, z)}) for x, z in told]
    z = {"vtype": "cont", "guess": held["min"]}
    configurations = [{"x": x, "z": held["min"]} for x in np.linspace(-2, 2, 9)]
    wide, narrow = (
        predict(
            EngineInput(space=space_of({"x": X, "z": z | bounds}), runs=runs, responses=MAXIMIZE, seed=1, **more),
            configurations,
        )
        for bounds, more in (({"min": 0.0, "max": 100.0}, {}), (held, {"retired": {"z": [0.0, 100.0]}}))
    )
    for before, after in zip(wide, narrow, strict=True):
        assert after["y"].mean == pytest.approx(before["y"].mean, abs=1e-3)
        assert after["y"].sd == pytest.approx(before["y"].sd, rel=1e-2)


def test_constant_has_the_scale_of_its_former_ranges():
    space = space_of({name: CONSTANTS[name] for name in ("length", "rate")})
    encoding = Encoding(space, {"length": [0.1, 6.1], "rate": [0.003, 1.0]})
    assert encoding.encode([{"length": 5.1, "rate": 0.3}]).tolist() == [[0.0, 0.0]]
    # 0.1 is 5 below 5.1, the farthest; 0.003 is a hundredth of 0.3.
    rows = encoding.encode([{"length": 0.1, "rate": 0.003}, {"length": 10.1, "rate": 30.0}])
    np.testing.assert_allclose(rows, [[1.0, 1.0], [-1.0, -1.0]], atol=1e-12)
    columns = Columns(space_of({"length": CONSTANTS["length"]}), retired={"length": [0.1, 6.1]})
    assert columns.encode([{"length": 5.1}, {"length": 7.6}])[:, 0].tolist() == pytest.approx([0.0, 0.5])


PLAIN = {name: constant for name, constant in CONSTANTS.items() if "log" not in constant and "step" not in constant}


@pytest.mark.parametrize("more", [{"x": X}, {}])
def test_greattunes_takes_constants(more):
    space = space_of({**more, **PLAIN})
    own = {name: HELD[name] for name in PLAIN}
    runs = [Run(own | ({"x": x} if more else {}), {"y": -x * x}) for x in (-1.5, -0.5, 0.3, 0.9, 1.0, 1.7)]
    suggested = suggest(EngineInput(space=space, runs=runs, responses=MAXIMIZE, seed=1, engine="greattunes", n=2))
    assert [held(suggestion.covars) for suggestion in suggested] == [own] * 2
    assert all(np.isfinite(suggestion.predictions["y"].sd) for suggestion in suggested)


def test_greattunes_keeps_a_fixed_value_that_every_run_has():
    space = space_of({"x": X, "z": X})
    runs = [Run({"x": x, "z": 0.5}, {"y": -x * x}) for x in (-1.5, -0.5, 0.3, 0.9, 1.0, 1.7)]
    given = EngineInput(space=space, runs=runs, responses=MAXIMIZE, seed=1, engine="greattunes", fixed={"z": 0.5})
    assert suggest(given)[0].covars["z"] == 0.5
    assert suggest(replace(given, fixed={"z": 0.5, "x": 0.25}))[0].covars == {"x": 0.25, "z": 0.5}


def test_greattunes_columns_hold_a_constant_at_its_place():
    columns = Columns(space_of({name: CONSTANTS[name] for name in ("length", "n")}))
    assert columns.bounds.tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert columns.encode([{"length": 5.1, "n": 3}, {"length": 10.2, "n": 0}]).tolist() == [[0.0, 0.0], [1.0, -1.0]]
    assert columns.decode(columns.encode([{"length": 7.0, "n": 9}])[0]) == {"length": 5.1, "n": 3}
    assert columns.kernel_columns == []
    assert columns.n_configurations == 1
