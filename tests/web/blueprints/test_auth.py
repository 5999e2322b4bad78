import base64
import time
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from itsdangerous import TimestampSigner

from support import PASSWORD

FORM = {"username": "ada@example.org", "password": PASSWORD}

pytestmark = pytest.mark.usefixtures("user_uuid")


async def json_of(reply):
    return await reply.get_json()


def basic(text):
    return {"Authorization": "Basic " + base64.b64encode(text).decode()}


async def test_signup_makes_a_user_who_can_sign_in(client):
    reply = await client.post("/user/signup", json={"email": "Bob@Example.org", "password": "long enough"})
    assert reply.status_code == 201
    assert (await json_of(reply))["email"] == "bob@example.org"
    form = {"username": "bob@example.org", "password": "long enough"}
    assert (await client.post("/auth/token", form=form)).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": "nobody", "password": "long enough"}, "email"),
        ({"email": "a@b", "password": "short"}, "password"),
        ({"email": "a@b"}, "password"),
        ({"email": "a@b", "password": "x" * 201}, "password"),
        ({"email": "a\x00@b", "password": "long enough"}, "email"),
    ],
)
async def test_signup_names_the_wrong_field_and_repeats_no_password(client, body, field):
    reply = await client.post("/user/signup", json=body)
    problem = await json_of(reply)
    assert reply.status_code == 422
    assert problem["errors"][0]["field"] == field
    assert not body.get("password") or body["password"] not in await reply.get_data(as_text=True)


async def test_signup_of_a_taken_address_is_answered_like_any_other(client):
    replies = [
        await client.post("/user/signup", json={"email": email, "password": "some other words"})
        for email in ("ada@example.org", "new@example.org")
    ]
    taken, free = [await json_of(reply) | {"uuid": None, "time_created": None} for reply in replies]
    assert [reply.status_code for reply in replies] == [201, 201]
    assert taken | {"email": "new@example.org"} == free


async def test_token_opens_what_is_protected(client):
    tokens = await json_of(await client.post("/auth/token", form=FORM))
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await client.get("/experiment/all", headers=headers)).status_code == 200
    me = await json_of(await client.post("/auth/header-me", headers=headers))
    assert me["username"] == "ada@example.org"


@pytest.mark.parametrize("skew_s", [-30, 30])
async def test_session_of_a_replica_whose_clock_differs_is_good_here(client, monkeypatch, skew_s):
    with monkeypatch.context() as there:
        there.setattr(TimestampSigner, "get_timestamp", lambda _: int(time.time()) + skew_s)
        assert (await client.post("/auth/login", form=FORM)).status_code == 200
    assert (await client.get("/auth/me")).status_code == 200


async def test_refresh_gives_new_tokens_and_no_more_once_these_were_used(client):
    old = await json_of(await client.post("/auth/token", form=FORM))
    new = await json_of(await client.post("/auth/refresh", json={"refresh_token": old["refresh_token"]}))
    newer = await json_of(await client.post("/auth/refresh", json={"refresh_token": new["refresh_token"]}))
    assert len({tokens["refresh_token"] for tokens in (old, new, newer)}) == 3
    assert (await client.post("/auth/refresh", json={"refresh_token": old["refresh_token"]})).status_code == 401


async def test_wrong_password_is_unauthenticated(client):
    reply = await client.post("/auth/token", form=FORM | {"password": "wrong"})
    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert reply.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer nonsense", "Basic abc", "Token x", "Bearer " + "x" * 9000]
)
async def test_bad_authorization_header_is_unauthenticated(client, header):
    reply = await client.get("/experiment/all", headers={"Authorization": header})
    assert (reply.status_code, (await json_of(reply))["code"]) == (401, "unauthenticated")


async def test_cookie_knows_who_logged_in_until_logout(client):
    assert (await client.get("/auth/me")).status_code == 401
    await client.post("/auth/login", form=FORM)
    assert (await json_of(await client.get("/auth/me")))["email"] == "ada@example.org"
    assert (await client.get("/experiment/all")).status_code == 200
    assert (await client.post("/auth/logout")).status_code == 204
    assert (await client.get("/auth/me")).status_code == 401


async def test_cookie_of_an_ended_session_is_refused(app, client):
    await client.post("/auth/login", form=FORM)
    kept = next(cookie for cookie in client.cookie_jar)
    await client.post("/auth/logout")
    thief = app.test_client()
    thief.set_cookie("localhost", kept.name, kept.value)
    assert (await thief.get("/auth/me")).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://["},
    ],
)
async def test_promise_27_cookie_does_not_act_for_another_site(client, headers):
    await client.post("/auth/login", form=FORM)
    reply = await client.post("/experiment/new", json={}, headers=headers)
    assert reply.status_code in {403, 422}
    body = {"name": "x", "covars": {"n": {"vtype": "int", "guess": 1, "min": 0, "max": 2}}}
    reply = await client.post("/experiment/new", json=body, headers=headers)
    assert (reply.status_code, (await json_of(reply))["code"]) == (403, "forbidden")


async def test_basic_tells_who_it_is(client):
    reply = await client.get("/auth/basic-me", headers=basic(f"ada@example.org:{PASSWORD}".encode()))
    assert (await json_of(reply))["email"] == "ada@example.org"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (basic(b"ada@example.org:wrong"), 401),
        (basic("zoë@example.org:pässword".encode()), 401),
        (basic(b"\xff\xfe"), 400),
        ({"Authorization": "Basic ***"}, 400),
        ({"Authorization": "Basic \xe9\xe9"}, 400),
        (basic(b"ada@example.org\x00:secret"), 400),
        ({}, 401),
    ],
)
async def test_bad_basic_credentials_are_refused(client, header, status):
    assert (await client.get("/auth/basic-me", headers=header)).status_code == status


async def test_token_of_a_user_who_is_not_there_is_refused(client, sessions):
    token = sessions.access_tokens.issue(uuid4(), uuid4(), datetime.now(UTC))
    body = {"name": "x", "covars": {"n": {"vtype": "int", "guess": 1, "min": 0, "max": 2}}}
    reply = await client.post("/experiment/new", json=body, headers={"Authorization": f"Bearer {token}"})
    assert reply.status_code == 401
