"""Postgres' programs from the wheel, for servers that tests start themselves."""

import os
import pwd
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from autotune_service.store.embedded.programs import packaged_folders


def account() -> dict[str, Any]:
    """Who runs the servers, in words of ``subprocess``: Postgres does not run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@cache
def programs() -> Path:
    """The folder of the programs; a copy of them where whoever runs the servers cannot read the installation."""
    folder = packaged_folders()[-1]
    try:
        subprocess.run([str(folder / "postgres"), "--version"], check=True, cwd="/", capture_output=True, **account())
    except (PermissionError, subprocess.CalledProcessError):
        installation, package = folder.parent, folder.parent.parent
        # One for all processes of the tests and all runs: it takes 75 MB. The programs find their libraries by the way
        # from one folder to the other.
        copy = Path(tempfile.gettempdir()) / f"autotune-tests-{os.geteuid()}-{installation.name}"
        if not copy.exists():
            partial = Path(tempfile.mkdtemp())
            for source in (installation, *package.parent.glob(f"{package.name}.libs")):
                shutil.copytree(source, partial / source.relative_to(package.parent), symlinks=True)
            partial.chmod(0o755)
            try:
                partial.rename(copy)
            except OSError:  # another process has made the same copy meanwhile
                shutil.rmtree(partial)
        assert copy.stat().st_uid == os.geteuid(), f"{copy} is somebody else's"
        return copy / folder.relative_to(package.parent)
    return folder
