"""The units of systemd are ones that systemd takes, start commands that exist, and bear what the service asks for."""

import os
import re
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest
from click import Context
from deploy_files import ROOT

from autotune_service.cli import main
from autotune_service.settings import GRACE_S, Settings
from autotune_service.store.embedded import STOPPED_WITHIN_S

FOLDER = ROOT / "deploy" / "systemd"
SERVICES = sorted(path.name for path in FOLDER.glob("*.service"))
CONFINED = ("DynamicUser", "NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "RestrictSUIDSGID")


def lines(name: str, key: str) -> list[str]:
    """The values of a key, which may stand several times."""
    return re.findall(rf"^{key}=(.*)$", (FOLDER / name).read_text(), re.MULTILINE)


def test_there_is_a_unit_for_each_part():
    assert {path.name for path in FOLDER.iterdir()} == {
        "autotune-web@.service",
        "autotune-worker@.service",
        "autotune-backup.service",
        "autotune-backup.timer",
    }


def test_systemd_itself_finds_nothing_wrong(tmp_path: Path):
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("there is no systemd")
    installed = tmp_path / "autotune"
    (installed / "venv" / "bin").mkdir(parents=True)
    stub = installed / "venv" / "bin" / "autotune"
    stub.touch(mode=0o755)
    units = []
    for path in sorted(FOLDER.iterdir()):
        units.append(tmp_path / path.name.replace("@", "@8008"))
        units[-1].write_text(path.read_text().replace("/opt/autotune", str(installed)))
    run = subprocess.run([program, "verify", "--man=no", *units], capture_output=True, text=True, cwd=tmp_path)
    assert (run.returncode, [line for line in run.stderr.splitlines() if str(tmp_path) in line]) == (0, [])


@pytest.mark.parametrize("name", SERVICES)
def test_command_is_one_of_ours(name: str):
    (command,) = lines(name, "ExecStart")
    if name == "autotune-backup.service":
        assert command == "/bin/sh /opt/autotune/backup.sh now"
        return
    program, verb, *options = command.replace("%i", "8008").split()
    assert program == "/opt/autotune/venv/bin/autotune"
    found = main.get_command(Context(main), verb)
    assert found is not None
    found.make_context(verb, list(options))


@pytest.mark.parametrize("name", SERVICES)
def test_settings_exist_and_secrets_come_as_files(name: str):
    given = dict(pair.split("=", 1) for line in lines(name, "Environment") for pair in line.split())
    ours = {variable for variable in given if variable.startswith("AUTOTUNE_")}
    assert {variable.removesuffix("_FILE") for variable in ours} <= {
        f"AUTOTUNE_{f.upper()}" for f in Settings.model_fields
    }
    assert given["AUTOTUNE_MODE"] == "prod"
    credentials = {credential.split(":")[0] for credential in lines(name, "LoadCredential")}
    assert {given[variable] for variable in ours if variable.endswith("_FILE")} == {
        f"%d/{each}" for each in credentials
    }


@pytest.mark.parametrize("name", SERVICES)
def test_unit_is_confined(name: str):
    assert [key for key in CONFINED if lines(name, key) != ["yes"]] == []
    assert lines(name, "CapabilityBoundingSet") == [""]
    assert lines(name, "ProtectSystem") == ["strict"]


def test_processes_have_time_to_stop_and_come_back_unless_that_is_no_help():
    for name in ("autotune-web@.service", "autotune-worker@.service"):
        assert int(lines(name, "TimeoutStopSec")[0]) >= GRACE_S + STOPPED_WITHIN_S
        assert lines(name, "Restart") == ["always"]
        assert lines(name, "RestartPreventExitStatus") == ["3"]


def test_timer_starts_a_unit_of_its_own_name():
    timer = ConfigParser(strict=False, interpolation=None)
    timer.optionxform = str  # keys keep their case
    timer.read(FOLDER / "autotune-backup.timer")
    assert timer["Timer"]["OnCalendar"]
    assert (FOLDER / "autotune-backup.service").exists()
    assert os.access(ROOT / "deploy" / "backup.sh", os.X_OK)
