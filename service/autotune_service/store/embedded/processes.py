"""The processes of a folder's Postgres, known by the folder that they work in and never by their number alone."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_NAMES = ("postgres", "initdb")
_OWN = "/proc/self/"
# Where a process works, by the process's own account: a path that Postgres can enter whatever lies above the folder.
OWN_FOLDER = f"{_OWN}cwd"


@dataclass(frozen=True, slots=True)
class PidFile:
    """What a server has written into its ``postmaster.pid``: its process, its socket's folder and its status."""

    pid: int
    socket_folder: str
    status: str

    @classmethod
    def read(cls, folder: Path) -> "PidFile | None":
        """Read the file of a folder; None if there is none, or it is not whole yet."""
        try:
            lines = os.fsdecode((folder / "postmaster.pid").read_bytes()).split("\n")
            return cls(int(lines[0]), lines[4], lines[7].strip())
        except (OSError, ValueError, IndexError):
            return None


def servers_in(folder: Path) -> list[psutil.Process]:
    """List the processes of Postgres that work in a folder, so far as this process can see them."""
    return [process for process in psutil.process_iter() if _is_in(process, folder)]


def postmaster_in(folder: Path) -> psutil.Process | None:
    """Return the process that runs the server of a folder; None if this process cannot see it or there is none."""
    with suppress(psutil.Error):
        return next((process for process in servers_in(folder) if _is_started_for(process, folder)), None)
    return None


def is_same(path: str, folder: Path, pid: int) -> bool:
    """Return whether a path, as a process means it, leads to a folder."""
    try:
        return Path(f"/proc/{pid}/{path.removeprefix(_OWN)}" if path.startswith(_OWN) else path).samefile(folder)
    except OSError:
        return False


def _is_in(process: psutil.Process, folder: Path) -> bool:
    try:
        if process.name() not in _NAMES:
            return False
        try:
            path = process.cwd()
            return is_same(OWN_FOLDER if Path(OWN_FOLDER).exists() else path, folder, process.pid)
        except psutil.AccessDenied:  # root of a container may not look
            return _is_started_for(process, folder)
    except psutil.Error:
        return False


def _is_started_for(process: psutil.Process, folder: Path) -> bool:
    arguments = process.cmdline()
    return "-D" in arguments[:-1] and is_same(arguments[arguments.index("-D") + 1], folder, process.pid)
