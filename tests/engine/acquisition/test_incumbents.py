"""Improvement is counted from what can be run here: compared with a grid over the region, for all that narrows it."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from scipy.stats import norm

from autotune_service.engine.acquisition.hypervolume import FrontScene, hypervolume_improvement_of
from autotune_service.engine.acquisition.named.names import is_named
from autotune_service.engine.findings.best import best_in
from autotune_service.engine.findings.fitted import Fitted
from autotune_service.engine.interface import EngineInput, Run
from autotune_service.engine.space.encoding import Encoding
from autotune_service.engine.space.region import EmptyRegionError, Region
from autotune_service.engine.suggest import suggest
from autotune_wire.experiments import AcqFunc
from generated import constraints_of, fitted_to, responses_of, space_of

X = {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}
OVEN = {"vtype": "cat", "guess": "a", "options": ["a", "b"], "role": "context"}
LIMIT = {"ctype": "linear", "weights": {"x": 1.0, "z": 1.0}, "relation": "<=", "bound": 0.8}
AT = [{"x": x, "z": z} for x in (0.05, 0.35, 0.65, 0.95) for z in (0.1, 0.5, 0.9)]


def rising(covars):
    """A response that is highest at x = 1, z = 1, far above all that is left in each region below."""
    return {"y": 30 * covars["x"] - 8 * (covars["z"] - 0.6 * covars["x"]) ** 2 + 60 * (covars.get("oven") == "a")}


def problem(covars, space, **fields):
    runs = [Run(one, rising(one)) for one in covars]
    return EngineInput(space=space_of(space), responses=responses_of(y="maximize"), runs=runs, seed=1, **fields)


def ovens():
    return [one | {"oven": "ab"[k % 2]} for k, one in enumerate(AT)]


PLANE = {"x": X, "z": X}
REGIONS = {
    "another context": problem(ovens(), PLANE | {"oven": OVEN}, fixed={"oven": "b"}),
    "a context nobody has run": problem(
        [one | {"oven": "a"} for one in AT], PLANE | {"oven": OVEN}, fixed={"oven": "b"}
    ),
    "a value fixed at this ask": problem(AT, PLANE, fixed={"x": 0.35}),
    "a value fixed where nothing was run": problem(AT, PLANE, fixed={"x": 0.2}),
    "a narrower range": problem(AT, {"x": X | {"max": 0.5}, "z": X}),
    "an option withdrawn": problem(
        ovens(), PLANE | {"oven": OVEN | {"guess": "b", "options": ["b"], "role": "design"}}, retired={"oven": ["a"]}
    ),
    "a constraint": problem(AT, PLANE, constraints=constraints_of(LIMIT)),
    "a sum": problem(AT, PLANE, constraints=constraints_of(LIMIT | {"relation": "=="})),
}


def grid_of(given, n=81):
    """Return rows that fill the region, built without the engine's own search."""
    x = np.linspace(0, 1, n)
    space = given.space
    x_values = [given.fixed["x"]] if "x" in given.fixed else np.linspace(0, space["x"].max, n)
    pairs = [{"x": float(a), "z": float(b)} for a in x_values for b in x]
    if given.constraints:
        pairs = [one for one in pairs if one["x"] + one["z"] <= 0.8]
        if given.constraints[0].relation == "==":
            pairs = [{"x": float(a), "z": 0.8 - float(a)} for a in np.linspace(0, 0.8, 10 * n)]
    return [one | ({"oven": "b"} if "oven" in space else {}) for one in pairs]


def is_inside(given, covars):
    """Whether a run could be made here, by the rules and not by the engine's rows."""
    return (
        all(covars[name] == value for name, value in given.fixed.items())
        and covars["x"] <= given.space["x"].max
        and covars.get("oven") not in given.retired.get("oven", [])
        and all(constraint.holds(covars) for constraint in given.constraints)
    )


@pytest.mark.parametrize("name", REGIONS)
def test_promise_37_suggestion_has_the_highest_expected_improvement_of_the_region(name):
    given = REGIONS[name]
    process, encoding = fitted_to(given)["y"].process, Encoding(given.space, given.retired)
    grid = encoding.encode(grid_of(given))
    inside = [run.covars for run in given.runs if is_inside(given, run.covars)]
    best = process.predict(encoding.encode(inside) if inside else grid)[0].max()

    def improvement(rows):
        means, variances = process.predict(rows)
        sds = np.sqrt(variances)
        z = (means - best) / sds
        return sds * (norm.pdf(z) + z * norm.cdf(z))

    (found,) = suggest(replace(given, acq_func="ExpectedImprovement"))
    assert is_inside(given, found.covars)
    own = improvement(encoding.encode([found.covars]))[0]
    assert own >= 0.97 * improvement(grid).max()
    # The value shown is that improvement, in the response's unit.
    scale = fitted_to(given)["y"].scale
    assert found.acquisition == pytest.approx(own * scale.spread * scale.unit, rel=0.05)


@pytest.mark.parametrize("name", [name for name in get_args(AcqFunc) if is_named(name) and "Fidelity" not in name])
def test_named_acquisition_functions_go_for_the_best_of_the_context(name):
    """The best of oven b lies at x = 1; where only variance counts, oven a's level would make all of it hopeless."""
    given = REGIONS["another context"]
    (found,) = suggest(replace(given, acq_func=name))
    assert found.covars["oven"] == "b"
    assert found.covars["x"] > 0.6


