"""Backs up AutoTune's tables to one file, with pg_dump, and reads the file again before it counts as a backup."""

import errno
import os
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg

from autotune_service.store.backups.backup_file import Say, opened, read_contents, run, size_of
from autotune_service.store.backups.postgres_tools import (
    BackupError,
    find_tools,
    libpq_environment,
    why_not_encrypted,
)
from autotune_service.store.schema import Held, find_tables, list_tables, quoted
from autotune_service.store.server.address import Address
from autotune_service.store.server.connecting import NO_TIMEOUTS, connect_session, unavailable_of
from autotune_service.store.server.refusals import DATABASE_ERRORS
from autotune_service.store.tables import SCHEMA

_IS_ENCRYPTED = "SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid()"
_PARTIAL = ".partial"
_CONNECT_S = 10.0
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}


async def back_up(url: str, file: Path, say: Say) -> None:
    """Write AutoTune's tables to a new file; a backup that fails, or that could not be restored, leaves no file.

    Args:
        url: The database.
        file: Path of the new file.
        say: Shows the progress.

    Raises:
        BackupError: If the file exists already or cannot be written, the database has no tables of AutoTune, pg_dump is
            missing or fails, or the file cannot be read again.
        SchemaError: If the tables are of a newer version, or may not be read.
        UnavailableError: If the database does not answer.
    """
    _require_new(file)
    async with _connected(url) as connection:
        held = await find_tables(connection)
        names = [] if held is None else await list_tables(connection, held.schema)
        if held is None or not names:
            raise BackupError("the database has no tables of AutoTune: there is nothing to back up")
        major = int(connection.get_server_version().major)
        is_encrypted = await connection.fetchval(_IS_ENCRYPTED)
    tools = await find_tools(major)
    partial = file.with_name(f"{file.name}.{uuid4().hex[:8]}{_PARTIAL}")
    say(f"Backing up the schema {held.schema} with {tools.name} ...")
    try:
        # The backup has password hashes and every user's data: only the owner of the file may read it.
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise BackupError(f"cannot write {file}: {error.strerror}") from None
    command = [tools.pg_dump, "--format=custom", "--no-owner", "--no-privileges", "--no-password", "--verbose"]
    try:
        advice = f". {why_not_encrypted(major)}" if tools.is_packaged and is_encrypted else ""
        await _dump([*command, *_chosen(held, names), f"--file={partial}"], url, say, advice)
        say("Reading the file again ...")
        await _require_restorable(partial, file, names)
        _rename(partial, file)
    finally:
        partial.unlink(missing_ok=True)
    say(f"Wrote {file}: {size_of(file)}.")


async def _dump(command: Sequence[str], url: str, say: Say, advice: str) -> None:
    try:
        await run(command, libpq_environment(url), lambda line: _say_table(line, say))
    except BackupError as error:
        raise BackupError(f"{error}{advice}") from None


def _chosen(held: Held, names: Sequence[str]) -> list[str]:
    """Choose what pg_dump writes: the schema, or where others have tables beside AutoTune's, these tables alone."""
    if held.is_moved:
        return [f"--schema={SCHEMA}"]
    return [f"--table={quoted(held.schema, name)}" for name in [*names, held.version_table]]


async def _require_restorable(partial: Path, file: Path, names: Sequence[str]) -> None:
    """Read a new backup to its end, as a restore does."""
    try:
        contents = await read_contents(partial)
        missing = [name for name in names if name not in contents.tables]
        if missing:
            raise BackupError(f"it lacks the table {missing[0]}")
        async with opened(contents, names) as data:
            read = {table.table: [len(block) async for block in table.blocks] async for table in data}
        if read.keys() != set(names):
            raise BackupError("it does not have the rows of all tables")
    except BackupError as error:
        raise BackupError(f"no backup was written to {file}, as it could not be restored: {error}") from None


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    address = Address.of(url)
    try:
        connection = await connect_session(address, "autotune-backup", NO_TIMEOUTS, timeout_s=_CONNECT_S)
        try:
            yield connection
        finally:
            await connection.close()
    except DATABASE_ERRORS as error:
        raise unavailable_of(address, error, _CONNECT_S) from error


def _require_new(file: Path) -> None:
    if file.exists():
        raise _is_there(file)


def _rename(partial: Path, file: Path) -> None:
    """Rename a finished backup, without replacing a file that got the name meanwhile."""
    try:
        file.hardlink_to(partial)
    except FileExistsError:
        raise _is_there(file) from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        try:
            file.touch(mode=0o600, exist_ok=False)  # taking the name first makes sure that no other file is replaced
        except FileExistsError:
            raise _is_there(file) from None
        try:
            partial.replace(file)
        except OSError:
            file.unlink()
            raise


def _is_there(file: Path) -> BackupError:
    return BackupError(f"{file} is there already: choose another name, or move it away")


def _say_table(line: str, say: Say) -> None:
    found = re.search(r'dumping contents of table ".*\b(\w+)"', line)
    if found is not None:
        say(f"  {found[1]}")
