"""A response to be brought to a target: expected improvement towards it, and suggestions that find it."""

from dataclasses import replace

import numpy as np
import pytest
from mpmath import mp, mpf, quad
from scipy.stats import norm

from autotune_service.engine.acquisition.log_match import log_match_improvement
from autotune_service.engine.insights import best_predicted, insights
from autotune_service.engine.interface import EngineInput, Run
from autotune_service.engine.space.encoding import Encoding
from autotune_service.engine.suggest import suggest
from autotune_wire.responses import Objective, Target
from generated import fitted_to, space_of

X = {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}
SEVEN = {"ph": Target(goal="match", target=7.4)}


def expected_log(mean, sd, distance):
    """The integral of (w - |y|) times the normal density over (-w, w), with 40 digits."""
    mp.dps = 40
    mean, sd, distance = mpf(mean), mpf(sd), mpf(distance)

    def gain(y):
        return (distance - abs(y)) * mp.exp(-(((y - mean) / sd) ** 2) / 2) / (sd * mp.sqrt(2 * mp.pi))

    edge = distance if mean > 0 else -distance  # far from the mean, all of it lies near the nearer end
    steep = sd**2 / (abs(mean - edge) + sd)
    near = [mean + k * sd for k in (-12, -4, -1, 0, 1, 4, 12)] + [edge + k * steep for k in (-60, -9, -2, 2, 9, 60)]
    inside = [max(-distance, min(distance, point)) for point in near]
    return float(mp.log(quad(gain, sorted({-distance, mpf(0), distance, *inside}))))


@pytest.mark.parametrize("distance", [1e-5, 1e-3, 0.05, 1.0, 20.0])
@pytest.mark.parametrize("mean", [0.0, 0.02, -0.7, 3.0, -40.0])
@pytest.mark.parametrize("sd", [0.01, 1.0])
def test_improvement_towards_a_target_is_the_integral(mean, sd, distance):
    found, by_mean, by_sd = log_match_improvement(np.array([mean]), np.array([sd]), distance)
    expected = expected_log(mean, sd, distance)
    assert found[0] == pytest.approx(expected, rel=1e-6, abs=1e-6)
    step = 1e-4 * sd
    slopes = [
        (expected_log(mean + step, sd, distance) - expected_log(mean - step, sd, distance)) / (2 * step),
        (expected_log(mean, sd + step, distance) - expected_log(mean, sd - step, distance)) / (2 * step),
    ]
    size = max(abs(slopes[0]), abs(slopes[1]), 1.0)
    assert [by_mean[0] / size, by_sd[0] / size] == pytest.approx([slope / size for slope in slopes], abs=1e-4)


def test_improvement_where_the_best_is_on_the_target_is_finite():
    found = log_match_improvement(np.array([0.0, 5.0]), np.array([0.1, 1e-6]), 0.0)
    assert all(np.isfinite(part).all() for part in found)


def acid(covars):
    """Passes 7.4 along a line through the square, steeply at one end."""
    return {"ph": 4 + 6 * covars["x"] ** 2 + covars["z"]}


def problem(n=9, responses=SEVEN, measure=acid, **fields):
    rng = np.random.default_rng(2)
    runs = [Run(one, measure(one)) for one in ({"x": x, "z": z} for x, z in rng.random((n, 2)).tolist())]
    space = space_of({"x": X, "z": X})
    return EngineInput(space=space, responses=responses, runs=runs, seed=3, **fields)


def test_suggestion_has_the_highest_expected_improvement_towards_the_target():
    given = problem()
    surrogate = fitted_to(given)["ph"]
    process, encoding = surrogate.process, Encoding(given.space)
    goal = surrogate.scale.to_model(np.array([7.4]))[0]
    best = np.abs(process.predict(process.rows)[0] - goal).min()
    axis = np.linspace(0, 1, 101)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)

    def improvement(rows):
        means, variances = process.predict(rows)
        sds = np.sqrt(variances)[:, None]
        at = goal + np.linspace(-best, best, 2001)
        gains = (best - np.abs(at - goal)) * norm.pdf(at, means[:, None], sds)
        return np.trapezoid(gains, at, axis=1)

    (found,) = suggest(given)
    assert improvement(encoding.encode([found.covars]))[0] >= 0.98 * improvement(grid).max()


def test_target_is_found_and_kept_to():
    given, found = problem(5), []
    for _ in range(6):
        (suggestion,) = suggest(given)
        run = Run(suggestion.covars, acid(suggestion.covars))
        found.append(run.responses["ph"])
        given = replace(given, runs=[*given.runs, run])
    assert min(abs(value - 7.4) for value in found) < 0.02
    best = best_predicted(given)
    assert best.predictions["ph"].mean == pytest.approx(7.4, abs=0.05)
    shown = insights(given)
    assert shown.verdict.startswith("Of 11 runs the one with the ph nearest to 7.4, 7.")
    nearest = min(range(11), key=lambda i: abs(given.runs[i].responses["ph"] - 7.4))
    assert shown.pareto == [nearest]


def test_target_as_one_of_several_objectives():
    """Cost rises with z alone, and a ph of 7.4 can be had at any z: the front is at z = 0."""
    two = {**SEVEN, "cost": Objective(goal="minimize")}
    given = problem(6, two, lambda one: acid(one) | {"cost": 10 * one["z"]})
    for _ in range(6):
        (suggestion,) = suggest(given)
        covars = suggestion.covars
        given = replace(given, runs=[*given.runs, Run(covars, acid(covars) | {"cost": 10 * covars["z"]})])
    ends = [run.responses for run in given.runs if run.responses["cost"] < 1]
    assert min(abs(end["ph"] - 7.4) for end in ends) < 0.3
    shown = insights(given)
    merits = [(-abs(run.responses["ph"] - 7.4), -run.responses["cost"]) for run in given.runs]
    front = [
        i
        for i, own in enumerate(merits)
        if not any(other[0] >= own[0] and other[1] >= own[1] and other != own for other in merits)
    ]
    assert shown.pareto == front
    assert shown.hypervolume > 0
