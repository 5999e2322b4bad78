"""Several objectives."""

import numpy as np
import pytest
import torch
from botorch.acquisition.multi_objective.analytic import ExpectedHypervolumeImprovement
from botorch.utils.multi_objective.box_decompositions.non_dominated import FastNondominatedPartitioning
from botorch.utils.testing import MockModel, MockPosterior
from pydantic import TypeAdapter

from autotune_service.engine.acquisition.aims import Aim
from autotune_service.engine.acquisition.hypervolume import Cells, FrontScene, hypervolume_improvement_of
from autotune_service.engine.acquisition.pareto import hypervolume, pareto_indices
from autotune_service.engine.initial import initial_design
from autotune_service.engine.interface import EngineInput, Run
from autotune_service.engine.space.encoding import Encoding
from autotune_service.engine.space.region import Region
from autotune_service.engine.suggest import suggest
from autotune_wire.responses import Response
from autotune_wire.space import Space
from generated import fitted_to

SPACE = TypeAdapter(Space).validate_python(
    {
        "x": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0},
        "y": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0},
        "c": {"vtype": "cat", "guess": "a", "options": ["a", "b"]},
    }
)
RESPONSES = TypeAdapter(dict[str, Response])
TWO = RESPONSES.validate_python({"gain": {"goal": "maximize"}, "cost": {"goal": "minimize"}})


def measured(covars):
    """Two spheres: the front is the line from one middle to the other, with c at b."""
    x, y, lost = covars["x"], covars["y"], 0.2 * (covars["c"] == "a")
    return {
        "gain": 100 - 100 * ((x - 0.2) ** 2 + (y - 0.3) ** 2 + lost),
        "cost": (x - 0.8) ** 2 + (y - 0.3) ** 2 + lost,
        "third": (x - 0.5) ** 2 + (y - 0.9) ** 2 + lost,
        "fourth": -((x - 0.5) ** 2) - (y - 0.1) ** 2 - lost,
        "heat": x,
    }


def run_of(covars, names):
    return Run(covars, {name: value for name, value in measured(covars).items() if name in names})


def told(n, names=TWO, seed=2):
    encoding = Encoding(SPACE)
    rows = encoding.from_unit(np.random.default_rng(seed).random((n, 3)))
    return [run_of(encoding.decode(row), names) for row in rows]


def problem(runs, responses=TWO, **changes):
    return EngineInput(SPACE, responses, list(runs), 1, **changes)


def dominated(runs):
    values = np.array([[run.responses["gain"], -run.responses["cost"]] for run in runs])
    return hypervolume(values, np.array([60.0, -0.4]))


def test_search_finds_more_of_the_front_than_sobol():
    runs = told(6)
    explored = list(runs)
    while len(runs) < 18:
        runs.append(run_of(suggest(problem(runs))[0].covars, TWO))
        explored.append(run_of(initial_design(problem(explored), "")[0].covars, TWO))
    # With u the place on the line from 0.2 to 0.8, the front is gain 100 - 100 u^2, cost (0.6 - u)^2.
    line = np.linspace(0, 0.6, 400)
    whole = hypervolume(np.stack([100 - 100 * line**2, -((0.6 - line) ** 2)], axis=1), np.array([60.0, -0.4]))
    assert dominated(runs) > 0.93 * whole
    assert dominated(runs) - dominated(explored) > 0.1 * whole


def test_suggestion_says_what_it_is_of():
    one = suggest(problem(told(9)))[0]
    assert one.source == "model"
    assert "the highest expected hypervolume improvement" in one.reason
    assert one.predictions.keys() == {"gain", "cost"}
    assert one.acquisition_kind == "expected_hypervolume_improvement"


def test_same_problem_gives_the_same_suggestions_all_different():
    given = problem(told(10), pending=[told(1)[0].covars], n=3)
    first = suggest(given)
    assert first == suggest(given)
    keys = Encoding(SPACE).encode([one.covars for one in first])
    assert min(np.abs(keys[i] - keys[k]).max() for i in range(3) for k in range(i)) > 0.01


