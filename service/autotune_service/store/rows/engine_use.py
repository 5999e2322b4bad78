"""The seconds of the engine that each user has used lately, by which users take turns.

What was used long ago counts less: half as much every ten minutes. So who computes all day is behind who asks now and
then, and has caught up after a break.
"""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from autotune_service.store.database import Work
from autotune_service.store.rows.claims import NOW
from autotune_service.store.statements import Statement
from autotune_service.store.tables import engine_use, experiments, questions

_HALF_LIFE_S = 600.0
_LITTLE_S = 5.0
"""Seconds lately that are little use, whoever else uses the engine."""
_AGE_S = sa.func.greatest(sa.cast(sa.func.extract("epoch", NOW - engine_use.c.counted_at), sa.Double), 0.0)
_LATELY = engine_use.c.seconds * sa.func.power(0.5, _AGE_S / _HALF_LIFE_S, type_=sa.Double)
_SECONDS = sa.bindparam("seconds", type_=sa.Double)
_ADD = Statement(
    insert(engine_use)
    .values(user_uuid=sa.bindparam("user_uuid"), seconds=_SECONDS, counted_at=NOW)
    .on_conflict_do_update(index_elements=["user_uuid"], set_={"seconds": _LATELY + _SECONDS, "counted_at": NOW})
)


def used_lately(user_uuid: sa.ColumnElement[UUID] | sa.Column[object]) -> sa.ColumnElement[float]:
    """Build the seconds that a user has used lately, for the order of a query; the user is a column of the query."""
    of_user = sa.select(_LATELY).where(engine_use.c.user_uuid == user_uuid)
    return sa.func.coalesce(of_user.scalar_subquery(), 0.0)


def may_take_reserved(user_uuid: sa.ColumnElement[UUID] | sa.Column[object]) -> sa.ColumnElement[bool]:
    """Build the condition that the engine process reserved for short work may work for a user, a column of the query.

    It works for nobody who has short work done elsewhere, and not for who uses the engine most: their work would be
    there each time that somebody else comes.
    """
    most = sa.select(sa.func.max(_LATELY)).scalar_subquery()
    # The clock goes on while a query runs, so that who uses most is seen to use a trifle less than that.
    is_light = sa.or_(used_lately(user_uuid) <= _LITTLE_S, used_lately(user_uuid) < 0.9 * most)
    return sa.and_(_is_idle(user_uuid), is_light)


def _is_idle(user_uuid: sa.ColumnElement[UUID] | sa.Column[object]) -> sa.ColumnElement[bool]:
    """Build the condition that no worker does short work for a user; the user is a column of the query."""
    fits, asked = experiments.alias(), questions.alias()
    fitting = sa.select(fits.c.exp_uuid).where(
        fits.c.owner_uuid == user_uuid,
        fits.c.claim_token.is_not(None),
        fits.c.claim_until > NOW,
        sa.not_(fits.c.is_long),
    )
    answering = sa.select(asked.c.question_uuid).where(
        asked.c.asked_by == user_uuid,
        asked.c.state == sa.literal_column("'waiting'"),
        asked.c.claim_until > NOW,
        sa.not_(asked.c.is_long),
    )
    return sa.not_(sa.or_(fitting.exists(), answering.exists()))


async def add_use(work: Work, user_uuid: UUID, seconds: float) -> None:
    """Count seconds that an engine process has worked for a user."""
    await work.run(_ADD(user_uuid=user_uuid, seconds=seconds))
