"""What deploy/prepare.sh makes, in a folder of a test."""

import os
import subprocess
from pathlib import Path

import pytest
from deploy_files import ROOT

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="files get the containers' users, as root alone can do")


def prepare(folder: Path) -> dict[str, Path]:
    """Run the script beside a folder's stack, and return its secrets by name."""
    (folder / "deploy").mkdir(exist_ok=True)
    script = folder / "deploy" / "prepare.sh"
    script.write_text((ROOT / "deploy" / "prepare.sh").read_text())
    script.chmod(0o755)
    subprocess.run([script], check=True, capture_output=True)
    return {path.name: path for path in (folder / "secrets").iterdir()}
