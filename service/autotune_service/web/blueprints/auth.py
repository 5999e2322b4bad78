"""Signing in: by token for programs, by cookie for browsers, by Basic authentication for a quick look."""

from uuid import UUID

from quart import Blueprint, request
from quart_auth import AuthUser, current_user, login_user, logout_user
from quart_schema import DataSource, tag, validate_request, validate_response

from autotune_service.domain.errors import UnauthenticatedError
from autotune_service.tuning.accounts import to_wire
from autotune_service.web.identity import basic_credentials, bearer_token, session_user
from autotune_service.web.proxies import client_address
from autotune_service.web.services import services
from autotune_wire import paths
from autotune_wire.accounts import HeaderMe, PasswordForm, Refresh, Tokens, User

blueprint = Blueprint("auth", __name__)


@blueprint.post(paths.AUTH_TOKEN)
@tag(["auth"])
@validate_request(PasswordForm, source=DataSource.FORM)
@validate_response(Tokens)
async def token(data: PasswordForm) -> Tokens:
    """Exchange address and password for an access token and a refresh token."""
    user = await services().accounts.sign_in(data.username, data.password, client_address(request))
    return await services().accounts.issue_tokens(user.user_uuid)


@blueprint.post(paths.AUTH_REFRESH)
@tag(["auth"])
@validate_request(Refresh)
@validate_response(Tokens)
async def refresh(data: Refresh) -> Tokens:
    """Exchange a refresh token for new tokens; a refresh token works once."""
    accounts = services().accounts
    async with accounts.brakes.secret(client_address(request)):
        return await accounts.refresh(data.refresh_token)


@blueprint.post(paths.AUTH_HEADER_ME)
@tag(["auth"])
@validate_response(HeaderMe)
async def header_me() -> HeaderMe:
    """Return the user of the access token in the Authorization header."""
    access_token = bearer_token(request)
    if access_token is None:
        raise UnauthenticatedError("send the header Authorization: Bearer <access token>")
    user = await services().accounts.user_of_token(access_token)
    return HeaderMe(username=user.email, access_token=access_token)


@blueprint.post(paths.AUTH_LOGIN)
@tag(["auth"])
@validate_request(PasswordForm, source=DataSource.FORM)
@validate_response(User)
async def login(data: PasswordForm) -> User:
    """Log a browser in; the reply sets the session's cookie."""
    user = await services().accounts.sign_in(data.username, data.password, client_address(request))
    session_uuid = await services().accounts.open_session(user.user_uuid)
    login_user(AuthUser(str(session_uuid)))
    return to_wire(user)


@blueprint.post(paths.AUTH_LOGOUT)
@tag(["auth"])
async def logout() -> tuple[str, int]:
    """Log the browser out and end its session."""
    if current_user.auth_id is not None:
        await services().accounts.end_session(UUID(current_user.auth_id))
        logout_user()
    return "", 204


@blueprint.get(paths.AUTH_ME)
@tag(["auth"])
@validate_response(User)
async def me() -> User:
    """Return the user who is logged in, by the session's cookie."""
    return to_wire(await session_user())


@blueprint.get(paths.AUTH_BASIC_ME)
@tag(["auth"])
@validate_response(User)
async def basic_me() -> User:
    """Return the user of the address and password in the Basic Authorization header."""
    email, password = basic_credentials()
    return to_wire(await services().accounts.sign_in(email, password, client_address(request)))
