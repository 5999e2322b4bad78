from uuid import uuid4

import pytest

from calling import get, post
from support import GUESS, SPACE, make_experiment


async def tell(client, headers, exp_uuid, *weights):
    runs = [{"covars": GUESS | {"weight": weight}, "response": weight} for weight in weights]
    status, reply = await post(client, f"/experiment/tell/{exp_uuid}", headers, {"observations": runs})
    assert status == 202
    return reply["observations"]


async def made(client, headers, **fields):
    body = {"name": "new", "covars": SPACE, **fields}
    return await post(client, "/experiment/new", headers, body)


@pytest.fixture
async def before(client, headers):
    """An experiment of three runs, of which one is excluded and one failed; and its uuid."""
    exp_uuid = (await make_experiment(client, headers))["exp_uuid"]
    first, _ = await tell(client, headers, exp_uuid, 1.0, 2.0)
    observation = f"/experiment/{exp_uuid}/observation/{first['observation_uuid']}"
    status, _ = await post(client, observation, headers, {"version": 1, "reason": "a slip", "is_excluded": True})
    assert status == 200
    await post(client, f"/experiment/tell/{exp_uuid}", headers, {"covars": GUESS, "status": "failed"})
    return exp_uuid


async def test_what_was_measured_is_sent_to_the_engine_as_it_was_at_the_creation(client, headers, fake_pool, before):
    status, reply = await made(client, headers, learn_from=[before])
    assert status == 201
    [one] = reply["learn_from"]
    assert (one["exp_uuid"], one["n_runs"]) == (before, 1)
    await tell(client, headers, before, 9.0)  # later: not learnt from
    await tell(client, headers, reply["exp_uuid"], 5.0)
    status, _ = await get(client, f"/experiment/{reply['exp_uuid']}/insights", headers)
    assert status == 200
    [earlier] = fake_pool.jobs[-1].given.earlier
    assert [run.responses for run in earlier.runs] == [{"Response": 2.0}]
    assert earlier.runs[0].covars == GUESS | {"weight": 2.0}


async def test_values_that_this_space_lacks_are_known_to_the_engine(client, headers, fake_pool):
    wide = SPACE | {"extra": {"vtype": "cat", "guess": "a", "options": ["a", "b", "c"]}}
    covars = GUESS | {"extra": "c"}
    _, first = await made(client, headers, covars=wide)
    await post(client, f"/experiment/tell/{first['exp_uuid']}", headers, {"covars": covars, "response": 1.0})
    narrow = wide | {"extra": {"vtype": "cat", "guess": "a", "options": ["a", "b"]}}
    _, second = await made(client, headers, covars=narrow, learn_from=[first["exp_uuid"]])
    await get(client, f"/experiment/{second['exp_uuid']}/insights", headers)
    assert fake_pool.jobs[-1].given.retired == {"extra": ["c"]}


async def test_covariates_that_only_the_earlier_one_has_are_left_out(client, headers, fake_pool):
    wide = SPACE | {"extra": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}}
    _, first = await made(client, headers, covars=wide)
    told = {"covars": GUESS | {"extra": 0.25}, "response": 1.0}
    await post(client, f"/experiment/tell/{first['exp_uuid']}", headers, told)
    _, second = await made(client, headers, learn_from=[first["exp_uuid"]])
    await get(client, f"/experiment/{second['exp_uuid']}/insights", headers)
    [earlier] = fake_pool.jobs[-1].given.earlier
    assert [run.covars for run in earlier.runs] == [GUESS]


async def test_an_experiment_of_somebody_else_is_none(client, headers, stranger, before):
    status, problem = await made(client, stranger, learn_from=[before])
    assert status == 422
    assert problem["errors"] == [
        {
            "field": "learn_from.0",
            "message": "is no experiment of yours, and none that is shared with you",
            "value": before,
        }
    ]
    assert (await made(client, headers, learn_from=[str(uuid4())]))[0] == 422
    assert (await made(client, headers, learn_from=[before] * 11))[0] == 422
