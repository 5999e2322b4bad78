"""Every surrogate with every acquisition, over the API and through the real engine."""

import re
from itertools import product
from typing import get_args

import pytest

from autotune_service.engine.acquisition.named.names import KINDS
from autotune_service.engine.greattunes.combinations import REFUSED
from autotune_wire.experiments import AcqFunc, ModelType
from calling import get, post
from support import SPACE, make_experiment

MF = "qMultiFidelityMaxValueEntropy"
EPOCHS = {"epochs": {"vtype": "int", "guess": 9, "min": 1, "max": 9, "role": "fidelity"}}
COLORS = ["red", "green", "blue"]
PAIRS = list(product(get_args(ModelType), get_args(AcqFunc)))


def runs(space, n=8, responses=("Response",)):
    """Give runs spread over the space, with the best at 3, green, 120."""
    told = []
    for k in range(n):
        covars = {"v1": (2 * k) % 6, "color": COLORS[k % 3], "weight": (37.0 * k) % 200}
        covars |= {"epochs": 1 + k % 9} if "epochs" in space else {}
        quality = (k % 3 == 1) - abs(covars["v1"] - 3) - abs(covars["weight"] - 120) / 50
        told.append({"covars": covars, "responses": {name: quality * (i + 1) for i, name in enumerate(responses)}})
    return told


async def asked(client, headers, told, **fields):
    """Create an experiment, tell runs and ask for what is next."""
    exp_uuid = (await make_experiment(client, headers, **fields))["exp_uuid"]
    status, _ = await post(client, f"/experiment/tell/{exp_uuid}", headers, {"observations": told})
    assert status == 202
    status, reply = await get(client, f"/experiment/ask/{exp_uuid}", headers)
    assert status == 200, reply
    return reply["suggestions"][0]


def check(suggestion, space):
    assert suggestion["source"] == "model"
    assert suggestion["covars"].keys() == space.keys()
    assert suggestion["sd"] > 0
    assert isinstance(suggestion["acquisition"], float)


@pytest.mark.parametrize(("model_type", "acq_func"), PAIRS)
async def test_named_model_suggests(client, headers, worker, model_type, acq_func):
    space = SPACE | EPOCHS if acq_func == MF else SPACE
    names = {"model_type": model_type, "acq_func": acq_func}
    # After eight runs, auto gives options no other try.
    suggestion = await asked(client, headers, runs(space, 8), covars=space, **names)
    check(suggestion, space)
    title = "expected improvement" if acq_func in {"auto", "ExpectedImprovement"} else acq_func
    assert f"the highest {title}, after" in suggestion["reason"]
    assert suggestion["acquisition_kind"] == KINDS[acq_func]


@pytest.mark.parametrize(("model_type", "acq_func"), [pair for pair in PAIRS if pair not in REFUSED])
async def test_named_model_of_greattunes_suggests(client, headers, worker, model_type, acq_func):
    names = {"engine": "greattunes", "model_type": model_type, "acq_func": acq_func}
    suggestion = await asked(client, headers, runs(SPACE), **names)
    check(suggestion, SPACE)
    assert f"greattunes, {model_type}" in suggestion["reason"]


@pytest.mark.parametrize(("model_type", "acq_func"), REFUSED)
async def test_named_model_of_greattunes_is_refused(client, headers, model_type, acq_func):
    names = {"engine": "greattunes", "model_type": model_type, "acq_func": acq_func}
    status, problem = await post(client, "/experiment/new", headers, {"name": "x", "covars": SPACE, **names})
    assert status == 422
    assert problem["errors"][0]["field"] == "acq_func"
    assert "FixedNoiseGP and HeteroskedasticSingleTaskGP" in problem["errors"][0]["message"]


async def test_missing_fidelity_is_refused(client, headers):
    body = {"name": "x", "covars": SPACE, "acq_func": MF}
    status, problem = await post(client, "/experiment/new", headers, body)
    assert status == 422
    assert problem["errors"][0]["message"].startswith("needs one covariate with the role fidelity")


@pytest.mark.parametrize("n_objectives", [2, 3, 4])
async def test_several_objectives_suggest(client, headers, worker, n_objectives):
    goals = ["maximize", "minimize", "maximize", "minimize"]
    responses = {f"r{i}": {"goal": goals[i]} for i in range(n_objectives)}
    told = runs(SPACE, responses=[*responses, "limit"])
    responses["limit"] = {"goal": "<=", "bound": 10}
    suggestion = await asked(client, headers, told, responses=responses)
    check(suggestion, SPACE)
    assert "expected hypervolume improvement" in suggestion["reason"]
    assert suggestion["predictions"].keys() == responses.keys()
    assert suggestion["acquisition_kind"] == "expected_hypervolume_improvement"


async def test_ends_of_the_front_have_their_turns(client, headers, worker):
    """A third of the suggestions looks for one end alone, here the 11th and the 16th for cost, the 14th for gain."""
    share = {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}
    responses = {"gain": {"goal": "maximize"}, "cost": {"goal": "minimize"}}
    exp_uuid = (await make_experiment(client, headers, covars={"x": share, "y": share}, responses=responses))[
        "exp_uuid"
    ]
    told = []
    for k in range(8):  # gain is best at x = 0.2, cost at x = 0.8, both at y = 0.3
        x, y = (0.37 + 0.618 * k) % 1.0, (0.11 + 0.755 * k) % 1.0
        gain, cost = 100 - 100 * ((x - 0.2) ** 2 + (y - 0.3) ** 2), (x - 0.8) ** 2 + (y - 0.3) ** 2
        told.append({"covars": {"x": x, "y": y}, "responses": {"gain": gain, "cost": cost}})
    status, _ = await post(client, f"/experiment/tell/{exp_uuid}", headers, {"observations": told})
    assert status == 202
    taken = []
    while len(taken) < 8:
        status, reply = await post(client, f"/experiment/ask/{exp_uuid}", headers, {"n": 8 - len(taken)})
        assert status == 200, reply
        taken += reply["suggestions"]
    turns = [re.search(r"improvement of (\w+) alone, to find that end of the front", one["reason"]) for one in taken]
    assert [turn and turn[1] for turn in turns] == [None, None, "cost", None, None, "gain", None, "cost"]
    for one, turn in zip(taken, turns, strict=True):
        kind = "expected_improvement" if turn else "expected_hypervolume_improvement"
        assert (one["source"], one["acquisition_kind"]) == ("model", kind)
        if turn:
            assert (one["covars"]["x"] < 0.5) == (turn[1] == "gain")  # on the side of the front where that end is


async def test_failed_runs_are_avoided_by_a_named_acquisition(client, headers, worker):
    told = runs(SPACE, n=12)
    told = [{"covars": run["covars"], "status": "failed"} if run["covars"]["color"] == "green" else run for run in told]
    suggestion = await asked(client, headers, told, acq_func="UpperConfidenceBound")
    assert suggestion["covars"]["color"] != "green"
