"""Which log the seqs of all events are of: another one where a backup is restored, so that watchers begin anew."""

from hashlib import sha256

import sqlalchemy as sa

from autotune_service.store.database import Work
from autotune_service.store.tables import log_epoch

_LENGTH = 16


async def get_epoch(work: Work) -> str:
    """Name the log of this database on this server, in 16 hexadecimal digits.

    It is another one after ``autotune restore``, and also where a dump was restored by other means: the server, or the
    database on it, is another one then. A standby that takes over keeps it, as it has the same log.
    """
    row = await work.one(sa.select(sa.func.min(sa.cast(log_epoch.c.epoch, sa.Text)).label("epoch")))
    own = None if row is None else row["epoch"]
    parts = (await _server(work), await _database(work), own)
    return sha256("/".join(str(part) for part in parts).encode()).hexdigest()[:_LENGTH]


async def _server(work: Work) -> str | None:
    # Every role may ask for it, unless an administrator has taken that away: then the database alone must tell.
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
