"""Builds the Quart app: blueprints, errors, the OpenAPI document and its page."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from quart import Quart, Response, g, request
from quart.json.provider import DefaultJSONProvider
from quart.sessions import SessionInterface
from quart.wrappers import BaseRequestWebsocket
from quart_auth import QuartAuth
from quart_auth.extension import _AuthSerializer
from quart_schema import Info, hide

from autotune_service.domain.errors import NotFoundError
from autotune_service.domain.limits import MAX_PAGE_BYTES
from autotune_service.security.keys import derived_key
from autotune_service.store.statements import json_text
from autotune_service.tuning.sessions import BROWSER_LIFETIME
from autotune_service.web.blueprints import (
    auth,
    candidates,
    experiment,
    health,
    insights,
    metrics,
    people,
    portable,
    sharing,
    stream,
    user,
)
from autotune_service.web.door import hang_door, open_to_all
from autotune_service.web.errors import register_errors
from autotune_service.web.headers import DOCS_PATH, secure
from autotune_service.web.hosts import HostlessQuart, Hosts, keep_to
from autotune_service.web.in_turn import take_turns
from autotune_service.web.observed import observe
from autotune_service.web.openapi import MadeOnce, ServiceOpenAPI
from autotune_service.web.proxies import Proxies, believe
from autotune_service.web.requests import MAX_SHORT_BYTES, MAX_SIGN_IN_BYTES, ServiceRequest, await_rest_of_body
from autotune_service.web.services import Services
from autotune_service.web.socket import FRAMES_A_SECOND, MAX_UNANSWERED
from autotune_wire import paths
from autotune_wire.portable import MAX_EVENTS, MAX_IMPORT_BYTES

_STATIC = Path(__file__).parent / "static"
_DOCS = (_STATIC / "docs" / "page.html").read_text()
_BODY_TIMEOUT_S = 60
_MAX_PATH = 200


class _Json(DefaultJSONProvider):
    """Writes JSON with msgspec, several times as fast as the standard library; the order of names is kept."""

    def dumps(self, obj: Any, **_kwargs: Any) -> str:
        """Write JSON."""
        return json_text(obj)


class _NoSessions(SessionInterface):
    """Replaces Quart's sessions by none: quart-auth's cookie holds the login, and nothing else is kept in a cookie."""

    async def open_session(self, app: Quart, request: BaseRequestWebsocket) -> None:
        """Return no session, so that Quart sets no cookie."""


class _Auth(QuartAuth):
    """Writes or deletes a cookie only where a handler has looked at it, or signed somebody in or out."""

    async def after_request(self, response: Response) -> Response:
        """Return the response of a request with a token as it is; its cookie would be read for nothing."""
        return await super().after_request(response) if self.attribute_name in g else response


class _Cookies(_AuthSerializer):
    """Reads a cookie of any age: the session's row says when it ends, by the database's clock.

    Otherwise a cookie from a replica whose clock is a second ahead would be refused here, as one from the future.
    """

    def loads(self, s: str | bytes, *_: Any, **__: Any) -> Any:
        """Return the content of a cookie that this service has signed."""
        return super().loads(s)


def create_app(
    services: Services,
    *,
    secret: str,
    is_https: bool,
    max_body_bytes: int,
    has_metrics: bool = False,
    secrets_before: Sequence[str] = (),
    hosts: Hosts | None = None,
    proxies: Proxies | None = None,
) -> Quart:
    """Build the app around the parts of one process.

    Args:
        services: What the handlers work with.
        secret: The secret that the key of the cookies is derived from.
        is_https: Whether browsers reach the service over HTTPS alone, so that cookies may demand it.
        max_body_bytes: The largest body that is accepted.
        has_metrics: Whether ``/metrics`` is served, without login.
        secrets_before: The secrets before this one, whose cookies are still accepted.
        hosts: The names under which the service is reached; those of this machine alone by default.
        proxies: The proxies whose headers are believed; none by default.
    """
    app = HostlessQuart("autotune_service", static_folder=str(_STATIC))
    secure(app, is_https=is_https)
    observe(app)
    believe(app, proxies or Proxies())
    keep_to(app, hosts or Hosts(is_https=is_https))
    app.request_class = ServiceRequest
    app.after_request(await_rest_of_body)
    app.session_interface = _NoSessions()  # type: ignore[assignment]  # Quart declares its default
    app.secret_key = derived_key(secret, "cookies")
    app.config.update(
        SECRET_KEY_FALLBACKS=[derived_key(before, "cookies") for before in secrets_before],
        MAX_CONTENT_LENGTH=max_body_bytes,
        BODY_TIMEOUT=_BODY_TIMEOUT_S,
        RESPONSE_TIMEOUT=None,  # an ask may wait for long, and a stream has no end
        QUART_SCHEMA_PYDANTIC_DUMP_OPTIONS={"mode": "json"},
    )
    app.extensions["autotune"] = services
    _Auth(
        app,
        cookie_secure=is_https,
        duration=int(BROWSER_LIFETIME.total_seconds()),
        cookie_name="__Host-autotune" if is_https else "autotune",
        serializer_class=_Cookies,
    )
    _document(app, services)
    app.json = _Json(app)
    for module in (auth, user, people, sharing, experiment, candidates, portable, insights, stream, health):
        app.register_blueprint(module.blueprint)
    if has_metrics:
        app.register_blueprint(metrics.blueprint)
    app.add_url_rule(DOCS_PATH, "docs", _docs)
    register_errors(app)
    app.before_request(_refuse_long_path)
    hang_door(app)
    take_turns(app)
    return app


@open_to_all
@hide
async def _docs() -> Response:
    """Return the page of the API. That of quart-schema has a script within it, which the page's policy forbids."""
    return Response(_DOCS, mimetype="text/html")


