"""The pots of the brake on sign-ins; the database's clock says when they change and open."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from autotune_service.domain.brakes import Pot
from autotune_service.store.database import Work
from autotune_service.store.statements import Statement
from autotune_service.store.tables import sign_in_pots

KNOWN_FOR = timedelta(days=30)
"""For how long an address counts as one from which the user has signed in before."""

_FRESH_FOR = timedelta(days=1)
_KEPT_FOR = timedelta(days=2)
"""For how long a pot is kept in which nothing changes; the longest pause is shorter, and most of it is forgotten."""

_NOW = sa.func.clock_timestamp()
_NAMES = sa.cast(sa.bindparam("names", type_=sa.ARRAY(sa.Text)), sa.ARRAY(sa.Text))
_AGE_S = sa.cast(sa.extract("epoch", _NOW - sign_in_pots.c.changed_at), sa.Double)
_READ = sa.select(
    sign_in_pots.c.name,
    sign_in_pots.c.used,
    sign_in_pots.c.level,
    _AGE_S.label("age_s"),
    (sign_in_pots.c.signed_in_at > _NOW - sa.cast(KNOWN_FOR, sa.Interval)).label("is_known"),
    (sign_in_pots.c.signed_in_at > _NOW - sa.cast(_FRESH_FOR, sa.Interval)).label("is_fresh"),
).where(sign_in_pots.c.name == sa.any_(_NAMES))
_GET = Statement(_READ)
# In the order of their names: two requests that lock the same pots must lock them in the same order.
_LOCK = Statement(_READ.order_by(sign_in_pots.c.name).with_for_update())
_FILL_UP = Statement(
    insert(sign_in_pots)
    .from_select(
        ["name", "used", "level", "changed_at"],
        sa.select(sa.func.unnest(_NAMES).table_valued(name="name").column, sa.literal(0.0), sa.literal(0), _NOW),
    )
    .on_conflict_do_nothing()
)
_SET = Statement(
    sa.update(sign_in_pots)
    .where(sign_in_pots.c.name == sa.bindparam("pot"))
    .values(
        used=sa.bindparam("used_now"),
        level=sa.bindparam("level_now"),
        changed_at=_NOW + sa.cast(sa.bindparam("opens_in"), sa.Interval),
    )
)
_SIGNED_IN: dict[str, Any] = {"used": 0.0, "level": 0, "changed_at": _NOW, "signed_in_at": _NOW}
_KNOW = Statement(
    insert(sign_in_pots)
    .values(name=sa.bindparam("pot"), **_SIGNED_IN)
    .on_conflict_do_update(index_elements=["name"], set_=_SIGNED_IN)
)


async def get_pots(work: Work, names: Sequence[str]) -> dict[str, Pot]:
    """Read pots as they are now; one that was never drawn on is full."""
    return _pots(names, await work.all(_GET(names=list(names))))


async def hold_pots(work: Work, names: Sequence[str]) -> dict[str, Pot]:
    """Read pots and lock them until the transaction ends; those that were never drawn on are made."""
    await work.run(_FILL_UP(names=sorted(names)))
    return _pots(names, await work.all(_LOCK(names=list(names))))


async def update_pots(work: Work, pots: Mapping[str, Pot]) -> None:
    """Store pots that the transaction holds."""
    await work.change(
        *(
            _SET(pot=name, used_now=pot.used, level_now=pot.level, opens_in=timedelta(seconds=max(pot.opens_in_s, 0)))
            for name, pot in sorted(pots.items())
        )
    )


async def note_sign_in(work: Work, name: str) -> None:
    """Note that a user has signed in from an address, by the pot of both, and empty the pot."""
    await work.run(_KNOW(pot=name))


async def delete_old_pots(work: Work) -> None:
    """Delete the pots that no longer say anything."""
    is_known = sa.func.coalesce(sign_in_pots.c.signed_in_at > _NOW - sa.cast(KNOWN_FOR, sa.Interval), sa.false())
    await work.run(
        sa.delete(sign_in_pots).where(sign_in_pots.c.changed_at < _NOW - sa.cast(_KEPT_FOR, sa.Interval), ~is_known)
    )


def _pots(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> dict[str, Pot]:
    found = {
        row["name"]: Pot(
            row["used"],
            row["level"],
            opens_in_s=-row["age_s"],
            idle_s=row["age_s"],
            is_known=bool(row["is_known"]),
            is_fresh=bool(row["is_fresh"]),
        )
        for row in rows
    }
    return {name: found.get(name, Pot()) for name in names}
