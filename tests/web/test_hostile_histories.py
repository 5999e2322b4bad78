"""Hostile histories over the API, told to a real worker: none breaks it, and none gets a silent random point."""

import math
from itertools import chain

import pytest
from pydantic import TypeAdapter

from autotune_wire.constraints import Constraint
from autotune_wire.responses import Responses
from autotune_wire.space import Space
from calling import get, post
from generated import constraints_of
from hostile import HOSTILE, problem, told
from support import make_experiment

SPACES, RESPONSES, CONSTRAINTS = (TypeAdapter(kind) for kind in (Space, Responses, list[Constraint]))
GREATTUNES = (
    "all responses equal",
    "huge",
    "at the end of the numbers",
    "tiny",
    "one hopeless",
    "one place, two responses",
    "one place only",
    "all failed",
    "all but one failed",
    "a category never seen",
    "noiseless",
    "noise of every size",
    "outside a narrowed space",
)


def as_json(kind, value):
    return kind.dump_python(value, mode="json", exclude_none=True)


def widened(given):
    """Give the space in which all runs could be made: with the options that are gone and the bounds that were."""
    space = as_json(SPACES, given.space)
    for name, covariate in space.items():
        values = [run.covars[name] for run in given.runs if name in run.covars]
        if covariate["vtype"] == "cat":
            covariate["options"] += given.retired.get(name, [])
        else:
            covariate["min"] = min(covariate["min"], *values)
            covariate["max"] = max(covariate["max"], *values)
    return space


async def told_over_the_api(client, headers, given, guess=None, **fields):
    """Create the experiment, tell its history, narrow its space where the runs were made in another."""
    space, first = as_json(SPACES, given.space), widened(given)
    for name, value in (guess or {}).items():
        first[name]["guess"] = space[name]["guess"] = value
    fields |= {"covars": first, "responses": as_json(RESPONSES, given.responses)}
    fields |= {"constraints": as_json(CONSTRAINTS, given.constraints), "model_type": given.model_type}
    exp_uuid = (await make_experiment(client, headers, **fields))["exp_uuid"]
    runs = [
        {"covars": run.covars, "status": "failed"}
        if run.is_failed
        else {"covars": run.covars, "responses": run.responses, "sds": run.sds}
        for run in given.runs
    ]
    status, reply = await post(client, f"/experiment/tell/{exp_uuid}", headers, {"observations": runs})
    assert status == 202, reply
    if first != space:
        status, reply = await post(client, f"/experiment/{exp_uuid}/space", headers, {"covars": space})
        assert status == 200, reply
    return exp_uuid


async def asked(client, headers, exp_uuid, fixed):
    status, reply = await post(client, f"/experiment/ask/{exp_uuid}", headers, {"fixed": fixed})
    assert status == 200, reply
    return reply["suggestions"][0]


def assert_finite(predictions):
    assert all(math.isfinite(one["mean"]) and 0 <= one["sd"] < math.inf for one in predictions)


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_history_is_answered_over_the_api(client, headers, worker, name):
    given = HOSTILE[name]
    exp_uuid = await told_over_the_api(client, headers, given)
    suggestion = await asked(client, headers, exp_uuid, given.fixed)
    is_short = len(given.runs) < 5
    assert suggestion["source"] == ("sobol" if is_short else "model"), suggestion["reason"]
    assert suggestion["reason"].startswith("initial design, until") or not is_short
    assert all(constraint.holds(suggestion["covars"]) for constraint in given.constraints)
    assert_finite(suggestion["predictions"].values())
    body = {"configurations": [run.covars for run in given.runs]}
    status, reply = await post(client, f"/experiment/{exp_uuid}/predict", headers, body)
    assert status == 200, reply
    assert_finite(chain.from_iterable(one.values() for one in reply["predictions"]))
    status, reply = await get(client, f"/experiment/{exp_uuid}/insights", headers)
    assert status == 200, reply
    assert reply["n_observations"] == len(given.runs)


async def test_constraints_that_leave_one_point_are_answered_over_the_api(client, headers, worker):
    limits = constraints_of(
        {"ctype": "linear", "weights": {"x": 1.0, "n": 1.0}, "relation": ">=", "bound": 10.0},
        {"ctype": "forbidden", "combination": {"c": ["b", "c"]}},
    )
    given = problem(told([0.5, 1.0, 0.2, 0.7, 0.1, 0.4]), constraints=limits)
    exp_uuid = await told_over_the_api(client, headers, given, guess={"x": 1.0, "n": 9, "c": "a"})
    for _ in range(2):
        suggestion = await asked(client, headers, exp_uuid, {})
        assert suggestion["covars"] == {"x": pytest.approx(1.0), "n": 9, "c": "a"}
        body = {"covars": suggestion["covars"], "response": 2.0, "suggestion_uuid": suggestion["suggestion_uuid"]}
        assert (await post(client, f"/experiment/tell/{exp_uuid}", headers, body))[0] == 202
    assert "no other configuration was found" in (await asked(client, headers, exp_uuid, {}))["reason"]
    assert (await get(client, f"/experiment/{exp_uuid}/insights", headers))[0] == 200


@pytest.mark.parametrize("name", GREATTUNES)
async def test_hostile_history_is_answered_by_greattunes_over_the_api(client, headers, worker, name):
    given = HOSTILE[name]
    exp_uuid = await told_over_the_api(client, headers, given, engine="greattunes")
    suggestion = await asked(client, headers, exp_uuid, given.fixed)
    assert suggestion["source"] == "model" or "initial design, until" in suggestion["reason"], suggestion["reason"]
    assert_finite(suggestion["predictions"].values())
