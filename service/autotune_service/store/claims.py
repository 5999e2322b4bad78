"""Work that waits in a table with ``lease_token``, ``lease_by`` and ``lease_until``: one worker at a time claims it."""

from typing import Any

import sqlalchemy as sa

from autotune_service.store.statements import Statement

# Workers on several machines have several clocks: all lease times are the database's own.
NOW = sa.func.clock_timestamp()


def claim_of(key: sa.Column[Any], *wanted: sa.ColumnElement[bool], first: sa.Column[Any], **also: Any) -> Statement:
    """Make the statement that leases the first row which is wanted and which nobody holds, and gives it.

    Its parameters are ``token``, ``worker`` and ``lease_for``.

    Args:
        key: The table's primary key.
        wanted: What the row has to be.
        first: By what the rows are ordered.
        also: What else changes in the row.
    """
    table = key.table
    is_free = sa.or_(table.c.lease_until.is_(None), table.c.lease_until < NOW)
    chosen = sa.select(key).where(*wanted, is_free).order_by(first).limit(1).with_for_update(skip_locked=True)
    leased = {
        "lease_token": sa.bindparam("token"),
        "lease_by": sa.bindparam("worker"),
        "lease_until": NOW + sa.bindparam("lease_for", type_=sa.Interval),
    }
    query = sa.update(table).where(key == chosen.scalar_subquery()).values(**leased, **also)
    return Statement(query.returning(table))
