"""The audit: rows are added and read, never changed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from autotune_service.store.database import Work
from autotune_service.store.statements import Statement
from autotune_service.store.tables import audit, refused_sign_ins, users

REFUSED_WITHIN = timedelta(days=1)
"""How long refused sign-ins to an account are counted together."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Who did what from where; ``number`` orders all rows.

    ``account`` is the address of the account that the act was about, None if it was that of who did it, or about none.
    """

    number: int
    at: datetime
    email: str | None
    way: str
    address: str | None
    action: str
    exp_uuid: UUID | None
    data: dict[str, Any]
    account: str | None


_NOW = sa.func.clock_timestamp()
_NAMES = ("user_uuid", "way", "address", "action", "exp_uuid", "data", "account_uuid")


def _email_of(name: str) -> sa.ScalarSelect[Any]:
    return sa.select(users.c.email).where(users.c.user_uuid == sa.bindparam(name, type_=sa.Uuid())).scalar_subquery()


_ADD = Statement(
    sa.insert(audit).values(
        at=_NOW,
        email=_email_of("user_uuid"),
        account=_email_of("account_uuid"),
        **{name: sa.bindparam(name, type_=audit.c[name].type) for name in _NAMES},
    )
)

_IS_RECENT = refused_sign_ins.c.since > _NOW - sa.cast(REFUSED_WITHIN, sa.Interval)
_EMAIL = sa.cast(sa.bindparam("email"), sa.Text)
_COUNTED = (
    insert(refused_sign_ins)
    .from_select(
        ["user_uuid", "n", "since"],
        sa.select(users.c.user_uuid, sa.literal_column("1"), _NOW).where(users.c.email == _EMAIL),
    )
    .on_conflict_do_update(
        index_elements=["user_uuid"],
        set_={
            "n": sa.case((_IS_RECENT, refused_sign_ins.c.n + 1), else_=1),
            "since": sa.case((_IS_RECENT, refused_sign_ins.c.since), else_=_NOW),
        },
    )
    .returning(refused_sign_ins.c.user_uuid, refused_sign_ins.c.n)
    .cte("counted")
)
# 1 to 9, then 10, 20 ... 90, 100, 200 ...: whoever tries a million passwords gets sixty rows.
_IS_ROUND = (
    sa.func.mod(_COUNTED.c.n, sa.cast(sa.func.power(10, sa.func.floor(sa.func.log(_COUNTED.c.n))), sa.Integer)) == 0
)
_ADD_REFUSED = Statement(
    sa.insert(audit).from_select(
        ["at", "way", "address", "action", "data", "account_uuid", "account"],
        sa.select(
            _NOW,
            sa.literal_column("'none'"),
            sa.cast(sa.bindparam("address"), sa.Text),
            sa.literal_column("'sign_in_refused'"),
            sa.func.json_build_object(sa.literal_column("'n'"), _COUNTED.c.n),
            _COUNTED.c.user_uuid,
            _EMAIL,
        ).where(_IS_ROUND),
    )
)


async def add_audit(work: Work, **values: Any) -> None:
    """Add a row; the values are those of the columns, without number and time, and without the addresses of users."""
    await work.run(_ADD(**{name: values.get(name) for name in _NAMES}))


async def add_refused_sign_in(work: Work, email: str, address: str) -> None:
    """Count a refused sign-in to an account, and add a row for the first ones and then for ever fewer.

    Where there is no account nothing is written, by the same statement: the time must not tell who has one.

    Args:
        work: The transaction.
        email: The mail address, in lower case.
        address: The network address of the client.
    """
    await work.run(_ADD_REFUSED(email=email, address=address))


async def list_audit(
    work: Work, *, before: int | None, limit: int, exp_uuid: UUID | None = None, user_uuid: UUID | None = None
) -> list[AuditRow]:
    """List rows, newest first: all, those of an experiment, or those by a user and about the user's account."""

    def newest(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
        query = sa.select(*(audit.c[name] for name in AuditRow.__slots__)).where(*conditions)
        query = query if before is None else query.where(audit.c.number < before)
        return query.order_by(audit.c.number.desc()).limit(limit)

    if user_uuid is not None:
        # Each by its own index: one condition with OR would read and sort all rows of the user.
        by, about = (sa.select(newest(audit.c[name] == user_uuid).subquery()) for name in ("user_uuid", "account_uuid"))
        both = sa.union_all(by, about).subquery()
        query = sa.select(both).order_by(both.c.number.desc()).limit(limit)
    else:
        query = newest(*([] if exp_uuid is None else [audit.c.exp_uuid == exp_uuid]))
    return [AuditRow(**row) for row in await work.all(query)]
