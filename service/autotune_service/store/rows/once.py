"""The replies to requests with a key: a request that is sent again changes nothing and gets the stored reply.

Of a large reply the table of requests has the gaps, and a table of its own the parts, which many replies share.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from autotune_service.domain.reply_parts import Parted, put_together
from autotune_service.store.database import Work
from autotune_service.store.statements import Filled, Statement
from autotune_service.store.tables import kept_replies, reply_parts, requests

_NOW = sa.func.clock_timestamp()
_ANEW = sa.cast(timedelta(hours=1), sa.Interval)
"""A part is said to be in use at most so often, so that a common one is not written with every reply."""
_AT_ONCE = 10_000

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
_CONTENT: dict[str, sa.BindParameter[object]] = {
    name: sa.bindparam(name, type_=requests.c[name].type) for name in ("body_hash", "status", "reply", "parts")
}
_PUT = Statement(
    insert(requests)
    .values(user_uuid=sa.bindparam("user_uuid"), key=sa.bindparam("key"), created_at=_NOW, **_CONTENT)
    .on_conflict_do_update(index_elements=["user_uuid", "key"], set_=_CONTENT)
)
_HASHES, _TEXTS = sa.ARRAY(sa.LargeBinary), sa.ARRAY(sa.Text)
_GIVEN = (
    sa.func.unnest(
        sa.cast(sa.bindparam("hashes", type_=_HASHES), _HASHES), sa.cast(sa.bindparam("texts", type_=_TEXTS), _TEXTS)
    )
    .table_valued("hash", "text", name="given")
    .render_derived()
)
_NEW_PARTS = insert(reply_parts).from_select(
    ["user_uuid", "hash", "text", "kept_at"],
    sa.select(sa.bindparam("user_uuid", type_=sa.Uuid()), _GIVEN.c.hash, _GIVEN.c.text, _NOW),
)
_PUT_PARTS = Statement(
    _NEW_PARTS.on_conflict_do_update(
        index_elements=["user_uuid", "hash"], set_={"kept_at": _NOW}, where=reply_parts.c.kept_at < _NOW - _ANEW
    )
)
_PARTS = Statement(
    sa.select(reply_parts.c.hash, reply_parts.c.text).where(
        reply_parts.c.user_uuid == sa.bindparam("user_uuid"),
        reply_parts.c.hash == sa.any_(sa.bindparam("hashes", type_=_HASHES)),
    )
)
_HOUR = sa.func.date_trunc("hour", _NOW)
_COUNT = Statement(
    insert(kept_replies)
    .values(user_uuid=sa.bindparam("user_uuid"), hour=_HOUR, n_replies=sa.bindparam("n"), n_bytes=sa.bindparam("bytes"))
    .on_conflict_do_update(
        index_elements=["user_uuid", "hour"],
        set_={
            "n_replies": kept_replies.c.n_replies + sa.bindparam("n"),
            "n_bytes": kept_replies.c.n_bytes + sa.bindparam("bytes"),
        },
    )
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
    if row is None:
        return None
    reply = row["answer"]
    if row["parts"] is not None:
        gaps, *hashes = map(bytes, row["parts"])
        found = await work.all(_PARTS(user_uuid=user_uuid, hashes=list(set(hashes))))
        reply = put_together(
            json.loads(zlib.decompress(gaps)), hashes, {bytes(part["hash"]): part["text"] for part in found}
        )
    return RequestRow(bytes(row["body_hash"]), row["status"], reply)


def insert_request(user_uuid: UUID, key: str, row: RequestRow, parted: Parted | None = None) -> list[Filled]:
    """Build the queries that store the reply to a request, or the progress of a request that is not finished.

    Args:
        user_uuid: Who sent the request.
        key: Its key.
        row: The request.
        parted: The reply without its parts, if it has any.
    """
    content: dict[str, Any] = {"body_hash": row.body_hash, "status": row.status, "reply": row.reply, "parts": None}
    if parted is None:
        return [_PUT(user_uuid=user_uuid, key=key, **content)]
    content |= {"reply": "", "parts": [zlib.compress(json.dumps(parted.gaps).encode()), *parted.hashes]}
    hashes = sorted(parted.parts)  # in the same order everywhere, so that no two requests wait for each other
    texts = [parted.parts[hashed] for hashed in hashes]
    stored = _PUT_PARTS(user_uuid=user_uuid, hashes=hashes, texts=texts)
    return [stored, _PUT(user_uuid=user_uuid, key=key, **content)]


def insert_kept(user_uuid: UUID, n_replies: int, n_bytes: int) -> Filled:
    """Build the query that counts replies as kept for a user in this hour."""
    return _COUNT(user_uuid=user_uuid, n=n_replies, bytes=n_bytes)


async def count_kept(work: Work, user_uuid: UUID, within: timedelta) -> tuple[int, int]:
    """Count the replies kept for a user within a time until now, and their bytes."""
    sums = [sa.func.coalesce(sa.func.sum(column), 0) for column in (kept_replies.c.n_replies, kept_replies.c.n_bytes)]
    query = sa.select(sums[0].label("n"), sums[1].label("n_bytes")).where(
        kept_replies.c.user_uuid == user_uuid, kept_replies.c.hour > _NOW - sa.cast(within, sa.Interval)
    )
    row = await work.one(query)
    assert row is not None
    return int(row["n"]), int(row["n_bytes"])


async def list_keepers(work: Work, n_replies: int, n_bytes: int) -> list[UUID]:
    """List the users for whom more replies, or more bytes of replies, are kept than these."""
    sums: Mapping[str, sa.ColumnElement[int]] = {
        name: sa.func.sum(kept_replies.c[name]) for name in ("n_replies", "n_bytes")
    }
    beyond = sa.or_(sums["n_replies"] > n_replies, sums["n_bytes"] > n_bytes)
    query = sa.select(kept_replies.c.user_uuid).group_by(kept_replies.c.user_uuid).having(beyond)
    return [row["user_uuid"] for row in await work.all(query)]


async def delete_requests(work: Work, older_than: timedelta) -> None:
    """Delete the requests that were stored longer ago than ``older_than``, and what only they need."""
    before = _NOW - sa.cast(older_than, sa.Interval)
    await work.run(sa.delete(requests).where(requests.c.created_at < before))
    await work.run(sa.delete(reply_parts).where(reply_parts.c.kept_at < before - _ANEW - _ANEW))
    await work.run(sa.delete(kept_replies).where(kept_replies.c.hour < before))


async def delete_requests_of(work: Work, user_uuid: UUID, older_than: timedelta) -> bool:
    """Delete requests of a user that were stored longer ago than ``older_than``; return whether there may be more."""
    before = _NOW - sa.cast(older_than, sa.Interval)
    of_user = sa.select(requests.c.key).where(requests.c.user_uuid == user_uuid, requests.c.created_at < before)
    chosen = (requests.c.user_uuid == user_uuid, requests.c.key.in_(of_user.limit(_AT_ONCE)))
    found = await work.all(sa.delete(requests).where(*chosen).returning(requests.c.key))
    if len(found) < _AT_ONCE:
        is_old = (kept_replies.c.user_uuid == user_uuid, kept_replies.c.hour < before)
        await work.run(sa.delete(kept_replies).where(*is_old))
    return len(found) >= _AT_ONCE
