"""Builds the Quart app: blueprints, errors, the OpenAPI document and its page."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from quart import Quart, request
from quart.json.provider import DefaultJSONProvider
from quart.sessions import SessionInterface
from quart.wrappers import BaseRequestWebsocket
from quart_auth import QuartAuth
from quart_auth.extension import _AuthSerializer
from quart_schema import Info, QuartSchema

from autotune_service.domain.errors import NotFoundError
from autotune_service.store.statements import json_text
from autotune_service.tuning.accounts import SESSION_LIFETIME
from autotune_service.web.blueprints import auth, experiment, health, insights, metrics, people, portable, stream, user
from autotune_service.web.errors import register_errors
from autotune_service.web.observed import observe
from autotune_service.web.openapi import ServiceOpenAPI
from autotune_service.web.requests import ServiceRequest
from autotune_service.web.services import Services
from autotune_service.web.socket import FRAMES_A_SECOND, MAX_UNANSWERED
from autotune_wire import paths
from autotune_wire.portable import MAX_EVENTS, MAX_IMPORT_BYTES

_STATIC = Path(__file__).parent / "static"
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


class _Cookies(_AuthSerializer):
    """Reads a cookie of any age: the session's row says when it ends, by the database's clock.

    Otherwise a cookie from a replica whose clock is a second ahead would be refused here, as one from the future.
    """

    def loads(self, s: str | bytes, *_: Any, **__: Any) -> Any:
        """Return the content of a cookie that this service has signed."""
        return super().loads(s)


def create_app(
    services: Services, *, secret: str, is_https: bool, max_body_bytes: int, has_metrics: bool = False
) -> Quart:
    """Build the app around the parts of one process.

    Args:
        services: What the handlers work with.
        secret: Signs the cookies.
        is_https: Whether browsers reach the service over HTTPS alone, so that cookies may demand it.
        max_body_bytes: The largest body that is accepted.
        has_metrics: Whether ``/metrics`` is served, without login.
    """
    app = Quart("autotune_service", static_folder=str(_STATIC))
    observe(app)
    app.request_class = ServiceRequest
    app.session_interface = _NoSessions()  # type: ignore[assignment]  # Quart declares its default
    app.secret_key = secret
    app.config.update(
        MAX_CONTENT_LENGTH=max_body_bytes,
        BODY_TIMEOUT=_BODY_TIMEOUT_S,
        RESPONSE_TIMEOUT=None,  # an ask may wait for long, and a stream has no end
        QUART_SCHEMA_PYDANTIC_DUMP_OPTIONS={"mode": "json"},
        QUART_SCHEMA_SWAGGER_JS_URL="/static/swagger-ui/swagger-ui-bundle.js",
        QUART_SCHEMA_SWAGGER_CSS_URL="/static/swagger-ui/swagger-ui.css",
    )
    app.extensions["autotune"] = services
    QuartAuth(
        app,
        cookie_secure=is_https,
        duration=int(SESSION_LIFETIME.total_seconds()),
        cookie_name="autotune",
        serializer_class=_Cookies,
    )
    _document(app, services)
    app.json = _Json(app)
    for module in (auth, user, people, experiment, portable, insights, stream, health):
        app.register_blueprint(module.blueprint)
    if has_metrics:
        app.register_blueprint(metrics.blueprint)
    register_errors(app)
    app.before_request(_refuse_long_path)
    return app


async def _refuse_long_path() -> None:
    # The lookup of static files would fail with an error of the file system for a longer name.
    if len(request.path) > _MAX_PATH:
        raise NotFoundError("there is no path of that length; see /docs")


def _document(app: Quart, services: Services) -> None:
    limits = (
        f"Limits of this service: a body of {app.config['MAX_CONTENT_LENGTH']} bytes ({paths.EXPERIMENT_IMPORT}: "
        f"{MAX_IMPORT_BYTES}); {services.limits.batch} observations per tell, {services.limits.observations} per "
        f"experiment; {services.limits.experiments} experiments and {services.sockets_per_user} websockets per user; "
        f"{services.limits.waiting} requests that wait for the engine at a time; {FRAMES_A_SECOND} frames a second per "
        f"websocket, {MAX_UNANSWERED} of them unanswered; {MAX_EVENTS} events in an imported experiment."
    )
    about = f"What to try next, live.\n\n{limits}"
    QuartSchema(
        app,
        info=Info(title="AutoTune", version=version("autotune-bo"), description=about),
        openapi_provider_class=ServiceOpenAPI,
        redoc_ui_path=None,
        scalar_ui_path=None,
        security_schemes={
            "password": {"type": "oauth2", "flows": {"password": {"tokenUrl": paths.AUTH_TOKEN, "scopes": {}}}},
            "bearer": {"type": "http", "scheme": "bearer", "bearer_format": "JWT"},
        },
        security=[{"password": []}, {"bearer": []}],
        conversion_preference="pydantic",
    )
