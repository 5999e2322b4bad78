"""All of a lab's production: nginx, two services, two workers, and a Postgres that a synchronous standby follows."""

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from unittest.mock import patch

import httpx2
from nginx_process import ADDRESS, Nginx

from authority import Authority
from processes import ServiceProcess, WorkerProcess, wait_until
from standby import USER, Address, Server, short_folder
from support import PASSWORD, SECRET

EMAIL = "ada@example.org"
N_REPLICAS = 2


class Postgres:
    """A server that acknowledges what its standby has too, and the URL that names both.

    Attributes:
        primary: The server that takes changes.
        url: The database, at the address of whichever server takes changes.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._stack = stack
        self.primary = self._ending(Server.new(folder / "s0").start())
        self._standby = self._ending(self.primary.copy(folder / "s1", "-R").start())
        self.primary.sql("ALTER SYSTEM SET synchronous_standby_names = 's1'")
        self.primary.sql("SELECT pg_reload_conf()")
        wait_until(lambda: self.primary.sql("SELECT sync_state FROM pg_stat_replication") == "sync")
        hosts = ",".join(self._port_of(server) for server in (self.primary, self._standby))
        self.url = f"postgresql://{USER}@{hosts}/postgres"

    def fail_over(self) -> None:
        """Have the primary vanish and the standby take over."""
        self.primary.kill()
        self._standby.promote()
        self.primary = self._standby

    def _ending(self, server: Server) -> Server:
        self._stack.callback(server.kill)
        return server

    def _port_of(self, server: Server) -> str:
        address = Address(server)
        self._stack.callback(address.close)
        return address.url.partition("@")[2].partition("/")[0]


class Stack:
    """The processes, each started by the command of the product, as an operator's supervisor does.

    Attributes:
        authority: Who signed nginx's certificate.
        nginx: The nginx that clients reach.
        postgres: The database.
        replicas: The services behind it.
        workers: The workers.
        variables: What the processes are set up by.
    """

    def __init__(self, folder: Path, prepare: Callable[[str], None] | None = None, **variables: str) -> None:
        """Start everything.

        Args:
            folder: Where logs and certificates are.
            prepare: Called with the URL of the new database before anything uses it.
            variables: What services and workers get besides, as where Python finds another version's code.
        """
        self._folder = folder
        with ExitStack() as stack:
            self.postgres = Postgres(stack.enter_context(short_folder()), stack)
            if prepare is not None:
                prepare(self.postgres.url)
            self.variables = {
                "AUTOTUNE_MODE": "prod",
                "AUTOTUNE_SECRET": SECRET,
                "AUTOTUNE_DATABASE_URL": self.postgres.url,
                "AUTOTUNE_ALLOWED_HOSTS": ADDRESS,
                "AUTOTUNE_TRUSTED_PROXIES": "127.0.0.1",
                "AUTOTUNE_SIGN_UP": "open",
                "AUTOTUNE_ENGINE_PROCESSES": "1",
            }
            self.replicas = [self._replica(stack, number, variables) for number in range(N_REPLICAS)]
            self.workers = [self._worker(stack, f"worker{number}", variables) for number in range(N_REPLICAS)]
            self._start()
            self.authority = Authority(folder)
            stack.enter_context(patch.dict(os.environ, AUTOTUNE_CA_FILE=str(self.authority.file)))
            self.nginx = self.new_nginx(stack, "nginx")
            self._stack = stack.pop_all()

    def new_nginx(self, stack: ExitStack, name: str, **timeouts: str) -> Nginx:
        """Start an nginx in front of the replicas, with other timeouts than the shipped ones."""
        replicas = [replica.url.removeprefix("http://") for replica in self.replicas]
        nginx = Nginx(self._folder / name, self.authority, replicas, **timeouts)
        stack.callback(nginx.close)
        return nginx.start()

    def restart(self, processes: Sequence[ServiceProcess | WorkerProcess], **variables: str) -> None:
        """Restart services or workers one by one, each as soon as the one before is ready.

        Args:
            processes: The services or the workers.
            variables: What they now get in place of what they got before.
        """
        for process in processes:
            try:
                process.stop()
            except subprocess.TimeoutExpired:  # as a supervisor does, where a process does not stop in time
                process.kill()
            process.environment |= variables
            process.start()

    def sign_up(self, email: str) -> None:
        """Make an account."""
        with self.browser() as browser:
            made = browser.post("/user/signup", json={"email": email, "password": PASSWORD})
            assert made.status_code == 201, made.text

    @contextmanager
    def browser(self, address: str | None = None) -> Iterator[httpx2.Client]:
        """Yield an HTTP client that trusts the authority and keeps cookies, and connects from an address."""
        context = httpx2.create_ssl_context()
        context.load_verify_locations(self.authority.file)
        transport = httpx2.HTTPTransport(verify=context, local_address=address)
        with httpx2.Client(base_url=self.nginx.url, transport=transport, timeout=60) as client:
            yield client

    def _replica(self, stack: ExitStack, number: int, variables: dict[str, str]) -> ServiceProcess:
        own = self.variables | {"AUTOTUNE_LOG_LEVEL": "warning"} | variables
        replica = ServiceProcess(self._folder / f"replica{number}", "--no-worker", **own)
        stack.callback(replica.close)
        return replica

    def _worker(self, stack: ExitStack, name: str, variables: dict[str, str]) -> WorkerProcess:
        worker = WorkerProcess(self._folder / f"{name}.log", **self.variables, **variables)
        stack.callback(worker.close)
        return worker

    def _start(self) -> None:
        """Start services and workers, two at a time."""
        with ThreadPoolExecutor(2) as threads:
            for process in threads.map(lambda process: process.start(), [*self.replicas, *self.workers]):
                assert process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()
