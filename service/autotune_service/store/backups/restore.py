"""Restores a backup: its tables are made by the migrations, filled from the file and brought up to date."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.adoption import drop_views, make_views
from autotune_service.store.backups.backup_file import (
    Contents,
    Say,
    TableData,
    opened,
    read_contents,
    size_of,
    size_text,
)
from autotune_service.store.backups.postgres_tools import BackupError
from autotune_service.store.migrate import driver_error_of, driver_of, lock_migrations, run_revisions, transaction
from autotune_service.store.prod_mark import mark
from autotune_service.store.schema import (
    Held,
    find_tables,
    list_tables,
    make_schema,
    quoted,
    require_utf8,
)
from autotune_service.store.server.connecting import NotConnectedError
from autotune_service.store.server.refusals import DATABASE_ERRORS, RETRY_AFTER_S
from autotune_service.store.tables import SCHEMA, audit, experiments

# Sessions and tokens stay behind, so that a restore does not sign in users who had signed out after the backup. The
# migrations have made a new epoch, as the seqs of the backup's events belong to another log than those of before.
_LEFT_OUT = {"sessions", "refresh_tokens", "log_epoch"}
_REPORT_BYTES = 16 * 1024 * 1024
_LOCK_TIMEOUT = "10s"
_OURS = "autotune%"  # matches the application_name of every connection of a service or worker
_NUMBERED = (experiments, audit)  # their numbers go on after those of the backup


async def restore(url: str, file: Path, say: Say, *, replace: bool = False) -> None:
    """Load a backup into a database, bring its tables up to date and start a new epoch of the event log.

    All of it is one transaction: if it fails, the database stays as it was. Whatever else the database holds stays.

    Args:
        url: The database; it must have no tables of AutoTune unless ``replace`` is true.
        file: A file that ``back_up`` wrote, in this version or a former one.
        say: Shows the progress.
        replace: Whether to drop the tables of AutoTune that the database has.

    Raises:
        BackupError: If the file is no backup, the database has tables of AutoTune or is in use, or the tools are
            missing or fail.
        VersionError: If the tables of the file or the database are of a newer version.
        SchemaError: If the database cannot hold AutoTune's tables.
        UnavailableError: If the database does not answer.
    """
    contents = await read_contents(file)
    is_connected = False
    try:
        async with transaction(url) as connection:
            is_connected = True
            raw = await driver_of(connection)
            await require_utf8(raw)
            await _require_unused(raw)
            await lock_migrations(raw)
            held = await find_tables(raw)
            if held is not None and not replace:
                raise BackupError(
                    f"the database has tables of AutoTune already, in the schema {held.schema}: restore into another "
                    "database, or drop these tables first with --replace"
                )
            with_views = await _drop(raw, held)
            if held is None or held.schema != SCHEMA:
                await make_schema(raw)
            say(f"Restoring {file} ({size_of(file)}) ...")
            await run_revisions(connection, partial(_upgrade, contents.revision))
            await _load(raw, contents, say)
            if contents.is_marked:
                await mark(raw)
            say("Bringing the tables up to date ...")
            await run_revisions(connection, partial(_upgrade, "head"))
            for table in _NUMBERED:
                await connection.execute(_go_on_numbering(table))
            for schema in with_views:
                await make_views(raw, schema)
    except (*DATABASE_ERRORS, DBAPIError) as error:
        cause = driver_error_of(error)
        if not is_connected or isinstance(cause, (OSError, asyncpg.PostgresConnectionError)):
            is_told = isinstance(cause, NotConnectedError)
            raise UnavailableError(
                f"{'' if is_told else 'the database does not answer: '}{cause}", RETRY_AFTER_S
            ) from error
        raise BackupError(f"the backup was not restored, nothing is changed: {_reason(cause)}") from error
    say("Restored.")


def _go_on_numbering(table: sa.Table) -> sa.Select[Any]:
    sequence, last = sa.func.pg_get_serial_sequence(table.fullname, "number"), sa.func.max(table.c.number)
    return sa.select(sa.func.setval(sequence, last)).having(last.is_not(None))


def _upgrade(revision: str, config: Config) -> None:
    command.upgrade(config, revision)


async def _require_unused(connection: asyncpg.Connection) -> None:
    # A running service could write during the restore, and keeps in memory how far its watchers have read.
    n_services = await connection.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND application_name LIKE $1",
        _OURS,
    )
    if n_services:
        raise BackupError("services or workers use the database: stop them first")


async def _drop(connection: asyncpg.Connection, held: Held | None) -> list[str]:
    """Drop the tables that the database holds, and list the schemas where services of before look for views."""
    with_views = await drop_views(connection)
    await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
    if held is None:
        return with_views
    names = [*await list_tables(connection, held.schema), held.version_table]
    await connection.execute(f"DROP TABLE {', '.join(quoted(held.schema, name) for name in names)}")
    return with_views if held.is_moved else [*with_views, held.schema]


async def _load(connection: asyncpg.Connection, contents: Contents, say: Say) -> None:
    wanted = [name for name in await list_tables(connection, SCHEMA) if name not in _LEFT_OUT]
    missing = [name for name in wanted if name not in contents.tables]
    if missing:
        raise BackupError(f"{contents.file} is not whole, nothing is changed: it lacks the table {missing[0]}")
    async with opened(contents, wanted) as data:
        async for table in data:
            await connection.copy_to_table(
                table.table,
                schema_name=SCHEMA,
                columns=table.columns,
                encoding=table.encoding,
                source=_reported(table, say),
            )


async def _reported(table: TableData, say: Say) -> AsyncIterator[bytes]:
    n_bytes = n_said = 0
    async for block in table.blocks:
        yield block
        n_bytes += len(block)
        if n_bytes - n_said >= _REPORT_BYTES:
            n_said = n_bytes
            say(f"  {table.table}: {size_text(n_bytes)}")


def _reason(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    detail = str(getattr(error, "detail", None) or "").splitlines()
    if isinstance(error, asyncpg.DependentObjectsStillExistError):
        return (
            f"other objects in the database depend on AutoTune's tables ({'; '.join(detail[:2])}): drop them first, or "
            "restore into another database"
        )
    if isinstance(error, asyncpg.LockNotAvailableError):
        return "other programs use AutoTune's tables: end them first"
    return lines[0]
