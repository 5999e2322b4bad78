"""Run a Postgres, databases in it, and AutoTune's own processes on them, for as long as a measurement takes."""

import os
import platform
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import psutil

from autotune_service.store.embedded import EmbeddedPostgres

_ENVIRONMENT = "AUTOTUNE_DATABASE_URL"


@dataclass(frozen=True)
class Place:
    """The place of a measurement: the URL of its Postgres, and a folder that is removed at the end."""

    url: str
    folder: Path

    def postgres_processes(self) -> list[psutil.Process]:
        """Return the processes of the embedded Postgres; none if the measurement runs on another Postgres."""
        file = self.folder / "postgres" / "postmaster.pid"
        if not file.exists():
            return []
        postmaster = psutil.Process(int(file.read_text().split()[0]))
        return [postmaster, *postmaster.children(recursive=True)]


@contextmanager
def place() -> Iterator[Place]:
    """Start an embedded Postgres, or take the one that AUTOTUNE_DATABASE_URL names."""
    folder = Path(tempfile.mkdtemp())
    postgres = None if os.environ.get(_ENVIRONMENT) else EmbeddedPostgres(folder / "postgres")
    try:
        yield Place(os.environ[_ENVIRONMENT] if postgres is None else postgres.start(), folder)
    finally:
        if postgres is not None:
            postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def database(at: Place) -> AsyncIterator[str]:
    """Make an empty database, yield its URL, and drop it."""
    name = f"bench_{uuid4().hex[:12]}"
    await _run(at.url, f"CREATE DATABASE {name}")
    try:
        yield urlunsplit(urlsplit(at.url)._replace(path=f"/{name}"))
    finally:
        await _run(at.url, f"DROP DATABASE {name} WITH (FORCE)")


async def _run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@dataclass(frozen=True)
class Serving:
    """A running ``autotune serve``."""

    process: "subprocess.Popen[str]"
    port: int

    @property
    def pid(self) -> int:
        """Return the id of the process that answers."""
        return self.process.pid


@contextmanager
def service(
    at: Place, url: str, *options: str, under: Sequence[str] = (sys.executable,), **variables: str
) -> Iterator[Serving]:
    """Run ``autotune serve`` on a free port and on a database, and stop it.

    Args:
        at: The place whose folder keeps the secret, so that all services of one measurement share it.
        url: The database.
        *options: Of the command.
        under: The program that runs the command, and that program's own options.
        **variables: Of the environment; no other ``AUTOTUNE_*`` variable is passed on.
    """
    with _process(at, url, "serve", "--port", "0", *options, under=under, **variables) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if "ready" not in line:
            raise SystemExit("autotune serve did not start: run it by hand to see why")
        yield Serving(process, int(line.split("  ")[0].rsplit(":", 1)[1]))


@contextmanager
def worker(at: Place, url: str) -> Iterator["subprocess.Popen[str]"]:
    """Run ``autotune worker`` on a database, and stop it."""
    with _process(at, url, "worker") as process:
        yield process


@contextmanager
def _process(
    at: Place, url: str, *arguments: str, under: Sequence[str] = (sys.executable,), **variables: str
) -> Iterator["subprocess.Popen[str]"]:
    command = [*under, "-m", "autotune_service.cli", *arguments, "--data", str(at.folder)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AUTOTUNE_")}
    process = subprocess.Popen(
        command,
        env={**kept, _ENVIRONMENT: url, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def processor_s(processes: Sequence[psutil.Process]) -> dict[int, float]:
    """Read how much processor time each process has used, in seconds by process id."""
    found = {}
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        found[process.pid] = times.user + times.system
    return found


def processor_s_since(before: dict[int, float], processes: Sequence[psutil.Process]) -> float:
    """Add up what processes have used since ``before``; a process that was not there before started from nothing."""
    return sum(used - before.get(pid, 0.0) for pid, used in processor_s(processes).items())


def allow_many_files() -> None:
    """Raise the limit of open files to its maximum; processes that are started later inherit the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def machine(at: Place) -> str:
    """Describe the machine, the versions and the Postgres that the figures were measured on."""
    connection = await asyncpg.connect(at.url)
    try:
        names = ("server_version", "fsync", "synchronous_commit")
        postgres, fsync, commit = [str(await connection.fetchval(f"SHOW {name}")).split()[0] for name in names]
    finally:
        await connection.close()
    memory_gib = psutil.virtual_memory().total / 2**30
    return (
        f"{len(psutil.Process().cpu_affinity())} of {os.cpu_count()} cores, {memory_gib:.0f} GiB, {platform.system()} "
        f"{platform.machine()}, load {os.getloadavg()[0]:.1f} at the start; Python {platform.python_version()}, Quart "
        f"{version('quart')}, hypercorn {version('hypercorn')}, asyncpg {version('asyncpg')}, Postgres {postgres} with "
        f"fsync {fsync} and synchronous_commit {commit}"
    )
