"""Work that waits in a table with ``claim_token``, ``claim_by`` and ``claim_until``: one worker at a time claims it."""

from typing import Any

import sqlalchemy as sa

from autotune_service.store.statements import Statement

# Workers on several machines have several clocks: all times of claims are the database's own.
NOW = sa.func.clock_timestamp()


def claim_of(key: sa.Column[Any], *wanted: sa.ColumnElement[bool], first: sa.Column[Any], **also: Any) -> Statement:
    """Make the statement that claims the first row which is wanted and which nobody holds, and returns the row.

    Its parameters are ``token``, ``worker`` and ``claim_for``.

    Args:
        key: The table's primary key.
        wanted: What the row has to be.
        first: By what the rows are ordered.
        also: What else changes in the row.
    """
    table = key.table
    is_free = sa.or_(table.c.claim_until.is_(None), table.c.claim_until < NOW)
    chosen = sa.select(key).where(*wanted, is_free).order_by(first).limit(1).with_for_update(skip_locked=True)
    claimed = {
        "claim_token": sa.bindparam("token"),
        "claim_by": sa.bindparam("worker"),
        "claim_until": NOW + sa.bindparam("claim_for", type_=sa.Interval),
    }
    query = sa.update(table).where(key == chosen.scalar_subquery()).values(**claimed, **also)
    return Statement(query.returning(table))
