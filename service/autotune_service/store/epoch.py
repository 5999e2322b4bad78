"""The epoch of the event log: a restored backup has another epoch, so that watchers read its log from the start."""

from hashlib import sha256

import sqlalchemy as sa

from autotune_service.store.database import Work
from autotune_service.store.tables import log_epoch

_LENGTH = 16


async def get_epoch(work: Work) -> str:
    """Return the epoch of this database's log, 16 hexadecimal digits.

    The epoch changes with ``autotune restore``. A dump that was restored by other means has another epoch too, because
    its server or its database is another one. A standby that takes over keeps the epoch, because its log is the same.
    """
    row = await work.one(sa.select(sa.func.min(sa.cast(log_epoch.c.epoch, sa.Text)).label("epoch")))
    own = None if row is None else row["epoch"]
    parts = (await _server(work), await _database(work), own)
    return sha256("/".join(str(part) for part in parts).encode()).hexdigest()[:_LENGTH]


async def _server(work: Work) -> str | None:
    # Every role may call pg_control_system unless an administrator has revoked that right. Without the right, the
    # epoch is made of the database and its own row alone.
    may = sa.func.has_function_privilege("pg_control_system()", "EXECUTE")
    row = await work.one(sa.select(may.label("may")))
    if row is None or not row["may"]:
        return None
    system = sa.func.pg_control_system().table_valued(sa.column("system_identifier", sa.BigInteger))
    row = await work.one(sa.select(system.c.system_identifier))
    return None if row is None else str(row["system_identifier"])


async def _database(work: Work) -> str | None:
    own = sa.func.current_database()
    oid = sa.column("oid", sa.BigInteger)
    query = sa.select(sa.cast(oid, sa.Text).label("oid")).select_from(sa.table("pg_database", oid))
    row = await work.one(query.where(sa.column("datname") == own))
    return None if row is None else str(row["oid"])
