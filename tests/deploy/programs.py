"""Where programs are that packages of the test group bring, which are not on everybody's path."""

import shutil
import sys
from pathlib import Path


def program_of(name: str) -> str:
    """The path of a program beside this Python, or on the path."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    assert found is not None, f"{name} is not installed: make install"
    return found
