"""Finds the user who sent a request, by access token or by the session of a browser."""

import base64
from uuid import UUID

from quart import Request, Websocket, request, websocket
from quart_auth import current_user

from autotune_service.domain.errors import ForbiddenError, MalformedError, UnauthenticatedError
from autotune_service.store.rows.users import UserRow
from autotune_service.web.services import services
from autotune_wire.accounts import PasswordForm

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({"same-origin", "none"})


async def signed_in() -> UUID:
    """Return the uuid of the user who sent the request.

    Raises:
        UnauthenticatedError: If nobody is signed in.
        ForbiddenError: If another site's page made the browser send the request.
    """
    token = bearer_token(request)
    if token is not None:
        return (await services().accounts.user_of_token(token)).user_uuid
    user = await session_user()
    if request.method not in _SAFE_METHODS and not _is_own_page(request):
        raise ForbiddenError("the request comes from a page of another site, which must not act for you")
    return user.user_uuid


async def signed_in_on_socket() -> UUID | None:
    """Return the uuid of the user who opens the websocket; None if the first frame must bring the token.

    Raises:
        UnauthenticatedError: If the token or the session is not valid.
        ForbiddenError: If another site's page made the browser open the websocket.
    """
    token = bearer_token(websocket)
    if token is not None:
        return (await services().accounts.user_of_token(token)).user_uuid
    if current_user.auth_id is None:
        return None
    if not _is_own_page(websocket) or "Origin" not in websocket.headers:
        raise ForbiddenError("the websocket comes from a page of another site, which must not watch for you")
    return (await session_user()).user_uuid


async def session_user() -> UserRow:
    """Return the user of the browser's session.

    Raises:
        UnauthenticatedError: If there is no session, or the session has ended.
    """
    if current_user.auth_id is None:
        raise UnauthenticatedError("sign in: send a bearer token, or log in for a cookie")
    return await services().accounts.user_of_session(UUID(current_user.auth_id))


def bearer_token(source: Request | Websocket) -> str | None:
    """Return the token of the Authorization header, None without such a header.

    Raises:
        UnauthenticatedError: If the header has another scheme than Bearer, or no token.
    """
    header = source.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise UnauthenticatedError("the Authorization header must be: Bearer <access token>")
    return token.strip()


def basic_credentials() -> tuple[str, str]:
    """Return the address and the password of a Basic Authorization header (RFC 7617), read as UTF-8.

    Raises:
        UnauthenticatedError: If there is no such header.
        MalformedError: If the header cannot be decoded.
    """
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        raise UnauthenticatedError("the Authorization header must be: Basic <credentials>")
    try:
        username, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        form = PasswordForm(username=username, password=password)
    except ValueError:  # not base64, not UTF-8, or refused by the form
        raise MalformedError("the Basic credentials must be base64 of <address>:<password> in UTF-8") from None
    return form.username, form.password


def _is_own_page(source: Request | Websocket) -> bool:
    site = source.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in _OWN_SITES
    origin = source.headers.get("Origin")
    return origin is None or origin.partition("://")[2] == source.host
