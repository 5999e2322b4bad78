"""Tokens for automation, stored as hashes."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from autotune_service.store.database import Store, Work
from autotune_service.store.rows.sessions import End
from autotune_service.store.statements import Row, Statement
from autotune_service.store.tables import automation_tokens, users
from autotune_wire.access import Scope

_NOW = sa.func.clock_timestamp()
_USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class AutomationRow:
    """A token with its user, as stored; ``end`` says why it opens nothing any more, None if it does."""

    token_uuid: UUID
    user_uuid: UUID
    email: str
    is_admin: bool
    name: str
    scopes: list[Scope]
    experiments: list[UUID] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    end: End | None


_END: sa.ColumnElement[Any] = sa.case(
    (sa.not_(users.c.is_active), sa.literal_column("'deactivated'")),
    (automation_tokens.c.expires_at <= _NOW, sa.literal_column("'expired'")),
).label("end")
_TOKENS = sa.select(automation_tokens, users, _END, automation_tokens.c.created_at.label("token_created_at")).join(
    users, users.c.user_uuid == automation_tokens.c.user_uuid
)
_BY_HASH = Statement(_TOKENS.where(automation_tokens.c.token_hash == sa.bindparam("token_hash")))
_LIST = Statement(
    _TOKENS.where(automation_tokens.c.token_uuid == sa.any_(sa.bindparam("uuids", type_=sa.ARRAY(sa.Uuid()))))
)


async def add_automation_token(
    work: Work,
    user_uuid: UUID,
    token_hash: bytes,
    *,
    name: str,
    scopes: Collection[Scope],
    experiments: Collection[UUID] | None,
    lifetime: timedelta | None,
) -> UUID:
    """Store the hash of a new token and return the token's uuid."""
    token_uuid = uuid4()
    values = {
        "token_uuid": token_uuid,
        "user_uuid": user_uuid,
        "name": name,
        "token_hash": token_hash,
        "scopes": list(scopes),
        "experiments": None if experiments is None else [str(exp_uuid) for exp_uuid in experiments],
        "created_at": _NOW,
        "expires_at": None if lifetime is None else _NOW + lifetime,
    }
    await work.run(sa.insert(automation_tokens).values(**values))
    return token_uuid


async def get_automation_token(work: Work | Store, token_hash: bytes) -> AutomationRow | None:
    """Find a token by its hash."""
    row = await work.one(_BY_HASH(token_hash=token_hash))
    return None if row is None else _token(row)


async def list_automation_tokens(work: Work, token_uuids: Collection[UUID]) -> list[AutomationRow]:
    """List tokens by their uuids."""
    return [_token(row) for row in await work.all(_LIST(uuids=list(token_uuids)))]


async def list_tokens_of(work: Work, user_uuid: UUID) -> list[AutomationRow]:
    """List a user's tokens, newest first."""
    query = _TOKENS.where(automation_tokens.c.user_uuid == user_uuid)
    rows = await work.all(query.order_by(automation_tokens.c.created_at.desc(), automation_tokens.c.token_uuid))
    return [_token(row) for row in rows]


async def delete_automation_token(work: Work, user_uuid: UUID, token_uuid: UUID) -> str | None:
    """Delete a user's token and return its name; None if the user has no such token."""
    is_own = sa.and_(automation_tokens.c.user_uuid == user_uuid, automation_tokens.c.token_uuid == token_uuid)
    row = await work.one(sa.delete(automation_tokens).where(is_own).returning(automation_tokens.c.name))
    return None if row is None else str(row["name"])


async def delete_tokens_of(work: Work, user_uuid: UUID, *, but: UUID | None = None) -> int:
    """Delete all tokens of a user, or all but one, and return how many there were."""
    is_other = automation_tokens.c.token_uuid.is_distinct_from(but)
    query = sa.delete(automation_tokens).where(automation_tokens.c.user_uuid == user_uuid, is_other)
    work.has_changed = True
    return len(await work.all(query.returning(automation_tokens.c.token_uuid)))


async def note_use(work: Work, token_uuid: UUID) -> None:
    """Note that a token was used just now, once a minute at most."""
    last = automation_tokens.c.last_used_at
    is_news = sa.or_(last.is_(None), last < _NOW - sa.cast(_USED_EVERY, sa.Interval))
    of_token = automation_tokens.c.token_uuid == token_uuid
    await work.run(sa.update(automation_tokens).where(of_token, is_news).values(last_used_at=_NOW))


def _token(row: Row) -> AutomationRow:
    experiments = row["experiments"]
    return AutomationRow(
        token_uuid=row["token_uuid"],
        user_uuid=row["user_uuid"],
        email=row["email"],
        is_admin=bool(row.get("is_admin")),
        name=row["name"],
        scopes=row["scopes"],
        experiments=None if experiments is None else [UUID(text) for text in experiments],
        created_at=row["token_created_at"],
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
        end=row["end"],
    )
