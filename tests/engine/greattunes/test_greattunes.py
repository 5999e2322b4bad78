import random
import sys
import warnings
from itertools import product
from typing import get_args

import numpy as np
import pytest
import torch
from botorch.exceptions import UnsupportedError
from pydantic import TypeAdapter

from autotune_service.engine.greattunes import adapter
from autotune_service.engine.greattunes.adapter import suggest_with_greattunes
from autotune_service.engine.greattunes.columns import Columns
from autotune_service.engine.greattunes.combinations import REFUSED, UnsupportedCombinationError
from autotune_service.engine.greattunes.data import data_of
from autotune_service.engine.greattunes.session import Session, predict
from autotune_service.engine.interface import EngineInput, Prediction, Run
from autotune_service.engine.model.subset import representatives
from autotune_wire.experiments import AcqFunc, ModelType
from autotune_wire.responses import Objective, Responses
from autotune_wire.space import ContCovariate, Space

MODELS, ACQUISITIONS = get_args(ModelType), get_args(AcqFunc)
SPACE = TypeAdapter(Space).validate_python(
    {
        "x": {"vtype": "cont", "guess": 0.5, "min": -1.0, "max": 3.0},
        "k": {"vtype": "int", "guess": 3, "min": 1, "max": 9},
        "c": {"vtype": "cat", "guess": "a", "options": ["a", "b", "c"]},
    }
)
DISCRETE = TypeAdapter(Space).validate_python(
    {
        "k": {"vtype": "int", "guess": 1, "min": 1, "max": 3},
        "c": {"vtype": "cat", "guess": "a", "options": ["a", "b"]},
        "only": {"vtype": "cat", "guess": "a", "options": ["a"]},
    }
)
EVERY = [{"k": k, "c": c, "only": "a"} for k in (1, 2, 3) for c in ("a", "b")]


def responses(goal="maximize"):
    return TypeAdapter(Responses).validate_python({"yield": {"goal": goal}})


def quality(covars):
    return -((covars["x"] - 1) ** 2) - 0.05 * (covars["k"] - 6) ** 2 + {"a": 0.0, "b": 1.0, "c": 0.4}[covars["c"]]


def design(n):
    draw = random.Random(3)
    return [{"x": draw.uniform(-1, 3), "k": draw.randint(1, 9), "c": draw.choice("abc")} for _ in range(n)]


def runs(n=8, sign=1.0, sd=None):
    sds = {} if sd is None else {"yield": sd}
    return [Run(covars, {"yield": sign * 100 * quality(covars)}, sds) for covars in design(n)]


def problem(**changes):
    given = {"space": SPACE, "responses": responses(), "runs": runs(), "seed": 5, "engine": "greattunes"}
    return EngineInput(**given | changes)


def discrete(tried, **changes):
    told = [Run(covars, {"yield": covars["k"] + (covars["c"] == "a")}) for covars in tried]
    return problem(space=DISCRETE, runs=told, **changes)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("model_type", "acq_func"), [pair for pair in product(MODELS, ACQUISITIONS) if pair not in REFUSED]
)
def test_every_model_runs_with_every_acquisition(model_type, acq_func):
    (suggested,) = suggest_with_greattunes(problem(model_type=model_type, acq_func=acq_func))
    covars = suggested.covars
    assert -1.0 <= covars["x"] <= 3.0
    assert type(covars["k"]) is int
    assert covars["k"] in range(1, 10)
    assert covars["c"] in {"a", "b", "c"}
    assert suggested.source == "model"
    assert (
        f"greattunes, {model_type} with {'ExpectedImprovement' if acq_func == 'auto' else acq_func}" in suggested.reason
    )
    assert set(suggested.predictions) == {"yield"}
    assert np.isfinite([suggested.predictions["yield"].mean, suggested.acquisition]).all()
    assert 0 < suggested.predictions["yield"].sd < 1000
    assert suggested.acquisition_kind == "greattunes"


@pytest.mark.parametrize(("model_type", "acq_func"), list(REFUSED))
def test_refused_combinations_are_those_that_botorch_refuses(model_type, acq_func):
    given = problem(model_type=model_type, acq_func=acq_func)
    with pytest.raises(UnsupportedCombinationError, match="needs a model with known noise"):
        suggest_with_greattunes(given)
    with pytest.raises(UnsupportedError, match="known observation noise"):
        session_of(given).ask()


def session_of(given):
    columns, data = Columns(given.space), data_of(given)
    rows = columns.encode(data.configurations)
    return Session(columns, given.model_type, given.acq_func, rows, data.responses, data.variances)


@pytest.mark.parametrize("model_type", ["SingleTaskGP", "SimpleCustomMaternGP"])
def test_suggestion_finds_the_best_configuration(model_type):
    told = runs(8)
    for _ in range(10):
        covars = suggest_with_greattunes(problem(runs=told, model_type=model_type))[0].covars
        told.append(Run(covars, {"yield": 100 * quality(covars)}))
    # The optimum is 100, at x 1, k 6 and c b; the best of the eight is 26.
    assert max(run.responses["yield"] for run in told) > 95


