"""Claims on rows that have work: one worker at a time holds a row by its columns ``claim_token/_by/_until``."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from autotune_service.store.statements import Statement

# The clocks of several machines differ, so every time in a claim is the database's.
NOW = sa.func.clock_timestamp()
# Claims last for seconds. One that lasts longer is of a time before the database's clock was set back.
_LONGEST = sa.cast(timedelta(minutes=2), sa.Interval)


def is_over(moment: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """Build the condition that a claim or a pause, which ends at a moment, is over, or was never set."""
    return sa.or_(moment.is_(None), moment <= NOW, moment > NOW + _LONGEST)


def seconds_to(moment: sa.Column[Any]) -> sa.ColumnElement[float]:
    """Build the number of seconds until a moment."""
    return sa.cast(sa.func.extract("epoch", moment - NOW), sa.Double)


def claim_of(
    key: sa.Column[Any], *wanted: sa.ColumnElement[bool], first: Sequence[sa.ColumnElement[Any]], **also: Any
) -> Statement:
    """Build the statement that claims the first row with work that no worker holds, and returns the row.

    The parameters of the statement are ``token``, ``worker`` and ``claim_for``.

    Args:
        key: The table's primary key.
        wanted: The conditions for a row to have work.
        first: What orders the rows; the first that differs decides.
        also: Other columns to set in the row, with their values.
    """
    table = key.table
    chosen = (
        sa.select(key)
        .where(*wanted, is_over(table.c.claim_until))
        .order_by(*first)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    claimed = {
        "claim_token": sa.bindparam("token"),
        "claim_by": sa.bindparam("worker"),
        "claim_until": NOW + sa.bindparam("claim_for", type_=sa.Interval),
    }
    query = sa.update(table).where(key == chosen.scalar_subquery()).values(**claimed, **also)
    return Statement(query.returning(table))
