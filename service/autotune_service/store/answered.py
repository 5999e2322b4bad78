"""What was answered to requests that carry a key, so that a repeated one gets the same answer and does nothing."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from databases.interfaces import Record
from sqlalchemy.dialects.postgresql import insert

from autotune_service.store.database import Work
from autotune_service.store.tables import answered_requests

_NOW = sa.func.clock_timestamp()


@dataclass(frozen=True, slots=True)
class AnsweredRow:
    """What is known of a request; without a status it was not brought to its end, and ``answer`` is how far it came."""

    body_hash: bytes
    status: int | None
    answer: str


async def lock_request(work: Work, user_uuid: UUID, key: str) -> bool:
    """Keep all others from the request of this key until the transaction ends; False where another has it."""
    name = sa.func.hashtextextended(f"{user_uuid}:{key}", 0)
    row = await work.one(sa.select(sa.func.pg_try_advisory_xact_lock(name).label("is_locked")))
    return row is not None and bool(row["is_locked"])


async def get_answered(work: Work, user_uuid: UUID, key: str) -> AnsweredRow | None:
    """Find what was answered to a user's request of this key."""
    query = sa.select(answered_requests).where(
        answered_requests.c.user_uuid == user_uuid, answered_requests.c.key == key
    )
    row = await work.one(query)
    return None if row is None else _answered_of(row)


async def put_answered(work: Work, user_uuid: UUID, key: str, row: AnsweredRow) -> None:
    """Store what was answered, or how far it came."""
    values = {"body_hash": row.body_hash, "status": row.status, "answer": row.answer}
    query = insert(answered_requests).values(user_uuid=user_uuid, key=key, created_at=_NOW, **values)
    await work.run(query.on_conflict_do_update(index_elements=["user_uuid", "key"], set_=values))


async def delete_answered(work: Work, older_than: timedelta) -> None:
    """Forget the requests that are older."""
    before = _NOW - sa.cast(older_than, sa.Interval)
    await work.run(sa.delete(answered_requests).where(answered_requests.c.created_at < before))


def _answered_of(row: Record) -> AnsweredRow:
    return AnsweredRow(bytes(row["body_hash"]), row["status"], row["answer"])
