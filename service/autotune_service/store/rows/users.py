"""Users."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql import ClauseElement

from autotune_service.store.database import Store, Work
from autotune_service.store.statements import Filled, Row, Statement
from autotune_service.store.tables import users

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


async def add_user(work: Work, email: str, password_hash: str, *, is_verified: bool) -> UserRow | None:
    """Store a new user who may sign in; return None if another user has the email address.

    Args:
        work: The transaction.
        email: The address, in lower case.
        password_hash: The hash of the password.
        is_verified: Whether it is known that the address is the user's: an operator or an admin has said so.
    """
    values = {"email": email, "password_hash": password_hash, "is_active": True, "is_verified": is_verified}
    query = (
        insert(users)
        .values(user_uuid=uuid4(), created_at=_NOW, **values)
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


def user_of(row: Row) -> UserRow:
    """Return the user of a row of the table."""
    fields = ("user_uuid", "email", "password_hash", "is_active", "created_at", "is_admin")
    return UserRow(*(row[name] for name in fields))


async def _user(work: Work | Store, query: ClauseElement | Filled) -> UserRow | None:
    row = await work.one(query)
    if row is None:
        return None
    return user_of(row)
