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
from uuid import uuid4

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

    @property
    def is_in_place(self) -> bool:
        """Whether the file is still the one at its path; others would lock another one after it was deleted."""
        try:
            return os.path.samestat(os.fstat(self.descriptor), self._path.lstat())
        except FileNotFoundError:
            return False
        except OSError:  # as over a network that is away for a while
            return True

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
    """Who holds the data folder, as the holder wrote it into the locks' files.

    Attributes:
        command: What the user runs.
        pid: The holder's process.
        host: The name of its machine or container.
        boot_id: Which run of which machine it belongs to.
        since: When it began, for people.
        started: When its process started, as the system counts, which tells it from a later one of the same number.
        pid_namespace: Among which processes the number is its own; containers count by themselves.
        key: What tells it from other holders in the same process.
    """

    command: str
    pid: int
    host: str
    boot_id: str
    since: str
    started: str = ""
    pid_namespace: str = ""
    key: str = ""

    @classmethod
    def of_this_process(cls, command: str) -> "Holder":
        """Describe this process, which runs ``command``."""
        since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return cls(
            command=command,
            pid=os.getpid(),
            host=socket.gethostname(),
            boot_id=boot_id(),
            since=since,
            started=_start_of(os.getpid()) or "",
            pid_namespace=_pid_namespace(),
            key=uuid4().hex,
        )

    @classmethod
    def read(cls, text: str) -> "Holder | None":
        """Read a holder's text; None if it is not whole, as while it is being written."""
        with suppress(ValueError, TypeError, KeyError):
            told = json.loads(text)
            return cls(**{field.name: told[field.name] for field in fields(cls) if field.name in told})
        return None

    @property
    def text(self) -> str:
        """The text for the lock's file."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @property
    def is_here(self) -> bool:
        """Whether the holder runs on this machine, in this container or another one."""
        return self.boot_id == boot_id()

    @property
    def lives(self) -> bool | None:
        """Whether the holder's process lives; None if it cannot be seen from here, as in a container."""
        if not self.is_here or self.pid_namespace != _pid_namespace():
            return None
        return _start_of(self.pid) == self.started

    def __str__(self) -> str:
        return f"`{self.command}`, process {self.pid} on host {self.host} since {self.since}"


def in_use(folder: Path, holder: Holder | None) -> UnavailableError:
    """Build the error for a folder that somebody else holds."""
    return UnavailableError(
        f"{folder} is in use by {holder or 'another process'}; stop that one, or choose another folder with --data"
    )


def boot_id() -> str:
    """Return what tells this run of this machine from every other."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return f"{socket.gethostname()} {psutil.boot_time():.0f}"


def _pid_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux
        return ""


def _start_of(pid: int) -> str | None:
    """Return when a process started; None if it has ended, even if its parent does not know that yet."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            with suppress(FileNotFoundError):  # not Linux
                # Counted from the machine's start, as the clock may be set meanwhile.
                return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
            return str(process.create_time())
    return None
