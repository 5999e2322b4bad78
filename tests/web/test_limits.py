"""What is more than may be is refused at once, with the limit; what waits already goes on."""

import asyncio

import pytest

from autotune_service.domain.limits import Limits
from calling import get, post
from support import GUESS, SPACE, make_experiment

FEW = Limits(experiments=2, observations=3, batch=3, waiting=2)


@pytest.fixture
async def exp_uuid(client, headers):
    return (await make_experiment(client, headers))["exp_uuid"]


@pytest.fixture
def few(app):
    services = app.extensions["autotune"]
    object.__setattr__(services, "limits", FEW)
    object.__setattr__(services, "ask_wait_s", 0.5)
    services.hub._max_waiting = FEW.waiting


async def test_user_may_have_so_many_experiments(client, headers, stranger, few):
    new = {"name": "x", "covars": SPACE}
    assert [(await post(client, "/experiment/new", headers, new))[0] for _ in range(2)] == [201, 201]
    status, problem = await post(client, "/experiment/new", headers, new)
    assert (status, problem["code"]) == (409, "limit_reached")
    assert "2 experiments" in problem["detail"]
    assert (await post(client, "/experiment/new", stranger, new))[0] == 201


async def test_experiments_that_come_together_are_no_more_than_may_be(client, headers, few):
    new = {"name": "x", "covars": SPACE}
    replies = await asyncio.gather(*(post(client, "/experiment/new", headers, new) for _ in range(8)))
    assert sorted(status for status, _ in replies) == [201] * 2 + [409] * 6


async def test_import_counts_as_one_of_them(client, headers, few, exp_uuid):
    _, document = await get(client, f"/experiment/{exp_uuid}/export", headers)
    assert [(await post(client, "/experiment/import", headers, document))[0] for _ in range(2)] == [201, 409]


async def test_import_has_no_more_observations_than_may_be(client, headers, app, exp_uuid):
    run = {"covars": GUESS, "response": 1.0}
    await post(client, f"/experiment/tell/{exp_uuid}", headers, {"observations": [run] * 4})
    _, document = await get(client, f"/experiment/{exp_uuid}/export", headers)
    object.__setattr__(app.extensions["autotune"], "limits", FEW)
    status, problem = await post(client, "/experiment/import", headers, document)
    assert (status, problem["code"]) == (409, "limit_reached")


async def test_tell_may_bring_so_many_observations(client, headers, few, exp_uuid):
    path, run = f"/experiment/tell/{exp_uuid}", {"covars": GUESS, "response": 1.0}
    status, problem = await post(client, path, headers, {"observations": [run] * 4})
    assert (status, problem["code"]) == (422, "batch_too_large")
    assert "3 observations" in problem["detail"]
    assert (await post(client, path, headers, {"observations": [run] * 3}))[0] == 202


async def test_tell_that_was_stored_is_answered_alike_where_less_may_come_by_now(client, headers, app, exp_uuid):
    path, body = f"/experiment/tell/{exp_uuid}", {"observations": [{"covars": GUESS, "response": 1.0}] * 4}
    keyed = {**headers, "Idempotency-Key": "one"}
    stored = await post(client, path, keyed, body)
    object.__setattr__(app.extensions["autotune"], "limits", FEW)
    assert stored[0] == 202
    assert await post(client, path, keyed, body) == stored


async def test_experiment_may_have_so_many_observations(client, headers, few, exp_uuid):
    path, run = f"/experiment/tell/{exp_uuid}", {"covars": GUESS, "response": 1.0}
    assert (await post(client, path, headers, {"observations": [run] * 3}))[0] == 202
    status, problem = await post(client, path, headers, run)
    assert (status, problem["code"]) == (409, "limit_reached")
    assert "3 observations" in problem["detail"]
    _, experiment = await get(client, f"/experiment/{exp_uuid}", headers)
    assert experiment["n_observations"] == 3


async def test_requests_beyond_those_that_may_wait_are_answered_at_once(client, headers, few, exp_uuid):
    """No worker is there: what is asked for does not come."""
    await post(client, f"/experiment/ask/{exp_uuid}", headers, {"n": 1})
    calls = [asyncio.create_task(post(client, f"/experiment/ask/{exp_uuid}", headers, {"n": 1})) for _ in range(4)]
    codes = sorted([reply["code"] for _, reply in await asyncio.gather(*calls)])
    assert codes == ["busy", "busy", "suggestion_pending", "suggestion_pending"]
    reply = await client.post(f"/experiment/ask/{exp_uuid}", json={"n": 1}, headers=headers)
    assert (reply.status_code, (await reply.get_json())["code"]) == (503, "suggestion_pending")


async def test_questions_beyond_those_that_may_wait_are_refused_and_say_when_to_come_back(
    client, headers, few, exp_uuid
):
    path = f"/experiment/{exp_uuid}/predict"
    await post(client, f"/experiment/tell/{exp_uuid}", headers, {"covars": GUESS, "response": 1.0})
    for weight in (1.0, 2.0):
        _, reply = await post(client, path, headers, {"configurations": [GUESS | {"weight": weight}]})
        assert reply["code"] == "suggestion_pending"
    for call in (
        client.post(path, json={"configurations": [GUESS | {"weight": 3.0}]}, headers=headers),
        client.post(f"/experiment/ask/{exp_uuid}", json={"fixed": {"color": "red"}}, headers=headers),
    ):
        reply = await call
        assert (reply.status_code, (await reply.get_json())["code"]) == (503, "busy")
        assert int(reply.headers["Retry-After"]) > 0


async def test_limits_are_published(client):
    document = await (await client.get("/openapi.json")).get_json()
    about = document["info"]["description"]
    assert "a body of 100000 bytes" in about
    assert "100000 per experiment" in about
    assert "1000 observations per tell" in about
    assert "10000 experiments per user" in about
    assert "100 websockets" in about
    assert "100 frames a second per websocket, 64 of them unanswered" in about
    assert "200000 events in an imported experiment" in about
