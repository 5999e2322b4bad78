"""Runs the service and JupyterLab side by side on one machine: notebooks are signed in, and both stop together."""

import errno
import importlib
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
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from autotune_service.children import environment_of_notebooks
from autotune_service.interrupts import ENDINGS
from autotune_service.settings import DEV_EMAIL, DEV_PASSWORD, GRACE_S, Settings, address_of
from autotune_service.store.embedded import STOPPED_WITHIN_S

_READY_WITHIN_S = 120.0
_POLL_S = 0.1
_CODE_ARGUMENT = "once"  # as in lab_login, which only JupyterLab's process can import
# What the service may need for requests under way and for its Postgres, and some time for the rest.
_STOP_WITHIN_S = GRACE_S + STOPPED_WITHIN_S + 5.0


class LabError(Exception):
    """The service and JupyterLab cannot run; the message says why and what to do."""


def run_lab(
    settings: Settings, notebook: Path, lab_port: int, say: Callable[[str], None], *, is_copied: bool = False
) -> None:
    """Run the service and JupyterLab until Ctrl-C or until one of the two ends.

    Args:
        settings: The service's settings, in dev mode.
        notebook: The notebook to open.
        lab_port: JupyterLab's port.
        say: Shows a line to the user.
        is_copied: Whether to open a copy in the data folder, see ``copy_notebooks``.

    Raises:
        LabError: If a port is taken, or one of the two does not start or ends by itself.
    """
    if settings.mode != "dev":
        raise LabError("AUTOTUNE_MODE is prod, which has no dev user to sign in: run `autotune serve` alone")
    if settings.port == 0:
        raise LabError(
            "port 0 means any free port, which a notebook cannot know: choose a port, as in `make run PORT=8018`"
        )
    if not notebook.is_file():
        raise LabError(f"there is no notebook {notebook}")
    if is_copied:
        notebook = copy_notebooks(notebook, settings.data / "notebooks")
        say(f"Opening your copy of the notebook: {notebook}")
    _require_free(settings.host, settings.port, "AutoTune", "PORT=8018")
    _require_free("127.0.0.1", lab_port, "JupyterLab", "LAB_PORT=8898")
    url = f"http://{address_of(settings.host, settings.port)}"
    code = secrets.token_urlsafe(24)
    lab_url = f"http://127.0.0.1:{lab_port}"
    with ExitStack() as stack:
        for number in ENDINGS:
            stack.enter_context(_interrupted_by(number))
        say("Starting the service ...")
        service = stack.enter_context(_running(_serve_command(settings), _service_environment()))
        _wait_until(service, f"{url}/health/ready", "the service")
        say("Starting JupyterLab ...")
        config = Path(stack.enter_context(TemporaryDirectory()))
        environment = _lab_environment(url, code, config)
        lab = stack.enter_context(_running(_lab_command(notebook, lab_port), environment))
        _wait_until(lab, f"{lab_url}/api", "JupyterLab")
        say(f"AutoTune is ready at {url}  (API page: {url}/docs)")
        say(_opened(f"{lab_url}/lab/tree/{quote(notebook.name)}", code))
        say("Ctrl-C stops both.")
        _wait_for_end({"the service": service, "JupyterLab": lab})


