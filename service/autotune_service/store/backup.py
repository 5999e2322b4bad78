"""Backing up the whole database to one file and restoring it, with pg_dump, pg_restore and psql."""

import asyncio
import errno
import os
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.address import Address
from autotune_service.store.connecting import NotConnectedError, connect_session
from autotune_service.store.migrate import known_revisions, upgrade
from autotune_service.store.postgres_tools import BackupError, Tools, find_tools, libpq_environment
from autotune_service.store.tables import metadata

Say = Callable[[str], None]
"""A function that shows a line about the progress to the user."""

_PARTIAL = ".partial"
_MAGIC = b"PGDMP"
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
_BLOCK = 1024 * 1024
_REPORT_BYTES = 16 * _BLOCK
_VERSION_TABLE = "alembic_version"
_OURS = "autotune%"  # matches the application_name of every connection of a service or worker
# Sessions and tokens go, so that a restore does not sign in users who had signed out after the backup.
_NEW_EPOCH = """
DO $$ BEGIN
    IF pg_catalog.to_regclass('public.log_epoch') IS NOT NULL THEN
        DELETE FROM public.log_epoch;
        INSERT INTO public.log_epoch VALUES (pg_catalog.gen_random_uuid());
    END IF;
    DELETE FROM public.sessions;
    DELETE FROM public.refresh_tokens;
END $$;
"""


async def back_up(url: str, file: Path, say: Say) -> None:
    """Write the whole database to a new file; a backup that fails leaves no file.

    Args:
        url: The database.
        file: Path of the new file.
        say: Shows the progress.

    Raises:
        BackupError: If the file exists already or cannot be written, the database has no tables of AutoTune, or
            pg_dump is missing or fails.
        UnavailableError: If the database does not answer.
    """
    _require_new(file)
    async with _connected(url) as connection:
        if await connection.fetchval("SELECT to_regclass($1) IS NULL", _VERSION_TABLE):
            raise BackupError("the database has no tables of AutoTune: there is nothing to back up")
        size = await connection.fetchval("SELECT pg_database_size(current_database())")
        tools = await find_tools(_major(connection))
    partial = file.with_name(f"{file.name}.{uuid4().hex[:8]}{_PARTIAL}")
    say(f"Backing up {_size(size)} of database with {tools.name} ...")
    try:
        # The backup has password hashes and every user's data: only the owner of the file may read it.
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise BackupError(f"cannot write {file}: {error.strerror}") from None
    command = [tools.pg_dump, "--format=custom", "--no-owner", "--no-privileges", "--no-password", "--verbose"]
    try:
        await _run([*command, f"--file={partial}"], libpq_environment(url), lambda line: _say_table(line, say))
        _rename(partial, file)
    finally:
        partial.unlink(missing_ok=True)
    say(f"Wrote {file}: {_size_of(file)}.")


async def restore(url: str, file: Path, say: Say, *, replace: bool = False) -> None:
    """Load a backup into a database, bring its tables up to date and start a new epoch of the event log.

    Loading is one transaction: if it fails, the database stays as it was. The migrations that an older backup needs
    run after that transaction.

    Args:
        url: The database; it must be empty unless ``replace`` is true.
        file: A file that ``back_up`` wrote.
        say: Shows the progress.
        replace: Whether to drop the tables of AutoTune that the database has.

    Raises:
        BackupError: If the file is no backup or of a newer version, the database is not empty or in use, or the tools
            are missing or fail.
        UnavailableError: If the database does not answer.
    """
    _require_dump(file)
    async with _connected(url) as connection:
        await _require_unused(connection)
        tables = [row["tablename"] for row in await connection.fetch(_TABLES)]
        if tables and not replace:
            raise BackupError(
                f"the database is not empty: it has {len(tables)} tables. Restore into an empty database, or drop "
                "AutoTune's tables in this one first with --replace"
            )
        tools = await find_tools(_major(connection))
    await _require_known(tools, file)
    ours = ", ".join(f'public."{name}"' for name in tables if name in {*metadata.tables, _VERSION_TABLE})
    drop = f"SET lock_timeout = '10s';\nDROP TABLE {ours};\n" if ours else ""
    say(f"Restoring {file} ({_size_of(file)}) with {tools.name} ...")
    await _load(tools, libpq_environment(url), file, drop, say)
    say("Bringing the tables up to date ...")
    await upgrade(url)
    say("Restored.")


