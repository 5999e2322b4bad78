"""The address that a request comes from."""

from quart import Request, Websocket


def client_address(given: Request | Websocket) -> str:
    """Return the network address of who sent a request."""
    return given.remote_addr or ""