@pytest.mark.parametrize("model_type", MODELS)
def test_answer_is_a_function_of_the_problem_and_leaves_no_trace(model_type, capfd):
    given = problem(model_type=model_type, acq_func="qMaxValueEntropy", n=2)
    answers = []
    for state in (1, 2):
        random.seed(state), np.random.seed(state), torch.manual_seed(state)
        before = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            filters = list(warnings.filters)
            answers.append(suggest_with_greattunes(given))
            assert warnings.filters == filters
        assert told == []
        assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before
    assert answers[0] == answers[1]
    assert torch.get_default_dtype() == torch.float32
    assert capfd.readouterr() == ("", "")


def test_answer_differs_with_the_seed():
    one, other = (suggest_with_greattunes(problem(seed=seed, acq_func="qMaxValueEntropy")) for seed in (1, 2))
    assert one != other


def test_minimising_mirrors_maximising():
    (high,) = suggest_with_greattunes(problem(runs=runs(sd=3.0), model_type="FixedNoiseGP"))
    mirrored = problem(runs=runs(sign=-1.0, sd=3.0), responses=responses("minimize"), model_type="FixedNoiseGP")
    (low,) = suggest_with_greattunes(mirrored)
    assert low.covars == high.covars
    assert low.acquisition == high.acquisition
    assert low.predictions["yield"].mean == -high.predictions["yield"].mean
    assert low.predictions["yield"].sd == high.predictions["yield"].sd


def test_prediction_is_in_the_unit_of_the_response():
    flat = [Run(run.covars, {"yield": 7.0}) for run in runs()]
    assert suggest_with_greattunes(problem(runs=flat))[0].predictions["yield"].mean == pytest.approx(7.0)
    (here,) = suggest_with_greattunes(problem(acq_func="PosteriorMean"))
    scaled = [Run(run.covars, {"yield": 1e6 * run.responses["yield"] + 5}) for run in runs()]
    (there,) = suggest_with_greattunes(problem(runs=scaled, acq_func="PosteriorMean"))
    # The same model on the same scale, but for the rounding of the responses and what the optimizers make of it.
    assert there.predictions["yield"].mean == pytest.approx(1e6 * here.predictions["yield"].mean, rel=1e-3)


@pytest.mark.parametrize("model_type", ["SingleTaskGP", "FixedNoiseGP"])
def test_suggestions_of_a_batch_keep_apart_and_away_from_what_is_pending(model_type):
    # After twenty runs the model knows where the best is, and wants every point of the batch there.
    told = runs(20)
    pending = [suggest_with_greattunes(problem(runs=told, model_type=model_type))[0].covars]
    suggested = suggest_with_greattunes(problem(runs=told, model_type=model_type, pending=pending, n=3))
    columns = Columns(SPACE)
    every = pending + [one.covars for one in suggested]
    assert not any(columns.is_near(one, other) for i, one in enumerate(every) for other in every[:i])
    assert all("1 suggestion pending" in one.reason for one in suggested)


def test_what_is_pending_makes_no_prediction_surer():
    fixed = {"x": 1.0, "k": 6, "c": "b"}
    (alone,) = suggest_with_greattunes(problem(fixed=fixed))
    (beside,) = suggest_with_greattunes(problem(fixed=fixed, pending=[{"x": 1.1, "k": 6, "c": "b"}]))
    assert beside.predictions["yield"].mean == pytest.approx(alone.predictions["yield"].mean, rel=1e-9)
    assert beside.predictions["yield"].sd == pytest.approx(alone.predictions["yield"].sd, rel=1e-9)


def test_fixed_values_are_kept():
    for fixed in ({"k": 2, "c": "c"}, {"x": 0.3}):
        (suggested,) = suggest_with_greattunes(problem(fixed=fixed))
        assert fixed.items() <= suggested.covars.items()


def test_retired_options_are_learnt_from_and_not_suggested():
    narrow = SPACE | {"c": SPACE["c"].model_copy(update={"options": ["a", "c"]})}
    (suggested,) = suggest_with_greattunes(problem(space=narrow, retired={"c": ["b"]}, acq_func="PosteriorMean"))
    assert suggested.covars["c"] in {"a", "c"}


@pytest.mark.parametrize("acq_func", ["ExpectedImprovement", "PosteriorMean", "qKnowledgeGradient"])
def test_the_only_configuration_left_is_suggested(acq_func):
    (suggested,) = suggest_with_greattunes(discrete(EVERY[:4] + EVERY[:1], pending=EVERY[4:5], acq_func=acq_func))
    assert suggested.covars == EVERY[5]


def test_a_configuration_is_repeated_and_said_to_be_where_all_were_tried():
    (suggested,) = suggest_with_greattunes(discrete(EVERY))
    assert suggested.covars in EVERY
    assert "every configuration was tried" in suggested.reason


def test_failed_and_incomplete_runs_are_left_out_and_said_to_be():
    more = [Run({"x": 0.0, "k": 5, "c": "b"}, is_failed=True), Run({"x": 2.0, "k": 5, "c": "b"}, {"other": 1.0})]
    (suggested,) = suggest_with_greattunes(problem(runs=runs() + more))
    assert "after 8 observations, 1 failed and 1 without yield left out" in suggested.reason