def test_unit_of_a_response_does_not_matter():
    runs = told(10)
    larger = [Run(run.covars, run.responses | {"cost": 1e6 + 1e3 * run.responses["cost"]}) for run in runs]
    first, second = (suggest(problem(some))[0] for some in (runs, larger))
    assert first.covars["c"] == second.covars["c"]
    assert [first.covars["x"], first.covars["y"]] == pytest.approx([second.covars["x"], second.covars["y"]], abs=1e-3)


def test_reference_leads_to_what_is_better_than_it():
    by_reference = {}
    for cost in (0.02, 0.35):
        given = {"gain": {"goal": "maximize"}, "cost": {"goal": "minimize", "reference": cost}}
        by_reference[cost] = suggest(problem(told(14), RESPONSES.validate_python(given)))[0]
    assert by_reference[0.02].predictions["cost"].mean < 0.1
    assert by_reference[0.02].predictions["cost"].mean < by_reference[0.35].predictions["cost"].mean


def test_thresholds_are_met():
    limited = RESPONSES.validate_python(
        {
            "gain": {"goal": "maximize", "reference": 40.0},
            "cost": {"goal": "minimize", "reference": 0.6},
            "heat": {"goal": "<=", "bound": 0.45},
        }
    )
    runs = told(12, limited)
    suggested = []
    for _ in range(6):
        suggested.append(suggest(problem(runs, limited))[0].covars)
        runs.append(run_of(suggested[-1], limited))
    # Without the threshold the front reaches to x = 0.8, and these references would let it.
    assert all(one["x"] < 0.47 for one in suggested)
    assert any(one["x"] > 0.3 for one in suggested)


def test_runs_that_failed_are_avoided():
    runs = [Run(run.covars, is_failed=True) if run.covars["x"] > 0.6 else run for run in told(20)]
    suggested = [one.covars for one in suggest(problem(runs, n=3))]
    assert all(one["x"] < 0.75 for one in suggested)


def test_runs_that_miss_a_response_teach_the_others():
    runs = told(16)
    partial = [Run(run.covars, {"gain": run.responses["gain"]}) if k % 2 else run for k, run in enumerate(runs)]
    fitted = fitted_to(problem(partial))
    assert [len(fitted[name].index) for name in ("gain", "cost")] == [16, 8]
    assert suggest(problem(partial))[0].predictions.keys() == {"gain", "cost"}


def test_one_objective_that_was_measured_is_improved_alone():
    runs = [Run(run.covars, {"cost": run.responses["cost"]}) for run in told(10)]
    one = suggest(problem(runs))[0]
    assert "the highest expected improvement" in one.reason
    assert one.predictions.keys() == {"cost"}


@pytest.mark.parametrize("names", [["gain", "cost", "third"], ["gain", "cost", "third", "fourth"]])
def test_three_and_four_objectives_are_served(names):
    goals = {"gain": "maximize", "cost": "minimize", "third": "minimize", "fourth": "maximize"}
    responses = RESPONSES.validate_python({name: {"goal": goals[name]} for name in names})
    one = suggest(problem(told(12, names), responses))[0]
    assert one.covars["c"] == "b"
    assert one.predictions.keys() == set(names)


def test_equal_responses_and_a_front_of_one_point_are_served():
    equal = [Run(run.covars, {"gain": 1.0, "cost": 2.0}) for run in told(8)]
    assert suggest(problem(equal))[0].source == "model"
    agreeing = [Run(run.covars, {"gain": run.covars["x"], "cost": -run.covars["x"]}) for run in told(8)]
    assert suggest(problem(agreeing))[0].covars["x"] > 0.8


