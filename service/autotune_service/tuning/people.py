"""What users do with their accounts, and admins with those of others."""

from datetime import datetime, timedelta
from uuid import UUID

from autotune_service.domain.access import OPERATOR, Actor
from autotune_service.domain.errors import (
    EmailTakenError,
    InvalidError,
    NotFoundError,
    UnauthenticatedError,
    UnknownSecretError,
)
from autotune_service.security.codes import code_hash, new_code
from autotune_service.store.database import Work
from autotune_service.store.rows.automation import delete_tokens_of
from autotune_service.store.rows.people import (
    add_invitation,
    add_reset_code,
    delete_reset_codes,
    get_reset_user,
    list_users,
    mark_deleted,
    update_user,
)
from autotune_service.store.rows.sessions import End, end_sessions_of
from autotune_service.store.rows.users import UserRow, add_user, get_user, get_user_by_email
from autotune_service.tuning.account_deletion import delete_account
from autotune_service.tuning.accounts import Accounts, to_wire
from autotune_service.tuning.audit import write_audit
from autotune_wire.accounts import OneTimeCode, PasswordChange, PasswordReset, User, UserPage
from autotune_wire.experiments import PageQuery
from autotune_wire.problems import FieldProblem

INVITATION_LIFETIME = timedelta(days=7)
RESET_LIFETIME = timedelta(hours=24)


async def page_of_users(accounts: Accounts, query: PageQuery) -> UserPage:
    """Return a page of users, in the order in which they signed up."""
    async with accounts.store.work() as work:
        rows = await list_users(work, _place(query), query.limit + 1)
    page = rows[: query.limit]
    after = _cursor(page[-1]) if len(rows) > len(page) else None
    return UserPage(users=[to_wire(row) for row in page], next=after)


async def read_user(accounts: Accounts, reader_uuid: UUID, user_uuid: UUID) -> User:
    """Return a user to an admin, or to the user.

    Raises:
        NotFoundError: If there is no such user, or the reader is somebody else and no admin.
    """
    if reader_uuid != user_uuid:
        reader = await get_user(accounts.store, reader_uuid)
        if reader is None or not reader.is_admin:
            raise NotFoundError("you know no such user")
    return to_wire(await _user(accounts, user_uuid))


async def change_password(
    accounts: Accounts, actor: Actor, user_uuid: UUID, body: PasswordChange, proof_uuid: UUID | None
) -> None:
    """Change a user's own password, and end all sign-ins but the one that asks.

    Args:
        accounts: The users.
        actor: The user, for the audit.
        user_uuid: The user.
        body: The request; it says whether all tokens for automation end too.
        proof_uuid: The session, or the token for automation, that asks, which goes on.

    Raises:
        InvalidError: If the old password is wrong, or the new one too easy to guess.
        TooManyError: If the old password was wrong too often.
    """
    user = await _user(accounts, user_uuid)
    await accounts.password_rules.check(body.new_password, user.email, "new_password")
    await confirm(accounts, user, body.old_password, actor.address or "", "old_password")
    async with accounts.brakes.turn(actor.address or ""):
        password_hash = await accounts.passwords.hash(body.new_password)
    async with accounts.store.work() as work:
        await _set_password(work, user_uuid, password_hash, but=proof_uuid)
        n_revoked = await delete_tokens_of(work, user_uuid, but=proof_uuid) if body.revoke_tokens else 0
        await write_audit(work, actor, "password_changed", tokens_revoked=n_revoked)


async def reset_password(accounts: Accounts, body: PasswordReset, address: str) -> None:
    """Set a new password by a code that works once, and end all the user's sign-ins and tokens for automation.

    Raises:
        UnauthenticatedError: If the code is unknown, used or expired.
        InvalidError: If the new password is too easy to guess.
        TooManyError: If the client has sent too many wrong codes.
    """
    async with accounts.brakes.secret(address), accounts.store.work() as work:
        user = _coded(await get_reset_user(work, code_hash(body.code)))
    await accounts.password_rules.check(body.new_password, user.email, "new_password")
    async with accounts.brakes.turn(address):
        password_hash = await accounts.passwords.hash(body.new_password)
    async with accounts.store.work() as work:
        user = _coded(await get_reset_user(work, code_hash(body.code), lock=True))
        await _set_password(work, user.user_uuid, password_hash)
        n_revoked = await delete_tokens_of(work, user.user_uuid)
        actor = Actor(user.user_uuid, "none", address)
        await write_audit(work, actor, "password_reset", tokens_revoked=n_revoked)


