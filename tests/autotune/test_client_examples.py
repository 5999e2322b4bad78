"""The examples: each compiles, and runs where its library is installed."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from fake_service import PASSWORD
from served import serving

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = sorted(EXAMPLES.rglob("*.py"))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_example_compiles(program):
    compile(program.read_text(), program, "exec")


@pytest.mark.parametrize(
    ("library", "program", "arguments"),
    [
        ("torch", "pytorch_loop.py", ["2"]),
        ("lightning", "lightning_loop.py", ["2"]),
        ("hydra", "hydra/train.py", ["--multirun", "hydra.sweeper.n_runs=2", "hydra.sweeper.n_parallel=2"]),
    ],
)
def test_example_runs_and_tells_its_runs(service, tmp_path, library, program, arguments):
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed: the example was only compiled")
    credentials = {"AUTOTUNE_USERNAME": "a@b.c", "AUTOTUNE_PASSWORD": PASSWORD}
    with serving(service) as served:
        environ = {**os.environ, **credentials, "AUTOTUNE_URL": served.url, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, str(EXAMPLES / program), *arguments]
        ran = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "Best(" in ran.stdout
    assert [run["status"] for run in service.runs] == ["ok", "ok"]