async def _refuse_long_path() -> None:
    # The lookup of static files would fail with an error of the file system for a longer name.
    if len(request.path) > _MAX_PATH:
        raise NotFoundError("there is no path of that length; see /docs")


def _shares(services: Services) -> str:
    limits, turns = services.limits, services.turns
    return (
        f"Shares of each user, beyond which a request gets 429 `too_many` with Retry-After: {turns.in_flight} requests "
        f"in flight, of which {turns.shares.each} are worked on at a time and the others wait for their turn; "
        f"{services.store.shares.each} connections to the database; {services.sockets_per_user} websockets; "
        f"{limits.waiting_each} requests that wait for the engine; {limits.questions_each} predictions, insights and "
        f"asks with fixed values that wait to be computed; {limits.stored_bytes} bytes of experiments; "
        f"{limits.answers} replies kept for an Idempotency-Key, of {limits.answer_bytes} bytes in all; "
        f"{limits.space_revisions} revisions of an experiment's space. A page of a list ends after {MAX_PAGE_BYTES} "
        "bytes, whatever its limit."
    )


def _document(app: Quart, services: Services) -> None:
    most = app.config["MAX_CONTENT_LENGTH"]
    limits = (
        f"Limits of this service: a body of {most} bytes to create an experiment, tell, predict or change a space, "
        f"{MAX_IMPORT_BYTES} to import, {min(MAX_SIGN_IN_BYTES, most)} under /auth and /user, "
        f"{min(MAX_SHORT_BYTES, most)} elsewhere; {services.limits.batch} observations per tell, "
        f"{services.limits.observations} per experiment; {services.limits.experiments} experiments per user; "
        f"{services.limits.waiting} requests that wait for the engine at a time; {FRAMES_A_SECOND} frames a second per "
        f"websocket, {MAX_UNANSWERED} of them unanswered; {MAX_EVENTS} events in an imported experiment."
    )
    about = f"What to try next, live.\n\n{limits}\n\n{_shares(services)}"
    MadeOnce(
        app,
        info=Info(title="AutoTune", version=version("autotune-bo"), description=about),
        openapi_provider_class=ServiceOpenAPI,
        swagger_ui_path=None,
        redoc_ui_path=None,
        scalar_ui_path=None,
        security_schemes={
            "password": {"type": "oauth2", "flows": {"password": {"tokenUrl": paths.AUTH_TOKEN, "scopes": {}}}},
            "bearer": {"type": "http", "scheme": "bearer", "bearer_format": "JWT"},
        },
        security=[{"password": []}, {"bearer": []}],
        conversion_preference="pydantic",
    )