async def set_password(accounts: Accounts, email: str, password: str) -> None:
    """Set the password of a user, as the operator may, and end all the user's sign-ins and tokens for automation.

    Raises:
        NotFoundError: If there is no such user.
        InvalidError: If the password is too easy to guess.
    """
    user = await user_by_email(accounts, email)
    await accounts.password_rules.check(password, user.email)
    password_hash = await accounts.passwords.hash(password)
    async with accounts.store.work() as work:
        await _set_password(work, user.user_uuid, password_hash)
        n_revoked = await delete_tokens_of(work, user.user_uuid)
        await write_audit(work, OPERATOR, "password_set", account_uuid=user.user_uuid, tokens_revoked=n_revoked)


async def add_account(accounts: Accounts, email: str, password: str, *, is_admin: bool) -> User:
    """Make an account, as the operator may, however sign-up is set.

    Raises:
        EmailTakenError: If the address has an account.
        InvalidError: If the password is too easy to guess.
    """
    await accounts.password_rules.check(password, email)
    password_hash = await accounts.passwords.hash(password)
    async with accounts.store.work() as work:
        user = (
            await add_user(work, email, password_hash, is_verified=True)
            if email not in accounts.reserved_emails
            else None
        )
        if user is None:
            raise EmailTakenError(f"{email} has an account already, or is kept for the service")
        await update_user(work, user.user_uuid, is_admin=is_admin)
        await write_audit(work, OPERATOR, "account_created", account_uuid=user.user_uuid, admin=is_admin)
    return to_wire(user).model_copy(update={"admin": is_admin})


async def invite(accounts: Accounts, email: str, by: Actor = OPERATOR) -> OneTimeCode:
    """Make the code by which an address may sign up; a former code to the address no longer works.

    Args:
        accounts: The users.
        email: The address.
        by: Who invites.

    Raises:
        EmailTakenError: If the address has an account.
    """
    code = new_code()
    async with accounts.store.work() as work:
        if email in accounts.reserved_emails or await get_user_by_email(work, email) is not None:
            raise EmailTakenError(f"{email} has an account already")
        expires_at = await add_invitation(work, code_hash(code), email, by.user_uuid, INVITATION_LIFETIME)
        await write_audit(work, by, "invited", email=email)
    accounts.mail.send(email, f"you are invited to AutoTune; sign up until {expires_at:%Y-%m-%d %H:%M} UTC by {code}")
    return OneTimeCode(email=email, code=code, time_expires=expires_at)


async def issue_reset_code(accounts: Accounts, user_uuid: UUID, by: Actor = OPERATOR) -> OneTimeCode:
    """Make the code by which a user may set a new password; a former code of the user no longer works.

    Args:
        accounts: The users.
        user_uuid: The user.
        by: Who makes it.

    Raises:
        NotFoundError: If there is no such user.
    """
    user = await _user(accounts, user_uuid)
    code = new_code()
    async with accounts.store.work() as work:
        expires_at = await add_reset_code(work, code_hash(code), user_uuid, by.user_uuid, RESET_LIFETIME)
        await write_audit(work, by, "reset_code_issued", account_uuid=user_uuid)
    accounts.mail.send(user.email, f"set a new password of AutoTune until {expires_at:%Y-%m-%d %H:%M} UTC by {code}")
    return OneTimeCode(email=user.email, code=code, time_expires=expires_at)


async def set_active(accounts: Accounts, user_uuid: UUID, *, is_active: bool, by: Actor = OPERATOR) -> User:
    """Let a user sign in again, or end all the user's sign-ins and tokens and admit no more; the user's data stay.

    Args:
        accounts: The users.
        user_uuid: The user.
        is_active: Whether the user may sign in.
        by: Who decides so.

    Raises:
        NotFoundError: If there is no such user.
    """
    async with accounts.store.work() as work:
        if not await update_user(work, user_uuid, is_active=is_active):
            raise NotFoundError("there is no such user")
        if not is_active:
            await _end_sign_ins(work, user_uuid, "deactivated")
            await delete_tokens_of(work, user_uuid)
        await write_audit(work, by, "activated" if is_active else "deactivated", account_uuid=user_uuid)
    return to_wire(await _user(accounts, user_uuid))


