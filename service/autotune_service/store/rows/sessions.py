"""Sessions, the refresh tokens that keep a program's session going, and tickets for websockets."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa

from autotune_service.store.database import Store, Work
from autotune_service.store.statements import Row, Statement
from autotune_service.store.tables import automation_tokens, refresh_tokens, sessions, tickets, users

End = Literal["expired", "signed_out", "token_reused", "password_changed", "deactivated", "revoked"]
"""Why a session, or a token for automation, opens nothing any more."""

_NOW = sa.func.clock_timestamp()  # the clocks of several machines differ, so every time here is the database's
_KEPT_S = 86_400  # how long the row of an ended session says why it ended


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session with its user, as stored; ``end`` says why it opens nothing any more, None if it does."""

    session_uuid: UUID
    user_uuid: UUID
    email: str
    is_admin: bool
    is_browser: bool
    end: End | None


@dataclass(frozen=True, slots=True)
class RefreshTokenRow:
    """A refresh token as stored.

    ``used_s`` is how many seconds ago the token was used, None if it was not. ``seen_s`` is the database's time, in
    seconds since the epoch, of a moment before the row was locked; ``used_at_s`` is when the token was used.
    """

    user_uuid: UUID
    session_uuid: UUID | None
    is_good: bool
    used_s: float | None
    used_at_s: float | None
    next_hash: bytes | None


# A service of before deletes the row of a session that ends.
_END: sa.ColumnElement[Any] = sa.case(
    (sessions.c.ended_because.is_not(sa.null()), sessions.c.ended_because),
    (sa.not_(users.c.is_active), sa.literal_column("'deactivated'")),
    (sessions.c.expires_at <= _NOW, sa.literal_column("'expired'")),
).label("end")
_SESSION = sa.select(sessions.c.session_uuid, sessions.c.is_browser, users, _END).join(
    users, users.c.user_uuid == sessions.c.user_uuid
)
_GET = Statement(_SESSION.where(sessions.c.session_uuid == sa.bindparam("session_uuid")))
_LIST = Statement(_SESSION.where(sessions.c.session_uuid == sa.any_(sa.bindparam("uuids", type_=sa.ARRAY(sa.Uuid())))))


async def add_session(
    work: Work, session_uuid: UUID, user_uuid: UUID, lifetime: timedelta, *, is_browser: bool
) -> None:
    """Store a session."""
    values = {"session_uuid": session_uuid, "user_uuid": user_uuid, "expires_at": _NOW + lifetime, "created_at": _NOW}
    await work.run(sa.insert(sessions).values(**values, is_browser=is_browser))


async def get_session(work: Work | Store, session_uuid: UUID) -> SessionRow | None:
    """Find a session by uuid."""
    row = await work.one(_GET(session_uuid=session_uuid))
    return None if row is None else _session(row)


async def list_sessions(work: Work, session_uuids: Collection[UUID]) -> list[SessionRow]:
    """List sessions by their uuids."""
    return [_session(row) for row in await work.all(_LIST(uuids=list(session_uuids)))]


async def prolong_session(work: Work, session_uuid: UUID, lifetime: timedelta) -> None:
    """Let a session last from now on."""
    of_session = sessions.c.session_uuid == session_uuid
    await work.run(sa.update(sessions).where(of_session).values(expires_at=_NOW + lifetime))


async def end_session(work: Work, session_uuid: UUID, end: End) -> None:
    """End a session with all its refresh tokens and tickets; the row stays for a while to say why."""
    await _end(work, sessions.c.session_uuid == session_uuid, end)


async def end_sessions_of(work: Work, user_uuid: UUID, end: End, *, but: UUID | None = None) -> None:
    """End all sessions of a user, or all but one."""
    is_other = sessions.c.session_uuid.is_distinct_from(but)
    await _end(work, sa.and_(sessions.c.user_uuid == user_uuid, is_other), end)
    if but is None:
        of_before = sa.and_(refresh_tokens.c.user_uuid == user_uuid, refresh_tokens.c.session_uuid.is_(None))
        await work.run(sa.delete(refresh_tokens).where(of_before))


async def _end(work: Work, which: sa.ColumnElement[bool], end: End) -> None:
    is_alive = sessions.c.ended_because.is_(None)
    ended = sa.update(sessions).where(which, is_alive).values(ended_because=end, expires_at=_NOW)
    uuids = ended.returning(sessions.c.session_uuid).cte("ended")
    # In one statement: a refresh that waits for its token's row finds the row gone.
    of_ended = refresh_tokens.c.session_uuid.in_(sa.select(uuids.c.session_uuid))
    await work.run(sa.delete(refresh_tokens).where(of_ended).add_cte(uuids))


