"""Accounts: passwords, invitations, and what admins do with the accounts of others, over HTTP."""

from contextlib import aclosing
from uuid import UUID

from quart import Blueprint, Response, request
from quart_auth import logout_user
from quart_schema import document_response, tag, validate_querystring, validate_request, validate_response

from autotune_service.tuning import people
from autotune_service.tuning.user_export import export_user
from autotune_service.web.blueprints.rules import rule_of
from autotune_service.web.door import actor, caller, needs, open_to_all, user
from autotune_service.web.proxies import client_address
from autotune_service.web.services import services
from autotune_service.web.spooled import read_pieces, spooled
from autotune_wire import paths
from autotune_wire.accounts import (
    Confirmation,
    Invite,
    OneTimeCode,
    PasswordChange,
    PasswordReset,
    User,
    UserDelete,
    UserExport,
    UserPage,
)
from autotune_wire.experiments import PageQuery

blueprint = Blueprint("people", __name__)


@blueprint.post(paths.USER_PASSWORD)
@needs("admin")
@tag(["user"])
@validate_request(PasswordChange)
async def change_password(data: PasswordChange) -> tuple[str, int]:
    """Change your password; everywhere else you are signed out. Tokens for automation end if you say so."""
    await people.change_password(services().accounts, actor(), user(), data, caller().proof_uuid)
    services().sessions.forget()
    return "", 204


@blueprint.post(paths.USER_RESET)
@open_to_all
@tag(["user"])
@validate_request(PasswordReset)
async def reset_password(data: PasswordReset) -> tuple[str, int]:
    """Set a new password by the code that an admin has given you; it works once, for a day."""
    await people.reset_password(services().accounts, data, client_address(request))
    return "", 204


@blueprint.get(paths.USER_EXPORT)
@needs("admin")
@tag(["user"])
@document_response(UserExport)
async def export() -> Response:
    """Return what is stored of you, with the paths of your experiments' exports."""
    async with aclosing(export_user(services().store, actor(), user())) as pieces:
        file = await spooled(pieces)
    headers = {"Content-Disposition": 'attachment; filename="autotune-account.json"'}
    headers["Content-Length"] = str(file.tell())
    return Response(read_pieces(file), content_type="application/json", headers=headers)


@blueprint.post(paths.USER_DEACTIVATE_SELF)
@needs("admin")
@tag(["user"])
@validate_request(Confirmation)
async def deactivate_self(data: Confirmation) -> tuple[str, int]:
    """Deactivate your account: nobody can sign in to it until an admin activates it; your data stay."""
    confirmed = await people.confirmed(services().accounts, user(), data.password, client_address(request))
    await people.set_active(services().accounts, confirmed.user_uuid, is_active=False, by=actor())
    logout_user()
    return "", 204


@blueprint.post(paths.USER_DELETE_SELF)
@needs("admin")
@tag(["user"])
@validate_request(Confirmation)
async def delete_self(data: Confirmation) -> tuple[str, int]:
    """Delete your account with all your experiments, for good."""
    confirmed = await people.confirmed(services().accounts, user(), data.password, client_address(request))
    await people.delete_user_with_data(services().accounts, confirmed.user_uuid, actor())
    logout_user()
    return "", 204


@blueprint.get(paths.USERS)
@needs("admin", is_for_admins=True)
@tag(["user"])
@validate_querystring(PageQuery)
@validate_response(UserPage)
async def users(query_args: PageQuery) -> UserPage:
    """List the users; for admins."""
    return await people.page_of_users(services().accounts, query_args)


@blueprint.get(rule_of(paths.USER))
@needs("admin")
@tag(["user"])
@validate_response(User)
async def read_user(user_uuid: UUID) -> User:
    """Return a user; for admins, and for the user."""
    return await people.read_user(services().accounts, user(), user_uuid)


@blueprint.post(paths.USER_INVITATIONS)
@needs("admin", is_for_admins=True)
@tag(["user"])
@validate_request(Invite)
@validate_response(OneTimeCode, 201)
async def invite(data: Invite) -> tuple[OneTimeCode, int]:
    """Make the code by which an address may sign up, for a week; for admins. The code is shown this once."""
    return await people.invite(services().accounts, data.email, actor()), 201


@blueprint.post(rule_of(paths.USER_RESET_CODE))
@needs("admin", is_for_admins=True)
@tag(["user"])
@validate_response(OneTimeCode, 201)
async def reset_code(user_uuid: UUID) -> tuple[OneTimeCode, int]:
    """Make the code by which a user sets a new password, for a day; for admins. The code is shown this once."""
    return await people.issue_reset_code(services().accounts, user_uuid, actor()), 201


@blueprint.post(rule_of(paths.USER_DEACTIVATE))
@needs("admin", is_for_admins=True)
@tag(["user"])
@validate_response(User)
async def deactivate(user_uuid: UUID) -> User:
    """Sign a user out everywhere and admit the user no more; for admins. The user's data stay."""
    return await people.set_active(services().accounts, user_uuid, is_active=False, by=actor())


@blueprint.post(rule_of(paths.USER_ACTIVATE))
@needs("admin", is_for_admins=True)
@tag(["user"])
@validate_response(User)
async def activate(user_uuid: UUID) -> User:
    """Let a user sign in again; for admins."""
    return await people.set_active(services().accounts, user_uuid, is_active=True, by=actor())


@blueprint.post(rule_of(paths.USER_DELETE))
@needs("admin", is_for_admins=True)
@tag(["user"])
@validate_request(UserDelete)
async def delete(user_uuid: UUID, data: UserDelete) -> tuple[str, int]:
    """Delete a user with all experiments, for good; for admins. The body repeats the user's address."""
    await people.delete_other(services().accounts, actor(), user_uuid, data.email)
    return "", 204
