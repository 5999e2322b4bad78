"""Every route, websocket and operation says what it asks of its caller, and every way in is asked for it."""

import base64
import re
from uuid import UUID, uuid4

import pytest

from autotune_service.domain.access import ROLES, SCOPES, Rule
from autotune_service.web.door import hang_door, needs, open_to_all, rule_of_endpoint
from support import PASSWORD

PUBLIC = {
    ("POST", "/auth/token"),
    ("POST", "/auth/refresh"),
    ("POST", "/auth/login"),
    ("POST", "/auth/logout"),
    ("GET", "/auth/me"),  # asks for the cookie itself
    ("GET", "/auth/basic-me"),  # asks for the password itself
    ("POST", "/user/signup"),
    ("POST", "/user/reset"),  # asks for a code itself
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/metrics"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("GET", "/static/<path:filename>"),
}
NONSENSE = {"nonsense": 1}


def routes(app):
    """Each method and path of the app with its rule, websockets left out."""
    for route in app.url_map.iter_rules():
        if not route.websocket:
            for method in sorted(route.methods - {"HEAD", "OPTIONS"}):
                yield method, route.rule, rule_of_endpoint(app, route.endpoint)


def url_of(path, exp_uuid):
    return re.sub("<uuid:.*?>", str(uuid4()), path.replace("<uuid:exp_uuid>", str(exp_uuid)))


async def status_of(client, method, url, headers):
    """The reply to a request whose body would be refused, were it read."""
    body = None if method == "GET" else NONSENSE
    return (await client.open(url, method=method, json=body, headers=headers)).status_code


async def token_of(client, headers, **fields):
    reply = await client.post("/auth/tokens", json={"name": "robot", **fields}, headers=headers)
    return {"Authorization": f"Bearer {(await reply.get_json())['token']}"}


def test_promise_26_public_routes_are_these_and_no_others(app):
    assert {(method, path) for method, path, rule in routes(app) if rule.scope is None} == PUBLIC


def test_every_path_with_an_experiment_asks_for_a_role(app):
    without = {path for _, path, rule in routes(app) if "<uuid:exp_uuid>" in path and rule.role is None}
    assert without == {"/experiment/import/<uuid:exp_uuid>"}  # there is no experiment yet, and it is the sender's own


def test_route_that_does_not_say_who_may_call_it_is_refused_at_the_start(app):
    app.add_url_rule("/forgotten", "forgotten", lambda: "")
    with pytest.raises(LookupError, match="forgotten"):
        hang_door(app)


def test_websocket_that_does_not_say_who_may_send_frames_is_refused_at_the_start(app):
    app.add_websocket("/half", "half", needs("read")(lambda: ""))
    with pytest.raises(LookupError, match="half does not say who may send frames"):
        hang_door(app)


def test_route_may_say_so(app):
    app.add_url_rule("/open", "open", open_to_all(lambda: ""))
    assert rule_of_endpoint(app, "open") == Rule(None)


async def test_promise_26_nobody_gets_in_without_credentials_whatever_the_body(app, client):
    for method, path, rule in routes(app):
        if rule.scope is not None:
            assert await status_of(client, method, url_of(path, uuid4()), {}) == 401, f"{method} {path}"


async def test_promise_26_stranger_finds_no_experiment_whatever_the_body(app, client, person, exp_uuid):
    eve = await person("eve@example.org")
    for method, path, rule in routes(app):
        if rule.role is not None:
            assert await status_of(client, method, url_of(path, exp_uuid), eve) == 404, f"{method} {path}"


@pytest.mark.parametrize("role", ["viewer", "teller", "editor"])
async def test_promise_26_role_opens_what_it_is_for_and_nothing_more(app, client, person, headers, exp_uuid, role):
    bob = await person("bob@example.org")
    share = {"email": "bob@example.org", "role": role}
    assert (await client.post(f"/experiment/{exp_uuid}/share", json=share, headers=headers)).status_code == 200
    for method, path, rule in routes(app):
        if rule.role is None:
            continue
        status = await status_of(client, method, url_of(path, exp_uuid), bob)
        may = ROLES.index(role) >= ROLES.index(rule.role)
        # One who may comes as far as the body, which is refused, or is served; or the observation is unknown.
        assert (status == 403) is not may, f"{role}: {method} {path} is {status}"


@pytest.mark.parametrize("scope", SCOPES)
async def test_scope_of_a_token_opens_what_it_is_for_and_nothing_more(app, client, headers, exp_uuid, scope):
    robot = await token_of(client, headers, scopes=[scope])
    for method, path, rule in routes(app):
        if rule.scope is None or rule.is_for_admins:
            continue
        status = await status_of(client, method, url_of(path, exp_uuid), robot)
        may = SCOPES.index(scope) >= SCOPES.index(rule.scope)
        assert (status == 403) is not may, f"{scope}: {method} {path} is {status}"
        exp_uuid = await _kept(client, headers, exp_uuid)


async def _kept(client, headers, exp_uuid):
    """The experiment, reopened if the request has closed or paused it."""
    await client.post(f"/experiment/{exp_uuid}/reopen", headers=headers)
    return exp_uuid


def test_only_what_tells_a_token_of_itself_is_open_to_tokens_for_some_experiments(app):
    found = {path for _, path, rule in routes(app) if rule.scope is not None and not rule.is_for_all}
    assert {path for path in found if "<uuid:exp_uuid>" not in path} == {"/auth/header-me", "/auth/ticket"}


async def test_token_of_some_experiments_opens_no_other(app, client, headers, exp_uuid):
    other = await client.post("/experiment/new", json={"name": "y", "covars": _COVARS}, headers=headers)
    other_uuid = UUID((await other.get_json())["exp_uuid"])
    robot = await token_of(client, headers, scopes=["admin"], experiments=[exp_uuid])
    assert await status_of(client, "GET", f"/experiment/{exp_uuid}", robot) == 200
    for method, path, rule in routes(app):
        if rule.role is not None:
            assert await status_of(client, method, url_of(path, other_uuid), robot) == 404, f"{method} {path}"
        elif rule.is_for_all:
            assert await status_of(client, method, url_of(path, other_uuid), robot) == 403, f"{method} {path}"


async def test_routes_for_administrators_refuse_others(app, client, headers):
    found = [(method, path) for method, path, rule in routes(app) if rule.is_for_admins]
    assert found
    for method, path in found:
        assert await status_of(client, method, url_of(path, uuid4()), headers) == 403, f"{method} {path}"


async def test_password_opens_the_api_only_where_the_operator_allows_it(app, client, user_uuid):
    basic = base64.b64encode(f"ada@example.org:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}"}
    assert await status_of(client, "GET", "/experiment/all", headers) == 401
    object.__setattr__(app.extensions["autotune"], "has_basic", True)
    assert await status_of(client, "GET", "/experiment/all", headers) == 200


_COVARS = {"n": {"vtype": "int", "guess": 1, "min": 0, "max": 9}}
