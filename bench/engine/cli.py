"""Read the command lines of this folder's scripts, and describe the machine that runs them."""

import os
import platform
from functools import cache
from pathlib import Path

from functions import CLASSES, TestProblem, make
from published import PUBLISHED
from real import DESCRIBED, REAL, SPLIT

GROUPS = {"all": CLASSES, "published": PUBLISHED, "real": REAL, "real_described": DESCRIBED, "real_split": SPLIT}
"""Words for several classes; ``all`` are the generated ones."""


def indices(text: str) -> list[int]:
    """Read ``0-2,7`` as 0, 1, 2 and 7."""
    ranges = [part.partition("-") for part in text.split(",")]
    return [i for low, _, high in ranges for i in range(int(low), int(high or low) + 1)]


def test_problems(classes: str, instances: str) -> list[TestProblem]:
    """Make the test problems of some classes.

    Args:
        classes: Names of classes or words of `GROUPS`, with commas between them.
        instances: The indices of a generated class or of real data that are split, as `indices` reads them; other
            classes have one instance.
    """
    names = [name for word in classes.split(",") for name in GROUPS.get(word, [word])]
    several = CLASSES | SPLIT
    return [make(name, i) for name in names for i in (indices(instances) if name in several else [0])]


@cache
def machine() -> str:
    """Describe the machine that runs this process."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
