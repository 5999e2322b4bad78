"""The peers: the adapter of each, and the Python that runs the adapter."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
HOME = Path(os.environ.get("PEERS_HOME", "~/.cache/peers")).expanduser()


@dataclass(frozen=True)
class Entry:
    """An adapter; `venv` is a folder under ``$PEERS_HOME``, or None for the Python that runs this process."""

    file: str
    cls: str
    venv: str | None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Return the file of the adapter."""
        return HERE / self.file

    @property
    def python(self) -> Path:
        """Return the interpreter that runs the adapter."""
        return Path(sys.executable) if self.venv is None else HOME / self.venv / "bin" / "python"


PEERS = {
    "autotune": Entry("peer.py", "Peer", None),
    "random": Entry("peers/random_.py", "Random", None),
    "optuna_gp": Entry("peers/optuna_.py", "Optuna", "optuna", {"sampler": "gp"}),
    "optuna_tpe": Entry("peers/optuna_.py", "Optuna", "optuna", {"sampler": "tpe"}),
    "nevergrad": Entry("peers/nevergrad_.py", "Nevergrad", "nevergrad"),
    "skopt": Entry("peers/skopt_.py", "Skopt", "skopt"),
    "ax": Entry("peers/ax_.py", "Ax", "ax"),
    "botorch": Entry("peers/botorch_.py", "BoTorch", "ax"),
    "smac": Entry("peers/smac_.py", "Smac", "smac"),
}
