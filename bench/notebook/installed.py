"""What the extra ``notebook`` adds to an environment that has JupyterLab and pandas."""

import subprocess
import sys
from pathlib import Path

LIMIT_MB = 60
_ROOT = Path(__file__).parent.parent.parent


def measure(folder: Path) -> dict[str, list[float]]:
    """Install both into a new environment, one after the other, and return the sizes in MB; it needs an index."""
    made = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(made)], check=True)
    _install(made, "jupyterlab", "pandas")
    before = size_mb(made)
    _install(made, f"{_ROOT}[notebook]")
    if any(made.glob("lib/*/site-packages/torch")):
        sys.exit("the extra notebook installs torch, and must not")
    return {"jupyterlab and pandas, MB": [before], "the extra notebook beyond them, MB": [size_mb(made) - before]}


def _install(made: Path, *what: str) -> None:
    pip = [str(made / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-c", str(_ROOT / "constraints.txt"), *what], check=True)


def size_mb(folder: Path) -> float:
    """Return the length of all files in a folder, in MB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6