def test_several_suggestions_at_once_improve_on_the_region_too():
    given = REGIONS["a narrower range"]
    found = suggest(replace(given, n=3))
    assert all(one.covars["x"] <= 0.5 for one in found)
    assert found[0].covars["x"] > 0.4
    # What is pending in another context takes nothing away here.
    elsewhere = replace(REGIONS["another context"], pending=[{"x": 1.0, "z": 0.6, "oven": "a"}])
    assert suggest(elsewhere)[0].covars["x"] > 0.9


def test_front_is_that_of_the_region():
    """A run that beats all others where nothing may be run leaves the improvement as if it were not on the front."""
    space = space_of({"x": X | {"max": 0.5}, "z": X})
    runs = [Run(one, {"y": one["x"], "w": one["z"] * (1 - one["x"])}) for one in AT]
    runs = [*runs, Run({"x": 0.9, "z": 0.9}, {"y": 5.0, "w": 5.0})]
    two = responses_of(y="maximize", w="maximize")
    given = EngineInput(space=space, responses=two, runs=runs, seed=1)
    encoding, fitted = Encoding(space), fitted_to(given)
    rows = encoding.encode([run.covars for run in runs])
    region = Region(encoding, [], {})
    is_inside = np.array([run.covars["x"] <= 0.5 for run in runs])

    def improvement(kept):
        expected = np.stack([one.process.expect(rows[kept]) for one in fitted.values()], axis=1)
        scene = FrontScene(fitted, two, region, rows[kept], expected, np.ones(kept.sum(), bool), rows[:0], [])
        return hypervolume_improvement_of(scene, np.random.default_rng(3))

    at = encoding.encode([{"x": 0.45, "z": 0.8}, {"x": 0.2, "z": 0.9}, {"x": 0.5, "z": 0.2}])
    everything = improvement(np.ones(len(runs), dtype=bool))
    assert everything.values(at) == pytest.approx(improvement(is_inside).values(at))


def test_front_where_nothing_was_run_is_that_of_the_best_predicted_rows():
    space = PLANE | {"oven": OVEN}
    runs = [Run(one | {"oven": "a"}, {"y": one["x"], "w": -one["x"]}) for one in AT]
    given = EngineInput(
        space=space_of(space), responses=responses_of(y="maximize", w="maximize"), runs=runs, seed=1,
        fixed={"oven": "b"}, n=4,
    )  # fmt: skip
    found = [one.covars["x"] for one in suggest(given)]
    assert max(found) - min(found) > 0.3  # both ends of the front are looked for


def room(covars):
    """The best t rises with the room's temperature by 2 for a degree, and everything gets worse beyond 20 degrees."""
    return {"y": 80 - 2 * abs(covars["room"] - 20) - ((covars["t"] - 100 - 2 * covars["room"]) / 8) ** 2}


@pytest.mark.parametrize("form", [{"max": 25.0}, {"max": 25.0, "step": 5.0}])
def test_context_beyond_its_range_or_between_its_steps_is_searched_where_it_is(form):
    space = {"t": X | {"min": 100.0, "max": 250.0, "guess": 175.0}}
    space |= {"room": X | {"min": 10.0, "guess": 20.0, "role": "context"} | form}
    told = [{"t": t, "room": r} for r in (15.0, 20.0, 25.0) for t in (110.0, 130.0, 150.0, 170.0, 200.0, 230.0)]
    given = EngineInput(
        space=space_of(space), responses=responses_of(y="maximize"), runs=[Run(one, room(one)) for one in told],
        seed=1, fixed={"room": 28.0},
    )  # fmt: skip
    for _ in range(4):
        (suggestion,) = suggest(given)
        assert suggestion.covars["room"] == 28.0
        given = replace(given, runs=[*given.runs, Run(suggestion.covars, room(suggestion.covars))])
    assert given.runs[-1].covars["t"] == pytest.approx(156.0, abs=3.0)


def test_context_that_leaves_no_room_within_a_constraint_is_refused():
    space = {"w": X | {"role": "context"}, "x": X}
    limit = {"ctype": "linear", "weights": {"w": 1.0, "x": 1.0}, "relation": "<=", "bound": 1.2}
    runs = [Run({"w": w, "x": x}, {"y": x}) for w in (0.2, 0.8) for x in (0.1, 0.5, 0.9)]
    given = EngineInput(
        space=space_of(space), responses=responses_of(y="maximize"), runs=runs, seed=1, fixed={"w": 5.0},
        constraints=constraints_of(limit),
    )  # fmt: skip
    with pytest.raises(EmptyRegionError):
        suggest(given)


def test_best_predicted_of_a_context_without_runs_meets_the_threshold():
    space = {"x": X, "oven": OVEN}
    for seed in range(4):
        rng = np.random.default_rng(seed)
        runs = [
            Run({"x": float(x), "oven": "a"}, {"y": 10 * float(x), "cost": float(x) + 0.05 * float(rng.normal())})
            for x in rng.random(10)
        ]
        given = EngineInput(
            space=space_of(space), responses=responses_of(y="maximize", cost=("<=", 0.5)), runs=runs, seed=1
        )
        fitted = Fitted.of(given)
        best = best_in(fitted, fitted.region({"oven": "b"}))
        assert best.predictions["cost"].mean <= 0.5
        assert best.covars["x"] > 0.3
