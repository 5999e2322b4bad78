"""Changing the space, and stopping and going on, over the API."""

from uuid import uuid4

import pytest

from calling import get, post
from support import GUESS, MANY_OPTIONS, SPACE, make_experiment

TIME = {"time": {"vtype": "int", "guess": 30, "min": 10, "max": 60}}


@pytest.fixture
async def exp_uuid(client, headers):
    return (await make_experiment(client, headers, stop={"budget": 1}))["exp_uuid"]


async def test_changed_space_is_told_and_listed(client, headers, exp_uuid):
    body = {"covars": SPACE | TIME, "backfill": {"time": 20}}
    status, reply = await post(client, f"/experiment/{exp_uuid}/space", headers, body)
    assert (status, reply["space_revision"], list(reply["covars"])) == (200, 1, [*SPACE, "time"])
    status, listed = await get(client, f"/experiment/{exp_uuid}/spaces", headers)
    assert status == 200
    assert [(one["revision"], one["backfill"]) for one in listed["spaces"]] == [(0, {}), (1, {"time": 20})]


async def test_advice_follows_the_space_as_it_is_now(client, headers):
    made = await make_experiment(client, headers, covars=SPACE | {"catalyst": MANY_OPTIONS})
    path = f"/experiment/{made['exp_uuid']}"
    for n, starts in ((50, ["catalyst has 50 options"]), (40, [])):
        fewer = MANY_OPTIONS | {"options": MANY_OPTIONS["options"][:n]}
        _, edited = await post(client, f"{path}/space", headers, {"covars": SPACE | {"catalyst": fewer}})
        assert [sentence.split(" without")[0] for sentence in edited["advice"]] == starts
        assert (await get(client, path, headers))[1]["advice"] == edited["advice"]
        assert (await get(client, "/experiment/all", headers))[1]["experiments"][0]["advice"] == edited["advice"]


async def test_suggestion_after_a_change_knows_the_new_space(client, headers, fake_pool, exp_uuid):
    wider = SPACE | {"weight": SPACE["weight"] | {"max": 300.0}}
    await post(client, f"/experiment/{exp_uuid}/space", headers, {"covars": wider})
    _, reply = await get(client, f"/experiment/ask/{exp_uuid}", headers)
    assert reply["suggestions"][0]["data_rev"] == 1
    assert fake_pool.jobs[-1].given.space["weight"].max == 300.0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "covars"),
        ({"covars": SPACE | TIME}, "backfill.time"),
        ({"covars": TIME, "backfill": {"time": 20}}, "covars.v1"),
        ({"covars": SPACE | TIME, "backfill": {"time": 90}}, "backfill.time"),
        ({"covars": SPACE, "constraints": [{"ctype": "linear"}]}, "constraints.0"),
    ],
)
async def test_change_that_cannot_be_names_its_field(client, headers, exp_uuid, body, field):
    status, problem = await post(client, f"/experiment/{exp_uuid}/space", headers, body)
    assert status == 422
    assert problem["errors"][0]["field"].startswith(field)


async def test_stopped_experiment_answers_asks_with_the_reason_until_it_is_resumed(
    client, headers, fake_pool, exp_uuid
):
    await post(client, f"/experiment/tell/{exp_uuid}", headers, {"covars": GUESS, "response": 1})
    for status, problem in (
        await get(client, f"/experiment/ask/{exp_uuid}", headers),
        await post(client, f"/experiment/ask/{exp_uuid}", headers, {"n": 1}),
        await post(client, f"/experiment/ask/{exp_uuid}", headers, {"fixed": {"v1": 2}}),
    ):
        assert (status, problem["code"]) == (409, "experiment_stopped")
        assert "1 runs were told" in problem["detail"]
    _, stopped = await get(client, f"/experiment/{exp_uuid}", headers)
    assert (stopped["state"], stopped["stopped"]["rule"]) == ("active", "budget")
    status, reply = await post(client, f"/experiment/{exp_uuid}/resume", headers, {"stop": None})
    assert (status, reply["stopped"], reply["stop"]) == (200, None, None)
    status, _ = await get(client, f"/experiment/ask/{exp_uuid}", headers)
    assert status == 200


@pytest.mark.parametrize("stop", [{}, {"budget": 0}, {"taste": 1}, 7])
async def test_resume_names_the_wrong_rule(client, headers, exp_uuid, stop):
    status, problem = await post(client, f"/experiment/{exp_uuid}/resume", headers, {"stop": stop})
    assert status == 422
    assert problem["errors"][0]["field"].startswith("stop")


async def test_stranger_changes_and_sees_nothing(client, stranger, exp_uuid):
    for uuid in (exp_uuid, uuid4()):
        for status, problem in (
            await post(client, f"/experiment/{uuid}/space", stranger, {"covars": SPACE}),
            await post(client, f"/experiment/{uuid}/resume", stranger, {}),
            await get(client, f"/experiment/{uuid}/spaces", stranger),
        ):
            assert (status, problem["code"]) == (404, "not_found")


async def test_experiment_that_cannot_be_served_is_refused(client, headers):
    light = {"ctype": "linear", "weights": {"weight": 1}, "relation": ">=", "bound": 900}
    body = {"name": "x", "covars": SPACE, "constraints": [light]}
    status, problem = await post(client, "/experiment/new", headers, body)
    assert (status, problem["errors"][0]["field"]) == (422, "constraints.0")


async def test_wide_experiment_is_told_as_it_was_described(client, headers):
    fields = {
        "responses": {"yield": {"goal": "maximize", "reference": None}, "heat": {"goal": "<=", "bound": 80.0}},
        "constraints": [{"ctype": "linear", "weights": {"weight": 1.0}, "relation": "<=", "bound": 150.0}],
        "stop": {"budget": 50},
    }
    told = await make_experiment(client, headers, **fields)
    assert {name: told[name] for name in ("responses", "constraints")} == {
        name: fields[name] for name in ("responses", "constraints")
    }
    assert (told["stop"]["budget"], told["space_revision"], told["direction"]) == (50, 0, "maximize")
