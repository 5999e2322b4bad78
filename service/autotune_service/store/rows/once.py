"""The replies to requests with a key: a request that is sent again changes nothing and gets the stored reply."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from autotune_service.store.database import Work
from autotune_service.store.statements import Filled, Statement
from autotune_service.store.tables import requests

_NOW = sa.func.clock_timestamp()

_LOCK = Statement(
    sa.select(
        sa.func.pg_try_advisory_xact_lock(sa.func.hashtextextended(sa.bindparam("name", type_=sa.Text), 0)).label(
            "is_locked"
        )
    )
)
_GET = Statement(
    sa.select(requests).where(requests.c.user_uuid == sa.bindparam("user_uuid"), requests.c.key == sa.bindparam("key"))
)
_CONTENT: dict[str, sa.BindParameter[object]] = {name: sa.bindparam(name) for name in ("body_hash", "status", "reply")}
_PUT = Statement(
    insert(requests)
    .values(user_uuid=sa.bindparam("user_uuid"), key=sa.bindparam("key"), created_at=_NOW, **_CONTENT)
    .on_conflict_do_update(index_elements=["user_uuid", "key"], set_=_CONTENT)
)


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request as stored; without a status the request is not finished, and ``reply`` is the progress it made."""

    body_hash: bytes
    status: int | None
    reply: str


async def lock_request(work: Work, user_uuid: UUID, key: str) -> bool:
    """Lock the request with this key until the transaction ends; return False if another transaction holds the lock."""
    row = await work.one(_LOCK(name=f"{user_uuid}:{key}"))
    return row is not None and bool(row["is_locked"])


async def get_request(work: Work, user_uuid: UUID, key: str) -> RequestRow | None:
    """Find a user's request by its key."""
    row = await work.one(_GET(user_uuid=user_uuid, key=key))
    return None if row is None else RequestRow(bytes(row["body_hash"]), row["status"], row["answer"])


def insert_request(user_uuid: UUID, key: str, row: RequestRow) -> Filled:
    """Build the query that stores the reply to a request, or the progress of a request that is not finished."""
    return _PUT(user_uuid=user_uuid, key=key, body_hash=row.body_hash, status=row.status, reply=row.reply)


async def delete_requests(work: Work, older_than: timedelta) -> None:
    """Delete the requests that were stored longer ago than ``older_than``."""
    before = _NOW - sa.cast(older_than, sa.Interval)
    await work.run(sa.delete(requests).where(requests.c.created_at < before))
