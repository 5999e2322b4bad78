"""Finds out who sent a request: by bearer token, by a browser's cookie, by password, or by a websocket's ticket."""

import base64
from uuid import UUID

from quart import Request, Websocket, request, websocket
from quart_auth import current_user

from autotune_service.domain.access import Caller
from autotune_service.domain.errors import ForbiddenError, MalformedError, UnauthenticatedError
from autotune_service.web.hosts import is_own_origin
from autotune_service.web.proxies import client_address
from autotune_service.web.services import services
from autotune_wire.accounts import PasswordForm

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({"same-origin", "none"})
SUBPROTOCOL = "autotune"
_TICKET = "ticket."


async def caller_of_request(given: Request) -> Caller:
    """Return who sent a request.

    Raises:
        UnauthenticatedError: If nobody is signed in.
        ForbiddenError: If another site's page made the browser send the request.
    """
    scheme, credentials = authorization(given)
    if scheme == "bearer":
        return await services().sessions.caller_of_bearer(credentials)
    if scheme == "basic" and services().has_basic:
        user = await services().accounts.sign_in(*decoded_basic(credentials), client_address(given))
        return Caller(user.user_uuid, user.email, user.is_admin, "basic")
    if scheme is not None:
        raise UnauthenticatedError("the Authorization header must be: Bearer <access token>")
    caller = await caller_of_cookie()
    refuse_other_sites(given)
    return caller


async def caller_of_socket() -> Caller | None:
    """Return who opens the current websocket; None if the first frame must bring the token.

    Raises:
        UnauthenticatedError: If the token, the ticket or the session is not valid.
        ForbiddenError: If another site's page made the browser open the websocket.
    """
    scheme, credentials = authorization(websocket)
    if scheme == "bearer":
        return await services().sessions.caller_of_bearer(credentials)
    if scheme is not None:
        raise UnauthenticatedError("the Authorization header must be: Bearer <access token>")
    for protocol in websocket.requested_subprotocols:
        if protocol.startswith(_TICKET):
            return await services().sessions.caller_of_ticket(protocol.removeprefix(_TICKET))
    if current_user.auth_id is None:
        return None
    if "Origin" not in websocket.headers or not _is_own_page(websocket):
        raise ForbiddenError("the websocket comes from a page of another site, which must not watch for you")
    return await caller_of_cookie()


async def caller_of_cookie() -> Caller:
    """Return who has the cookie of the current request or websocket.

    Raises:
        UnauthenticatedError: If there is no session, or the session has ended.
    """
    if current_user.auth_id is None:
        raise UnauthenticatedError("sign in: send a bearer token, or log in for a cookie")
    return await services().sessions.caller_of_cookie(UUID(current_user.auth_id))


def refuse_other_sites(given: Request) -> None:
    """Refuse a request that changes something, or signs somebody in or out, if another site's page sent it.

    Raises:
        ForbiddenError: If so.
    """
    if given.method not in _SAFE_METHODS and not _is_own_page(given):
        raise ForbiddenError("the request comes from a page of another site, which must not act for you")


def authorization(given: Request | Websocket) -> tuple[str | None, str]:
    """Return the scheme of the Authorization header in lower case, None without such a header, and what follows it.

    Raises:
        UnauthenticatedError: If nothing follows the scheme.
    """
    header = given.headers.get("Authorization")
    if header is None:
        return None, ""
    scheme, _, credentials = header.partition(" ")
    if not credentials.strip():
        raise UnauthenticatedError("the Authorization header must be: Bearer <access token>")
    return scheme.lower(), credentials.strip()


def basic_credentials() -> tuple[str, str]:
    """Return the address and the password of a Basic Authorization header.

    Raises:
        UnauthenticatedError: If there is no such header.
        MalformedError: If the header cannot be decoded.
    """
    scheme, credentials = authorization(request)
    if scheme != "basic":
        raise UnauthenticatedError("the Authorization header must be: Basic <credentials>")
    return decoded_basic(credentials)


def decoded_basic(credentials: str) -> tuple[str, str]:
    """Decode the credentials of a Basic Authorization header (RFC 7617), read as UTF-8.

    Raises:
        MalformedError: If they cannot be decoded.
    """
    try:
        username, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        form = PasswordForm(username=username, password=password)
    except ValueError:  # not base64, not UTF-8, or refused by the form
        raise MalformedError("the Basic credentials must be base64 of <address>:<password> in UTF-8") from None
    return form.username, form.password


def _is_own_page(given: Request | Websocket) -> bool:
    # A browser tells the origin of whatever changes something; where it is told, it decides.
    origin = given.headers.get("Origin")
    if origin is not None:
        return is_own_origin(origin)
    return given.headers.get("Sec-Fetch-Site", "none") in _OWN_SITES
