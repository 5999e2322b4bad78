"""What ``make lint`` looks for beside style and types: secrets in the files, and pins with known weaknesses."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from deploy_files import ROOT

# In parts, so that the scan of this file finds none of them.
PLANTED = {
    "token of ours": (
        "README.md",
        "export TOKEN=" + "autotune_" + "xH3v9Qk2LmP7s" + "T4wZ1bN8cR5dF6g" + "J0aY-e_uKiOqVtS",
    ),
    "key of a cloud": ("notebooks/01.ipynb", "AKIA" + "Z7QWMX3KDN5RTBCV"),
    "private key": ("tests/key.pem", "-----BEGIN " + "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq6"),
    "password": ("service/settings.py", "password = " + "'gr33n-kettle-41'"),
    "password in a URL": ("docker-compose.yml", "postgresql://autotune:" + "gr33nkettle@db/autotune"),
    "random text": ("tests/test_one.py", "X = " + "'vNq8Bzu5DjUEMRMBbQ1r" + "lgo0wQJfLhK3xT7yP9'"),
}


@pytest.fixture
def tree(tmp_path):
    """A project with the Makefile and its scan, that git follows."""
    for name in ("Makefile", ".ci/secret_scan.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def scan(tree):
    venv = tree / ".venv"
    venv.mkdir()
    (venv / "bin").symlink_to(Path(sys.executable).parent)
    subprocess.run(["git", "add", ".", ":!.venv"], cwd=tree, check=True)
    (venv / ".installed").touch()
    # The variables of a make that runs this test are for its own tree.
    environment = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MFLAGS", "VENV"}}
    command = ["make", "-s", "secrets"]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("kind", PLANTED)
def test_planted_secret_is_found_where_it_lies(tree, kind):
    name, text = PLANTED[kind]
    (tree / name).parent.mkdir(exist_ok=True)
    (tree / name).write_text(f"nothing\n{text}\n")
    run = scan(tree)
    assert run.returncode != 0
    assert f"Location:    {name}:" in run.stdout


def test_tree_without_secrets_passes(tree):
    (tree / "README.md").write_text("`postgresql://user:password@host/name`: the password is asked for.\n")
    run = scan(tree)
    assert (run.returncode, run.stdout) == (0, "")


def answer(*dependencies):
    return f"print({json.dumps({'dependencies': dependencies})!r})"


KNOWN = {"name": "quart", "version": "0.22.0", "vulns": []}
WEAK = KNOWN | {"vulns": [{"id": "PYSEC-0000-1", "fix_versions": ["0.22.1"]}]}


@pytest.mark.parametrize(
    ("program", "status", "says"),
    [
        ("raise SystemExit('Could not connect')", 0, "cannot be reached"),
        (answer({"name": "quart", "skip_reason": "not found"}), 0, "cannot be reached"),
        (answer(KNOWN), 0, "1 of 1 pins checked, 0 weaknesses found"),
        (answer(WEAK), 1, "quart 0.22.0: PYSEC-0000-1, mended in ['0.22.1']"),
    ],
)
def test_weak_pin_fails_and_a_database_that_cannot_be_asked_is_named(tmp_path, program, status, says):
    (tmp_path / "pip_audit.py").write_text(program)
    (tmp_path / "constraints.txt").write_text("# pins\nquart==0.22.0\n")
    command = [sys.executable, str(ROOT / ".ci" / "audit.py"), "constraints.txt"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == status
    assert says in run.stdout


def test_lint_asks_all_three():
    planned = subprocess.run(
        ["make", "-n", "lint", "VENV=.nowhere", "-o", ".nowhere/.installed"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for part in ("detect-secrets-hook --no-verify", "bandit --quiet", ".ci/audit.py constraints.txt"):
        assert part in planned