def test_of_many_runs_representatives_stand_for_all(monkeypatch):
    monkeypatch.setattr(adapter, "MAX_OBSERVATIONS", 12)
    given = problem(runs=runs(30))
    (suggested,) = suggest_with_greattunes(given)
    assert "after 30 observations, of which the model uses 12" in suggested.reason
    data, columns = data_of(given), Columns(SPACE)
    rows = columns.encode(data.configurations)
    kept = representatives(rows.numpy(), data.responses, 12)
    alone = Session(
        columns, given.model_type, "ExpectedImprovement", rows[kept], data.responses[kept], data.variances[kept]
    )
    mean, sd = (float(one[0]) for one in predict(alone.model, columns.encode([suggested.covars])))
    assert suggested.predictions["yield"].mean == pytest.approx(
        data.scale.from_model(mean, sd).mean, rel=1e-4
    )  # up to the fit


def test_prediction_that_no_number_can_hold_is_the_largest_number():
    at = {name: one.guess for name, one in SPACE.items()}
    ends = [Run(at, {"yield": 1.7e308 * (-1) ** k}) for k in range(4)]  # of mean 0 and standard deviation 1.7e308
    scale, largest = data_of(problem(runs=ends)).scale, sys.float_info.max
    assert scale.from_model(0.5, 0.1) == Prediction(pytest.approx(0.85e308), pytest.approx(0.17e308))
    assert scale.from_model(2.0, 2.0) == Prediction(largest, largest)
    assert scale.from_model(-2.0, 0.0) == Prediction(-largest, 0.0)


def test_noise_that_is_told_is_the_noise_of_the_fixed_noise_model():
    told = [
        Run(run.covars, run.responses, {"yield": sd} if sd else {})
        for run, sd in zip(runs(4), [4, 8, 6, 0], strict=True)
    ]
    session = session_of(problem(runs=told, model_type="FixedNoiseGP", acq_func="ExpectedImprovement"))
    spread = np.std([run.responses["yield"] for run in told])
    # Where nothing is told, the median variance: 36 of 16, 36 and 64.
    assert session.model.likelihood.noise.tolist() == pytest.approx(list(np.array([16, 64, 36, 36]) / spread**2))


@pytest.mark.parametrize("acq_func", [name for name in ACQUISITIONS if name != "auto"])
def test_acquisition_values_a_row_as_the_configuration_that_would_be_run(acq_func):
    session = session_of(problem(model_type="FixedNoiseGP", acq_func=acq_func))
    session.ask()
    row = torch.tensor([[[0.4, 0.51, 0.3, 0.6, 0.5]]], dtype=torch.double)
    run = torch.tensor([[[0.4, 0.5, 0.0, 1.0, 0.0]]], dtype=torch.double)
    with torch.no_grad():
        # Both rows are the same to the model, so that only the order of sums may differ.
        assert float(session.acquisition(row)) == pytest.approx(float(session.acquisition(run)), rel=1e-6, abs=1e-12)


def test_multi_fidelity_entropy_takes_no_covariate_for_a_cost():
    session = session_of(problem(acq_func="qMultiFidelityMaxValueEntropy"))
    session.ask()
    utility = session.acquisition.cost_aware_utility
    rows = torch.tensor([[[0.0] * 5], [[1.0] * 5]], dtype=torch.double)
    assert utility(rows, deltas=torch.ones(1, 2, dtype=torch.double)).tolist() == [[1.0, 1.0]]


def test_custom_model_predicts_with_the_noise_that_was_fitted():
    session = session_of(problem(model_type="SimpleCustomMaternGP", acq_func="PosteriorMean"))
    # GPyTorch starts it at ln 2; the responses have no noise.
    assert float(session.model.likelihood.noise) < 0.1


@pytest.mark.parametrize(
    ("told", "pending", "until"),
    [
        (runs(4), [], "until greattunes has 5 configurations"),
        ([Run(covars, is_failed=True) for covars in design(9)], [], "until 2 runs have measured yield"),
        (runs(1), design(9), "until 2 runs have measured yield"),
    ],
)
def test_too_few_runs_give_the_initial_design(told, pending, until):
    (suggested,) = suggest_with_greattunes(problem(runs=told, pending=pending))
    assert suggested.source == "sobol"
    assert until in suggested.reason


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize(("response", "sd", "variance"), [(1e-300, 0.1, 1e12), (1e-300, 1e10, 1e12), (2.0, 1.0, 0.25)])
def test_noise_is_a_finite_variance_however_small_the_response(response, sd, variance):
    space = {"x": ContCovariate(vtype="cont", guess=0.5, min=0, max=1)}
    run = Run({"x": 0.5}, {"y": response}, {"y": sd})
    data = data_of(EngineInput(space, {"y": Objective(goal="maximize")}, [run], 1))
    assert data.variances.tolist() == pytest.approx([variance])
