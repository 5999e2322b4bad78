"""Finds the address of the client behind a request."""

from quart import Request


def client_address(request: Request) -> str:
    """Return the network address of the client who sent a request."""
    return request.remote_addr or ""
