"""The acquisitions by name, for one objective."""

import sys
from subprocess import run
from typing import get_args

import numpy as np
import pytest
import torch
from botorch.acquisition import UpperConfidenceBound
from botorch.acquisition.analytic import LogProbabilityOfImprovement
from pydantic import TypeAdapter
from scipy.stats import norm

from autotune_service.engine.acquisition.functions import LogProbability, PredictedMerit, SumOfLogs
from autotune_service.engine.acquisition.named.acquisitions import acquisition_by_name
from autotune_service.engine.acquisition.named.bridge import ProcessModel, tensor
from autotune_service.engine.acquisition.named.fidelity import cost_of_lowest
from autotune_service.engine.acquisition.named.knowledge_gradient import KnowledgeGradient, final_choices
from autotune_service.engine.acquisition.named.names import KINDS, MODELS_SERVED_BY, SERVED_BY
from autotune_service.engine.acquisition.named.scene import LogAbove, Scene
from autotune_service.engine.interface import EngineInput, Run
from autotune_service.engine.model.gaussian_process import GaussianProcess
from autotune_service.engine.model.named import FITS
from autotune_service.engine.space.columns import Column
from autotune_service.engine.space.encoding import Encoding
from autotune_service.engine.space.region import Region
from autotune_service.engine.suggest import suggest
from autotune_wire.experiments import AcqFunc, ModelType
from autotune_wire.responses import Objective
from autotune_wire.space import Space

MF = "qMultiFidelityMaxValueEntropy"
OTHERS = [name for name in get_args(AcqFunc) if name not in {"auto", "ExpectedImprovement"}]
SPACE = TypeAdapter(Space).validate_python(
    {
        "x": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0},
        "c": {"vtype": "cat", "guess": "a", "options": ["a", "b", "c"]},
        "k": {"vtype": "int", "guess": 3, "min": 0, "max": 9},
    }
)
EPOCHS = TypeAdapter(Space).validate_python(
    {"epochs": {"vtype": "int", "guess": 9, "min": 1, "max": 27, "role": "fidelity"}}
)


def quality(covars):
    worth = {"a": 0.0, "b": 0.6, "c": 0.2}[covars["c"]] - 4 * (covars["x"] - 0.3) ** 2 - abs(covars["k"] - 6) / 5
    return worth - 0.5 / covars.get("epochs", 27)


def space_for(name):
    return SPACE | EPOCHS if name == MF else SPACE


def problem(name, n_runs=12, noise=0.02, **changes):
    space = space_for(name)
    encoding, rng = Encoding(space), np.random.default_rng(3)
    told = [encoding.decode(row) for row in encoding.from_unit(rng.random((n_runs, len(space))))]
    runs = [Run(one, {"y": quality(one) + noise * rng.normal()}) for one in told]
    fields = {"space": space, "responses": {"y": Objective(goal="maximize")}, "runs": runs, "seed": 1}
    return EngineInput(**fields | {"acq_func": name} | changes)


def scene_of(given, pending=()):
    encoding = Encoding(given.space)
    rows = encoding.encode([one.covars for one in given.runs])
    targets = np.array([one.responses["y"] for one in given.runs])
    process = FITS["SingleTaskGP"](rows, targets, np.full(len(rows), np.nan), encoding.kinds)
    return Scene(process, Region(encoding, [], {}), encoding.encode(list(pending)), rows, seed=5)


def rows_of(scene, n=7, seed=8):
    return scene.region.encoding.from_unit(np.random.default_rng(seed).random((n, len(scene.process.rows[0]))))


def values_at(name, scene, rows, chances=()):
    return SumOfLogs(acquisition_by_name(name, scene, list(chances))).values(rows)


def test_tables_of_names_are_complete():
    assert SERVED_BY.keys() == KINDS.keys() == set(get_args(AcqFunc))
    assert MODELS_SERVED_BY.keys() == FITS.keys() == set(get_args(ModelType))


@pytest.mark.parametrize("name", OTHERS)
def test_gradients_are_those_of_the_values(name):
    scene = scene_of(problem(name))
    rows, step = rows_of(scene), 1e-6
    found = SumOfLogs(acquisition_by_name(name, scene, []))
    gradients = found.values_with_gradients(rows)[1]
    for j in np.flatnonzero(~scene.process.kinds.is_code):
        aside = np.zeros(rows.shape[1])
        aside[j] = step
        differences = (found.values(rows + aside) - found.values(rows - aside)) / (2 * step)
        # Differences of values of about 1 that far apart are exact to about 1e-16 / 1e-6, times their curvature.
        assert gradients[:, j] == pytest.approx(differences, rel=1e-3, abs=1e-4)
    assert not gradients[:, scene.process.kinds.is_code].any()


