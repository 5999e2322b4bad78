"""A shell of IPython with the magics, signed in to a service that runs."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from processes import DEV_USER, ServiceProcess


@contextmanager
def signed_in(service: ServiceProcess) -> Iterator[InteractiveShell]:
    """Open a shell whose client speaks to a service, and close it at the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOTUNE_URL", service.url)
        patch.setenv("AUTOTUNE_USERNAME", DEV_USER["username"])
        patch.setenv("AUTOTUNE_PASSWORD", DEV_USER["password"])
        shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
        shell.run_line_magic("load_ext", "autotune")
        yield shell
        session_of(shell).close()


def session_of(shell: InteractiveShell) -> Any:
    """Return the session behind the magics of a shell."""
    return shell.magics_manager.registry["AutotuneMagics"].session


@contextmanager
def gone(service: ServiceProcess, shell: InteractiveShell) -> Iterator[None]:
    """Kill a service for the time of the block, and let no call of the shell wait for it."""
    connection = session_of(shell).client.connection
    patience, connection._timeout_s = connection._timeout_s, 0.1
    service.kill()
    _wait_until_refused(service.url)
    try:
        yield
    finally:
        service.start()
        connection._timeout_s = patience


def _wait_until_refused(url: str) -> None:
    # A process that the service was just starting still holds its sockets until it runs its own program: a client would
    # lose a connection there, rather than be refused one.
    address = urlsplit(url)
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            socket.create_connection((address.hostname, address.port), 0.1).close()
        except ConnectionRefusedError:
            return
        except OSError:
            pass  # taken, and dropped
        time.sleep(0.01)
    raise AssertionError(f"something still listens at {url}")


def lines_of(shown: str) -> list[str]:
    """Return the lines that a command shows, without those that say that it is repeated."""
    return [line for line in shown.splitlines() if "trying again" not in line]
