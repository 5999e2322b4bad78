"""The images' build and start commands work, run as plain commands in a clean folder against a real Postgres."""

import json
import os
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
from deploy_files import DEV, interpolate, stages
from image_build import Image, build

from autotune_wire import paths

SERVICES = DEV.services
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
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Image]]:
    root = tmp_path_factory.mktemp("images")
    yield {target: build(root, target) for target in ("web", "worker")}
    shutil.rmtree(root)  # more than a gigabyte, which pytest would keep for the next three runs


@pytest.fixture
def start(images: dict[str, Image], tmp_path: Path, empty_database_url: str) -> Iterator[Callable[..., Service]]:
    """Start a command of an image on a free port, with more variables; stopped at the end of the test.

    The database is asked for here so that it outlives the processes.
    """
    with ExitStack() as stack:
        yield lambda target, command, **variables: stack.enter_context(
            _running(images[target], command, variables, tmp_path)
        )


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
    return {**interpolate(SERVICES[service]["environment"], DEV.environment), "AUTOTUNE_DATABASE_URL": database_url}


def _check(image: Image, target: str, *replaced: tuple[str, str]) -> None:
    """Run the health check of an image where its process listens elsewhere."""
    _, _, check = stages()[target].of("HEALTHCHECK")[0].partition("CMD ")
    for usual, here in replaced:
        assert usual in check
        check = check.replace(usual, here)
    command = json.loads(check)
    subprocess.run([_program(image, command[0]), *command[1:]], env=image.environment, check=True)


def test_web_and_worker_of_the_stack_tune_an_experiment(
    images: dict[str, Image], start: Callable[..., Service], empty_database_url: str
):
    web = start("web", SERVICES["web"]["command"], **_compose_environment("web", empty_database_url))
    web.wait_until_ready()
    metrics_port = str(_free_port())
    variables = {**_compose_environment("worker", empty_database_url), "AUTOTUNE_METRICS_PORT": metrics_port}
    worker = start("worker", stages()["worker"].command(), **variables)
    web.sign_in()
    exp_uuid = web.post(paths.EXPERIMENT_NEW, EXPERIMENT)["exp_uuid"]
    ask, tell = (path.format(exp_uuid=exp_uuid) for path in (paths.EXPERIMENT_ASK, paths.EXPERIMENT_TELL))

    guess = web.get(ask)["suggestions"][0]
    web.post(tell, {"suggestion_uuid": guess["suggestion_uuid"], "covars": guess["covars"], "response": 1.0})

    assert guess["source"] == "guess"
    worker.wait_for(lambda: web.get(ask)["suggestions"][0]["source"] != "guess")
    _check(images["web"], "web", ("http://127.0.0.1:8008", web.url))
    _check(images["worker"], "worker", (":9108", f":{metrics_port}"))


def test_worker_image_alone_serves_all_with_a_postgres_of_its_own(start: Callable[..., Service]):
    command = ["autotune", "serve", "--port", "8008"]
    service = start("worker", command, AUTOTUNE_MODE="dev", AUTOTUNE_METRICS_PORT=str(_free_port()))
    service.wait_until_ready()


def test_image_of_the_web_process_holds_no_engine_and_neither_holds_a_notebook(images: dict[str, Image]):
    names = {target: _distributions(image) for target, image in images.items()}
    assert {"autotune-bo", "quart"} <= names["web"] & names["worker"]
    assert {"torch", "botorch", "greattunes"} <= names["worker"]
    assert names["web"].isdisjoint({"torch", "botorch", "numpy", "scipy"})
    assert (names["web"] | names["worker"]).isdisjoint({"jupyterlab", "ipykernel", "pytest"})


def _distributions(image: Image) -> set[str]:
    code = "import importlib.metadata as m; print(*(d.name.lower() for d in m.distributions()))"
    command = [_program(image, "python"), "-c", code]
    return set(
        subprocess.run(command, env=image.environment, check=True, capture_output=True, text=True).stdout.split()
    )


def test_sources_are_not_in_the_images(images: dict[str, Image]):
    assert [
        name for image in images.values() for name in ("service", "jupyter_ext") if image.inside(name).exists()
    ] == []


@pytest.mark.parametrize("target", ["web", "worker"])
def test_image_does_not_start_without_a_secret_of_its_own(images: dict[str, Image], target: str):
    command = stages()[target].command()
    program = [_program(images[target], command[0]), *command[1:]]
    ended = subprocess.run(program, env=images[target].environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "AUTOTUNE_SECRET must be given" in ended.stderr


def test_build_ran_every_command_but_the_one_for_the_user(images: dict[str, Image]):
    for target, image in images.items():
        chain = [*stages()["base"].of("RUN"), *stages()[target].of("RUN")]
        assert len(image.runs) == len(chain) - 1
