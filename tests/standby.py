"""Postgres servers that follow one another, from the binaries of the embedded one, and the one address they share."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from postgres_programs import account, programs
from processes import wait_until

USER = "autotune"
SETTINGS = """
listen_addresses = ''
max_connections = 60
fsync = off
wal_level = replica
wal_keep_size = '64MB'
archive_mode = on
archive_command = 'cp %p {archive}/part && mv {archive}/part {archive}/%f'
"""


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder of whoever runs the servers; the path of a socket in it must not be long."""
    folder, owner = Path(tempfile.mkdtemp(prefix="at-")), account()
    if owner:
        os.chown(folder, owner["user"], owner["group"])
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


class Server:
    """A Postgres server on a unix socket; its socket, its log and the archive of its WAL are beside its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.archive = folder.parent / "archive"
        self._sockets = folder.parent / f"{folder.name}-socket"
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def new(cls, folder: Path) -> "Server":
        server = cls(folder)
        _run("mkdir", "-p", server.archive)
        _run(_binary("initdb"), "-D", folder, "-U", USER, "-A", "trust", "--no-locale", "-E", "UTF8", "--no-sync")
        server.configure(SETTINGS.format(archive=server.archive))
        return server

    @property
    def socket(self) -> str:
        return str(self._sockets / ".s.PGSQL.5432")

    def configure(self, settings: str) -> None:
        with (self.folder / "postgresql.conf").open("a") as file:
            file.write(settings)

    def start(self, **settings: str) -> "Server":
        _run("mkdir", "-p", self._sockets)
        command = [_binary("postgres"), "-D", str(self.folder), "-k", str(self._sockets)]
        command += [f"--{name}={value}" for name, value in settings.items()]
        with self.folder.with_suffix(".log").open("a+") as log:
            self._process = process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **account())
            wait_until(lambda: process.poll() is not None or self._sql_or_none("SELECT 1") == "1")
            log.seek(0)
            assert process.poll() is None, f"the server did not start: {log.read()}"
        return self

    def copy(self, folder: Path, *arguments: str) -> "Server":
        """Take a base backup into a folder, as a server that is not started yet."""
        where = f"host={self._sockets} port=5432 user={USER} application_name={folder.name}"
        _run(_binary("pg_basebackup"), "-D", folder, "-d", where, "-c", "fast", "--no-sync", *arguments)
        return Server(folder)

    def standby(self, folder: Path) -> "Server":
        """Start a server that follows this one, asynchronously."""
        return self.copy(folder, "-R").start()

    def detach(self) -> None:
        """Cut the line to the server that this one follows: what is written there from now on does not come."""
        self.sql("ALTER SYSTEM SET primary_conninfo = ''")
        self.sql("SELECT pg_reload_conf()")
        wait_until(lambda: self.sql("SELECT count(*) FROM pg_stat_wal_receiver") == "0")

    def promote(self) -> None:
        assert self.sql("SELECT pg_promote(true, 30)") == "t"

    def archive_all(self) -> None:
        """Wait until all that was written is in the archive."""
        segment = self.sql("SELECT pg_walfile_name(pg_switch_wal())")
        wait_until((self.archive / segment).exists)

    def recover(self, point: str) -> None:
        """Start a base backup at a restore point, as a history of its own."""
        _run("touch", self.folder / "recovery.signal")
        self.start(
            restore_command=f"cp {self.archive}/%f %p", recovery_target_name=point, recovery_target_action="promote"
        )
        wait_until(lambda: self.sql("SELECT pg_is_in_recovery()") == "f")

    def sql(self, statement: str) -> str:
        command = (_binary("psql"), "-XAqt", "-h", self._sockets, "-p", "5432", "-U", USER, "-d", "postgres")
        return _run(*command, "-v", "ON_ERROR_STOP=1", "-c", statement)

    def _sql_or_none(self, statement: str) -> str | None:
        with contextlib.suppress(subprocess.CalledProcessError):
            return self.sql(statement)
        return None

    def kill(self) -> None:
        """End all its processes as a power cut does."""
        if self._process is None:
            return
        postmaster = psutil.Process(self._process.pid)
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()
        psutil.wait_procs(processes, timeout=10)
        self._process = None


class Address:
    """The one address of several servers, such as a virtual IP: a TCP port that leads to one of their sockets.

    Attributes:
        url: The URL of the database at this address.
    """

    def __init__(self, server: Server) -> None:
        self.url = ""
        self._socket = server.socket
        self._lines: list[_Line] = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(10)

    def point(self, server: Server, old: str) -> None:
        """Lead to another server from now on.

        Args:
            server: The server.
            old: What becomes of the connections there are: they are ``cut``, ``kept`` or go ``silent``.
        """
        asyncio.run_coroutine_threadsafe(self._point(server.socket, old), self._loop).result(10)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._carry, "127.0.0.1", 0))
        self.url = f"postgresql://{USER}@127.0.0.1:{server.sockets[0].getsockname()[1]}/postgres"
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for line in self._lines:
            line.cut()
        self._loop.run_until_complete(asyncio.sleep(0))

    async def _point(self, socket: str, old: str) -> None:
        self._socket = socket
        for line in self._lines:
            if old == "cut":
                line.cut()
            line.is_silent = line.is_silent or old == "silent"

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onward_reader, onward_writer = await asyncio.open_unix_connection(self._socket)
        except OSError:
            writer.transport.abort()
            return
        line = _Line(writer, onward_writer)
        self._lines.append(line)
        await asyncio.gather(line.pump(reader, onward_writer), line.pump(onward_reader, writer))
        self._lines.remove(line)


class _Line:
    """A connection through the address."""

    def __init__(self, *ends: asyncio.StreamWriter) -> None:
        self.is_silent = False
        self._ends = ends

    async def pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(65_536):
                if not self.is_silent:
                    sink.write(piece)
                    await sink.drain()
        if not self.is_silent:  # else nobody hears of the end either
            self.cut()

    def cut(self) -> None:
        for end in self._ends:
            end.transport.abort()


def _binary(name: str) -> str:
    return str(programs() / name)


def _run(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd="/", **account())
    done.check_returncode()
    return done.stdout.strip()