_TABLES = """
SELECT tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY tablename
"""


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    try:
        connection = await connect_session(Address.of(url), "autotune-backup", timeout_s=10)
    except NotConnectedError as error:
        raise UnavailableError(str(error), 5) from error
    try:
        yield connection
    finally:
        await connection.close()


def _major(connection: asyncpg.Connection) -> int:
    return int(connection.get_server_version().major)


async def _require_unused(connection: asyncpg.Connection) -> None:
    # A running service could write during the restore, and keeps in memory how far its watchers have read.
    n_services = await connection.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND application_name LIKE $1",
        _OURS,
    )
    if n_services:
        raise BackupError("services or workers use the database: stop them first")


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


def _require_dump(file: Path) -> None:
    try:
        with file.open("rb") as opened:
            start = opened.read(len(_MAGIC))
    except OSError as error:
        raise BackupError(f"cannot read {file}: {error.strerror}") from None
    if start != _MAGIC:
        raise BackupError(f"{file} is no backup: it was not written by `autotune backup`")


async def _require_known(tools: Tools, file: Path) -> None:
    command = [tools.pg_restore, "--data-only", f"--table={_VERSION_TABLE}", "--file=-", str(file)]
    found = re.search(r"^COPY public\.alembic_version .*\n(\w+)\n\\\.$", await _run(command, None), re.MULTILINE)
    if found is None:
        raise BackupError(f"{file} is a dump of another database, not of AutoTune's")
    known = known_revisions()
    if found[1] not in known:
        raise BackupError(
            f"{file} was written by a newer version of AutoTune: it has revision {found[1]} of the tables, and this "
            f"version knows the revisions up to {known[-1]}. Update AutoTune first"
        )


async def _load(tools: Tools, environment: dict[str, str], file: Path, first: str, say: Say) -> None:
    """Send psql one transaction: the statement ``first``, what pg_restore reads from the file, and the new epoch."""
    psql = await asyncio.create_subprocess_exec(
        *(tools.psql, "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--file=-"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    reading = await asyncio.create_subprocess_exec(
        *(tools.pg_restore, "--no-owner", "--no-privileges", "--file=-", str(file)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert psql.stdin is not None and psql.stderr is not None  # noqa: PT018 -- both are pipes
    assert reading.stdout is not None and reading.stderr is not None  # noqa: PT018 -- both are pipes
    psql_errors = asyncio.create_task(psql.stderr.read())
    reading_errors = asyncio.create_task(reading.stderr.read())
    try:
        psql.stdin.write(f"BEGIN;\n{first}".encode())
        await _pump(reading.stdout, psql.stdin, say)
        # Without the COMMIT, psql rolls the transaction back at its end.
        if await reading.wait() == 0:
            psql.stdin.write(f"{_NEW_EPOCH}COMMIT;\n".encode())
            await psql.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        pass  # psql ended early; its exit status and messages are read below
    finally:
        psql.stdin.close()
        if reading.returncode is None:
            reading.kill()
    if await psql.wait() != 0:
        raise BackupError(f"the backup was not restored, nothing is changed: {_tail(await psql_errors)}")
    if await reading.wait() != 0:
        raise BackupError(f"{file} cannot be read, nothing is changed: {_tail(await reading_errors)}")


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, say: Say) -> None:
    n_bytes = n_said = 0
    while block := await source.read(_BLOCK):
        sink.write(block)
        await sink.drain()
        n_bytes += len(block)
        if n_bytes - n_said >= _REPORT_BYTES:
            n_said = n_bytes
            say(f"  {_size(n_bytes)}")


async def _run(command: Sequence[str], environment: dict[str, str] | None, on_line: Say | None = None) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    assert process.stdout is not None and process.stderr is not None  # noqa: PT018 -- both are pipes
    output = asyncio.create_task(process.stdout.read())
    lines = [b""]
    try:
        async for line in process.stderr:
            lines = [*lines[-9:], line]
            if on_line is not None:
                on_line(line.decode(errors="replace"))
        status = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
    if status != 0:
        raise BackupError(f"{Path(command[0]).name} failed: {_tail(b''.join(lines))}")
    return (await output).decode(errors="replace")


def _say_table(line: str, say: Say) -> None:
    found = re.search(r'dumping contents of table "public\.(\w+)"', line)
    if found is not None:
        say(f"  {found[1]}")


def _tail(text: bytes) -> str:
    lines = [line.strip() for line in text.decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "rror" in line]
    return " ".join((errors or lines)[:3]) or "the program gave no reason"


def _size_of(file: Path) -> str:
    return _size(file.stat().st_size)


def _size(n_bytes: Any) -> str:
    size = float(n_bytes)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