def copy_notebooks(notebook: Path, folder: Path) -> Path:
    """Copy a notebook, with the other files of its folder, and return the path of the copy.

    Running a notebook changes it, and a checkout should stay as it is. A file that is there already is left alone: it
    may hold somebody's work. Whoever deletes it gets the original anew.

    Args:
        notebook: The notebook.
        folder: Where the copies are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file in notebook.resolve().parent.iterdir():
        if file.is_file() and not (folder / file.name).exists():
            shutil.copyfile(file, folder / file.name)
    return folder / notebook.name


def _service_environment() -> dict[str, str]:
    # A line for each request would scroll the addresses out of sight; who wants these lines sets the level.
    return {"AUTOTUNE_LOG_LEVEL": "warning", **os.environ}


def _serve_command(settings: Settings) -> list[str]:
    command = [sys.executable, "-m", "autotune_service.cli", "serve", "--host", settings.host]
    return [*command, "--port", str(settings.port), "--data", str(settings.data)]


def _lab_command(notebook: Path, port: int) -> list[str]:
    as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        *as_root,
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={notebook.resolve().parent}",
        "--ServerApp.log_level=ERROR",
        "--LabApp.log_level=ERROR",
        "--ServerApp.identity_provider_class=autotune_service.lab_login.OneTimeLogin",
        "--LabApp.news_url=None",
        *_encryption(),
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]


def _encryption() -> list[str]:
    """Have JupyterLab and its kernels talk in secret, or each kernel prints a warning that they do not.

    What they say goes through ports of this machine, where another user with the rights to it could listen.
    """
    try:
        has_curve = importlib.import_module("zmq").has("curve")
    except ImportError:  # whoever starts without JupyterLab is told that by the command itself
        return []
    return ["--KernelManager.transport_encryption=auto"] if has_curve else []


def _lab_environment(url: str, code: str, config: Path) -> dict[str, str]:
    # JupyterLab would ask for permission to fetch news, in a box over the first cells of the notebook.
    page = config / "labconfig" / "page_config.json"
    page.parent.mkdir()
    page.write_text(json.dumps({"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}))
    # In a file of a private folder, because kernels inherit the environment, and all users of the machine can read the
    # options of a process.
    login = {"IdentityProvider": {"token": secrets.token_urlsafe(24)}, "OneTimeLogin": {"code": code}}
    (config / "jupyter_server_config.json").write_text(json.dumps(login))
    search_path = [str(config), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    return environment_of_notebooks() | {
        "JUPYTER_CONFIG_PATH": os.pathsep.join(search_path),
        "AUTOTUNE_URL": url,
        "AUTOTUNE_USERNAME": DEV_EMAIL,
        "AUTOTUNE_PASSWORD": DEV_PASSWORD,
    }


def _opened(page: str, code: str) -> str:
    """Open a page in the user's browser if there is a desktop; return what to say of it."""
    link = f"{page}?{_CODE_ARGUMENT}={code}"
    has_desktop = sys.platform in {"darwin", "win32"} or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())
    if has_desktop and webbrowser.open(link):
        return f"The notebook is open in your browser: {page}"
    return f"The notebook is ready at {link}  (this link works once)"


def _require_free(host: str, port: int, name: str, example: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise LabError(f"cannot listen on {address_of(host, port)}: {error.strerror}") from None
            raise LabError(
                f"port {port} is taken ({error.strerror}), and {name} needs it: "
                f"stop what listens there, or choose another port, as in `make run {example}`"
            ) from None


@contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    # In a session of its own the child does not get the terminal's Ctrl-C. Only this process gets it, and stops both
    # children in order.
    process = subprocess.Popen(  # nosec B603 # our own command line
        command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _interrupted_by(number: signal.Signals) -> Iterator[None]:
    """Raise KeyboardInterrupt on a signal, as on Ctrl-C, while the block runs; an ignored signal stays ignored."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.getsignal(number)
    if before is not signal.SIG_IGN:  # as by nohup
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        signal.signal(number, before)


def _wait_until(process: subprocess.Popen[bytes], url: str, name: str) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise LabError(f"{name} ended with status {process.returncode} before it was ready; see above")
        try:
            with urllib.request.urlopen(url, timeout=2) as reply:  # nosec B310 # an address of our own
                json.load(reply)
                return
        except (urllib.error.URLError, OSError, ValueError):
            time.sleep(_POLL_S)
    raise LabError(f"{name} was not ready within {_READY_WITHIN_S:.0f} s")


def _wait_for_end(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    while True:
        for name, process in processes.items():
            if process.poll() is not None:
                raise LabError(f"{name} ended with status {process.returncode}; the other is stopped too")
        time.sleep(_POLL_S)
