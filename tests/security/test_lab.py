"""`autotune lab`: its link works once, and JupyterLab and its kernels are told no secret of the service."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import psutil
import pytest

from autotune_service import lab
from autotune_service.children import environment_of_notebooks
from processes import environment
from support import SECRET

CANARIES = {
    "AUTOTUNE_SECRET": SECRET,
    "AWS_SECRET_ACCESS_KEY": "canary-of-aws",
    "HTTPS_PROXY": "http://ada:canary-of-proxy@proxy:3128",
    "JUPYTER_TOKEN": "canary-of-jupyter",
}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """The link that is printed, and JupyterLab's process."""
    folder = tmp_path_factory.mktemp("lab")
    notebook = folder / "my notebook.ipynb"
    notebook.write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    ports = [str(port) for port in free_ports(2)]
    command = [sys.executable, "-m", "autotune_service.cli", "lab", str(notebook), "--data", str(folder / "data")]
    command += ["--port", ports[0], "--lab-port", ports[1]]
    own = {"JUPYTER_CONFIG_DIR": str(folder / "config"), "JUPYTER_RUNTIME_DIR": str(folder / "runtime")}
    given = {name: value for name, value in environment(**CANARIES, **own).items() if "DISPLAY" not in name}
    with subprocess.Popen(command, env=given, stdout=subprocess.PIPE, text=True) as process:
        said = []
        while not said or "Ctrl-C" not in said[-1]:
            said.append(process.stdout.readline())
            assert said[-1], said
        (jupyter,) = [each for each in psutil.Process(process.pid).children() if "jupyterlab" in each.cmdline()]
        yield "".join(said), jupyter
        process.send_signal(signal.SIGINT)


def free_ports(n):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


def test_link_signs_one_browser_in_and_shows_no_token(running):
    said, jupyter = running
    link = re.search(r"The notebook is ready at (\S+)  \(this link works once\)", said)[1]
    assert "/lab/tree/my%20notebook.ipynb?once=" in link
    assert "token" not in said
    with httpx2.Client() as browser, httpx2.Client() as stranger:
        assert browser.get(link).status_code == 200
        assert browser.get(link.partition("?")[0]).status_code == 200, "the cookie goes on"
        again = stranger.get(link)
        assert (again.status_code, again.headers["Location"].partition("?")[0]) == (302, "/login")
        assert "once=" not in " ".join(jupyter.cmdline())


def test_notebooks_are_told_no_secret(running):
    _, jupyter = running
    told = jupyter.environ()
    assert [name for name, value in told.items() if "canary" in value or SECRET in value] == []
    assert told["AUTOTUNE_URL"].startswith("http://127.0.0.1:")
    assert {name for name in told if name.startswith("AUTOTUNE_")} == {
        "AUTOTUNE_URL",
        "AUTOTUNE_USERNAME",
        "AUTOTUNE_PASSWORD",
    }


def test_kernels_talk_encrypted(running):
    said, jupyter = running
    told = jupyter.environ()
    config = Path(told["JUPYTER_CONFIG_PATH"].split(os.pathsep)[0]) / "jupyter_server_config.json"
    token = json.loads(config.read_text())["IdentityProvider"]["token"]
    url = re.search(r"ready at (\S+)/lab/", said)[1]
    started = httpx2.post(f"{url}/api/kernels", headers={"Authorization": f"token {token}"}, json={}, timeout=60)
    connection = Path(told["JUPYTER_RUNTIME_DIR"]) / f"kernel-{started.json()['id']}.json"
    assert json.loads(connection.read_text())["curve_publickey"]


def test_notebooks_get_what_a_desktop_needs(monkeypatch):
    for name in ("DISPLAY", "MPLCONFIGDIR", "JUPYTER_CONFIG_DIR", "HTTP_PROXY"):
        monkeypatch.setenv(name, "given")
    assert {"DISPLAY", "MPLCONFIGDIR", "JUPYTER_CONFIG_DIR", "HTTP_PROXY"} <= environment_of_notebooks().keys()


def test_desktop_opens_the_browser_and_prints_no_code(monkeypatch):
    opened = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", lambda link: opened.append(link) or True)
    said = lab._opened("http://127.0.0.1:8888/lab/tree/a.ipynb", "c0de")
    assert opened == ["http://127.0.0.1:8888/lab/tree/a.ipynb?once=c0de"]
    assert "c0de" not in said
