"""Every block of code in the documentation runs as it is printed, or is listed with the reason why not."""

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import optuna
import pytest
from documented import NOT_RUN, ROOT, RUN_ELSEWHERE, blocks, pages
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from processes import DEV_USER, ServiceProcess

HERE = sorted(
    {block.page for page in pages() for block in blocks(page) if block.why_not is None} - RUN_ELSEWHERE.keys()
)
ADA = {"email": "ada@example.org", "password": "several words are best"}

_RUNS = "\n".join(
    f"experiment.tell({{'temperature': {40 + 10 * n}, 'rate': {n / 8}, 'base': 'Et3N'}}, {{'yield': {n * (7 - n)}, "
    f"'impurity': {n}}})"
    for n in range(8)
)
PRELUDES = {
    "docs/early-stopping.md": "%load_ext autotune\n%autotune login",
    "docs/howto/jupyterhub.md": "from types import SimpleNamespace\nc = SimpleNamespace(Spawner=SimpleNamespace())",
    "docs/loading.md": """
import autotune, optuna
study = optuna.create_study()
study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
experiment = autotune.connect().new("Loaded", {"x": "0..1"}, direction="minimize")
""",
    "docs/pictures.md": f"""
%load_ext autotune
%autotune login
import autotune
experiment = autotune.connect().new(
    "Pictured", {{"temperature": "40..120 °C", "rate": "0..1", "base": "K2CO3|Et3N"}},
    responses={{"yield": "maximize", "impurity": "<= 5"}},
)
{_RUNS}
%autotune use "Pictured"
""",
    "docs/sharing.md": """
%load_ext autotune
client = %autotune login
%autotune new "brownies" {"minutes": "15..45"}
experiment = client.list()[0]
other = experiment
""",
}
"""What a page takes for granted, before its first block."""


@pytest.fixture(scope="module")
async def service(cluster, template, tmp_path_factory) -> AsyncIterator[tuple[ServiceProcess, str]]:
    """One service for all pages, and the address of its database, for commands of the shell."""
    async with cluster.database(template) as url:
        service = ServiceProcess(tmp_path_factory.mktemp("documented") / "data", AUTOTUNE_DATABASE_URL=url).start()
        with service.client() as client:
            assert client.post("/user/signup", json=ADA).status_code == 201
        yield service, url
        service.close()


@pytest.fixture
def folder(service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with the environment that the pages speak of."""
    process, database_url = service
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, arguments in {"python": "", "python3": "", "autotune": "-m autotune_service.cli "}.items():
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
        (programs / name).chmod(0o755)
    variables = {
        "URL": process.url,
        "USERNAME": DEV_USER["username"],
        "PASSWORD": DEV_USER["password"],
        "DATABASE_URL": database_url,
    }
    for name, value in variables.items():
        monkeypatch.setenv(f"AUTOTUNE_{name}", value)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    place = tmp_path / "work"
    place.mkdir()
    shutil.copy(ROOT / "notebooks" / "07-ax-snapshot.json", place)
    monkeypatch.chdir(place)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return place


def _run_in_notebook(cells: list[str]) -> None:
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    for cell in cells:
        assert shell.run_cell(cell).success, cell
    magics = shell.magics_manager.registry.get("AutotuneMagics")
    if magics is not None:
        magics.session.close()


@pytest.mark.parametrize("page", HERE)
def test_blocks_of_a_page_run_as_they_are_printed(page: str, folder: Path):
    run = [block for block in blocks(page) if block.why_not is None]
    assert {block.language for block in run} <= {"python", "ipython3", "bash"}
    if cells := [block.text for block in run if block.language != "bash"]:
        _run_in_notebook([PRELUDES.get(page, ""), *cells])
    if script := "\n".join(block.text for block in run if block.language == "bash"):
        # As one script, as the blocks share their variables.
        command = ["bash", "-euo", "pipefail", "-c", script]
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 0, ended.stderr


def test_each_page_that_is_run_elsewhere_is_named_by_the_test_that_runs_it():
    for page, test in RUN_ELSEWHERE.items():
        assert Path(page).name in (ROOT / test).read_text()
    # The test of the README sees indented blocks alone.
    assert [block.line for block in blocks("README.md") if block.is_fenced] == []


def test_reasons_are_of_blocks_that_are_there():
    found = [block for page in pages() for block in blocks(page)]
    listed = [(page, start) for page, reasons in NOT_RUN.items() for start in reasons]
    idle = [entry for entry in listed if not any(b.page == entry[0] and b.text.startswith(entry[1]) for b in found)]
    assert idle == []


def test_tests_that_reasons_name_are_there():
    words = {word.strip(";,") for reasons in NOT_RUN.values() for reason in reasons.values() for word in reason.split()}
    named = {word for word in words if word.startswith("tests/")}
    assert len(named) > 5
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
