"""What ``make install`` installs is what pyproject.toml names, at the versions of constraints.txt."""

import re
import subprocess
import tomllib

import pytest
from deploy_files import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()


def _constraints() -> dict[str, str]:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def _requirements() -> list[Requirement]:
    listed = [
        PROJECT["project"]["dependencies"],
        PROJECT["build-system"]["requires"],
        *PROJECT["project"]["optional-dependencies"].values(),
        *PROJECT["dependency-groups"].values(),
    ]
    return [Requirement(text) for texts in listed for text in texts]


def test_constraints_pin_every_direct_requirement_within_its_range():
    pinned = _constraints()
    unmet = [str(r) for r in _requirements() if not r.specifier.contains(pinned.get(canonicalize_name(r.name), "0"))]
    assert unmet == []


def test_constraints_name_releases_and_no_local_builds():
    # A local version, as in 2.13.0+cpu, would shut out the builds for other machines.
    assert [version for version in _constraints().values() if not re.fullmatch(r"[0-9a-z.]+", version)] == []


@pytest.mark.parametrize("name", ["o'neil data", 'a"b', "R&D", "a$HOME", "a`touch pwned`b", "C#", "~/data"])
def test_make_run_passes_the_name_of_the_data_folder_on_as_it_is(tmp_path, name):
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "autotune"
    program.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    program.chmod(0o755)
    (tmp_path / ".installed").touch()
    command = ["make", "run", f"VENV={tmp_path}", "NOTEBOOK=0", f"DATA={name}"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == f"serve|--data|{name}|"


def test_make_install_takes_every_extra_and_group():
    extras = re.search(r"--editable '\.\[([\w,]+)\]'", MAKEFILE)
    groups = re.search(r"^DEPENDENCY_GROUPS = (.*)$", MAKEFILE, re.MULTILINE)
    assert extras is not None
    assert groups is not None
    assert set(extras[1].split(",")) == set(PROJECT["project"]["optional-dependencies"])
    assert set(groups[1].split()) == set(PROJECT["dependency-groups"])
