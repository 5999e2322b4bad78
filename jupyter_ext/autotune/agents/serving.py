"""Serve over HTTP on this machine, to callers who have the token that the server acts with."""

from hmac import compare_digest

import uvicorn
from mcp.server import MCPServer
from pydantic import SecretStr
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

HOST = "127.0.0.1"


class Guard:
    """Lets requests in that bear the token.

    Other users and programs of the machine reach its ports too: without this they would act in the user's name.
    """

    def __init__(self, app: ASGIApp, token: SecretStr) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or start and stop the application."""
        if scope["type"] == "http" and not self._is_known(scope):
            text = "Send the header Authorization: Bearer TOKEN, with the token that this server was started with."
            await PlainTextResponse(text, 401, {"WWW-Authenticate": "Bearer"})(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_known(self, scope: Scope) -> bool:
        given = dict(scope["headers"]).get(b"authorization", b"")
        return compare_digest(given, f"Bearer {self._token.get_secret_value()}".encode())


def serve_http(server: MCPServer, port: int, token: SecretStr) -> None:
    """Serve until the process is told to end."""
    app = Guard(server.streamable_http_app(host=HOST), token)
    uvicorn.run(app, host=HOST, port=port, log_level="warning")
