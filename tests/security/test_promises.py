"""What is promised of signing in, where it takes a whole service or every route to show."""

import asyncio
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import get_args
from uuid import uuid4

import httpx2
import psutil
import pytest
from argon2 import PasswordHasher, extract_parameters
from quart.testing.connections import WebsocketResponseError

from autotune_service.security.passwords import Passwords
from autotune_service.settings import SettingsError, load_settings
from autotune_service.web.checking.bodies import SMALL
from autotune_service.web.door import rule_of_endpoint
from autotune_service.web.quart_app import create_app
from autotune_service.web.rights import Rights
from autotune_wire.frames import (
    CLOSE_NOT_FOUND,
    CLOSE_PASSWORD_CHANGED,
    CLOSE_REVOKED,
    CLOSE_SIGNED_OUT,
    Operation,
)
from calling import post
from closing import ClosedError, Connection
from support import PASSWORD, SECRET

FORM = {"username": "ada@example.org", "password": PASSWORD}
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]
FRAMES = {
    "ask": {"n": 1},
    "tell": {"covars": {"n": 3}, "response": 1.0},
    "renew": {"suggestion_uuids": [str(uuid4())]},
    "report": {"suggestion_uuid": str(uuid4()), "step": 1, "value": 0.5},
    "abandon": {"suggestion_uuid": str(uuid4())},
}
"""A valid frame of each operation, so that only the caller's rights can refuse it."""


async def signed_in(client):
    reply = await (await client.post("/auth/token", form=FORM)).get_json()
    return reply["refresh_token"], {"Authorization": f"Bearer {reply['access_token']}"}


async def test_promise_23_reuse_logout_and_new_password_close_open_websockets_within_five_seconds(
    client, user_uuid, database
):
    client.websocket_connection_class = Connection
    (used, stolen), (_, left), (_, other), (_, own) = [await signed_in(client) for _ in range(4)]
    sockets = [client.websocket("/experiment/stream", headers=headers) for headers in (stolen, left, other)]
    async with sockets[0] as first, sockets[1] as second, sockets[2] as third:
        for socket in (first, second, third):
            await socket.receive()
        assert (await client.post("/auth/refresh", json={"refresh_token": used})).status_code == 200
        await database.execute("UPDATE refresh_tokens SET used_at = used_at - interval '11 s'")
        began = time.monotonic()
        assert (await client.post("/auth/refresh", json={"refresh_token": used})).status_code == 401
        assert (await client.post("/auth/logout", headers=left)).status_code == 204
        change = {"old_password": PASSWORD, "new_password": "some quite other words"}
        assert (await client.post("/user/password", json=change, headers=own)).status_code == 204
        codes = await asyncio.gather(*(_closed(socket) for socket in (first, second, third)))
    assert codes == [CLOSE_REVOKED, CLOSE_SIGNED_OUT, CLOSE_PASSWORD_CHANGED]
    assert time.monotonic() - began < 5


async def _closed(socket):
    with pytest.raises(ClosedError) as closed:
        async with asyncio.timeout(6):
            while True:
                await socket.receive()
    return closed.value.args[0]


class Seen(PasswordHasher):
    """Notes what each check of a password costs: the parameters of the hash that it is compared with."""

    def __init__(self):
        super().__init__(time_cost=1, memory_cost=64, parallelism=1)
        self.costs = []

    def verify(self, *checked):
        self.costs.append(extract_parameters(checked[0]))
        return super().verify(*checked)


async def test_promise_25_unknown_user_costs_as_much_as_a_known_one():
    # By what is computed and not by the clock, which other programs of the machine hold up.
    hasher = Seen()
    passwords = Passwords(hasher)
    try:
        known = await passwords.hash(PASSWORD)
        assert not await passwords.is_right("wrong", known)
        assert not await passwords.is_right("wrong", None)
        assert not await passwords.is_right("the password of nobody", None)
    finally:
        passwords.close()
    assert hasher.costs == [extract_parameters(known)] * 3


def test_promise_25_hundred_sign_ins_at_once_hold_up_nobody_else(start_service, database_url, pytestconfig):
    within_s = 1 if pytestconfig.getoption("--soak") else 10  # with other tests beside it, a machine of CI is slower
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url)
    process, took, largest = psutil.Process(service.pid), [], 0

    def guess(number):
        form = {"username": f"{number}@example.org", "password": "wrong"}
        return strangers.post("/auth/token", data=form).status_code

    strangers = httpx2.Client(base_url=service.url, timeout=60, limits=httpx2.Limits(max_connections=100))
    with strangers, service.client() as client, ThreadPoolExecutor(100) as threads:
        guesses = [threads.submit(guess, number) for number in range(100)]
        while not all(each.done() for each in guesses) or len(took) < 20:
            began = time.monotonic()
            assert client.get("/experiment/all").status_code == 200
            took.append(time.monotonic() - began)
            largest = max(largest, process.memory_info().rss)
        statuses = {each.result() for each in guesses}
    assert statuses <= {401, 429}
    assert sorted(took)[int(0.99 * len(took))] < within_s
    assert largest < 400 * 2**20


def test_promise_26_every_operation_of_a_websocket_is_tried_here():
    frames = get_args(get_args(Operation)[0])
    assert {get_args(frame.model_fields["op"].annotation)[0] for frame in frames} == set(FRAMES)


