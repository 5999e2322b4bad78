"""The processes that schedules are played on: a Postgres, two services and two workers, each on lines of its own."""

import contextlib
import os
import pwd
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import asyncpg
import psutil
from lines import Line, Lines

from postgres_programs import account, programs
from processes import environment, wait_until
from support import SECRET

_CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
fsync = off
wal_level = replica
max_wal_senders = 4
max_connections = 90
wal_keep_size = '64MB'
"""
# fsync is off: processes are killed here, not the machine, and what they wrote stays in its memory.
_ACCESS = "host all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust\n"
ASK_WAIT_S = 1.0
_READY_WITHIN_S = 90.0


class Postgres:
    """A Postgres on a free port, with the roles ``postgres`` (the harness) and ``autotune`` (the services)."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self._log = folder.with_suffix(".log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def create(cls, folder: Path, port: int) -> "Postgres":
        _own(folder)
        _run("initdb", "-D", folder, "-U", "postgres", "-A", "trust", "--no-locale", "-E", "UTF8", "--no-sync")
        own = cls(folder, port)
        own.configure()
        (folder / "pg_hba.conf").write_text(_ACCESS)
        return own

    def configure(self) -> None:
        with (self.folder / "postgresql.conf").open("a") as file:
            file.write(_CONFIGURATION.format(port=self.port))

    def start(self) -> "Postgres":
        self._process = subprocess.Popen(
            [str(programs() / "postgres"), "-D", str(self.folder)],
            stdout=self._log,
            stderr=self._log,
            cwd="/",
            **account(),
        )
        wait_until(self._is_ready, 60)
        return self

    def _is_ready(self) -> bool:
        command = [str(programs() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0

    @property
    def backends(self) -> list[psutil.Process]:
        """The processes that serve the services' connections."""
        assert self._process is not None
        found = []
        for process in psutil.Process(self._process.pid).children():
            with contextlib.suppress(psutil.Error, IndexError):
                if "autotune autotune" in process.cmdline()[0]:
                    found.append(process)
        return found

    def signal_all(self, number: int) -> None:
        assert self._process is not None
        postmaster = psutil.Process(self._process.pid)
        for process in [postmaster, *postmaster.children()]:
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)

    def kill(self) -> None:
        """End all its processes as a power cut does."""
        assert self._process is not None
        postmaster = psutil.Process(self._process.pid)
        postmaster.suspend()  # else it would start again what is killed first
        processes = [postmaster, *postmaster.children()]
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.kill()
        self._process.wait()
        psutil.wait_procs(processes, timeout=10)
        (self.folder / "postmaster.pid").unlink(missing_ok=True)

    def standby(self, folder: Path, port: int, through: Line) -> "Postgres":
        """Make a standby that follows this server over a line."""
        _own(folder)
        source = f"host=127.0.0.1 port={through.port} user=postgres application_name=standby"
        _run("pg_basebackup", "-D", folder, "-d", source, "-R", "-X", "stream", "-c", "fast", "--no-sync")
        own = Postgres(folder, port)
        own.configure()
        return own

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.signal_all(signal.SIGCONT)
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)
        self._log.close()

    def url(self, port: int | None = None) -> str:
        return f"postgresql://autotune@127.0.0.1:{port or self.port}/autotune"

    async def rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Run a query as the administrator, on the services' tables."""
        connection = await asyncpg.connect(
            f"postgresql://postgres@127.0.0.1:{self.port}/autotune",
            server_settings={"search_path": "autotune, public", "default_transaction_read_only": "off"},
            timeout=10,
        )
        try:
            return await connection.fetch(query, *arguments, timeout=20)
        finally:
            await connection.close(timeout=5)


