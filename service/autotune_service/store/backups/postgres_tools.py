"""Postgres' own programs for backups: where they are, which of them fit a server, and how they get its address."""

import asyncio
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from autotune_service.store.embedded.programs import packaged_folders
from autotune_service.store.server.address import Address

_PROGRAMS = ("pg_dump", "pg_restore")


class BackupError(Exception):
    """A backup cannot be made or restored; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The programs of one installation of Postgres."""

    folder: Path
    major: int
    is_packaged: bool
    """Whether they came with AutoTune; these are built without TLS."""

    @property
    def name(self) -> str:
        """Name and version of the programs, for messages."""
        return f"pg_dump {self.major}"

    @property
    def pg_dump(self) -> str:
        """Path of the program that writes a database to a file."""
        return str(self.folder / "pg_dump")

    @property
    def pg_restore(self) -> str:
        """Path of the program that reads a file of ``pg_dump``."""
        return str(self.folder / "pg_restore")


async def find_tools(server_major: int) -> Tools:
    """Find programs on this machine that are not older than the server.

    The system's own come before those that are installed with AutoTune, which cannot encrypt. Of each the oldest are
    best, because newer ones write settings that the server does not know.

    Raises:
        BackupError: If the machine has no such programs.
    """
    found = await _found_tools()
    fitting = [tools for tools in found if tools.major >= server_major]
    if not fitting:
        has = ", ".join(str(tools.major) for tools in found)
        raise BackupError(
            f"the server is Postgres {server_major}, and pg_dump and pg_restore of that version or a newer one "
            f"are needed on this machine{f' (found: {has})' if has else ''}. {_how_to_install(server_major)}"
        )
    return min(fitting, key=lambda tools: (tools.is_packaged, tools.major))


async def find_newest_tools() -> Tools:
    """Find the newest programs on this machine, which read the files of all others.

    Raises:
        BackupError: If the machine has no such programs.
    """
    found = await _found_tools()
    if not found:
        raise BackupError(
            "pg_restore is needed on this machine. On Debian and Ubuntu: apt install postgresql-client; on macOS: "
            "brew install libpq"
        )
    return max(found, key=lambda tools: tools.major)


def why_not_encrypted(server_major: int) -> str:
    """Say what to do where the server demands TLS and only the programs that came with AutoTune fit the server."""
    return (
        "The pg_dump that is installed with AutoTune cannot encrypt. If the server demands TLS, install Postgres' own "
        f"programs of version {server_major} or later, which are then used. {_how_to_install(server_major)}"
    )


def _how_to_install(major: int) -> str:
    return (
        f"On Debian and Ubuntu: apt install postgresql-client-{major}, which the PostgreSQL project's own repository "
        "has for every release (https://www.postgresql.org/download/); on macOS: brew install libpq"
    )


def libpq_environment(url: str) -> dict[str, str]:
    """Convert the URL of a database to the environment variables that Postgres' own programs read.

    Environment variables keep the password off the command line, which every user of the machine can read.

    Returns:
        This process's environment with those variables.

    Raises:
        BackupError: If the URL has the option sslpassword, for which there is no variable.
    """
    address = Address.of(url)
    if "sslpassword" in address.parameters:
        raise BackupError("a backup cannot use the option sslpassword: use a key without a password, or a service file")
    # The backup searches the programs' messages for English words.
    return dict(os.environ) | address.environment() | {"LC_ALL": "C"}


async def _found_tools() -> list[Tools]:
    packaged = packaged_folders()
    found = [await _tools_in(folder, is_packaged=folder in packaged) for folder in [*packaged, *_folders_of_system()]]
    return [tools for tools in found if tools is not None]


def _folders_of_system() -> list[Path]:
    on_path = shutil.which(_PROGRAMS[0])
    # On Debian, the pg_dump on the PATH is a wrapper that chooses a version; the real programs are in these folders.
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return [*debian, *([Path(on_path).parent] if on_path else [])]


async def _tools_in(folder: Path, *, is_packaged: bool) -> Tools | None:
    if not all((folder / program).is_file() for program in _PROGRAMS):
        return None
    process = await asyncio.create_subprocess_exec(
        *(str(folder / "pg_dump"), "--version"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    found = re.search(rb"\) (\d+)", output)
    return None if found is None else Tools(folder, int(found[1]), is_packaged)
