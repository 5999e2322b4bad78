"""How long ``%load_ext autotune`` and ``import autotune`` take, in a new process each time."""

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROUNDS = 10
LIMIT_MS = 500
_TIMED = {
    "%load_ext autotune, ms": (
        "from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell.instance()",
        "shell.run_line_magic('load_ext', 'autotune')",
    ),
    "import autotune, ms": ("", "import autotune"),
}


def measure(_folder: Path) -> dict[str, list[float]]:
    """Measure both, in turns, in milliseconds; the start of Python and of IPython does not count."""
    found: dict[str, list[float]] = defaultdict(list)
    for _round in range(ROUNDS):
        for name, (before, timed) in _TIMED.items():
            program = f"from time import perf_counter\n{before}\nbegan = perf_counter()\n{timed}\n"
            program += "print(1000 * (perf_counter() - began))"
            done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
            found[name].append(float(done.stdout.split()[-1]))
    return found
