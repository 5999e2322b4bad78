"""The audit: rows are added and read, never changed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from autotune_service.store.database import Work
from autotune_service.store.statements import Statement
from autotune_service.store.tables import audit


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Who did what from where; ``number`` orders all rows."""

    number: int
    at: datetime
    email: str | None
    way: str
    address: str | None
    action: str
    exp_uuid: UUID | None
    data: dict[str, Any]


_NAMES = ("user_uuid", "email", "way", "address", "action", "exp_uuid", "data")
_ADD = Statement(
    sa.insert(audit).values(
        at=sa.func.clock_timestamp(), **{name: sa.bindparam(name, type_=audit.c[name].type) for name in _NAMES}
    )
)


async def add_audit(work: Work, **values: Any) -> None:
    """Add a row; the values are those of the columns, without number and time."""
    await work.run(_ADD(**{name: values.get(name) for name in _NAMES}))


async def list_audit(
    work: Work, *, before: int | None, limit: int, exp_uuid: UUID | None = None, user_uuid: UUID | None = None
) -> list[AuditRow]:
    """List rows, newest first: all, those of an experiment, or those of a user."""
    query = sa.select(*(audit.c[name] for name in AuditRow.__slots__)).order_by(audit.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.number < before)
    if exp_uuid is not None:
        query = query.where(audit.c.exp_uuid == exp_uuid)
    if user_uuid is not None:
        query = query.where(audit.c.user_uuid == user_uuid)
    return [AuditRow(**row) for row in await work.all(query)]
