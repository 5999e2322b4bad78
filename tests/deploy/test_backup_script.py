"""The script of the production stack's backups makes, keeps, tells the age of, and restores them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from deploy_files import PROD, ROOT

SCRIPT = ROOT / "deploy" / "backup.sh"


@pytest.fixture
def run(tmp_path: Path, database_url: str):
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AUTOTUNE_")}
    variables |= {
        "AUTOTUNE_DATABASE_URL": database_url,
        "BACKUP_FOLDER": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }

    def run(*words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        command = ["sh", str(SCRIPT), *words]
        return subprocess.run(command, env={**variables, **more}, capture_output=True, text=True, timeout=120)

    return run


def _add(folder: Path, name: str, hours_old: float) -> None:
    path = folder / f"autotune-{name}.backup"
    path.touch()
    then = path.stat().st_mtime - hours_old * 3600
    os.utime(path, (then, then))


def test_backup_is_made_restored_elsewhere_and_older_ones_are_deleted(run, tmp_path):
    for hour in range(3):
        _add(tmp_path, f"2026010{hour + 1}T000000Z", 24)
    (tmp_path / "notes.txt").touch()
    made = run("now", BACKUP_KEEP="2")
    assert made.returncode == 0, made.stderr
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names[0] == "autotune-20260103T000000Z.backup"
    assert names[2:] == ["notes.txt"]
    tried = run("try")
    assert tried.returncode == 0, tried.stderr
    assert f"{names[1]} can be restored." in tried.stdout


def test_backup_that_fails_deletes_none_and_says_so(run, tmp_path):
    for day in range(3):
        _add(tmp_path, f"2026010{day + 1}T000000Z", 24)
    failed = run("now", BACKUP_KEEP="1", AUTOTUNE_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert failed.returncode == 1
    assert len(list(tmp_path.iterdir())) == 3


def test_file_that_is_no_backup_is_not_said_to_be_restored(run, tmp_path):
    _add(tmp_path, "20260101T000000Z", 0)
    tried = run("try")
    assert tried.returncode == 1
    assert "can be restored" not in tried.stdout


@pytest.mark.parametrize(("hours_old", "status"), [(25, 0), (27, 1)])
def test_age_of_the_newest_backup_is_told_after_a_day_and_two_hours(run, tmp_path, hours_old, status):
    _add(tmp_path, "20260101T000000Z", 100)
    _add(tmp_path, "20260105T000000Z", hours_old)
    assert run("is-fresh").returncode == status


def test_script_stands_where_the_stack_starts_it_and_keeps_backups_on_the_host():
    service = PROD.services["backup"]
    inside = service["command"][1]
    assert f"./deploy/backup.sh:{inside}:ro" in service["volumes"]
    assert service["healthcheck"]["test"][1:] == ["/bin/sh", inside, "is-fresh"]
    assert "./backups:/backups" in service["volumes"]
