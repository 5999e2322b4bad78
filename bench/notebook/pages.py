"""What the measurements of the notebook share: a service with experiments of many runs, and a JupyterLab on it."""

import json
import os
import platform
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

_ROOT = Path(__file__).parent.parent.parent
# The service, its loads and the pages of a browser are run as the other measurements and the tests run them.
sys.path += [str(_ROOT / "bench" / "service"), str(_ROOT / "tests"), str(_ROOT / "tests" / "browser")]

import lab  # type: ignore[import-not-found] # noqa: E402 - found by the paths above, which mypy is not given
import serving  # noqa: E402 - found by the paths above
from keepalive import Connection, token_of  # noqa: E402 - found by the paths above
from large import large_experiment  # noqa: E402 - found by the paths above

from autotune_service.settings import DEV_EMAIL, DEV_PASSWORD  # noqa: E402 - below the paths

SETUP = """import autotune
from autotune.widgets import Board
client = autotune.connect()
small, large = (client.experiment(uuid) for uuid in {uuids!r})
shown = []
def show(face):
    shown.append(face)
    return face
def close():
    while shown:
        shown.pop().close()"""
"""The first cell: ``show`` shows a board or a panel; ``close`` closes it, so that one alone is followed."""
CLOSE = "close()"


@dataclass(frozen=True)
class Service:
    """A running service.

    Attributes:
        url: Its address.
        token: Of the user.
        uuids: A small experiment and a large one.
    """

    url: str
    token: str
    uuids: Sequence[str]

    @property
    def variables(self) -> dict[str, str]:
        """The environment in which ``autotune.connect()`` finds the service."""
        return {"AUTOTUNE_URL": self.url, "AUTOTUNE_USERNAME": DEV_EMAIL, "AUTOTUNE_PASSWORD": DEV_PASSWORD}

    @property
    def setup(self) -> str:
        """The first cell of a notebook."""
        return SETUP.format(uuids=list(self.uuids))

    def tell(self, number: int) -> None:
        """Tell the large experiment a run, as another client; it waits for the reply."""
        body = {"covars": {"x0": number % 997 / 997, "x1": 0.5, "x2": 0.25, "x3": 0.125}, "response": number % 89 / 7}
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        address = f"{self.url}/experiment/tell/{self.uuids[1]}"
        with urllib.request.urlopen(
            urllib.request.Request(address, json.dumps(body).encode(), headers), timeout=60
        ) as reply:
            reply.read()


@asynccontextmanager
async def service(n_small: int, n_large: int) -> AsyncIterator[Service]:
    """Run a service without a worker, so that no engine takes the processors, with two experiments of so many runs."""
    with serving.place() as at:
        async with serving.database(at) as url:
            with serving.service(at, url, "--no-worker") as running:
                token = await token_of(running.port)
                async with Connection(running.port, token) as connection:
                    uuids = [await large_experiment(connection, n) for n in (n_small, n_large)]
                yield Service(f"http://127.0.0.1:{running.port}", token, uuids)


@contextmanager
def notebook(folder: Path, running: Service, *cells: str) -> Iterator[str]:
    """Run JupyterLab on a notebook of the setup and these cells, and yield the address of the notebook."""
    if not lab.CHROMIUM:
        sys.exit("there is no chromium: apt install chromium, or name one by CHROMIUM=PROGRAM")
    folder.mkdir()
    with lab.running_lab("jupyterlab", folder, **running.variables) as jupyter:
        jupyter.add("bench.ipynb", running.setup, *cells)
        yield jupyter.address_of("bench.ipynb")


@asynccontextmanager
async def opened(address: str, heard: Any = None) -> AsyncIterator[Any]:
    """Open a notebook in Chromium and run its first cell; ``heard`` is called with each websocket of the page."""
    async with lab.browser_page() as (page, _outside):
        if heard is not None:
            page.on("websocket", heard)
        await page.goto(address, wait_until="domcontentloaded")
        shown = lab.Opened(page)
        await shown.ready()
        await shown.run(0)
        await page.wait_for_timeout(3000)  # the imports of the first cell, and the page's own start
        yield shown


def machine() -> str:
    """Describe the machine and the versions that the figures were measured on."""
    memory_gib = psutil.virtual_memory().total / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in ("jupyterlab", "ipykernel", "ipywidgets"))
    return (
        f"{os.cpu_count()} cores, {memory_gib:.0f} GiB, {platform.system()} {platform.machine()}, load "
        f"{os.getloadavg()[0]:.1f} at the start; Python {platform.python_version()}, {versions}"
    )
