"""Open websockets: who may open one, and what closes it while it is open."""

import asyncio
import json

import pytest
from quart.testing.connections import WebsocketResponseError

from autotune_service.store.rows.sessions import end_sessions_of
from autotune_wire.frames import (
    CLOSE_DEACTIVATED,
    CLOSE_EXPIRED,
    CLOSE_PASSWORD_CHANGED,
    CLOSE_REVOKED,
    CLOSE_ROLE_CHANGED,
    CLOSE_SIGNED_OUT,
)
from calling import post
from closing import ClosedError, Connection
from support import PASSWORD

FORM = {"username": "ada@example.org", "password": PASSWORD}


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch):
    monkeypatch.setattr("autotune_service.web.rights._EVERY_S", 0.05)


@pytest.fixture
def client(client):
    client.websocket_connection_class = Connection
    return client


async def closed_after(client, url, headers, act):
    """The code that an open websocket is closed with after something was done."""
    async with client.websocket(url, headers=headers) as socket:
        await socket.receive()
        await act()
        with pytest.raises(ClosedError) as closed:
            async with asyncio.timeout(5):
                while True:
                    await socket.receive()
    return closed.value.args[0]


async def refusal(client, url, **handshake):
    with pytest.raises(WebsocketResponseError) as caught:
        async with client.websocket(url, **handshake) as socket:
            await socket.receive()
    return caught.value.response.status_code


@pytest.fixture
def url(exp_uuid):
    return f"/experiment/stream/{exp_uuid}"


@pytest.fixture
async def cookie(client, user_uuid):
    reply = await client.post("/auth/login", form=FORM)
    return reply.headers["Set-Cookie"].split(";")[0]


async def test_promise_23_signing_out_closes_the_websocket(client, headers, url):
    async def act():
        assert (await client.post("/auth/logout", headers=headers)).status_code == 204

    assert await closed_after(client, url, headers, act) == CLOSE_SIGNED_OUT
    assert await refusal(client, url, headers=headers) == 401


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("UPDATE sessions SET expires_at = clock_timestamp()", CLOSE_EXPIRED),
        ("UPDATE sessions SET ended_because = 'token_reused'", CLOSE_REVOKED),
        ("UPDATE users SET is_active = false", CLOSE_DEACTIVATED),
    ],
)
@pytest.mark.parametrize("path", ["one", "all"])
async def test_promise_23_websocket_closes_with_what_opened_it(client, headers, url, database, change, code, path):
    async def act():
        await database.execute(change)

    assert await closed_after(client, url if path == "one" else "/experiment/stream", headers, act) == code


async def test_promise_23_change_of_the_password_closes_the_websocket(client, headers, url, store, user_uuid):
    async def act():
        async with store.work() as work:
            await end_sessions_of(work, user_uuid, "password_changed")

    assert await closed_after(client, url, headers, act) == CLOSE_PASSWORD_CHANGED


async def test_token_for_automation_that_is_revoked_closes_the_websocket(client, headers, url):
    _, created = await post(client, "/auth/tokens", headers, {"name": "robot", "scopes": ["read"]})
    robot = {"Authorization": f"Bearer {created['token']}"}

    async def act():
        await client.delete(f"/auth/tokens/{created['token_uuid']}", headers=headers)

    assert await closed_after(client, url, robot, act) == CLOSE_REVOKED


@pytest.mark.parametrize("left", ["viewer", None])
async def test_change_of_the_role_closes_the_websocket(client, person, headers, exp_uuid, url, left):
    bob = await person("bob@example.org")
    share = {"email": "bob@example.org", "role": "teller"}
    await post(client, f"/experiment/{exp_uuid}/share", headers, share)

    async def act():
        if left is None:
            await post(client, f"/experiment/{exp_uuid}/unshare", headers, {"email": "bob@example.org"})
        else:
            await post(client, f"/experiment/{exp_uuid}/share", headers, share | {"role": left})

    assert await closed_after(client, url, bob, act) == CLOSE_ROLE_CHANGED


async def test_viewer_watches_and_does_not_tell(client, person, headers, exp_uuid, url):
    bob = await person("bob@example.org")
    await post(client, f"/experiment/{exp_uuid}/share", headers, {"email": "bob@example.org", "role": "viewer"})
    tell = {"op": "tell", "id": 1, "covars": {"n": 3}, "response": 1.0}
    async with client.websocket(f"{url}?after=2", headers=bob) as socket:
        await socket.send(json.dumps(tell))
        assert json.loads(await socket.receive())["problem"]["code"] == "forbidden"
        await post(client, f"/experiment/tell/{exp_uuid}", headers, {"covars": {"n": 3}, "response": 1.0})
        assert json.loads(await socket.receive())["type"] == "observation_added"


async def test_shared_experiment_comes_on_the_stream_of_all_and_leaves_it(client, person, headers, exp_uuid):
    bob = await person("bob@example.org")
    await post(client, f"/experiment/{exp_uuid}/share", headers, {"email": "bob@example.org", "role": "viewer"})
    async with client.websocket("/experiment/stream", headers=bob) as socket:
        assert list(json.loads(await socket.receive())["positions"]) == [exp_uuid]
        await post(client, f"/experiment/tell/{exp_uuid}", headers, {"covars": {"n": 3}, "response": 1.0})
        async with asyncio.timeout(2):  # by notice: a look of its own would come after five seconds
            event = json.loads(await socket.receive())
        assert (event["exp_uuid"], event["type"]) == (exp_uuid, "observation_added")
        await post(client, f"/experiment/{exp_uuid}/unshare", headers, {"email": "bob@example.org"})
        async with asyncio.timeout(10):
            while event["type"] != "experiment_deleted":
                event = json.loads(await socket.receive())


async def test_promise_21_ticket_opens_a_websocket_once(client, headers, url):
    _, given = await post(client, "/auth/ticket", headers, None)
    handshake = {"scope_base": {"subprotocols": ["autotune", f"ticket.{given['ticket']}"]}}
    async with client.websocket(url, **handshake) as socket:
        assert json.loads(await socket.receive())["seq"] == 1
    assert await refusal(client, url, **handshake) == 401


@pytest.mark.parametrize("origin", ["http://evil.example", "null", None])
async def test_promise_21_cookie_with_a_foreign_origin_opens_no_websocket(client, cookie, url, origin):
    origins = {} if origin is None else {"Origin": origin}
    assert await refusal(client, url, headers={"Cookie": cookie, "Sec-Fetch-Site": "same-origin", **origins}) == 403


async def test_cookie_with_the_own_origin_opens_a_websocket(client, cookie, url):
    headers = {"Cookie": cookie, "Origin": "http://localhost", "Host": "localhost"}
    async with client.websocket(url, headers=headers) as socket:
        assert json.loads(await socket.receive())["seq"] == 1