async def add_refresh_token(
    work: Work, token_hash: bytes, user_uuid: UUID, session_uuid: UUID, lifetime: timedelta
) -> None:
    """Store the hash of a refresh token."""
    values = {"token_hash": token_hash, "user_uuid": user_uuid, "session_uuid": session_uuid}
    await work.run(sa.insert(refresh_tokens).values(**values, expires_at=_NOW + lifetime))


async def get_refresh_token(work: Work | Store, token_hash: bytes, *, lock: bool = False) -> RefreshTokenRow | None:
    """Find a refresh token by its hash; with ``lock``, no other transaction uses it until this one ends."""
    query = sa.select(
        refresh_tokens.c.user_uuid,
        refresh_tokens.c.session_uuid,
        (refresh_tokens.c.expires_at > _NOW).label("is_good"),
        sa.extract("epoch", _NOW - refresh_tokens.c.used_at).label("used_s"),
        sa.extract("epoch", refresh_tokens.c.used_at).label("used_at_s"),
        refresh_tokens.c.next_hash,
    ).where(refresh_tokens.c.token_hash == token_hash)
    row = await work.one(query.with_for_update() if lock else query)
    if row is None:
        return None
    used = [None if row[name] is None else float(row[name]) for name in ("used_s", "used_at_s")]
    next_hash = None if row["next_hash"] is None else bytes(row["next_hash"])
    return RefreshTokenRow(row["user_uuid"], row["session_uuid"], row["is_good"], used[0], used[1], next_hash)


async def get_time_s(work: Work | Store) -> float:
    """Return the database's time in seconds since the epoch."""
    row = await work.one(sa.select(sa.extract("epoch", _NOW).label("now_s")))
    assert row is not None
    return float(row["now_s"])


async def use_refresh_token(work: Work, token_hash: bytes, next_hash: bytes) -> None:
    """Note that a refresh token was used, and which one follows it; to a service of before it has expired."""
    is_first = refresh_tokens.c.used_at.is_(None)
    values = {"used_at": sa.case((is_first, _NOW), else_=refresh_tokens.c.used_at), "expires_at": _NOW}
    of_token = refresh_tokens.c.token_hash == token_hash
    await work.run(sa.update(refresh_tokens).where(of_token).values(**values, next_hash=next_hash))


async def adopt_refresh_token(work: Work, token_hash: bytes, session_uuid: UUID) -> None:
    """Put a refresh token that a service of before made into a session."""
    of_token = refresh_tokens.c.token_hash == token_hash
    await work.run(sa.update(refresh_tokens).where(of_token).values(session_uuid=session_uuid))


async def add_ticket(
    work: Work, ticket_hash: bytes, session_uuid: UUID | None, token_uuid: UUID | None, lifetime: timedelta
) -> None:
    """Store the hash of a ticket, which belongs to a session or to a token for automation."""
    values = {"ticket_hash": ticket_hash, "session_uuid": session_uuid, "token_uuid": token_uuid}
    await work.run(sa.insert(tickets).values(**values, expires_at=_NOW + lifetime))


async def take_ticket(work: Work, ticket_hash: bytes) -> tuple[UUID | None, UUID | None] | None:
    """Delete a ticket and return its session or its token for automation; None if it is unknown, used or has ended."""
    is_good = (tickets.c.expires_at > _NOW).label("is_good")
    query = sa.delete(tickets).where(tickets.c.ticket_hash == ticket_hash)
    row = await work.one(query.returning(tickets.c.session_uuid, tickets.c.token_uuid, is_good))
    return (row["session_uuid"], row["token_uuid"]) if row is not None and row["is_good"] else None


async def delete_ended_sign_ins(work: Work) -> None:
    """Delete the sessions, refresh tokens, tickets and tokens for automation that ended a day ago."""
    a_day_ago = _NOW - sa.cast(timedelta(seconds=_KEPT_S), sa.Interval)
    await work.run(sa.delete(sessions).where(sessions.c.expires_at < a_day_ago))
    # A token that was used stays as long as its session: it is recognised when it comes again.
    is_unused = refresh_tokens.c.used_at.is_(None)
    await work.run(sa.delete(refresh_tokens).where(refresh_tokens.c.expires_at < a_day_ago, is_unused))
    await work.run(sa.delete(tickets).where(tickets.c.expires_at < _NOW))
    await work.run(sa.delete(automation_tokens).where(automation_tokens.c.expires_at < a_day_ago))


def _session(row: Row) -> SessionRow:
    names = ("session_uuid", "user_uuid", "email", "is_admin", "is_browser", "end")
    return SessionRow(*(row[name] for name in names))
