"""The image's build and start commands work, run as plain commands in a clean folder against a real Postgres."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from deploy_files import compose, instructions, interpolate, start_command
from image_build import Image, build

from autotune_wire import paths

SERVICES = compose()["services"]
SECRET = secrets.token_urlsafe(48)
EXPERIMENT = {
    "name": "image",
    "covars": {
        "temperature": {"vtype": "cont", "guess": 180.0, "min": 120.0, "max": 240.0},
        "minutes": {"vtype": "int", "guess": 20, "min": 5, "max": 60},
    },
}


class Service:
    """A running web process, spoken to over HTTP."""

    def __init__(self, port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._process = process
        self._log = log
        self._headers: dict[str, str] = {}

    def sign_in(self) -> None:
        form = urllib.parse.urlencode({"username": "test@test.com", "password": "CHANGEME"}).encode()
        token = self._send(urllib.request.Request(self.url + paths.AUTH_TOKEN, form))["access_token"]
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> Any:
        return self._send(urllib.request.Request(self.url + path, headers=self._headers))

    def post(self, path: str, body: object) -> Any:
        headers = {**self._headers, "Content-Type": "application/json"}
        return self._send(urllib.request.Request(self.url + path, json.dumps(body).encode(), headers))

    def wait_until_ready(self) -> None:
        self.wait_for(lambda: self._is_ready())

    def wait_for(self, is_so: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not is_so():
            assert self._process.poll() is None, f"the process ended: {self._log.read_text()}"
            assert time.monotonic() < end, f"not within {seconds} s: {self._log.read_text()}"
            time.sleep(0.1)

    def _is_ready(self) -> bool:
        try:
            self.get(paths.HEALTH_READY)
        except OSError:
            return False
        return True

    @staticmethod
    def _send(request: urllib.request.Request) -> Any:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.loads(reply.read() or b"null")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    root = tmp_path_factory.mktemp("image")
    yield build(root)
    shutil.rmtree(root)  # more than a gigabyte, which pytest would keep for the next three runs


@pytest.fixture
def start(image: Image, tmp_path: Path, empty_database_url: str) -> Iterator[Callable[..., Service]]:
    """Start a command of the image on a free port, with more variables; stopped at the end of the test.

    The database is asked for here so that it outlives the processes.
    """
    with ExitStack() as stack:
        yield lambda command, **variables: stack.enter_context(_running(image, command, variables, tmp_path))


@contextmanager
def _running(image: Image, command: list[str], variables: dict[str, str], folder: Path) -> Iterator[Service]:
    port, log = _free_port(), folder / f"{'-'.join(command[1:2])}.log"
    command = [str(port) if word == "8008" else word for word in command]
    program = [_program(image, command[0]), *command[1:]]
    environment = {**image.environment, **variables}
    with log.open("wb") as output:
        process = subprocess.Popen(program, cwd=image.folder, env=environment, stdout=output, stderr=output)
    try:
        yield Service(port, process, log)
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(30)
    # Stopped as `docker stop` does. Not within the clean-up, where it would hide what the test itself found.
    assert status == 0, f"{command} stopped with {status}: {log.read_text()}"
    assert "Traceback" not in log.read_text(), log.read_text()


def _program(image: Image, name: str) -> str:
    return str(Path(image.environment["PATH"].split(os.pathsep)[0]) / name)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _compose_environment(service: str, database_url: str) -> dict[str, str]:
    given = {"POSTGRES_PASSWORD": "given", "AUTOTUNE_SECRET": SECRET}
    return {**interpolate(SERVICES[service]["environment"], given), "AUTOTUNE_DATABASE_URL": database_url}


def test_web_and_worker_of_the_stack_tune_an_experiment(start: Callable[..., Service], empty_database_url: str):
    web = start(SERVICES["web"]["command"], **_compose_environment("web", empty_database_url))
    web.wait_until_ready()
    worker = start(SERVICES["worker"]["command"], **_compose_environment("worker", empty_database_url))
    web.sign_in()
    exp_uuid = web.post(paths.EXPERIMENT_NEW, EXPERIMENT)["exp_uuid"]
    ask, tell = (path.format(exp_uuid=exp_uuid) for path in (paths.EXPERIMENT_ASK, paths.EXPERIMENT_TELL))

    guess = web.get(ask)["suggestions"][0]
    web.post(tell, {"suggestion_uuid": guess["suggestion_uuid"], "covars": guess["covars"], "response": 1.0})

    assert guess["source"] == "guess"
    worker.wait_for(lambda: web.get(ask)["suggestions"][0]["source"] != "guess")


def test_image_alone_becomes_ready_with_a_postgres_of_its_own(image: Image, start: Callable[..., Service]):
    service = start(start_command())
    service.wait_until_ready()
    _, _, check = instructions("HEALTHCHECK")[0].partition("CMD ")
    command = json.loads(check.replace("http://127.0.0.1:8008", service.url))
    subprocess.run([_program(image, command[0]), *command[1:]], env=image.environment, check=True)


def test_image_holds_the_service_and_no_notebook(image: Image):
    code = "import importlib.metadata as m; print(*(d.name.lower() for d in m.distributions()))"
    command = [_program(image, "python"), "-c", code]
    listed = subprocess.run(command, env=image.environment, check=True, capture_output=True, text=True).stdout
    names = set(listed.split())
    assert {"autotune-bo", "torch", "quart"} <= names
    assert names.isdisjoint({"jupyterlab", "ipykernel", "pytest"})


def test_build_ran_every_command_but_the_one_for_the_user(image: Image):
    assert len(image.runs) == len(instructions("RUN")) - 1
