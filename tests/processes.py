"""The service as its users run it: a process on a free port."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil

import leaks

DEV_USER = {"username": "test@test.com", "password": "CHANGEME"}
_READY_WITHIN_S = 180  # on a machine that is busy with other tests
_LOGGING = {"AUTOTUNE_LOG_LEVEL": "debug"}
"""All that is ever logged: at the end of a run no secret may be in it (``leaks``)."""


def environment(**variables: str) -> dict[str, str]:
    """The tests' environment without settings of whoever runs them; all tests sign in from one address."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AUTOTUNE_")}
    return kept | {"AUTOTUNE_SIGN_IN_ATTEMPTS": "10000"} | variables


def run_autotune(*arguments: str, typed: str | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; what is typed is its standard input."""
    command = [sys.executable, "-m", "autotune_service.cli", *arguments]
    return subprocess.run(
        command, env=environment(**variables), input=typed, capture_output=True, text=True, timeout=180, check=False
    )


class ServiceProcess:
    """`autotune serve` on a port of its own choice, or on the one it had before.

    Attributes:
        environment: The variables that it gets at its next start.
    """

    def __init__(self, data: Path, *arguments: str, **variables: str) -> None:
        self._command = [sys.executable, "-m", "autotune_service.cli", "serve", "--data", str(data), *arguments]
        self.environment = environment(**_LOGGING | variables)
        self._log = (data.parent / f"{data.name}.log").open("a+")
        self._host, self._port = "", 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "ServiceProcess":
        self._process = subprocess.Popen(
            [*self._command, "--port", str(self._port)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        address = re.search(rb"(http://\S+):(\d+)", self._first_line())
        assert address is not None
        self._host, self._port = address[1].decode(), int(address[2])
        return self

    def _first_line(self) -> bytes:
        output = self._running.stdout
        assert output is not None
        readable, _, _ = select.select([output], [], [], _READY_WITHIN_S)
        line = output.readline() if readable else b""
        assert b"ready" in line, f"the service did not start: {self.log()}"
        return line

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the service has not been started"
        return self._process

    @property
    def url(self) -> str:
        return f"{self._host}:{self._port}"

    @property
    def pid(self) -> int:
        return self._running.pid

    def kill(self) -> None:
        """End it as a power cut does."""
        self._running.kill()
        self._running.wait()

    def stop(self) -> int:
        """End it as a supervisor does, and give its exit status."""
        self._running.send_signal(signal.SIGTERM)
        return self._running.wait(60)

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()
        self._log.close()

    @contextmanager
    def client(self) -> Iterator[httpx2.Client]:
        """A signed-in HTTP client."""
        with httpx2.Client(base_url=self.url, timeout=60) as client:
            tokens = client.post("/auth/token", data=DEV_USER).json()
            leaks.SECRETS.update([tokens["access_token"], tokens["refresh_token"]])
            client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
            yield client


class WorkerProcess:
    """`autotune worker`, which computes for services that do not.

    Attributes:
        environment: The variables that it gets at its next start.
    """

    def __init__(self, log: Path, **variables: str) -> None:
        self.environment = environment(**_LOGGING | variables)
        self._log = log.open("a+")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "WorkerProcess":
        command = [sys.executable, "-m", "autotune_service.cli", "worker"]
        begin = self._log.seek(0, os.SEEK_END)
        self._process = subprocess.Popen(command, env=self.environment, stderr=self._log)
        wait_until(lambda: "engine ready" in self._said_since(begin), _READY_WITHIN_S)
        return self

    def _said_since(self, begin: int) -> str:
        self._log.seek(begin)
        return self._log.read()

    @property
    def pid(self) -> int:
        assert self._process is not None, "the worker has not been started"
        return self._process.pid

    def kill(self) -> None:
        """End it as a power cut does."""
        assert self._process is not None, "the worker has not been started"
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it as a supervisor does."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60)

    def close(self) -> None:
        self.stop()
        self._log.close()


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet has."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until(found, within_s: float = 30.0):
    """Give what ``found`` returns as soon as it is true."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        value = found()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")
