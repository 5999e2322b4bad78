"""No user takes from the others what a process has only so much of: requests, connections, places to wait, room."""

import asyncio
from uuid import UUID

import pytest

from autotune_service.domain.errors import TooManyError
from autotune_service.domain.limits import Limits
from autotune_service.live.turns import Turns
from autotune_service.store.shares import ACTING, Shares
from autotune_service.tuning.kept import KeptReplies
from autotune_service.tuning.stored import StoredBytes
from calling import get, post
from support import GUESS, SPACE, make_experiment

ADA, EVE = UUID(int=1), UUID(int=2)
EVES = "eve@example.org"
RUN = {"covars": GUESS, "response": 1.0}


@pytest.fixture
async def exp_uuid(client, headers):
    return (await make_experiment(client, headers))["exp_uuid"]


@pytest.fixture
async def neighbour(person):
    """The headers of another user."""
    return await person(EVES)


@pytest.fixture
def services(app):
    return app.extensions["autotune"]


def limit(services, **limits):
    object.__setattr__(services, "limits", Limits(**limits))


async def refused(reply):
    """Read the refusal of what goes beyond a share, and return its detail."""
    problem = await reply.get_json()
    assert (reply.status_code, problem["code"]) == (429, "too_many")
    assert int(reply.headers["Retry-After"]) == problem["retry_after_s"] > 0
    return problem["detail"]


async def test_place_of_one_user_is_given_in_turn_and_never_waits_for_another():
    shares = Shares(each=1, wait_s=5, what="places")
    order = []

    async def hold(name, user_uuid):
        await shares.take(user_uuid)
        order.append(name)
        await asyncio.sleep(0)
        shares.give_back(user_uuid)

    await shares.take(ADA)
    waiting = [asyncio.create_task(hold(name, ADA)) for name in ("first", "second")]
    await asyncio.sleep(0)
    await hold("eve", EVE)
    shares.give_back(ADA)
    await asyncio.gather(*waiting)
    assert order == ["eve", "first", "second"]
    assert shares._of == {}


async def test_place_that_was_waited_for_in_vain_is_free_for_the_next():
    shares = Shares(each=1, wait_s=0.01, what="places")
    await shares.take(ADA)
    with pytest.raises(TooManyError, match="1 places at a time"):
        await shares.take(ADA)
    gone = [asyncio.create_task(shares.take(ADA)) for _ in range(3)]
    await asyncio.sleep(0)
    for task in gone:
        task.cancel()
    shares.give_back(ADA)  # before those who left have noticed
    await asyncio.wait(gone)
    assert all(task.cancelled() for task in gone)
    await shares.take(ADA)
    shares.give_back(ADA)
    assert shares._of == {}


async def test_user_alone_has_several_turns_and_beside_others_one():
    turns = Turns(at_once=3, in_flight=10)
    mine = [turns.begin(ADA) for _ in range(3)]
    for turn in mine:
        await turn.take()
    await turns.begin(EVE).take()
    for turn in mine[1:]:
        turn.end()
    next_one = asyncio.create_task(turns.begin(ADA).take())
    await asyncio.sleep(0)
    assert not next_one.done()
    mine[0].end()
    await next_one


async def test_events_of_one_user_go_out_one_in_a_round_while_others_send_requests():
    turns, sent = Turns(at_once=1, in_flight=10), []

    async def push(name):
        for _ in range(20):
            await turns.pace(ADA)
            sent.append(name)

    await asyncio.gather(*(push(name) for name in "abc"))
    assert sent[:20] == ["a"] * 20  # nobody else is there
    await turns.begin(EVE).take()
    sent.clear()
    pushing = [asyncio.create_task(push(name)) for name in "abc"]
    for n_rounds in range(10):
        assert len(sent) <= n_rounds
        await asyncio.sleep(0)
    await asyncio.gather(*pushing)
    assert len(sent) == 60


async def test_user_uses_half_of_the_connections_and_the_others_are_free(store):
    assert store.shares.each == 5

    n_held = 0
    leaving = asyncio.Event()

    async def hold():
        nonlocal n_held
        ACTING.set(ADA)
        async with store.work():
            n_held += 1
            await leaving.wait()

    holding = [asyncio.create_task(hold()) for _ in range(20)]
    await asyncio.sleep(0.3)
    await store.check()  # nobody's, so there is a connection for it
    assert n_held == 5
    leaving.set()
    await asyncio.gather(*holding)


