"""A shell of IPython with the magics, signed in to a service that runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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
    try:
        yield
    finally:
        service.start()
        connection._timeout_s = patience


def lines_of(shown: str) -> list[str]:
    """Return the lines that a command shows, without those that say that it is repeated."""
    return [line for line in shown.splitlines() if "trying again" not in line]
