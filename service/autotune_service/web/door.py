"""The one permission check: each route says what it asks of its caller, which is decided before its body is read.

A websocket says so for the frames that come in too, and each is decided about before it is read.
"""

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from quart import Quart, current_app, g, request

from autotune_service.domain.access import Actor, Caller, Rule
from autotune_service.web.identity import caller_of_request
from autotune_service.web.proxies import client_address
from autotune_service.web.services import services
from autotune_wire.access import Role, Scope

_RULE = "autotune_rule"
_RULE_OF_FRAMES = "autotune_rule_of_frames"
_OPEN = frozenset({"static", "openapi"})
"""Endpoints of the libraries that anybody may call: the files of the page of the API, and the API's description."""

_Handler = TypeVar("_Handler", bound=Callable[..., Any])


def open_to_all(handler: _Handler) -> _Handler:
    """Let anybody call a route; stands below the route's own decorator, as ``needs`` does."""
    setattr(handler, _RULE, Rule(None))
    return handler


def needs(
    scope: Scope, role: Role | None = None, *, is_for_admins: bool = False, is_for_some: bool = False
) -> Callable[[_Handler], _Handler]:
    """Say what a route asks of its caller, as in ``domain.access.Rule``; stands below the route's own decorator."""

    def mark(handler: _Handler) -> _Handler:
        setattr(handler, _RULE, Rule(scope, role, is_for_admins, is_for_some))
        return handler

    return mark


def frames_need(scope: Scope, role: Role | None = None) -> Callable[[_Handler], _Handler]:
    """Say what a websocket asks of its caller for each frame that comes in; stands below ``needs``."""

    def mark(handler: _Handler) -> _Handler:
        setattr(handler, _RULE_OF_FRAMES, Rule(scope, role))
        return handler

    return mark


def rule_of_endpoint(app: Quart, endpoint: str) -> Rule:
    """Return what a route asks of its caller.

    Raises:
        LookupError: If the route does not say.
    """
    if endpoint in _OPEN:
        return Rule(None)
    rule = getattr(app.view_functions[endpoint], _RULE, None)
    if not isinstance(rule, Rule):
        raise LookupError(f"the route {endpoint} does not say who may call it: see web/door.py")
    return rule


def rule_of_frames(app: Quart, endpoint: str) -> Rule:
    """Return what a websocket asks of its caller for each frame that comes in.

    Raises:
        LookupError: If the websocket does not say.
    """
    rule = getattr(app.view_functions[endpoint], _RULE_OF_FRAMES, None)
    if not isinstance(rule, Rule):
        raise LookupError(f"the websocket {endpoint} does not say who may send frames: see web/door.py")
    return rule


def hang_door(app: Quart) -> None:
    """Check the caller of every request before its body is read; call this when all routes are there.

    Raises:
        LookupError: If a route does not say who may call it, or a websocket not who may send frames.
    """
    for rule in app.url_map.iter_rules():
        rule_of_endpoint(app, rule.endpoint)
        if rule.websocket:
            rule_of_frames(app, rule.endpoint)
    app.before_request(_check)


async def _check() -> None:
    if request.url_rule is None or request.method == "OPTIONS":
        return
    rule = rule_of_endpoint(current_app, request.url_rule.endpoint)
    if rule.scope is None:
        return
    g.caller = await caller_of_request(request)
    exp_uuid = (request.view_args or {}).get("exp_uuid") if rule.role is not None else None
    await check_rule(g.caller, rule, exp_uuid)


async def check_rule(caller: Caller, rule: Rule, exp_uuid: UUID | None) -> None:
    """Check that a caller may do what a route, or a frame of a websocket, is for.

    Raises:
        NotFoundError: If the path names an experiment that the caller has no role on.
        ForbiddenError: If the caller's role or token does not allow it.
    """
    assert rule.scope is not None
    if rule.role is not None:
        assert exp_uuid is not None, "a rule with a role needs a path with an experiment"
        await services().roles.check(caller, exp_uuid, rule.scope, rule.role)
        return
    caller.require_scope(rule.scope)
    if rule.is_for_admins:
        caller.require_admin()
    if rule.is_for_all:
        caller.require_all_experiments()


def caller() -> Caller:
    """Return who sent the current request, which has passed the door."""
    found = g.caller
    assert isinstance(found, Caller)
    return found


def user() -> UUID:
    """Return the uuid of the user who sent the current request, which has passed the door."""
    return caller().user_uuid


def actor() -> Actor:
    """Return who sent the current request, for the audit."""
    found = caller()
    return Actor(found.user_uuid, found.way, client_address(request))
