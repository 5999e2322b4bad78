"""Reads the file of a backup: which tables of AutoTune it holds, of which revision, and their data.

A backup is a dump of ``pg_dump``, whose ``pg_restore`` reads it. Only the data of AutoTune's tables are taken from it.
The tables themselves are made by the migrations. So nothing in the file is run as SQL, and dumps of former versions,
which may hold other programs' tables too, are read like those of this one.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from autotune_service.store.backups.postgres_tools import BackupError, find_newest_tools
from autotune_service.store.schema import FORMER_VERSION_TABLE, require_known
from autotune_service.store.tables import SCHEMA, VERSION_TABLE, metadata

Say = Callable[[str], None]
"""A function that shows a line about the progress to the user."""

_MAGIC = b"PGDMP"
_BLOCK = 1024 * 1024
_TABLES = [table.name for table in metadata.sorted_tables]  # each after those that it refers to
_FIRST = {"users", "refresh_tokens", "sessions", "experiments", "suggestions", "observations", "events"}
_ENTRY = re.compile(
    rf"^(\d+); \d+ \d+ TABLE DATA (.+?) ({'|'.join([*_TABLES, VERSION_TABLE, FORMER_VERSION_TABLE])}) .*$",
    re.MULTILINE,
)
_MARK = re.compile(rf"^\d+; \d+ \d+ COMMENT - SCHEMA {SCHEMA} ", re.MULTILINE)
_COPY = re.compile(rb'^COPY (?:.*\.)?"?(\w+)"? \((.*)\) FROM stdin;$')
_ENCODING = re.compile(rb"^SET client_encoding = '([\w-]+)';$")
_END = b"\n\\.\n"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a backup holds.

    Attributes:
        file: Path of the backup.
        revision: The revision of its tables.
        tables: Its tables of AutoTune, each after those that it refers to, and the numbers of their entries.
        is_marked: Whether a service in prod mode has used the database that it is of.
    """

    file: Path
    revision: str
    tables: dict[str, str]
    is_marked: bool


@dataclass(frozen=True, slots=True)
class TableData:
    """The rows of one table, as COPY reads them; the blocks must be read before the next table is."""

    table: str
    columns: list[str]
    encoding: str
    blocks: AsyncIterator[bytes]


async def read_contents(file: Path) -> Contents:
    """Find out what a backup holds.

    Raises:
        BackupError: If the file is no backup of AutoTune's tables or is not whole, or if pg_restore is missing.
        VersionError: If the tables in it are of a newer version.
    """
    _require_dump(file)
    tools = await find_newest_tools()
    try:
        listing = await run([tools.pg_restore, "--list", str(file)], None)
    except BackupError as error:
        raise _unreadable(file, str(error)) from None
    found: dict[str, dict[str, str]] = {}
    for number, schema, name in _ENTRY.findall(listing):
        found.setdefault(schema, {})[name] = number
    for schema, entries in sorted(found.items(), key=lambda item: item[0] != SCHEMA):
        version = entries.get(VERSION_TABLE) if schema == SCHEMA else None
        version = version or entries.get(FORMER_VERSION_TABLE)
        if version is None or not entries.keys() >= _FIRST:
            continue
        revision = await _revision_in(file, version)
        require_known(revision, f"the tables in {file} are")
        held = {name: entries[name] for name in _TABLES if name in entries}
        return Contents(file, revision, held, is_marked=_MARK.search(listing) is not None)
    raise BackupError(f"{file} is a dump of another database, or not of all of AutoTune's tables")


def _require_dump(file: Path) -> None:
    try:
        with file.open("rb") as opened:
            start = opened.read(len(_MAGIC))
    except OSError as error:
        raise BackupError(f"cannot read {file}: {error.strerror}") from None
    if start != _MAGIC and _MAGIC.startswith(start):
        raise _unreadable(file, f"it ends after {len(start)} bytes")
    if start != _MAGIC:
        raise BackupError(f"{file} is no backup: it was not written by `autotune backup`")


def _unreadable(file: Path, reason: str) -> BackupError:
    if "unsupported version" in reason:
        return BackupError(f"{file} cannot be read ({reason}): install the pg_restore of the Postgres that wrote it")
    return BackupError(
        f"{file} is cut short or damaged and cannot be restored ({reason}): copy it again from where it was made, or "
        "take another backup"
    )