def test_closed_forms_are_what_their_formulas_give():
    scene = scene_of(problem("PosteriorMean"))
    rows = rows_of(scene)
    means, variances = scene.process.predict(rows)
    sds = np.sqrt(variances)
    assert values_at("PosteriorMean", scene, rows) == pytest.approx(means)
    assert values_at("UpperConfidenceBound", scene, rows) == pytest.approx(means + 2 * sds)
    logs = norm.logcdf((means - scene.best - 0.01) / sds)
    assert values_at("ProbabilityOfImprovement", scene, rows) == pytest.approx(logs)


@pytest.mark.parametrize(
    ("sampled", "exact", "near"),
    [
        # 128 quasi-random samples: of a mean they are exact to about 1 %, of a logarithm the less, the rarer it is.
        ("qSimpleRegret", "PosteriorMean", 0.01),
        ("qUpperConfidenceBound", "UpperConfidenceBound", 0.02),
        ("qExpectedImprovement", "NoisyExpectedImprovement", 0.5),
        ("qNoisyExpectedImprovement", "NoisyExpectedImprovement", 0.5),
    ],
)
def test_sampled_ones_are_near_the_closed_forms(sampled, exact, near):
    scene = scene_of(problem(sampled, noise=0.0))
    rows = rows_of(scene, n=60)
    found, expected = values_at(sampled, scene, rows), values_at(exact, scene, rows)
    is_likely = expected > -4  # beyond, samples tell nothing
    assert is_likely.sum() > 5
    assert found[is_likely] == pytest.approx(expected[is_likely], abs=near)


def test_knowledge_gradient_is_what_conditioning_the_process_gives():
    scene = scene_of(problem("qKnowledgeGradient"))
    choices, rows = final_choices(scene), rows_of(scene)
    found = KnowledgeGradient(ProcessModel(scene.process), choices)
    with torch.no_grad():
        values = found(tensor(rows).unsqueeze(-2)).numpy()
    shares = (np.arange(32) + 0.5) / 32
    own, noise = scene.process, float(np.median(scene.process.noises))
    for row, value in zip(rows, values, strict=True):
        (mean,), (variance,) = own.predict(row[None])
        gains = []
        for outcome in norm.ppf(shares):
            after = GaussianProcess(
                np.vstack([own.rows, row]),
                np.append(own.targets, mean + outcome * np.sqrt(variance + noise)),
                np.append(own.noises, noise),
                own.hyperparameters,
                own.kinds,
                mean=own.mean,
            )
            gains.append(after.predict(np.vstack([choices, row]))[0].max() - own.predict(choices)[0].max())
        assert np.exp(value) == pytest.approx(np.mean(gains), rel=1e-4, abs=1e-7)  # exact but for rounding


@pytest.mark.parametrize("name", [name for name in OTHERS if name not in {"PosteriorMean", "ProbabilityOfImprovement"}])
def test_pending_row_is_not_the_best_any_more(name):
    given = problem(name)
    rows = rows_of(scene_of(given), n=60)
    best = rows[int(values_at(name, scene_of(given), rows).argmax())]
    pending = [Encoding(given.space).decode(best)]
    values = values_at(name, scene_of(given, pending), np.vstack([rows, best]))
    assert values.argmax() != len(rows)
    assert (rows[values[:-1].argmax()] != best).any()


def test_pending_row_is_less_likely_to_improve():
    given = problem("ProbabilityOfImprovement")
    rows = rows_of(scene_of(given), n=60)
    free = values_at("ProbabilityOfImprovement", scene_of(given), rows)
    pending = [Encoding(given.space).decode(rows[free.argmax()])]
    assert values_at("ProbabilityOfImprovement", scene_of(given, pending), rows)[free.argmax()] < free.max() - 0.1


def test_posterior_mean_wants_the_best_that_is_known_whoever_tries_it():
    given = problem("PosteriorMean")
    rows = rows_of(scene_of(given), n=60)
    pending = [Encoding(given.space).decode(row) for row in rows[:3]]
    free, taken = (values_at("PosteriorMean", scene_of(given, some), rows) for some in ((), pending))
    assert taken == pytest.approx(free, abs=1e-6)


@pytest.mark.parametrize("name", OTHERS)
def test_more_pending_rows_than_are_sampled_together_are_taken(name):
    given = problem(name)
    scene = scene_of(given, [one.covars for one in problem(name, n_runs=20).runs])
    assert np.isfinite(values_at(name, scene, rows_of(scene))).all()


