"""Which user of the machine runs the Postgres of a folder, as Postgres never runs as root."""

import errno
import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autotune_service.domain.errors import UnavailableError

SYSTEM_USER = "pgserver"


@dataclass(frozen=True, slots=True)
class Account:
    """The user who runs Postgres.

    Attributes:
        uid: The number of the user.
        gid: The number of the user's group.
        is_other: Whether this process, which then is root's, has to switch to the user.
    """

    uid: int
    gid: int
    is_other: bool

    @property
    def name(self) -> str:
        """The user's name, or the number of a user without a name."""
        return _name_of(self.uid)

    @property
    def switch(self) -> dict[str, Any]:
        """The arguments by which ``subprocess`` starts a program as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.is_other else {}

    def can(self, what: str, path: Path) -> bool:
        """Return whether the user may enter or run (``-x``), or read (``-r``), what is at a path."""
        if not self.is_other:
            return os.access(path, os.X_OK if what == "-x" else os.R_OK)
        tried = subprocess.run(  # nosec B603, B607 # the system's `test`, as the system says where it is
            ["test", what, str(path)], cwd="/", **self.switch, check=False
        )
        return tried.returncode == 0

    def give_folder(self, folder: Path) -> None:
        """Make a folder that this process has just created belong to the user.

        Raises:
            OSError: If somebody has put something else in its place.
        """
        if self.is_other:
            with opened_folder(folder) as descriptor:
                self.give(descriptor)

    def give(self, descriptor: int) -> None:
        """Make an open folder that this process has just created belong to the user.

        Raises:
            PermissionError: If it is another one: a folder of somebody else's, or one that holds something.
        """
        if self.is_other and (owner := os.fstat(descriptor).st_uid) != self.uid:
            if owner != os.geteuid() or os.listdir(descriptor):
                raise PermissionError(errno.EPERM, "somebody has replaced a new folder by another one")
            os.fchown(descriptor, self.uid, self.gid)


@contextmanager
def opened_folder(folder: Path | str, parent: int | None = None) -> Iterator[int]:
    """Open a folder, and no link to one, so that what is done with the descriptor is done with this very folder.

    Root works in folders that belong to users, who may put a link to any other folder in their place at any time.

    Args:
        folder: The folder's path, or its name in ``parent``.
        parent: The descriptor of the folder that it is in.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def account_for(folder: Path) -> Account:
    """Return who is to run Postgres in a folder, which need not exist yet; nothing is changed.

    Root runs Postgres as the owner of the folder, so that one start with sudo changes nothing for the owner. A folder
    that is still to be made belongs to the owner of the folder that it is made in. Where that is root, Postgres runs as
    a user of its own.

    Raises:
        UnavailableError: If nobody can run Postgres there; the message says what to do.
    """
    existing = folder
    while not existing.exists():
        existing = existing.parent
    status = existing.stat()
    uid = os.geteuid()
    if uid != 0:
        if existing == folder and status.st_uid != uid:
            raise UnavailableError(
                f"{folder} belongs to user {_name_of(status.st_uid)}, and this is user {_name_of(uid)}: run the "
                "command as the owner, or choose another folder with --data",
            )
        return Account(uid, os.getegid(), is_other=False)
    if status.st_uid != 0:
        return Account(status.st_uid, _group_of(status.st_uid, status.st_gid), is_other=True)
    if (folder / "PG_VERSION").exists():
        raise UnavailableError(
            f"{folder} belongs to root, and Postgres does not run as root: `chown -R {SYSTEM_USER} {folder}` gives it "
            "to the user that AutoTune runs Postgres as",
        )
    entry = _system_entry()
    return Account(entry.pw_uid, entry.pw_gid, is_other=True)


def has_name(uid: int) -> bool:
    """Return whether the machine has a name for a user; containers often run as a user without one."""
    return _name_of(uid) != str(uid)


def _system_entry() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        pass
    try:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
        subprocess.run(command, check=True, capture_output=True)  # nosec B603 # the system's own program
        return pwd.getpwnam(SYSTEM_USER)
    except (OSError, subprocess.CalledProcessError, KeyError):
        raise UnavailableError(
            f"Postgres does not run as root, and the user {SYSTEM_USER} that it would run as cannot be created: create "
            "that user, run the command as a user other than root, or set AUTOTUNE_DATABASE_URL",
        ) from None


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_of(uid: int, group_of_folder: int) -> int:
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return group_of_folder