async def _revision_in(file: Path, entry: str) -> str:
    revision = b""
    async with _opened(file, [entry]) as data:
        async for table in data:
            revision = b"".join([block async for block in table.blocks]).strip()
    if not revision:
        raise BackupError(f"{file} does not say which revision its tables have")
    return revision.decode(errors="replace")


@asynccontextmanager
async def opened(contents: Contents, tables: Sequence[str]) -> AsyncIterator[AsyncIterator[TableData]]:
    """Open a backup and yield an iterator over the rows of tables, in this order.

    Raises:
        BackupError: If the file cannot be read to its end.
    """
    async with _opened(contents.file, [contents.tables[name] for name in tables]) as data:
        yield data


@asynccontextmanager
async def _opened(file: Path, entries: Sequence[str]) -> AsyncIterator[AsyncIterator[TableData]]:
    tools = await find_newest_tools()
    with NamedTemporaryFile("w", suffix=".list") as chosen:
        chosen.write("".join(f"{entry};\n" for entry in entries))
        chosen.flush()
        process = await asyncio.create_subprocess_exec(
            *(tools.pg_restore, "--data-only", f"--use-list={chosen.name}", "--file=-", str(file)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(os.environ) | {"LC_ALL": "C"},
        )
        assert process.stdout is not None and process.stderr is not None  # noqa: PT018 -- both are pipes
        errors = asyncio.create_task(process.stderr.read())
        try:
            yield _Script(process.stdout).tables(process, errors, file)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            await asyncio.wait([errors])


class _Script:
    """The SQL that pg_restore writes: statements, and after each COPY its rows and a line with backslash and dot."""

    def __init__(self, source: asyncio.StreamReader) -> None:
        self._source = source
        self._unread = b""

    async def tables(
        self, process: asyncio.subprocess.Process, errors: asyncio.Task[bytes], file: Path
    ) -> AsyncIterator[TableData]:
        encoding = "UTF8"
        while (line := await self._line()) is not None:
            if said := _ENCODING.match(line):
                encoding = said[1].decode()
            elif copy := _COPY.match(line):
                columns = [name.strip('"') for name in copy[2].decode().split(", ")]
                yield TableData(copy[1].decode(), columns, encoding, self._rows(file))
        if await process.wait() != 0:
            raise _unreadable(file, tail(await errors))

    async def _line(self) -> bytes | None:
        while b"\n" not in self._unread:
            if not (block := await self._source.read(_BLOCK)):
                return None
            self._unread += block
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    async def _rows(self, file: Path) -> AsyncIterator[bytes]:
        unread = b"\n" + self._unread  # the end is a line of its own, and may be the first one
        is_first = True
        while (end := unread.find(_END)) < 0:
            ready = unread[is_first : 1 - len(_END)]
            if ready:
                yield ready
                unread, is_first = unread[1 - len(_END) :], False
            if not (block := await self._source.read(_BLOCK)):
                raise _unreadable(file, "it ends in the middle of a table")
            unread += block
        self._unread = unread[end + len(_END) :]
        if last := unread[is_first : end + 1]:
            yield last


async def run(command: Sequence[str], environment: dict[str, str] | None, on_line: Say | None = None) -> str:
    """Run a program of Postgres to its end and return its output.

    Args:
        command: The program and its arguments.
        environment: The program's environment; by default that of this process.
        on_line: Gets each line of the program's messages.

    Raises:
        BackupError: If the program fails.
    """
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
        raise BackupError(f"{Path(command[0]).name} failed: {tail(b''.join(lines))}")
    return (await output).decode(errors="replace")


def tail(text: bytes) -> str:
    """Shorten the messages of a program to its errors, in one line."""
    lines = [line.strip() for line in text.decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "rror" in line]
    return " ".join((errors or lines)[:3]) or "the program gave no reason"


def size_of(file: Path) -> str:
    """Write the size of a file for people."""
    return size_text(file.stat().st_size)


def size_text(n_bytes: Any) -> str:
    """Write a number of bytes for people."""
    size = float(n_bytes)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