async def test_requests_beyond_the_share_in_flight_are_refused(client, headers, neighbour, services, exp_uuid):
    """Nobody computes: each ask waits."""
    object.__setattr__(services, "ask_wait_s", 1)
    services.turns.in_flight = 2
    path = f"/experiment/ask/{exp_uuid}"
    await post(client, path, headers, {"n": 1})
    asks = [asyncio.create_task(post(client, path, headers, {"n": 1})) for _ in range(2)]
    await asyncio.sleep(0.2)
    assert "2 requests in flight" in await refused(await client.get("/experiment/all", headers=headers))
    assert (await get(client, "/experiment/all", neighbour))[0] == 200
    assert [status for status, _ in await asyncio.gather(*asks)] == [503, 503]
    assert (await get(client, "/experiment/all", headers))[0] == 200


async def test_asks_that_wait_leave_the_turn_to_tells_of_the_same_user(client, headers, services, exp_uuid):
    object.__setattr__(services, "ask_wait_s", 1)
    path = f"/experiment/ask/{exp_uuid}"
    await post(client, path, headers, {"n": 1})
    asks = [asyncio.create_task(post(client, path, headers, {"n": 1})) for _ in range(20)]
    await asyncio.sleep(0.2)
    async with asyncio.timeout(0.7):
        assert (await post(client, f"/experiment/tell/{exp_uuid}", headers, RUN))[0] == 202
    await asyncio.gather(*asks)


async def test_asks_of_a_user_have_so_many_places_to_wait(client, headers, neighbour, services, exp_uuid):
    object.__setattr__(services, "ask_wait_s", 0.5)
    services.hub._waiting_each = 1
    path = f"/experiment/ask/{exp_uuid}"
    await post(client, path, headers, {"n": 1})
    replies = await asyncio.gather(*(client.post(path, json={"n": 1}, headers=headers) for _ in range(3)))
    assert sorted(reply.status_code for reply in replies) == [429, 429, 503]
    others = (await make_experiment(client, neighbour))["exp_uuid"]
    assert (await get(client, f"/experiment/ask/{others}", neighbour))[0] == 200


async def test_questions_of_a_user_are_so_many_and_one_whose_asker_left_counts_no_more(
    client, headers, neighbour, services, exp_uuid, store
):
    object.__setattr__(services, "ask_wait_s", 0)
    limit(services, questions_each=1)
    path = f"/experiment/{exp_uuid}/predict"
    await post(client, f"/experiment/tell/{exp_uuid}", headers, RUN)
    first, second = ({"configurations": [GUESS | {"weight": weight}]} for weight in (1.0, 2.0))
    assert (await post(client, path, headers, first))[1]["code"] == "suggestion_pending"
    assert "1 predictions" in await refused(await client.post(path, json=second, headers=headers))
    others = (await make_experiment(client, neighbour))["exp_uuid"]
    assert (await post(client, f"/experiment/{others}/predict", neighbour, first))[1]["code"] == "suggestion_pending"
    async with store.work() as work:
        await work._connection.execute("UPDATE autotune.questions SET asked_until = now()")
    assert (await post(client, path, headers, second))[1]["code"] == "suggestion_pending"
    async with store.work() as work:
        left = await work._connection.fetch("SELECT body FROM autotune.questions WHERE exp_uuid = $1", UUID(exp_uuid))
    assert ['"weight":2.0' in row["body"] for row in left] == [True]


async def test_experiments_of_a_user_take_so_many_bytes_and_can_still_be_deleted(
    client, headers, neighbour, services, exp_uuid
):
    object.__setattr__(services, "stored", StoredBytes(Limits(stored_bytes=20_000)))
    tell = f"/experiment/tell/{exp_uuid}"
    assert (await post(client, tell, headers, {"observations": [RUN] * 50}))[0] == 202
    services.stored._of.clear()  # as a minute later
    assert "your experiments take" in await refused(await client.post(tell, json=RUN, headers=headers))
    assert (await post(client, "/experiment/new", neighbour, {"name": "x", "covars": SPACE}))[0] == 201
    services.stored._of.clear()
    assert (await post(client, f"/experiment/{exp_uuid}/delete", headers, {"name": "brownies"}))[0] == 200
    services.stored._of.clear()
    assert (await post(client, "/experiment/new", headers, {"name": "x", "covars": SPACE}))[0] == 201


@pytest.fixture
async def full(client, headers, neighbour, services, exp_uuid):
    """Ada's experiments have used her share; Eve may edit one of them."""
    object.__setattr__(services, "stored", StoredBytes(Limits(stored_bytes=20_000)))
    await post(client, f"/experiment/{exp_uuid}/share", headers, {"email": EVES, "role": "editor"})
    assert (await post(client, f"/experiment/tell/{exp_uuid}", headers, {"observations": [RUN] * 50}))[0] == 202
    services.stored._of.clear()  # as a minute later


