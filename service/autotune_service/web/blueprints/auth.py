"""Signing in: by token for programs, by cookie for browsers, by Basic authentication for a quick look."""

from uuid import UUID

from quart import Blueprint, request
from quart_auth import AuthUser, current_user, login_user, logout_user
from quart_schema import DataSource, tag, validate_request, validate_response

from autotune_service.domain.errors import UnauthenticatedError
from autotune_service.tuning import automation
from autotune_service.tuning.accounts import to_wire
from autotune_service.web.blueprints.rules import rule_of
from autotune_service.web.door import actor, caller, needs, open_to_all, user
from autotune_service.web.identity import authorization, basic_credentials, caller_of_cookie, refuse_other_sites
from autotune_service.web.proxies import client_address
from autotune_service.web.services import services
from autotune_wire import paths
from autotune_wire.access import CreatedToken, NewToken, Ticket, TokenList
from autotune_wire.accounts import HeaderMe, PasswordForm, Refresh, Tokens, User

blueprint = Blueprint("auth", __name__)


@blueprint.post(paths.AUTH_TOKEN)
@open_to_all
@tag(["auth"])
@validate_request(PasswordForm, source=DataSource.FORM)
@validate_response(Tokens)
async def token(data: PasswordForm) -> Tokens:
    """Exchange address and password for an access token and a refresh token."""
    signed_in = await services().accounts.sign_in(data.username, data.password, client_address(request))
    return await services().sessions.open_program(signed_in.user_uuid, client_address(request))


@blueprint.post(paths.AUTH_REFRESH)
@open_to_all
@tag(["auth"])
@validate_request(Refresh)
@validate_response(Tokens)
async def refresh(data: Refresh) -> Tokens:
    """Exchange a refresh token for new tokens; a refresh token works once.

    A reply that was lost can be asked for again within ten seconds. A token that comes later than that ends its session
    with all its tokens and websockets, because somebody else may have it.
    """
    async with services().accounts.brakes.secret(client_address(request)):
        return await services().sessions.refresh(data.refresh_token, client_address(request))


@blueprint.post(paths.AUTH_HEADER_ME)
@needs("read", is_for_some=True)
@tag(["auth"])
@validate_response(HeaderMe)
async def header_me() -> HeaderMe:
    """Return the user of the access token in the Authorization header."""
    scheme, access_token = authorization(request)
    if scheme != "bearer":
        raise UnauthenticatedError("send the header Authorization: Bearer <access token>")
    return HeaderMe(username=caller().email, access_token=access_token)


@blueprint.post(paths.AUTH_LOGIN)
@open_to_all
@tag(["auth"])
@validate_request(PasswordForm, source=DataSource.FORM)
@validate_response(User)
async def login(data: PasswordForm) -> User:
    """Log a browser in; the reply sets the session's cookie, and a session that the browser had before ends."""
    refuse_other_sites(request)
    address = client_address(request)
    signed_in = await services().accounts.sign_in(data.username, data.password, address)
    before = None if current_user.auth_id is None else UUID(current_user.auth_id)
    login_user(AuthUser(str(await services().sessions.open_browser(signed_in.user_uuid, before, address))))
    services().sessions.forget()
    return to_wire(signed_in)


@blueprint.post(paths.AUTH_LOGOUT)
@open_to_all
@tag(["auth"])
async def logout() -> tuple[str, int]:
    """Sign out: end the session of the cookie or of the access token, with all its tokens and websockets."""
    if authorization(request)[0] == "bearer":
        signed_in = await services().sessions.caller_of_bearer(authorization(request)[1])
        if signed_in.way == "automation" or signed_in.proof_uuid is None:
            raise UnauthenticatedError("a token for automation has no session: revoke it instead")
        await services().sessions.end(signed_in.proof_uuid, client_address(request))
    elif current_user.auth_id is not None:
        refuse_other_sites(request)
        await services().sessions.end(UUID(current_user.auth_id), client_address(request))
        logout_user()
    return "", 204


@blueprint.get(paths.AUTH_ME)
@open_to_all
@tag(["auth"])
@validate_response(User)
async def me() -> User:
    """Return the user who is logged in, by the session's cookie."""
    return to_wire(await services().accounts.read((await caller_of_cookie()).user_uuid))


@blueprint.get(paths.AUTH_BASIC_ME)
@open_to_all
@tag(["auth"])
@validate_response(User)
async def basic_me() -> User:
    """Return the user of the address and password in the Basic Authorization header."""
    email, password = basic_credentials()
    return to_wire(await services().accounts.sign_in(email, password, client_address(request)))


@blueprint.post(paths.AUTH_TICKET)
@needs("read", is_for_some=True)
@tag(["auth"])
@validate_response(Ticket, 201)
async def ticket() -> tuple[Ticket, int]:
    """Return a ticket that opens one websocket within 30 s, for a browser that cannot set headers."""
    return await services().sessions.give_ticket(caller()), 201


@blueprint.post(paths.AUTH_TOKENS)
@needs("admin")
@tag(["auth"])
@validate_request(NewToken)
@validate_response(CreatedToken, 201)
async def create_token(data: NewToken) -> tuple[CreatedToken, int]:
    """Create a token for automation; only this reply shows it."""
    return await automation.create_token(services().store, actor(), user(), data), 201


@blueprint.get(paths.AUTH_TOKENS)
@needs("admin")
@tag(["auth"])
@validate_response(TokenList)
async def list_tokens() -> TokenList:
    """List your tokens for automation, newest first, without their secrets."""
    return await automation.read_tokens(services().store, user())


@blueprint.delete(rule_of(paths.AUTH_AUTOMATION_TOKEN))
@needs("admin")
@tag(["auth"])
async def revoke_token(token_uuid: UUID) -> tuple[str, int]:
    """Revoke a token for automation; its websockets close within seconds."""
    await automation.revoke_token(services().store, actor(), user(), token_uuid)
    services().sessions.forget()
    return "", 204
