"""Gives every request and websocket an id, metrics and one line in the log, and every request a span.

This code wraps the app, so that it sees what handlers do not see: a client that hangs up, and the code that a websocket
is closed with.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from hypercorn.typing import ASGIReceiveCallable, ASGIReceiveEvent, ASGISendCallable, ASGISendEvent, Scope
from quart import Quart, request, websocket
from werkzeug.routing import Rule

from autotune_service.observing import logs, metrics
from autotune_service.observing.traces import Span, span
from autotune_service.web.blueprints.metrics import METRICS
from autotune_wire import frames, paths

_log = logging.getLogger(__name__)
_ID_HEADER = b"x-request-id"
_STARTS = frozenset({"http.response.start", "websocket.http.response.start", "websocket.accept"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER_METHOD = "OTHER"  # a client may send any word
_NO_RULE = "none"
_REFUSED = 403  # the reply to the handshake if an app closes a websocket without accepting it
_ABNORMAL = 1006  # RFC 6455, 7.4.1: the connection ended without a closing frame
_OWN_CODES = frozenset(code for name, code in vars(frames).items() if name.startswith("CLOSE_"))
_ASKED_BY_MACHINES = frozenset({paths.HEALTH_LIVE, paths.HEALTH_READY, METRICS})


def observe(app: Quart) -> None:
    """Observe all requests and websockets of an app; call this before any other ``before_request`` is registered."""
    app.before_request(_note_request)
    app.before_websocket(_note_websocket)
    inner = app.asgi_app

    async def observed(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "lifespan":
            await inner(scope, receive, send)
            return
        with _followed(scope) as exchange:
            await inner(scope, exchange.seen_by_receive(receive), exchange.seen_by_send(send))

    app.asgi_app = observed  # type: ignore[method-assign]  # Quart's documented way to wrap an app


@dataclass(slots=True)
class _Exchange:
    """One request or websocket; its fields are filled in as they become known."""

    is_websocket: bool
    method: str
    request_id: str
    rule: str = _NO_RULE
    exp_uuid: str | None = None
    status: int = metrics.GONE
    is_accepted: bool = False
    code: int | None = None
    started: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started

    def seen_by_send(self, send: ASGISendCallable) -> ASGISendCallable:
        async def sending(event: ASGISendEvent) -> None:
            message: Any = event
            match message["type"]:
                case "http.response.start" | "websocket.http.response.start":
                    self.status = message["status"]
                case "websocket.accept":
                    self.is_accepted = True
                    metrics.websocket_opened()
                case "websocket.close":
                    self.status = _REFUSED
                    self._note_close(message.get("code", 1000))
            if message["type"] in _STARTS:
                message = {**message, "headers": [*message["headers"], (_ID_HEADER, self.request_id.encode())]}
            await send(message)

        return sending

    def seen_by_receive(self, receive: ASGIReceiveCallable) -> ASGIReceiveCallable:
        async def receiving() -> ASGIReceiveEvent:
            message: Any = await receive()
            if message["type"] == "websocket.disconnect":
                self._note_close(message.get("code", _ABNORMAL))
            return message  # type: ignore[no-any-return]  # the same event

        return receiving

    def _note_close(self, code: int) -> None:
        if self.code is None:  # the first to close decides; the other side only confirms
            self.code = code


_exchange: ContextVar[_Exchange] = ContextVar("exchange")


async def _note_request() -> None:
    _note_rule(request.url_rule, request.view_args)


async def _note_websocket() -> None:
    _note_rule(websocket.url_rule, websocket.view_args)


def _note_rule(rule: Rule | None, arguments: dict[str, Any] | None) -> None:
    exchange = _exchange.get()
    if rule is not None:
        exchange.rule = rule.rule
    exp_uuid = (arguments or {}).get("exp_uuid")
    if isinstance(exp_uuid, UUID):
        exchange.exp_uuid = str(exp_uuid)
        logs.bind(exp_uuid=exchange.exp_uuid)


@contextmanager
def _followed(scope: Any) -> Iterator[_Exchange]:
    headers = {name.lower(): value.decode("latin1") for name, value in scope["headers"]}
    request_id = logs.begin_request(headers.get(_ID_HEADER))
    is_websocket = scope["type"] == "websocket"
    method = scope.get("method", "GET")
    exchange = _Exchange(is_websocket, method if method in _METHODS else _OTHER_METHOD, request_id)
    token = _exchange.set(exchange)
    with ExitStack() as stack:
        stack.callback(logs.end_request)
        stack.callback(_exchange.reset, token)
        # A websocket may last for days, so it has no span. Each of its operations has a span.
        traced = None if is_websocket else stack.enter_context(span("request", headers.get(b"traceparent")))
        try:
            yield exchange
        finally:
            # The handler ran in a task of its own, and its log fields ended with the task.
            if exchange.exp_uuid is not None:
                logs.bind(exp_uuid=exchange.exp_uuid)
            _report(exchange, traced)


def _report(exchange: _Exchange, traced: Span | None) -> None:
    seconds = exchange.seconds
    if exchange.is_accepted:
        code = _ABNORMAL if exchange.code is None else exchange.code
        is_known = 1000 <= code <= 1015 or code in _OWN_CODES
        metrics.websocket_closed(str(code) if is_known else "other")
        fields = {"rule": exchange.rule, "code": code, "seconds": round(seconds, 4)}
        _log.info("websocket closed", extra=fields)
        return
    metrics.request_ended(exchange.method, exchange.rule, exchange.status, seconds)
    if traced is not None:
        _complete_span(traced, exchange)
    fields = {"method": exchange.method, "rule": exchange.rule, "status": exchange.status, "seconds": round(seconds, 4)}
    _log.log(logging.DEBUG if exchange.rule in _ASKED_BY_MACHINES else logging.INFO, "request", extra=fields)


def _complete_span(traced: Span, exchange: _Exchange) -> None:
    # The attributes have the names that OpenTelemetry defines for HTTP.
    traced.rename(f"{exchange.method} {exchange.rule}")
    traced.set(http__request__method=exchange.method, http__route=exchange.rule)
    traced.set(http__response__status_code=exchange.status)
    if exchange.exp_uuid is not None:
        traced.set(exp_uuid=exchange.exp_uuid)
    if exchange.status >= 500:
        traced.fail(str(exchange.status))
