"""Notes of the suggestions that calls of ``run`` hold, so that a program that was killed gets them back at once.

Each call has a file in a folder of this user on this machine, and locks the file for as long as the call lasts. The
lock ends with the process, however the process ends. So a file without a lock is what a killed or interrupted call left
behind. The next call locks this file, and goes on with its suggestions; of several such calls only one gets the lock.

Without such a folder, as on Windows, the suggestions come back when their leases end.
"""

import json
import os
import stat
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from autotune.transport.forks import renew_after_fork
from autotune_wire.base import Configuration
from autotune_wire.suggestions import MAX_LEASE_S, Ask


class Note:
    """The note of one call of ``run``: under which name it holds which suggestions.

    Attributes:
        worker: The name under which the suggestions are leased.
        fixed: The values that their asks fixed.
        suggestion_uuids: The suggestions.
    """

    def __init__(self, exp_uuid: UUID, worker: str, fixed: Configuration) -> None:
        self.worker = worker
        self.fixed = fixed
        self.suggestion_uuids: list[UUID] = []
        self._exp_uuid = exp_uuid
        self._path: Path | None = None
        self._file: int | None = None
        renew_after_fork(self)

    def write(self, suggestion_uuids: Sequence[UUID]) -> None:
        """Note which suggestions are held; the first note that holds any makes the file."""
        self.suggestion_uuids = list(suggestion_uuids)
        with suppress(OSError):
            if self._file is None and suggestion_uuids:
                self._open()
            if self._file is not None:
                held = {"worker": self.worker, "fixed": self.fixed, "suggestions": list(map(str, suggestion_uuids))}
                content = json.dumps(held).encode()
                os.pwrite(self._file, content, 0)
                os.ftruncate(self._file, len(content))

    def close(self) -> None:
        """Give up the lock. A note that still holds suggestions stays, for the next call."""
        if self._file is None:
            return
        if self._path is not None and not self.suggestion_uuids:
            with suppress(OSError):
                self._path.unlink()
        os.close(self._file)
        self._file = None

    def after_fork(self) -> None:
        """Forget the note in a forked child, which holds nothing; the lock stays with the parent alone."""
        self.suggestion_uuids = []
        if self._file is not None:
            os.close(self._file)
        self._file = None

    @classmethod
    def find(cls, exp_uuid: UUID, ask: Ask) -> Self | None:
        """Take over the note of a call that has ended and left suggestions behind which an ask could have got.

        Args:
            exp_uuid: The experiment.
            ask: What the call asks for; if the ask names a worker, only suggestions of this worker will do.
        """
        with suppress(OSError):
            for path in sorted(_folder().glob(f"{exp_uuid}.*")):
                found = cls._taken_over(path, exp_uuid, ask)
                if found is not None:
                    return found
        return None

    @classmethod
    def _taken_over(cls, path: Path, exp_uuid: UUID, ask: Ask) -> Self | None:
        try:
            file = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:
            return None
        note = cls(exp_uuid, "", {})
        if _is_locked(file):
            note._path, note._file = path, file
            if note._read() and note.fixed == ask.fixed and ask.worker in {None, note.worker}:
                return note
            note.close()
        else:
            os.close(file)
        return None

    def _open(self) -> None:
        folder = _folder()
        _remove_old(folder)
        self._file, name = tempfile.mkstemp(prefix=".new-", dir=folder)
        # The file gets its name when it is locked: nobody can take the file for one that was left behind.
        _is_locked(self._file)
        path = Path(name)
        self._path = path.rename(path.with_name(f"{self._exp_uuid}.{path.name.removeprefix('.new-')}"))

    def _read(self) -> bool:
        assert self._file is not None
        try:
            held: dict[str, Any] = json.loads(os.pread(self._file, 1_000_000, 0))
            self.worker, self.fixed = held["worker"], held["fixed"]
            self.suggestion_uuids = [UUID(text) for text in held["suggestions"]]
        except (OSError, ValueError, TypeError, KeyError):
            return False  # its writer was killed while it wrote
        return bool(self.suggestion_uuids)


def _is_locked(file: int) -> bool:
    """Lock a file unless another process has locked it, and return whether this could be done."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _remove_old(folder: Path) -> None:
    """Remove what was left behind so long ago that no lease of it lasts, as nobody may ask for it ever again."""
    for path in folder.iterdir():
        with suppress(OSError):
            file = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
            try:
                if time.time() - os.fstat(file).st_mtime > MAX_LEASE_S and _is_locked(file):
                    path.unlink()
            finally:
                os.close(file)


def _folder() -> Path:
    if sys.platform == "win32":
        raise OSError("no locks")
    folder = Path(tempfile.gettempdir()) / f"autotune-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    # Whatever another user of the machine has put there is not trusted.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise OSError(f"{folder} is not this user's own")
    return folder
