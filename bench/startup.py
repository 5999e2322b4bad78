"""Measure how soon ``autotune serve`` is ready, how soon its model suggests, and how much memory it then holds.

Measured too: how long a command takes that has nothing to do, which is its start.

Run it as ``.venv/bin/python bench/startup.py``, on an idle machine.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from autotune_wire import paths

MIB = 2**20
STARTS = (("--help",), ("ask", "--help"), ("config",), ("serve", "--help"))
SETTLE_S = 3.0
"""How long the service is idle before its memory is read."""

EXPERIMENT = {
    "name": "startup",
    "covars": {
        "x": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0},
        "n": {"vtype": "int", "guess": 3, "min": 1, "max": 9},
    },
}


@dataclass
class Serving:
    """A running ``autotune serve``, and when it was started."""

    process: "subprocess.Popen[bytes]"
    url: str
    data: Path
    started_at_s: float
    headers: dict[str, str] = field(default_factory=dict)

    def elapsed_s(self) -> float:
        """Return the seconds since the process was started."""
        return time.perf_counter() - self.started_at_s

    def call(self, path: str, body: object = None, form: dict[str, str] | None = None) -> Any:
        """Send a GET, or a POST if there is a body or a form, and return the JSON of the answer."""
        data = urllib.parse.urlencode(form).encode() if form else json.dumps(body).encode() if body else None
        kind = {} if form or not body else {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, {**self.headers, **kind})
        with urllib.request.urlopen(request, timeout=120) as reply:
            return json.loads(reply.read() or b"null")


@contextmanager
def serving(data: Path) -> Iterator[Serving]:
    """Run ``autotune serve`` on a free port, with its defaults, and stop it."""
    port = free_port()
    command = [str(Path(sys.executable).parent / "autotune"), "serve", "--port", str(port), "--data", str(data)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AUTOTUNE_")}
    started_at_s = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield Serving(process, f"http://127.0.0.1:{port}", data, started_at_s)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def seconds_to_ready(service: Serving) -> float:
    """Wait for ``GET /health/ready`` to answer 200; the time counts from the start of the process."""
    while True:
        if service.process.poll() is not None:
            raise SystemExit(f"autotune serve ended with {service.process.returncode}: run it by hand to see why")
        try:
            service.call(paths.HEALTH_READY)
        except OSError:
            time.sleep(0.005)
        else:
            return service.elapsed_s()


def seconds_to_model(service: Serving) -> float:
    """Ask and tell at once until the model suggests; the time counts from the start of the process."""
    token = service.call(paths.AUTH_TOKEN, form={"username": "test@test.com", "password": "CHANGEME"})
    service.headers = {"Authorization": f"Bearer {token['access_token']}"}
    exp_uuid = service.call(paths.EXPERIMENT_NEW, EXPERIMENT)["exp_uuid"]
    ask, tell = (path.format(exp_uuid=exp_uuid) for path in (paths.EXPERIMENT_ASK, paths.EXPERIMENT_TELL))
    while (suggestion := service.call(ask)["suggestions"][0])["source"] != "model":
        covars = suggestion["covars"]
        response = -((covars["x"] - 0.3) ** 2) - abs(covars["n"] - 5) / 10
        told = {"suggestion_uuid": suggestion["suggestion_uuid"], "covars": covars, "response": response}
        service.call(tell, told)
    return service.elapsed_s()


def memory_mib(service: Serving) -> dict[str, float]:
    """Read the memory of an idle service: PSS, which Linux alone has, and RSS.

    PSS shares a page between the processes that map the page, so PSS may be added up; RSS counts the page in each.
    """
    time.sleep(SETTLE_S)
    web = psutil.Process(service.process.pid)
    own = [child for child in web.children(recursive=True) if child.name() != "postgres"]
    groups = {"web process": [web], "pool and its helpers": own, "web and pool": [web, *own]}
    groups["Postgres"] = postgres_processes(service.data)
    return {f"{name}, {kind}": value for name, found in groups.items() for kind, value in sums_mib(found).items()}


def postgres_processes(data: Path) -> list[psutil.Process]:
    """Find the embedded Postgres, which is no child of the service, by the file that it writes into its folder."""
    file = next(data.rglob("postmaster.pid"))
    postmaster = psutil.Process(int(file.read_text().split()[0]))
    return [postmaster, *postmaster.children(recursive=True)]


def sums_mib(processes: list[psutil.Process]) -> dict[str, float]:
    """Add up the memory of some processes, in MiB."""
    read = [process.memory_full_info() for process in processes]
    return {
        kind.upper(): sum(getattr(info, kind) for info in read) / MIB
        for kind in ("pss", "rss")
        if all(hasattr(info, kind) for info in read)
    }


def seconds_of(arguments: tuple[str, ...]) -> float:
    """Run a command of ``autotune`` to its end, and return how long it took."""
    began_s = time.perf_counter()
    command = [sys.executable, "-m", "autotune_cli", *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began_s


def measure(folder: Path, n_runs: int) -> dict[str, list[float]]:
    """Measure everything ``n_runs`` times; every run begins with an empty folder."""
    found: dict[str, list[float]] = defaultdict(list)
    for run in range(n_runs):
        for arguments in STARTS:
            found[f"s of autotune {' '.join(arguments)}"].append(seconds_of(arguments))
        for state in ("empty", "existing"):
            with serving(folder / str(run)) as service:
                found[f"s to ready, {state} data folder"].append(seconds_to_ready(service))
                found[f"s to the model's first suggestion, {state} data folder"].append(seconds_to_model(service))
                for name, value in memory_mib(service).items() if state == "existing" else ():
                    found[f"MiB of {name}"].append(value)
        print(f"run {run + 1} of {n_runs} done", file=sys.stderr)
    return found


def machine() -> str:
    """Describe the machine and the versions that the figures were measured on."""
    memory_gib = psutil.virtual_memory().total / 2**30
    versions = f"Python {platform.python_version()}, torch {version('torch')}, botorch {version('botorch')}"
    return f"{os.cpu_count()} cores, {memory_gib:.0f} GiB, {platform.system()} {platform.machine()}; {versions}"


def report(found: dict[str, list[float]]) -> str:
    """Write the figures as a table."""
    head = "| what | median | min | max |\n|---|---|---|---|"
    rows = [f"| {name} | {median(v):.2f} | {min(v):.2f} | {max(v):.2f} |" for name, v in found.items()]
    return "\n".join([head, *rows])


def main() -> None:
    """Measure, and print the machine and the table."""
    parser = argparse.ArgumentParser(description="Seconds of commands, to ready and to the model; idle memory.")
    parser.add_argument("--runs", type=int, default=5, help="how often everything is measured (default 5)")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        found = measure(folder, options.runs)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{machine()}; {options.runs} runs\n\n{report(found)}")


if __name__ == "__main__":
    main()
