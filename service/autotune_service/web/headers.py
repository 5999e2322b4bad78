"""What every answer tells the browser: to run nothing but our own files, to be framed by nobody, to guess no types."""

from typing import Any

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from quart import Quart

Headers = tuple[tuple[bytes, bytes], ...]

DOCS_PATH = "/docs"
_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})
_NOWHERE = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# Swagger UI's pictures are data of its stylesheet. It calls the API of its own origin, and no other.
_OWN_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PRIVATE = ("/auth/", "/user/")
"""How paths begin whose answers hold tokens and accounts, which no cache may keep (RFC 6749, 5.1)."""
_YEAR_S = 365 * 86_400

COMMON: Headers = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
OF_SERVER: Headers = (*COMMON, (b"content-security-policy", _NOWHERE.encode()))
"""The headers of what hypercorn answers by itself, as to a request that is no HTTP."""


def secure(app: Quart, *, is_https: bool) -> None:
    """Have an app send the headers with every answer, also with errors, files and refused websockets.

    Args:
        app: The app; what wraps it later sees the headers, too.
        is_https: Whether browsers reach the service over HTTPS alone, so that they may be told to keep to it.
    """
    # Browsers take no notice of this header over plain HTTP (RFC 6797, 8.1). Zero has them forget what they were told
    # of localhost, where other programs of a developer listen, too.
    transport = (b"strict-transport-security", f"max-age={_YEAR_S if is_https else 0}".encode())
    ordinary = (*OF_SERVER, transport)
    of_page = (*COMMON, (b"content-security-policy", _OWN_PAGE.encode()), transport)
    private = (*ordinary, (b"cache-control", b"no-store"))
    inner = app.asgi_app

    async def secured(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "lifespan":
            await inner(scope, receive, send)
            return
        is_private = f"{scope['path']}/".startswith(_PRIVATE)
        added = private if is_private else of_page if scope["path"] == DOCS_PATH else ordinary

        async def sending(event: ASGISendEvent) -> None:
            message: Any = event
            if message["type"] in _STARTS:
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        await inner(scope, receive, sending)

    app.asgi_app = secured  # type: ignore[method-assign]  # Quart's documented way to wrap an app
