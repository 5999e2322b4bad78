"""Locks on files of the data folder, which containers and NFS clients that share the folder see as well."""

import errno
import fcntl
import json
import os
import socket
import struct
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

import psutil

from autotune_service.domain.errors import UnavailableError

OWNER_LOCK, SERVER_LOCK = "autotune.lock", "autotune-postgres.lock"
_TAKEN = (errno.EAGAIN, errno.EACCES)
_UNKNOWN = (errno.EINVAL, errno.ENOSYS)
_WHOLE_FILE = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class FileLock:
    """A lock on a file, held until the last process that has its descriptor closes it or dies.

    A lock of an open file description, unlike an ordinary ``fcntl`` lock, is passed on to child processes, excludes a
    second lock of the same process, and is not lost when the process closes the file elsewhere. Over NFSv4 the server
    keeps it. It also excludes the ordinary ``fcntl`` locks of others. Where the system has none, ``flock`` stands in.

    Args:
        path: The file; ``take`` creates it.
        uid: The user to whom a new file is to belong.
        gid: The group to which a new file is to belong.
    """

    def __init__(self, path: Path, uid: int, gid: int) -> None:
        self._path = path
        # A link that somebody has put here must not lead to another file, which root would then create or change.
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            self.descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            self.descriptor = os.open(path, flags)
        else:
            if os.geteuid() == 0:
                os.fchown(self.descriptor, uid, gid)

    def take(self) -> bool:
        """Take the lock unless another one excludes it, and return whether it is held now.

        Raises:
            UnavailableError: If the file system has no locks.
        """
        try:
            try:
                fcntl.fcntl(self.descriptor, fcntl.F_OFD_SETLK, _WHOLE_FILE)
            except AttributeError:  # not Linux
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in _UNKNOWN:
                    raise
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _TAKEN:
                return False
            raise UnavailableError(
                f"{self._path} cannot be locked ({error.strerror}), and without a lock a second service could damage "
                "the data: choose a folder on another file system with --data",
            ) from None
        return True

    def write(self, text: str) -> None:
        """Replace the file's text; the file itself stays, as the lock is on it."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, text.encode(), 0)

    def read(self) -> str:
        """Return the file's text."""
        return os.pread(self.descriptor, 10_000, 0).decode(errors="replace")

    def close(self) -> None:
        """Close the descriptor; the lock goes with the last copy of it."""
        os.close(self.descriptor)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the data folder, as the holder wrote it into the lock's file."""

    command: str
    pid: int
    host: str
    boot_id: str
    since: str

    @classmethod
    def of_this_process(cls, command: str) -> "Holder":
        """Describe this process, which runs ``command``."""
        since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return cls(command, os.getpid(), socket.gethostname(), boot_id(), since)

    @classmethod
    def read(cls, text: str) -> "Holder | None":
        """Read a holder's text; None if it is not whole, as while it is being written."""
        with suppress(ValueError, TypeError, KeyError):
            told = json.loads(text)
            return cls(**{field.name: told[field.name] for field in fields(cls)})
        return None

    @property
    def text(self) -> str:
        """The text for the lock's file."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @property
    def is_here(self) -> bool:
        """Whether the holder runs on this machine, in this container or another one."""
        return self.boot_id == boot_id()

    def __str__(self) -> str:
        return f"`{self.command}`, process {self.pid} on host {self.host} since {self.since}"


def boot_id() -> str:
    """Return what tells this run of this machine from every other."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return f"{socket.gethostname()} {psutil.boot_time():.0f}"