@pytest.mark.parametrize("op", [*FRAMES, "no operation"])
async def test_promise_26_operation_is_refused_to_who_may_only_look(client, person, headers, exp_uuid, op):
    """Whatever the frame is like, as nothing of it is read before: good, wrong, long and wrong, and no frame at all."""
    client.websocket_connection_class = Connection
    bob, eve = await person("bob@example.org"), await person("eve@example.org")
    share = {"email": "bob@example.org", "role": "viewer"}
    await post(client, f"/experiment/{exp_uuid}/share", headers, share)
    _, made = await post(client, "/auth/tokens", headers, {"name": "robot", "scopes": ["read"]})
    url, frame = f"/experiment/stream/{exp_uuid}?after=2", {"op": op, "id": 1}
    frames = [frame | FRAMES.get(op, {}), frame | {"nonsense": 1}, frame | {"nonsense": "x" * 2 * SMALL}]
    texts = [*map(json.dumps, frames), '{"id": 2, "id"', "nonsense"]
    for reader in (bob, {"Authorization": f"Bearer {made['token']}"}):
        async with client.websocket(url, headers=reader) as socket:
            for text in texts:
                await socket.send(text)
            refused = [json.loads(await socket.receive()) for _ in texts]
        assert {answer["problem"]["code"] for answer in refused} == {"forbidden"}
        assert Counter(answer["id"] for answer in refused) == {1: 3, None: 2}
    with pytest.raises(WebsocketResponseError) as refused:
        async with client.websocket(url, headers=eve) as socket:
            await socket.receive()
    assert refused.value.response.status_code == 404
    async with client.websocket(url) as socket:
        await socket.send(json.dumps({"op": "auth", "token": eve["Authorization"].removeprefix("Bearer ")}))
        assert await _closed(socket) == CLOSE_NOT_FOUND


@pytest.mark.parametrize("op", FRAMES)
@pytest.mark.parametrize("role", ["teller", "editor", "owner"])
async def test_promise_26_operation_is_read_for_who_may_tell(client, person, headers, exp_uuid, op, role):
    bob = await person("bob@example.org")
    if role != "owner":
        await post(client, f"/experiment/{exp_uuid}/share", headers, {"email": "bob@example.org", "role": role})
    async with client.websocket(
        f"/experiment/stream/{exp_uuid}?after=2", headers=headers if role == "owner" else bob
    ) as socket:
        await socket.send(json.dumps({"op": op, "id": 1, "nonsense": 1}))
        problem = json.loads(await socket.receive())["problem"]
        assert problem["code"] == "invalid"
        assert any(error["field"].endswith("nonsense") for error in problem["errors"])


@pytest.mark.parametrize("op", FRAMES)
@pytest.mark.parametrize(("ends", "code"), [("role", "not_found"), ("session", "unauthenticated")])
async def test_promise_26_operation_of_who_is_a_stranger_by_now_is_not_read(
    client, person, headers, exp_uuid, op, ends, code, monkeypatch
):
    """Before the service has looked at the rights of the websocket, and closes it."""

    async def look(_):
        return

    monkeypatch.setattr(Rights, "_look", look)
    bob = await person("bob@example.org")
    who = {"email": "bob@example.org"}
    await post(client, f"/experiment/{exp_uuid}/share", headers, who | {"role": "editor"})
    async with client.websocket(f"/experiment/stream/{exp_uuid}?after=2", headers=bob) as socket:
        if ends == "role":
            await post(client, f"/experiment/{exp_uuid}/unshare", headers, who)
        else:
            await client.post("/auth/logout", headers=bob)
        for fields in ({"nonsense": 1}, FRAMES[op]):
            await socket.send(json.dumps({"op": op, "id": 1} | fields))
            assert json.loads(await socket.receive())["problem"]["code"] == code


@pytest.mark.parametrize("secret", [None, "short", "change-me-change-me-change-me-change-me", "a" * 64])
def test_promise_26_service_has_no_secret_of_its_own_in_prod(secret, monkeypatch):
    monkeypatch.delenv("AUTOTUNE_SECRET", raising=False)
    with pytest.raises(SettingsError, match="AUTOTUNE_SECRET") as refused:
        load_settings(mode="prod", secret=secret)
    assert secret is None or secret not in str(refused.value)


async def test_promise_27_cookie_changes_nothing_for_a_page_of_another_site(app, client, user_uuid):
    assert (await client.post("/auth/login", form=FORM)).status_code == 200
    tried = {("POST", "/auth/login"), ("POST", "/auth/logout")}
    for route in app.url_map.iter_rules():
        if not route.websocket and rule_of_endpoint(app, route.endpoint).scope is not None:
            tried |= {(method, route.rule.replace("<uuid:", "<")) for method in route.methods & UNSAFE}
    assert len(tried) > 30
    for method, path in sorted(tried):
        url = "/".join(str(uuid4()) if part.startswith("<") else part for part in path.split("/"))
        for foreign in FOREIGN:
            sent = {"form": FORM} if path == "/auth/login" else {"json": {}}
            reply = await client.open(url, method=method, headers=foreign, **sent)
            assert reply.status_code == 403, f"{method} {path} {foreign}"
    assert (await client.get("/auth/me")).status_code == 200, "nothing has signed the browser out"


async def test_promise_27_cookie_is_bound_to_the_host_and_hidden_from_scripts(app, user_uuid):
    prod = create_app(app.extensions["autotune"], secret=SECRET, is_https=True, max_body_bytes=100_000)
    reply = await prod.test_client().post("/auth/login", form=FORM)
    first, *rest = reply.headers["Set-Cookie"].split("; ")
    assert first.startswith("__Host-autotune=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(rest)
    assert not any(each.startswith("Domain") for each in rest)
