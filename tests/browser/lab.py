"""JupyterLab and Notebook 7 in a headless Chromium, each a process of its own with settings that are thrown away."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import nbformat
from playwright.async_api import Page, async_playwright
from playwright.async_api import TimeoutError as TimedOutError

from processes import environment

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""
_READY_WITHIN_S = 120
_WAIT_MS = 60_000
_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
# The kernel's state in the page says "idle" before there is a kernel: the application itself knows better.
_READY = """async () => {
    await window.jupyterapp.restored;
    const shown = window.jupyterapp.shell.currentWidget;
    await shown.context.ready; await shown.sessionContext.ready;
    await shown.sessionContext.session?.kernel?.info; }"""


class Lab:
    """A server of notebooks.

    Attributes:
        folder: The folder of its notebooks.
        url: Its address.
        token: What its pages are opened with.
    """

    def __init__(self, name: str, folder: Path, url: str, token: str) -> None:
        self.folder = folder
        self.url = url
        self.token = token
        self._path = {"jupyterlab": "doc/tree", "notebook": "notebooks"}[name]

    def address_of(self, notebook: str) -> str:
        return f"{self.url}/{self._path}/{notebook}?token={self.token}"

    def add(self, notebook: str, *cells: str) -> None:
        """Write a notebook of these cells."""
        made = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        )
        nbformat.write(made, self.folder / notebook)

    def copy_untrusted(self, notebook: str, copy: str) -> None:
        """Write a copy as it arrives from somebody else: it is changed, so its signature is not known here."""
        sent = json.loads((self.folder / notebook).read_text())
        sent["metadata"]["sent"] = True
        (self.folder / copy).write_text(json.dumps(sent))

    def outputs(self, notebook: str, cell: int) -> list[dict[str, Any]]:
        """Read the saved outputs of a cell."""
        outputs: list[dict[str, Any]] = json.loads((self.folder / notebook).read_text())["cells"][cell]["outputs"]
        return outputs


@contextmanager
def running_lab(name: str, folder: Path, **variables: str) -> Iterator[Lab]:
    """Run a server: ``jupyterlab`` or ``notebook``."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    own = {"HOME": folder, "JUPYTER_CONFIG_DIR": folder / "config", "JUPYTER_DATA_DIR": folder / "data",
           "JUPYTER_RUNTIME_DIR": folder / "runtime", "IPYTHONDIR": folder / "ipython"}  # fmt: skip
    page = folder / "config" / "labconfig" / "page_config.json"
    page.parent.mkdir(parents=True)
    page.write_text(json.dumps({"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}))
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    token = secrets.token_hex(16)
    application = {"jupyterlab": "LabApp", "notebook": "JupyterNotebookApp"}[name]
    command = [
        sys.executable, "-m", name, "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={notebooks}",
        f"--IdentityProvider.token={token}", "--ServerApp.terminals_enabled=False",
        f"--{application}.expose_app_in_browser=True", "--LabApp.news_url=None", "--LabApp.extension_manager=readonly",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    with (folder / "lab.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env=environment(**{key: str(value) for key, value in own.items()}, **variables),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    lab = Lab(name, notebooks, f"http://127.0.0.1:{port}", token)
    try:
        _wait_until_ready(process, f"{lab.url}/api/status?token={token}", folder / "lab.log")
        yield lab
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"no answer: {log.read_text()}")


@asynccontextmanager
async def browser_page() -> AsyncIterator[tuple[Page, list[str]]]:
    """Open a page of a browser, with the list of the addresses beyond this machine that it was kept from fetching.

    Other pages of the same browser, by ``page.context.new_page()``, are kept from it too.
    """
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=_OPTIONS)
        context = await browser.new_context(viewport={"width": 1100, "height": 900})
        context.set_default_timeout(_WAIT_MS)
        outside: list[str] = []

        async def guard(route: Any) -> None:
            if route.request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
                await route.continue_()
            else:
                outside.append(route.request.url)
                await route.abort()

        await context.route("**/*", guard)
        yield await context.new_page(), outside
        await browser.close()


class Opened:
    """A notebook that is open in a page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def ready(self) -> None:
        """Wait until the notebook and its kernel are there."""
        await self.page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.sessionContext")
        await self.page.evaluate(_READY)

    async def command(self, name: str) -> None:
        """Run a command of the application, and wait for its end."""
        await self.page.evaluate(f"() => window.jupyterapp.commands.execute('{name}')")

    async def run(self, cell: int) -> None:
        """Scroll to a cell and run it."""
        await self.page.evaluate(
            "cell => { const notebook = window.jupyterapp.shell.currentWidget.content;"
            "notebook.activeCellIndex = cell; return notebook.scrollToItem(cell, 'start'); }",
            cell,
        )
        await self.command("notebook:run-cell")

    async def restart_kernel(self) -> None:
        """Restart the kernel, and wait until the new one is there."""
        await self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
        await self.ready()

    async def text(self, cell: int) -> str:
        """Return what the output of a cell shows, as text."""
        return await self.page.evaluate(
            f"() => window.jupyterapp.shell.currentWidget.content.widgets[{cell}].outputArea.node.innerText"
        )

    async def shows(self, cell: int, text: str) -> None:
        """Wait until the output of a cell shows a text."""
        try:
            await self.page.wait_for_function(
                "([cell, text]) => window.jupyterapp.shell.currentWidget.content.widgets[cell]"
                ".outputArea.node.innerText.includes(text)",
                arg=[cell, text],
            )
        except TimedOutError:
            raise AssertionError(f"cell {cell} never showed {text!r}, but {await self.text(cell)!r}") from None

    async def draws(self, cell: int, selector: str) -> None:
        """Wait until the output of a cell holds an element."""
        await self.page.wait_for_function(
            "([cell, selector]) => window.jupyterapp.shell.currentWidget.content.widgets[cell]"
            ".outputArea.node.querySelector(selector)",
            arg=[cell, selector],
        )

    async def image_width(self, cell: int) -> int:
        """Return the width of the image in the output of a cell as it was drawn; 0 if it was not drawn."""
        return await self.page.evaluate(
            f"""async () => {{
                const image = window.jupyterapp.shell.currentWidget.content.widgets[{cell}]
                    .outputArea.node.querySelector('img');
                await image.decode(); return image.naturalWidth; }}"""
        )
