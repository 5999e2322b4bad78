"""What the scripts of this folder read from their command lines, and the machine they run on."""

import os
import platform
from functools import cache
from pathlib import Path

from functions import CLASSES, Problem, make
from published import PUBLISHED


def indices(text: str) -> list[int]:
    """Read ``0-2,7`` as 0, 1, 2 and 7."""
    ranges = [part.partition("-") for part in text.split(",")]
    return [i for low, _, high in ranges for i in range(int(low), int(high or low) + 1)]


def problems(classes: str, instances: str) -> list[Problem]:
    """Make the instances of some classes, named with commas between them, or of ``all``; or those ``published``."""
    if classes == "published":
        return [make(name, 0) for name in PUBLISHED]
    names = list(CLASSES) if classes == "all" else classes.split(",")
    return [make(name, i) for name in names for i in indices(instances)]


@cache
def machine() -> str:
    """Describe the machine that runs this."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
