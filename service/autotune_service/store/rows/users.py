"""Users, their refresh tokens and their sessions."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql import ClauseElement

from autotune_service.store.database import Store, Work
from autotune_service.store.statements import Filled, Row, Statement
from autotune_service.store.tables import refresh_tokens, sessions, users

_NOW = sa.func.clock_timestamp()  # the clocks of several machines differ, so every time here is the database's
_HOLD = Statement(
    sa.select(users.c.user_uuid).where(users.c.user_uuid == sa.bindparam("user_uuid")).with_for_update(key_share=True)
)
_GET = Statement(sa.select(users).where(users.c.user_uuid == sa.bindparam("user_uuid")))


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user as stored."""

    user_uuid: UUID
    email: str
    password_hash: str
    is_active: bool
    created_at: datetime
    is_admin: bool = False


async def add_user(work: Work, email: str, password_hash: str) -> UserRow | None:
    """Store a new user who may sign in; return None if another user has the email address."""
    query = (
        insert(users)
        .values(user_uuid=uuid4(), email=email, password_hash=password_hash, is_active=True, created_at=_NOW)
        .on_conflict_do_nothing(index_elements=["email"])
        .returning(users)
    )
    return await _user(work, query)


async def get_user_by_email(work: Work, email: str) -> UserRow | None:
    """Find a user by the email address, which is stored in lower case."""
    return await _user(work, sa.select(users).where(users.c.email == email))


async def get_user(work: Work | Store, user_uuid: UUID) -> UserRow | None:
    """Find a user by uuid."""
    return await _user(work, _GET(user_uuid=user_uuid))


async def hold_user(work: Work, user_uuid: UUID) -> None:
    """Lock a user's row until the transaction ends, so that no other transaction counts against the user's limits."""
    await work.run(_HOLD(user_uuid=user_uuid))


async def list_emails(work: Work, user_uuids: Iterable[UUID]) -> dict[UUID, str]:
    """List the addresses of users, by uuid."""
    query = sa.select(users.c.user_uuid, users.c.email).where(users.c.user_uuid.in_(list(user_uuids)))
    return {row["user_uuid"]: row["email"] for row in await work.all(query)}


async def update_user_active(work: Work, email: str, *, is_active: bool) -> None:
    """Activate or deactivate a user."""
    await work.run(sa.update(users).where(users.c.email == email).values(is_active=is_active))


async def add_refresh_token(work: Work, token_hash: bytes, user_uuid: UUID, lifetime: timedelta) -> None:
    """Store the hash of a refresh token."""
    values = {"token_hash": token_hash, "user_uuid": user_uuid, "expires_at": _NOW + lifetime}
    await work.run(sa.insert(refresh_tokens).values(**values))


async def take_refresh_token(work: Work, token_hash: bytes) -> UUID | None:
    """Delete a refresh token and return its user; None if the token is unknown, used or expired."""
    query = (
        sa.delete(refresh_tokens)
        .where(refresh_tokens.c.token_hash == token_hash)
        .returning(refresh_tokens.c.user_uuid, (refresh_tokens.c.expires_at > _NOW).label("is_good"))
    )
    row = await work.one(query)
    return row["user_uuid"] if row is not None and row["is_good"] else None


async def add_session(work: Work, session_uuid: UUID, user_uuid: UUID, lifetime: timedelta) -> None:
    """Store a browser's session."""
    values = {"session_uuid": session_uuid, "user_uuid": user_uuid, "expires_at": _NOW + lifetime}
    await work.run(sa.insert(sessions).values(**values))


async def get_session_user(work: Work | Store, session_uuid: UUID) -> UserRow | None:
    """Find the user of a session; None if the session has ended or the user is not active."""
    query = (
        sa.select(users)
        .join(sessions, sessions.c.user_uuid == users.c.user_uuid)
        .where(sessions.c.session_uuid == session_uuid, sessions.c.expires_at > _NOW, users.c.is_active)
    )
    return await _user(work, query)


async def delete_session(work: Work, session_uuid: UUID) -> None:
    """Delete a session."""
    await work.run(sa.delete(sessions).where(sessions.c.session_uuid == session_uuid))


async def delete_ended_sign_ins(work: Work) -> None:
    """Delete the sessions and refresh tokens that have ended."""
    await work.run(sa.delete(sessions).where(sessions.c.expires_at < sa.func.now()))
    await work.run(sa.delete(refresh_tokens).where(refresh_tokens.c.expires_at < sa.func.now()))


def user_of(row: Row) -> UserRow:
    """Return the user of a row of the table."""
    fields = ("user_uuid", "email", "password_hash", "is_active", "created_at", "is_admin")
    return UserRow(*(row[name] for name in fields))


async def _user(work: Work | Store, query: ClauseElement | Filled) -> UserRow | None:
    row = await work.one(query)
    if row is None:
        return None
    return user_of(row)