@pytest.mark.parametrize("n_pending", [0, 2])
def test_gradients_are_those_of_the_values(n_pending):
    runs = told(10)
    given = problem(runs)
    encoding = Encoding(SPACE)
    rows = encoding.encode([run.covars for run in runs])
    is_acceptable, region = np.ones(10, dtype=bool), Region(encoding, [], {})
    fitted, pending = fitted_to(given), encoding.encode([one.covars for one in told(n_pending, seed=5)])
    expected = np.stack([one.process.expect(rows) for one in fitted.values()], axis=1)
    scene = FrontScene(fitted, TWO, region, rows, expected, is_acceptable, pending, [])
    found = hypervolume_improvement_of(scene, np.random.default_rng(3))
    at, step = np.random.default_rng(4).random((5, 3)).round(2), np.array([1e-6, 0.0, 0.0])
    at[:, 2] = 1.0
    differences = (found.values(at + step) - found.values(at - step)) / 2e-6
    values, gradients = found.values_with_gradients(at)
    assert gradients[:, 0] == pytest.approx(differences, rel=1e-4, abs=1e-4)
    assert values == pytest.approx(found.values(at), rel=1e-9)


def test_what_is_pending_is_worth_less_again():
    """Where a run is pending, another one is expected to dominate little more."""
    runs, encoding = told(12), Encoding(SPACE)
    rows = encoding.encode([run.covars for run in runs])
    fitted, region = fitted_to(problem(runs)), Region(encoding, [], {})
    pending = encoding.encode([suggest(problem(runs))[0].covars])
    expected = np.stack([one.process.expect(rows) for one in fitted.values()], axis=1)
    values = [
        hypervolume_improvement_of(
            FrontScene(fitted, TWO, region, rows, expected, np.ones(12, dtype=bool), some, []), np.random.default_rng(3)
        ).values(pending)[0]
        for some in (rows[:0], pending)
    ]
    assert values[1] < values[0] - 1.0


@pytest.mark.parametrize(("m", "n"), [(2, 1), (2, 12), (3, 8), (4, 6)])
def test_expected_improvement_of_the_front_is_botorchs(m, n):
    rng = np.random.default_rng(m)
    points = rng.normal(size=(n, m))
    reference, means, sds = np.full(m, -2.0), rng.normal(size=(7, m)), rng.uniform(0.1, 2.0, size=(7, m))
    ours = Cells.above(points[pareto_indices(points)], reference).log_improvement(means, sds, [Aim()] * m)[0]
    model = MockModel(MockPosterior(mean=torch.tensor(means)[:, None], variance=torch.tensor(sds)[:, None] ** 2))
    partitioning = FastNondominatedPartitioning(torch.tensor(reference), Y=torch.tensor(points))
    theirs = ExpectedHypervolumeImprovement(model, reference.tolist(), partitioning)(torch.zeros(7, 1, 3))
    assert np.exp(ours) == pytest.approx(theirs.numpy(), rel=1e-9)


def test_expected_improvement_of_a_front_by_hand():
    """With next to no uncertainty it is the volume that the mean itself adds."""
    front, reference = np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]]), np.zeros(2)
    means = np.array([[2.5, 2.5], [4.0, 4.0], [1.5, 0.5]])
    cells = Cells.above(front, reference)
    # Below (2.5, 2.5) lie 2.5 x 2.5, of which the front has 1 x 2.5, 1 x 2 and 0.5 x 1; of 4 x 4 it has 3 + 2 + 1.
    value, _, _ = cells.log_improvement(means, np.full((3, 2), 1e-9), [Aim()] * 2)
    assert np.exp(value) == pytest.approx([1.25, 10.0, 0.0], abs=1e-6)


def test_far_from_the_front_the_logarithm_still_tells_the_way():
    cells = Cells.above(np.array([[1.0, 3.0], [3.0, 1.0]]), np.zeros(2))
    value, by_mean, by_sd = cells.log_improvement(
        np.array([[-40.0, -60.0], [-30.0, -60.0]]), np.ones((2, 2)), [Aim()] * 2
    )
    assert np.isfinite(value).all()
    assert value[1] > value[0]
    assert (by_mean > 1).all()
    assert (by_sd > 1).all()
