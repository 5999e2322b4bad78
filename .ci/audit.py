"""Ask the database of known weaknesses (pip-audit, PyPI's advisories) about the pinned versions.

    python audit.py CONSTRAINTS

Exits with 1 if one of them has a weakness without a written reason. Where the database does not answer, as behind a
mirror of packages that has none, one line says so and the check passes: what cannot be asked must not hold up the rest.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

_REQUEST_S = 5
_ALL_S = 120
_ACCEPTED: dict[str, str] = {}
"""Weaknesses that stay, by their id, each with the reason why they cannot harm here."""


def main() -> int:
    """Return the exit status, and print what was found."""
    pins = [line for line in Path(sys.argv[1]).read_text().splitlines() if line and not line.startswith("#")]
    # One first: a database that is not there would be waited for as often as there are pins.
    found = _answers_about(pins[:1]) and _answers_about(pins)
    if not found:
        print("pip-audit: the database of known weaknesses cannot be reached from here; nothing was checked")
        return 0
    weak = [
        f"{one['name']} {one['version']}: {weakness['id']}, mended in {weakness['fix_versions'] or 'no release'}"
        for one in found
        for weakness in one["vulns"]
        if weakness["id"] not in _ACCEPTED
    ]
    print("\n".join([f"pip-audit: {len(found)} of {len(pins)} pins checked, {len(weak)} weaknesses found", *weak]))
    return 1 if weak else 0


def _answers_about(pins: list[str]) -> list[dict[str, Any]]:
    """Return what the database says of those pins that it knows."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(pins))
        file.flush()
        command = [sys.executable, "-m", "pip_audit", "--requirement", file.name, "--no-deps", "--disable-pip"]
        command += ["--format", "json", "--progress-spinner", "off", "--timeout", str(_REQUEST_S)]
        try:
            run = subprocess.run(  # nosec B603 # pip-audit's own
                command, capture_output=True, text=True, timeout=_ALL_S, check=False
            )
            dependencies: list[dict[str, Any]] = json.loads(run.stdout)["dependencies"]
        except (subprocess.TimeoutExpired, ValueError):
            return []
    return [one for one in dependencies if "vulns" in one]


if __name__ == "__main__":
    sys.exit(main())
