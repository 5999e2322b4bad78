"""What admins and users do with accounts: invitations, codes that reset a password, lists, export and deletion."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from autotune_service.store.database import Work
from autotune_service.store.rows.users import UserRow, user_of
from autotune_service.store.statements import Row
from autotune_service.store.tables import experiments, group_members, invitations, members, reset_codes, sessions, users

_NOW = sa.func.clock_timestamp()


@dataclass(frozen=True, slots=True)
class OwnedExperiment:
    """An experiment by what its owner's export and deletion need."""

    number: int
    exp_uuid: UUID
    name: str
    state: str
    n_observations: int
    last_seq: int
    created_at: datetime


_OWNED = sa.select(*(experiments.c[field.name] for field in fields(OwnedExperiment)))


async def list_users(work: Work, after: tuple[datetime, UUID] | None, limit: int) -> list[UserRow]:
    """List users in the order in which they signed up; those who are being deleted are left out."""
    query = sa.select(users).where(users.c.deleted_at.is_(None)).order_by(users.c.created_at, users.c.user_uuid)
    if after is not None:
        query = query.where(sa.tuple_(users.c.created_at, users.c.user_uuid) > sa.tuple_(*map(sa.literal, after)))
    return [user_of(row) for row in await work.all(query.limit(limit))]


async def update_user(work: Work, user_uuid: UUID, **values: object) -> bool:
    """Change columns of a user; return whether there is such a user."""
    query = sa.update(users).where(users.c.user_uuid == user_uuid).values(**values).returning(users.c.user_uuid)
    work.has_changed = True
    return await work.one(query) is not None


async def mark_deleted(work: Work, user_uuid: UUID) -> None:
    """Mark a user to be deleted; nobody can sign in to the account from now on."""
    await work.run(sa.update(users).where(users.c.user_uuid == user_uuid).values(is_active=False, deleted_at=_NOW))


async def delete_reset_codes(work: Work, user_uuid: UUID) -> None:
    """Delete the codes that reset a user's password."""
    await work.run(sa.delete(reset_codes).where(reset_codes.c.user_uuid == user_uuid))


async def add_invitation(
    work: Work, code_hash: bytes, email: str, invited_by: UUID | None, lifetime: timedelta
) -> datetime:
    """Store an invitation in place of former ones to the same address, and return when it expires."""
    await work.run(sa.delete(invitations).where(invitations.c.email == email))
    values = {"code_hash": code_hash, "email": email, "invited_by": invited_by}
    query = sa.insert(invitations).values(**values, created_at=_NOW, expires_at=_NOW + lifetime)
    return _required(await work.one(query.returning(invitations.c.expires_at)))["expires_at"]  # type: ignore[no-any-return]  # a timestamptz


async def take_invitation(work: Work, code_hash: bytes, email: str) -> bool:
    """Use an invitation up; return whether there was one to this address that had not expired."""
    is_it = sa.and_(invitations.c.code_hash == code_hash, invitations.c.email == email, invitations.c.expires_at > _NOW)
    work.has_changed = True
    return await work.one(sa.delete(invitations).where(is_it).returning(invitations.c.email)) is not None


async def add_reset_code(
    work: Work, code_hash: bytes, user_uuid: UUID, issued_by: UUID | None, lifetime: timedelta
) -> datetime:
    """Store a code that resets a password, in place of the user's former ones, and return when it expires."""
    await work.run(sa.delete(reset_codes).where(reset_codes.c.user_uuid == user_uuid))
    values = {"code_hash": code_hash, "user_uuid": user_uuid, "issued_by": issued_by}
    query = sa.insert(reset_codes).values(**values, created_at=_NOW, expires_at=_NOW + lifetime)
    return _required(await work.one(query.returning(reset_codes.c.expires_at)))["expires_at"]  # type: ignore[no-any-return]  # a timestamptz


async def get_reset_user(work: Work, code_hash: bytes, *, lock: bool = False) -> UserRow | None:
    """Find the active user whose password a code may reset; None if it is unknown, used or expired."""
    query = (
        sa.select(users)
        .join(reset_codes, reset_codes.c.user_uuid == users.c.user_uuid)
        .where(reset_codes.c.code_hash == code_hash, reset_codes.c.expires_at > _NOW, users.c.is_active)
    )
    row = await work.one(query.with_for_update() if lock else query)
    return None if row is None else user_of(row)


async def list_session_ends(work: Work, user_uuid: UUID) -> list[datetime]:
    """List when the open sessions of a user end."""
    is_open = sa.and_(sessions.c.user_uuid == user_uuid, sessions.c.expires_at > _NOW)
    query = sa.select(sessions.c.expires_at).where(is_open).order_by(sessions.c.expires_at)
    return [row["expires_at"] for row in await work.all(query)]


async def list_owned(work: Work, user_uuid: UUID, after: int, limit: int) -> list[OwnedExperiment]:
    """List a user's experiments in the order of their numbers, beginning after one."""
    is_next = sa.and_(experiments.c.owner_uuid == user_uuid, experiments.c.number > after)
    rows = await work.all(_OWNED.where(is_next).order_by(experiments.c.number).limit(limit))
    return [OwnedExperiment(**row) for row in rows]


async def hold_owned(work: Work, user_uuid: UUID) -> OwnedExperiment | None:
    """Find a user's newest experiment and lock it until the transaction ends."""
    newest = _OWNED.where(experiments.c.owner_uuid == user_uuid).order_by(experiments.c.number.desc()).limit(1)
    row = await work.one(newest.with_for_update())
    return None if row is None else OwnedExperiment(**row)


async def list_to_delete(work: Work, age: timedelta) -> list[UUID]:
    """List the users whose deletion began at least so long ago and has not ended."""
    query = sa.select(users.c.user_uuid).where(users.c.deleted_at < _NOW - sa.cast(age, sa.Interval))
    return [row["user_uuid"] for row in await work.all(query)]


async def delete_user(work: Work, user_uuid: UUID) -> None:
    """Delete a user who owns no experiment any more; what is left, roles on the experiments of others too, goes along.

    People have roles by their addresses, and whoever gets the address next must not have them.
    """
    email = sa.select(users.c.email).where(users.c.user_uuid == user_uuid).scalar_subquery()
    for table in (members, group_members):
        await work.run(sa.delete(table).where(table.c.email == email))
    await work.run(sa.delete(users).where(users.c.user_uuid == user_uuid))


async def delete_ended_codes(work: Work) -> None:
    """Delete the invitations and the codes that have expired."""
    await work.run(sa.delete(invitations).where(invitations.c.expires_at < _NOW))
    await work.run(sa.delete(reset_codes).where(reset_codes.c.expires_at < _NOW))


def _required(row: Row | None) -> Row:
    assert row is not None, "an insert returns its row"
    return row
