"""Who may connect to the server of a cluster: the user who runs it and root, whom the kernel names, and nobody else."""

import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.embedded.users import Account, has_name, opened_folder

_MAP = "autotune"
_ACCESS = f"""\
# Written by AutoTune at every start: what is changed here does not stay.
# Programs of this machine, by the socket in a private folder, as the users that pg_ident.conf names.
local all all peer map={_MAP}
local replication all peer map={_MAP}
"""
_NAMES = "# Written by AutoTune at every start: what is changed here does not stay.\n"


def close_to_others(folder: Path, account: Account) -> None:
    """Make a cluster private before its server starts, also one that an earlier version left open to every user.

    Args:
        folder: The cluster.
        account: Who runs its server.

    Raises:
        UnavailableError: If the user has no name, by which the server would know the user.
        OSError: If the files cannot be written.
    """
    require_name(account)
    users = "".join(
        f"{_MAP} {_quoted(name)} all\n" for name in sorted({account.name, Account(0, 0, is_other=True).name})
    )
    with opened_folder(folder) as place:
        if os.fstat(place).st_mode & 0o077:
            os.fchmod(place, 0o700)
        _write(place, "pg_ident.conf", _NAMES + users, account)
        _write(place, "pg_hba.conf", _ACCESS, account)


def require_name(account: Account) -> None:
    """Refuse a user whom the machine has no name for, as containers have them.

    Raises:
        UnavailableError: If there is no name; the message says what to do.
    """
    if not has_name(account.uid):
        raise UnavailableError(
            f"user {account.uid} has no name on this machine, and Postgres knows users by their names: add the user to "
            "/etc/passwd, run the command (`docker run --user`) as a user who is in it, or set AUTOTUNE_DATABASE_URL",
        )


def _write(place: int, name: str, text: str, account: Account) -> None:
    """Replace a file of a folder unless it says so already: a disk that is full takes nothing, and need not."""
    if _read(place, name) == text.encode():
        return
    partial = f".{name}.{uuid4().hex}"
    file = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600, dir_fd=place)
    try:
        with os.fdopen(file, "wb") as opened:
            opened.write(text.encode())
            opened.flush()
            if account.is_other:
                os.fchown(opened.fileno(), account.uid, account.gid)
        os.rename(partial, name, src_dir_fd=place, dst_dir_fd=place)
    except BaseException:
        with suppress(OSError):
            os.unlink(partial, dir_fd=place)
        raise


def _read(place: int, name: str) -> bytes | None:
    try:
        file = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)
    except OSError:
        return None
    with os.fdopen(file, "rb") as opened:
        return opened.read(100_000)


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
