"""Installs a wheel with each of its extras into a new environment, and tries what the extra is for.

    python tools/smoke.py dist/autotune_bo-1.2.3-py3-none-any.whl [EXTRA ...] [--python PROGRAM] [--constraints FILE]

`base` is the wheel without extras. The extra `service` needs PyTorch; TORCH_INDEX_URL is where pip finds it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BASE = """
import autotune, autotune_wire
try:
    autotune.connect("http://127.0.0.1:9", username="a@b.c", password="x", timeout_s=1)
except autotune.ConnectionFailedError:
    pass
"""
_NOTEBOOK = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell()
for cell in ("%load_ext autotune", "%autotune help new", "from autotune.widgets import ConnectForm; ConnectForm()"):
    assert shell.run_cell(cell).success, cell
"""
_PICTURES = """
import vl_convert
spec = {"mark": "bar", "data": {"values": [{"a": 1}]}, "encoding": {"x": {"field": "a", "type": "quantitative"}}}
assert vl_convert.vegalite_to_svg(spec).startswith("<svg")
"""
_SERVICE = """
import re, subprocess, sys, tempfile, urllib.request
from pathlib import Path
program = Path(sys.executable).parent / "autotune"
with tempfile.TemporaryDirectory() as data:
    command = [program, "serve", "--port", "0", "--data", f"{data}/data"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:
        address = re.search(r"http://\\S+:\\d+", service.stdout.readline())
        assert address is not None, "the service did not start"
        assert urllib.request.urlopen(f"{address[0]}/health/ready", timeout=30).status == 200
        service.terminate()
        assert service.wait(30) == 0
"""
CHECKS = {
    "base": _BASE,
    "notebook": _NOTEBOOK,
    "pictures": _PICTURES,
    "sklearn": "from autotune.sklearn import AutotuneSearchCV",
    "optuna": "from autotune.optuna import AutotuneSampler",
    "traces": "import opentelemetry.exporter.otlp.proto.http.trace_exporter, opentelemetry.sdk.trace",
    "greattunes": "import pandas",
    "mcp": "import autotune.agents.command, mcp, uvicorn",
    "web": _SERVICE.replace('"--port"', '"--no-worker", "--port"'),
    "service": _SERVICE,
}
"""For each extra a program that uses what it brings."""


def main() -> None:
    """Try the extras that are named, or all."""
    parser = argparse.ArgumentParser(description="Try a wheel with each of its extras, each in a new environment.")
    parser.add_argument("wheel", type=Path)
    parser.add_argument("extras", nargs="*", metavar="EXTRA", help=f"of {', '.join(CHECKS)}; all by default")
    parser.add_argument("--python", default=sys.executable, help="the Python to try it with")
    parser.add_argument("--constraints", type=Path, help="the versions to install; the newest by default")
    given = parser.parse_args()
    unknown = set(given.extras) - CHECKS.keys()
    if unknown:
        parser.error(f"there is no extra {', '.join(sorted(unknown))}: it is one of {', '.join(CHECKS)}")
    for extra in given.extras or CHECKS:
        attempt(given.wheel.resolve(), extra, given.python, given.constraints)
        print(f"{extra}: ok", flush=True)


def attempt(wheel: Path, extra: str, python: str, constraints: Path | None) -> None:
    """Install a wheel with one extra into a new environment and use it.

    Raises:
        subprocess.CalledProcessError: If the installation or the use fails; what it wrote is on the standard error.
    """
    with _environment(python) as program:
        environment = _clean()
        # What is tried once is not compiled in advance, which would take longer than all the rest.
        pip = [program, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"]
        pip += ["-c", str(constraints)] if constraints else []
        index = os.environ.get("TORCH_INDEX_URL")
        if extra == "service" and index:
            subprocess.run([*pip, "torch", "--no-deps", "--index-url", index], check=True, env=environment)
            pip += ["--extra-index-url", index]
        subprocess.run([*pip, str(wheel) if extra == "base" else f"{wheel}[{extra}]"], check=True, env=environment)
        subprocess.run([program, "-I", "-c", CHECKS[extra]], check=True, env=environment, timeout=300)


def _clean() -> dict[str, str]:
    # Neither packages nor settings of whoever tries the wheel stand in for what is installed.
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AUTOTUNE_"))}


@contextmanager
def _environment(python: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([python, "-m", "venv", folder], check=True)
        yield str(Path(folder) / "bin" / "python")


if __name__ == "__main__":
    main()