def _own(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody", pwd.getpwnam("nobody").pw_gid)


def _run(program: str, *arguments: object) -> None:
    command = [str(programs() / program), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", **account())
    assert done.returncode == 0, f"{program}: {done.stderr}"


class Process:
    """A service or a worker whose clock can be set, with a line to Postgres; a service has one to its clients too."""

    def __init__(self, bench: "Bench", name: str, *arguments: str) -> None:
        self.name = name
        self.database = bench.lines.open(bench.postgres.port)
        self.front: Line | None = None
        self._lines = bench.lines
        self._clock = bench.folder / f"{name}.clock"
        self._clock.write_bytes(struct.pack("<d", 0.0))
        self._log = (bench.folder / f"{name}.log").open("a+b")
        self._arguments = arguments
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        path = [str(bench.source), os.environ.get("PYTHONPATH", ""), str(Path(__file__).parents[2])]
        self._environment = environment(
            AUTOTUNE_DATABASE_URL=bench.postgres.url(self.database.port),
            AUTOTUNE_SECRET=SECRET,
            AUTOTUNE_ASK_WAIT_S=str(ASK_WAIT_S),
            AUTOTUNE_DATABASE_TIMEOUT_S="2",
            AUTOTUNE_DATA=str(bench.folder / name),
            AUTOTUNE_LOG_FORMAT="json",
            PYTHONPATH=os.pathsep.join(path),
        )

    def start(self) -> "Process":
        """Start it; ``wait`` waits until it is ready."""
        where = [] if self.is_worker else ["--port", str(self._port)]
        self._began = self._log.seek(0, os.SEEK_END)
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "shifted.py"), str(self._clock), *self._arguments, *where],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        return self

    def wait(self) -> None:
        """Wait until it is ready; one that ends meanwhile, as the database is away, is started again."""
        wait_until(self._is_ready, _READY_WITHIN_S)

    def _is_ready(self) -> bool:
        assert self._process is not None
        if not self.is_running:
            self.start()
        if self.is_worker:
            return b"engine ready" in self._said()
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], 0.1)
        found = re.search(rb":(\d+)", self._process.stdout.readline()) if readable else None
        if found is None:
            return False
        self._port = int(found[1])
        if self.front is None:
            self.front = self._lines.open(self._port)
        return True

    @property
    def is_worker(self) -> bool:
        return "worker" in self._arguments

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _said(self) -> bytes:
        self._log.seek(self._began)
        return self._log.read()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def signal(self, number: int) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def kill_engine(self) -> None:
        """Kill the engine process of a worker."""
        assert self._process is not None
        for child in psutil.Process(self._process.pid).children():
            with contextlib.suppress(psutil.Error):
                child.kill()

    def shift(self, seconds: float) -> None:
        """Set the clock that far from the machine's."""
        with self._clock.open("r+b") as file:
            file.write(struct.pack("<d", seconds))

    def close(self) -> None:
        if self.is_running:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            assert self._process is not None
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        self._log.close()


class Bench:
    """All processes, kept from schedule to schedule.

    Args:
        source: The folder with the service's packages, for a bench of another source than the tests'.
    """

    def __init__(self, source: Path | None = None) -> None:
        self.source = source or Path(__file__).parents[3] / "service"
        self.folder = Path(tempfile.mkdtemp(prefix="judged-"))
        self.folder.chmod(0o755)
        self.lines = Lines()
        self._n_clusters = 0
        self.postgres = Postgres.create(*self.place()).start()
        self.services: list[Process] = []
        self.workers: list[Process] = []

    def place(self) -> tuple[Path, int]:
        """Return the folder and the port of a new cluster."""
        import socket

        self._n_clusters += 1
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return self.folder / f"postgres{self._n_clusters}", free.getsockname()[1]

    async def open(self) -> "Bench":
        """Create the database and start all processes."""
        connection = await asyncpg.connect(f"postgresql://postgres@127.0.0.1:{self.postgres.port}/postgres")
        await connection.execute("CREATE ROLE autotune LOGIN")
        await connection.execute("CREATE DATABASE autotune OWNER autotune")
        await connection.close()
        self.services = [Process(self, "service0", "serve", "--no-worker")]
        self.services[0].start().wait()  # alone, as it creates the tables
        self.services.append(Process(self, "service1", "serve", "--no-worker").start())
        self.workers = [Process(self, f"worker{i}", "worker").start() for i in range(2)]
        for process in [self.services[1], *self.workers]:
            process.wait()
        return self

    @property
    def processes(self) -> list[Process]:
        return [*self.services, *self.workers]

    def ports(self) -> list[int]:
        """The ports of the services, as their clients reach them."""
        return [service.front.port for service in self.services if service.front is not None]

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def close(self) -> None:
        for process in self.processes:
            process.signal(signal.SIGCONT)
            process.signal(signal.SIGTERM)
        for process in self.processes:
            process.close()
        self.postgres.close()
        self.lines.close()
        shutil.rmtree(self.folder, ignore_errors=True)
