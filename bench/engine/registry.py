"""The peers: the adapter of each, and the Python that runs the adapter."""

import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
HOME = Path(os.environ.get("PEERS_HOME", "~/.cache/peers")).expanduser()


@dataclass(frozen=True)
class Entry:
    """The adapter of a peer.

    Args:
        file: The file that has the adapter.
        cls: The adapter's class.
        venv: A folder under ``$PEERS_HOME``, or None for the Python that runs this process.
        options: Keyword arguments for the class beside those of every peer.
        abilities: What the adapter can do beside asking and telling: the words of `functions.NEEDS`, and ``earlier``
            if it takes the runs of earlier experiments.
        modules: The folder that has the packages of AutoTune; empty for those that are installed.
    """

    file: str
    cls: str
    venv: str | None
    options: dict[str, Any] = field(default_factory=dict)
    abilities: frozenset[str] = frozenset()
    modules: str = ""

    @property
    def path(self) -> Path:
        """Return the file of the adapter."""
        return HERE / self.file

    @property
    def python(self) -> Path:
        """Return the interpreter that runs the adapter."""
        return Path(sys.executable) if self.venv is None else HOME / self.venv / "bin" / "python"


ALL = frozenset({"fixed", "edit_space", "earlier", "candidates"})
PEERS = {
    "autotune": Entry("peer.py", "Peer", None, abilities=ALL),
    "autotune_blind": Entry("peer.py", "Blind", None, abilities=ALL),
    "random": Entry("peers/random_.py", "Random", None, abilities=ALL),
    "optuna_gp": Entry("peers/optuna_.py", "Optuna", "optuna", {"sampler": "gp"}),
    "optuna_tpe": Entry("peers/optuna_.py", "Optuna", "optuna", {"sampler": "tpe"}),
    "nevergrad": Entry("peers/nevergrad_.py", "Nevergrad", "nevergrad"),
    "skopt": Entry("peers/skopt_.py", "Skopt", "skopt"),
    "ax": Entry("peers/ax_.py", "Ax", "ax", abilities=frozenset({"earlier"})),
    "baybe": Entry("peers/baybe_.py", "Baybe", "baybe", abilities=frozenset({"earlier", "candidates"})),
    "botorch": Entry("peers/botorch_.py", "BoTorch", "ax"),
    "smac": Entry("peers/smac_.py", "Smac", "smac"),
}


def find(name: str) -> tuple[str, Entry]:
    """Return the entry of a peer, and what to call it in the results.

    Args:
        name: A name of `PEERS`; or ``autotune@FOLDER`` for AutoTune as it is in another source tree, which is called
            ``autotune@`` and the last part of the folder's path.

    Raises:
        ValueError: If there is no such peer, or the folder is no source tree.
    """
    peer, is_elsewhere, folder = name.partition("@")
    if peer not in PEERS or (is_elsewhere and peer != "autotune"):
        raise ValueError(f"{name} is no peer: one of {', '.join(PEERS)}, or autotune@FOLDER")
    if not is_elsewhere:
        return name, PEERS[name]
    modules = Path(folder).resolve() / "service"
    if not (modules / "autotune_service").is_dir():
        raise ValueError(f"{name} is no peer: there is no folder {modules / 'autotune_service'}")
    return f"{peer}@{modules.parent.name}", replace(PEERS[peer], modules=str(modules))