@pytest.mark.parametrize("way", ["tell", "rename", "websocket"])
async def test_editor_adds_nothing_where_the_owner_has_used_the_share(client, neighbour, exp_uuid, full, way):
    if way == "websocket":
        async with client.websocket(f"/experiment/stream/{exp_uuid}", headers=neighbour) as stream:
            await stream.send_json({"op": "tell", "id": 7, **RUN})
            while (frame := await stream.receive_json()).get("id") != 7:
                pass
        problem = frame["problem"]
    else:
        path = f"/experiment/tell/{exp_uuid}" if way == "tell" else f"/experiment/{exp_uuid}/rename"
        _, problem = await post(client, path, neighbour, RUN if way == "tell" else {"name": "y"})
    assert (problem["status"], problem["code"]) == (429, "too_many")
    assert "this one's owner" in problem["detail"]
    assert (await post(client, "/experiment/new", neighbour, {"name": "x", "covars": SPACE}))[0] == 201


async def test_user_who_has_used_the_share_goes_on_with_what_others_own(client, headers, neighbour, full):
    others = (await make_experiment(client, neighbour))["exp_uuid"]
    share = {"email": "ada@example.org", "role": "teller"}
    await post(client, f"/experiment/{others}/share", neighbour, share)
    assert (await post(client, f"/experiment/tell/{others}", headers, RUN))[0] == 202
    assert (await post(client, "/experiment/new", headers, {"name": "x", "covars": SPACE}))[0] == 429


async def test_new_owner_must_have_room_and_is_asked_for_it_from_then_on(
    client, headers, neighbour, services, exp_uuid
):
    """A user must not use up the share of another by giving experiments away."""
    tell, give = f"/experiment/tell/{exp_uuid}", f"/experiment/{exp_uuid}/transfer"
    await post(client, f"/experiment/{exp_uuid}/share", headers, {"email": EVES, "role": "viewer"})
    await post(client, tell, headers, {"observations": [RUN] * 50})
    object.__setattr__(services, "stored", StoredBytes(Limits(stored_bytes=20_000)))
    assert "your experiments" in await refused(await client.post(tell, json=RUN, headers=headers))
    for limits, status in ({"stored_bytes": 20_000}, 422), ({"experiments": 0}, 422), ({}, 200):
        limit(services, **limits)
        assert (await post(client, give, headers, {"email": EVES}))[0] == status
    assert "this one's owner" in await refused(await client.post(tell, json=RUN, headers=headers))
    assert "your experiments" in await refused(await client.post(tell, json=RUN, headers=neighbour))


async def test_space_has_so_many_revisions(client, headers, services, exp_uuid):
    limit(services, space_revisions=1)
    path = f"/experiment/{exp_uuid}/space"
    wider = [SPACE | {"weight": SPACE["weight"] | {"max": SPACE["weight"]["max"] + more}} for more in (1.0, 2.0)]
    assert (await post(client, path, headers, {"covars": wider[0]}))[0] == 200
    assert "1 times" in await refused(await client.post(path, json={"covars": wider[1]}, headers=headers))


async def test_replies_kept_for_a_user_are_so_many_and_the_first_stays(client, headers, services, exp_uuid):
    object.__setattr__(services, "kept", KeptReplies(Limits(answers=1)))
    tell = f"/experiment/tell/{exp_uuid}"
    keyed = {**headers, "Idempotency-Key": "one"}
    stored = await post(client, tell, keyed, RUN)
    other = {**headers, "Idempotency-Key": "two"}
    assert "1 replies" in await refused(await client.post(tell, json=RUN, headers=other))
    assert await post(client, tell, keyed, RUN) == stored
    assert (await post(client, tell, headers, RUN))[0] == 202


async def test_frames_get_their_turn_too(app, headers, services, exp_uuid):
    services.turns.in_flight = 0
    async with app.test_client().websocket(f"/experiment/stream/{exp_uuid}", headers=headers) as stream:
        await stream.send_json({"op": "tell", "id": 7, **RUN})
        while (frame := await stream.receive_json()).get("id") != 7:
            pass
    assert (frame["problem"]["status"], frame["problem"]["code"]) == (429, "too_many")
    assert frame["problem"]["retry_after_s"] > 0


async def test_shares_are_published(client):
    about = (await (await client.get("/openapi.json")).get_json())["info"]["description"]
    for share in (
        "500 requests in flight, of which 5 are worked on at a time",
        "5 connections to the database",
        "100 websockets",
        "250 requests that wait for the engine",
        "100 predictions, insights and asks",
        "2147483648 bytes of experiments",
        "200 revisions",
    ):
        assert share in about