async def set_admin(accounts: Accounts, user_uuid: UUID, *, is_admin: bool) -> None:
    """Make a user an admin, or no admin any more, as the operator may."""
    async with accounts.store.work() as work:
        await update_user(work, user_uuid, is_admin=is_admin)
        await write_audit(work, OPERATOR, "admin_given" if is_admin else "admin_taken", account_uuid=user_uuid)


async def delete_user_with_data(accounts: Accounts, user_uuid: UUID, by: Actor) -> int:
    """Delete a user with all experiments, for good, and return how many experiments there were."""
    async with accounts.store.work() as work:
        await mark_deleted(work, user_uuid)
        await _end_sign_ins(work, user_uuid, "deactivated")
        await write_audit(work, by, "account_deleted", account_uuid=user_uuid)
    return await delete_account(accounts.store, user_uuid, by)


async def delete_other(accounts: Accounts, actor: Actor, user_uuid: UUID, email: str) -> None:
    """Delete another user with all data, as an admin.

    Raises:
        NotFoundError: If there is no such user.
        InvalidError: If the user has another address than the confirmation says.
    """
    user = await _user(accounts, user_uuid)
    if user.email != email:
        message = "must be the user's address, as a confirmation; nothing was deleted"
        raise InvalidError.of([FieldProblem(field="email", message=message, value=email)])
    await delete_user_with_data(accounts, user_uuid, actor)


async def confirm(accounts: Accounts, user: UserRow, password: str, address: str, field: str) -> None:
    """Check the password of a user who is signed in, before something that a thief of the session must not do.

    Args:
        accounts: The users.
        user: Who is signed in.
        password: What the user gave as the password.
        address: The network address of the client.
        field: The name of the field that it came in.

    Raises:
        InvalidError: If it is wrong.
        TooManyError: If it was wrong too often.
    """
    try:
        await accounts.sign_in(user.email, password, address)
    except UnauthenticatedError:
        raise InvalidError.of([FieldProblem(field=field, message="is not your password")]) from None


async def confirmed(accounts: Accounts, user_uuid: UUID, password: str, address: str) -> UserRow:
    """Return the user who is signed in, after a check of the password that stands in the field ``password``.

    Raises:
        InvalidError: If it is wrong.
        TooManyError: If it was wrong too often.
    """
    user = await _user(accounts, user_uuid)
    await confirm(accounts, user, password, address, "password")
    return user


async def user_by_email(accounts: Accounts, email: str) -> UserRow:
    """Return the user with an address.

    Raises:
        NotFoundError: If there is none.
    """
    async with accounts.store.work() as work:
        user = await get_user_by_email(work, email)
    if user is None:
        raise NotFoundError(f"{email} has no account")
    return user


async def _user(accounts: Accounts, user_uuid: UUID) -> UserRow:
    user = await get_user(accounts.store, user_uuid)
    if user is None:
        raise NotFoundError("there is no such user")
    return user


async def _set_password(work: Work, user_uuid: UUID, password_hash: str, but: UUID | None = None) -> None:
    await update_user(work, user_uuid, password_hash=password_hash)
    await _end_sign_ins(work, user_uuid, "password_changed", but)


async def _end_sign_ins(work: Work, user_uuid: UUID, end: End, but: UUID | None = None) -> None:
    await end_sessions_of(work, user_uuid, end, but=but)
    await delete_reset_codes(work, user_uuid)


def _coded(user: UserRow | None) -> UserRow:
    if user is None:
        raise UnknownSecretError("the code is unknown, used or expired: ask an admin for another one")
    return user


def _cursor(user: UserRow) -> str:
    moment = user.created_at.isoformat().replace("+00:00", "Z")  # a + in a URL is a space
    return f"{moment}_{user.user_uuid.hex}"


def _place(query: PageQuery) -> tuple[datetime, UUID] | None:
    if query.after is None:
        return None
    moment, _, user_uuid = query.after.partition("_")
    try:
        return datetime.fromisoformat(moment), UUID(user_uuid)
    except ValueError:
        message = "must be the `next` of a page"
        raise InvalidError.of([FieldProblem(field="after", message=message, value=query.after)]) from None