@pytest.mark.parametrize("name", OTHERS)
def test_likely_failures_are_valued_less(name):
    scene = scene_of(problem(name))
    rows = rows_of(scene, n=30)
    labels = np.where(scene.process.rows[:, 0] > 0.5, -1.0, 1.0)
    works = GaussianProcess(
        scene.process.rows, labels, np.full(len(labels), 0.05), scene.process.hyperparameters, scene.process.kinds
    )
    chance = LogProbability(works, 0.0)
    with_failures, without = values_at(name, scene, rows, [chance]), values_at(name, scene, rows)
    logs = chance.values(rows)
    rank = np.argsort(np.argsort(without)) - np.argsort(np.argsort(with_failures))
    assert rank[logs < -1].mean() > rank[logs > -0.1].mean()  # who may fail falls behind who does not
    if name in {"PosteriorMean", "UpperConfidenceBound", "qSimpleRegret", "qUpperConfidenceBound"}:
        floors = without - np.exp(with_failures - logs)  # counted from one floor, below all that a row may be worth
        assert floors == pytest.approx(np.full(30, floors[0]))
        assert floors[0] < without.min()
    else:
        assert with_failures == pytest.approx(without + logs)


def test_log_above_a_floor_has_the_gradient_of_its_values():
    scene = scene_of(problem("PosteriorMean"))
    above, rows, step = LogAbove(PredictedMerit(scene.process), -3.0), rows_of(scene), np.array([1e-6, 0.0, 0.0])
    values, gradients = above.values_with_gradients(rows)
    assert np.exp(values) == pytest.approx(scene.process.predict(rows)[0] + 3.0)
    assert gradients[:, 0] == pytest.approx((above.values(rows + step) - above.values(rows - step)) / 2e-6, rel=1e-4)


@pytest.mark.parametrize("name", OTHERS)
def test_suggestion_is_the_same_twice_and_leaves_no_trace(name):
    given = problem(name, pending=[problem(name).runs[0].covars], n=2)
    torch.manual_seed(7)
    first = suggest(given)
    drawn = float(torch.rand(1))
    second = suggest(given)
    torch.manual_seed(7)
    assert float(torch.rand(1)) == drawn  # torch's generator is where it was
    assert first == second
    assert first[0].source == "model"
    assert f"the highest {name}" in first[0].reason
    assert first[0].covars != first[1].covars


@pytest.mark.parametrize("name", [name for name in OTHERS if name != MF])
def test_search_comes_close_to_the_best(name):
    given = problem(name)
    runs = list(given.runs)
    while len(runs) < 26:
        covars = suggest(EngineInput(given.space, given.responses, runs, 1, acq_func=name))[0].covars
        runs.append(Run(covars, {"y": quality(covars)}))
    # The best is 0.6, less 0.5 / 27, at (0.3, b, 6); the best of 26 drawn at random is at about 0.3.
    assert max(quality(run.covars) for run in runs) > 0.5


def test_fidelity_is_chosen_by_what_it_tells_per_cost():
    suggested = suggest(problem(MF, n_runs=14))[0].covars
    assert 1 <= suggested["epochs"] <= 27
    assert isinstance(suggested["epochs"], int)
    exact = suggest(problem(MF, n_runs=14, fixed={"epochs": 27}))[0].covars
    assert exact["epochs"] == 27


@pytest.mark.parametrize(("low", "high", "cost"), [(1, 4, 0.25), (1, 100, 0.05), (0, 10, 0.05), (-5, 5, 0.05)])
def test_cost_of_the_lowest_fidelity(low, high, cost):
    covariate = {"vtype": "int", "guess": high, "min": low, "max": high, "role": "fidelity"}
    column = Column("f", TypeAdapter(Space).validate_python({"f": covariate})["f"])
    assert cost_of_lowest(column) == cost


def test_bridge_serves_botorch_without_a_warning(recwarn):
    scene = scene_of(problem("UpperConfidenceBound"))
    for acquisition in (
        UpperConfidenceBound(ProcessModel(scene.process), beta=4.0),
        LogProbabilityOfImprovement(ProcessModel(scene.process), best_f=0.0),
    ):
        assert acquisition(tensor(rows_of(scene)).unsqueeze(-2)).dtype is torch.double
    assert not [one for one in recwarn if "botorch" in str(one.category).lower()]


def test_expected_improvement_needs_no_torch():
    code = """
import sys
from autotune_service.engine.interface import EngineInput, Run
from autotune_service.engine.suggest import suggest
from autotune_wire.responses import Objective
from autotune_wire.space import ContCovariate
space = {"x": ContCovariate(vtype="cont", guess=0.5, min=0, max=1)}
runs = [Run({"x": k / 9}, {"y": k * (5 - k)}) for k in range(10)]
one = {"y": Objective(goal="maximize")}
for model in ("SingleTaskGP", "FixedNoiseGP", "HeteroskedasticSingleTaskGP", "SimpleCustomMaternGP"):
    assert suggest(EngineInput(space, one, runs, 1, model_type=model))[0].source == "model"
two = {"y": Objective(goal="maximize"), "z": Objective(goal="minimize")}
runs = [Run({"x": k / 9}, {"y": k * (5 - k), "z": k}) for k in range(10)]
assert suggest(EngineInput(space, two, runs, 1))[0].source == "model"
assert "torch" not in sys.modules and "botorch" not in sys.modules
"""
    run([sys.executable, "-c", code], check=True)
