"""How far long imports have come: rows of the table of answered requests, under keys that no request can have.

The process that works on an import says every few seconds that it still does. Once it has been silent for
``SILENT_FOR`` the row stays as it is: the import was given up, even if the process goes on later.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from autotune_service.store.database import Work
from autotune_service.store.statements import Filled, Statement
from autotune_service.store.tables import requests

SILENT_FOR = timedelta(seconds=15)

_OVER = 200
_NOW = sa.func.clock_timestamp()
_OWN = sa.and_(requests.c.user_uuid == sa.bindparam("user_uuid"), requests.c.key == sa.bindparam("name"))
_SILENT = sa.cast(_NOW - requests.c.created_at, sa.Interval)
_GET = Statement(sa.select(requests.c.status, requests.c.reply, _SILENT.label("silent_for")).where(_OWN))
_BEGUN: dict[str, Any] = {
    "body_hash": sa.bindparam("token"),
    "status": None,
    "created_at": _NOW,
    "reply": sa.bindparam("reply"),
}
_BEGIN = Statement(
    insert(requests)
    .values(user_uuid=sa.bindparam("user_uuid"), key=sa.bindparam("name"), **_BEGUN)
    .on_conflict_do_update(index_elements=["user_uuid", "key"], set_=_BEGUN)
)
_SAY = Statement(
    sa.update(requests)
    .where(
        _OWN,
        requests.c.body_hash == sa.bindparam("token"),
        requests.c.status.is_(None),
        requests.c.created_at > _NOW - sa.cast(SILENT_FOR, sa.Interval),
    )
    .values(status=sa.bindparam("new_status"), created_at=_NOW, reply=sa.bindparam("reply"))
    .returning(requests.c.key)
)


@dataclass(frozen=True, slots=True)
class ImportRow:
    """An import as its process last told of it."""

    is_over: bool
    reply: str
    silent_for: timedelta


async def get_import(work: Work, user_uuid: UUID, exp_uuid: UUID) -> ImportRow | None:
    """Find a user's import by the uuid that its experiment gets."""
    row = await work.one(_GET(user_uuid=user_uuid, name=_name(exp_uuid)))
    return None if row is None else ImportRow(row["status"] is not None, row["answer"], row["silent_for"])


def set_begun(user_uuid: UUID, exp_uuid: UUID, token: bytes, reply: str) -> Filled:
    """Build the query that begins an import, or takes it from the process that worked on it before."""
    return _BEGIN(user_uuid=user_uuid, name=_name(exp_uuid), token=token, reply=reply)


async def say(work: Work, user_uuid: UUID, exp_uuid: UUID, token: bytes, reply: str, *, is_over: bool = False) -> bool:
    """Store how far an import has come; return False if it was given up or another process has taken it."""
    status = _OVER if is_over else None
    query = _SAY(user_uuid=user_uuid, name=_name(exp_uuid), token=token, new_status=status, reply=reply)
    return await work.one(query) is not None


def _name(exp_uuid: UUID) -> str:
    return f"import {exp_uuid}"  # keys of requests have no blanks
