"""Requests with a key over the API: answered alike whatever happened in between, and done once beside themselves."""

import asyncio

import pytest

from autotune_service.domain.errors import UnavailableError
from autotune_service.tuning import ask
from calling import get, post
from support import GUESS, SPACE, make_experiment


@pytest.fixture
async def exp_uuid(client, headers):
    return (await make_experiment(client, headers))["exp_uuid"]


@pytest.fixture
def keyed(headers):
    return headers | {"Idempotency-Key": "k"}


def taken(reply):
    return [one["suggestion_uuid"] for one in reply["suggestions"]]


@pytest.mark.parametrize("fixed", [{}, {"color": "red"}])
async def test_ask_is_answered_alike_after_the_experiment_was_closed(
    client, headers, keyed, fake_pool, exp_uuid, fixed
):
    path, body = f"/experiment/ask/{exp_uuid}", {"n": 1, "fixed": fixed}
    first = await post(client, path, keyed, body)
    await post(client, f"/experiment/{exp_uuid}/close", headers, None)
    assert first[0] == 200
    assert await post(client, path, keyed, body) == first
    assert (await post(client, path, headers, body))[1]["code"] == "experiment_closed"


async def test_edit_that_changes_nothing_is_done_once_too(client, headers, keyed, exp_uuid):
    path = f"/experiment/{exp_uuid}/space"
    first = await post(client, path, keyed, {"covars": SPACE})
    await post(client, f"/experiment/tell/{exp_uuid}", headers, {"covars": GUESS, "response": 1.0})
    assert first[0] == 200
    assert await post(client, path, keyed, {"covars": SPACE}) == first
    status, problem = await post(client, path, keyed, {"covars": SPACE | {"v1": SPACE["v1"] | {"max": 6}}})
    assert (status, problem["code"]) == (422, "key_reused")


@pytest.mark.parametrize("fixed", [{}, {"color": "red"}])
async def test_one_ask_that_is_sent_five_times_at_once_takes_as_many_as_one(
    client, headers, keyed, fake_pool, exp_uuid, fixed
):
    """With nothing open, all of them wait for the engine; one takes what comes, and the others do not add to it."""
    await post(client, f"/experiment/ask/{exp_uuid}", headers, {"n": 1})
    path, body = f"/experiment/ask/{exp_uuid}", {"n": 3, "fixed": fixed, "worker": "robot"}
    replies = await asyncio.gather(*(post(client, path, keyed, body) for _ in range(5)))
    given = [reply for status, reply in replies if status == 200]
    assert {(status, reply.get("code")) for status, reply in replies} <= {(200, None), (409, "request_running")}
    last_status, last = await post(client, path, keyed, body)
    assert last_status == 200
    assert len(set(taken(last))) == 3
    assert all(reply == last for reply in given)
    _, log = await get(client, f"/experiment/{exp_uuid}/export", headers)
    leased = [one["suggestion_uuid"] for one in log["suggestions"] if one["worker"] == "robot"]
    assert sorted(leased) == sorted(taken(last))


async def test_every_post_that_writes_says_that_it_takes_a_key(client):
    document = await (await client.get("/openapi.json")).get_json()
    takes_key = {
        path
        for path, methods in document["paths"].items()
        if any(one["name"] == "Idempotency-Key" for one in methods.get("post", {}).get("parameters", ()))
    }
    posts = {path for path, methods in document["paths"].items() if "post" in methods and "/experiment" in path}
    rights = {f"/experiment/{{exp_uuid}}/{verb}" for verb in ("share", "unshare", "transfer")}
    # A prediction writes nothing. Rights are told as they shall be, so a repetition finds them so, and a kept reply
    # would be no answer to a former owner.
    assert posts - takes_key == rights | {"/experiment/{exp_uuid}/predict"}


async def test_ask_that_lost_the_database_half_way_is_not_answered_with_half(
    client, headers, keyed, app, exp_uuid, monkeypatch
):
    """Whether more was taken is not known then: the same ask again learns it."""
    services = app.extensions["autotune"]
    object.__setattr__(services, "ask_wait_s", 0.3)
    looking, looks = ask.may_take_more, []

    async def lost(*arguments):
        looks.append(arguments)
        if len(looks) > 1:
            raise UnavailableError("the database does not answer", 1)
        return await looking(*arguments)

    monkeypatch.setattr(ask, "may_take_more", lost)
    path = f"/experiment/ask/{exp_uuid}"
    status, problem = await post(client, path, keyed, {"n": 2})
    assert (status, problem["code"]) == (503, "unavailable")
    monkeypatch.setattr(ask, "may_take_more", looking)
    status, reply = await post(client, path, keyed, {"n": 2})
    assert (status, len(reply["suggestions"])) == (200, 1)
    assert await post(client, path, keyed, {"n": 2}) == (200, reply)
