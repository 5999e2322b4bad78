"""How processes that work on what users send stand back."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autotune_service.children import environment_of_child

PROGRAM = """
import os
from pathlib import Path
from autotune_service.children import stand_back
stand_back(7)
session = Path("/proc/self/autogroup")
print(os.nice(0), session.read_text().split()[-1] if session.exists() else "")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no niceness")
def test_child_stands_back_within_its_session_and_with_it():
    command = [sys.executable, "-c", PROGRAM]
    run = subprocess.run(
        command, env=environment_of_child(), capture_output=True, text=True, start_new_session=True, check=True
    )
    nice, *session = run.stdout.split()
    assert int(nice) == os.nice(0) + 7
    assert session in ([], ["7"])
    if Path("/proc/self/autogroup").exists() and Path("/proc/sys/kernel/sched_autogroup_enabled").exists():
        assert session == ["7"]
