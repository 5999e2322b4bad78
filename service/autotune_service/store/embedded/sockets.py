"""The folder of the server's socket: the cluster's own, or a private one where its path does not fit a socket."""

import os
import re
import socket
import stat
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.embedded.users import Account

PORT = 5432
_NAME = f".s.PGSQL.{PORT}"
_MOST_BYTES = 100  # macOS takes 103 bytes, Linux 107
_PLAIN = re.compile(r"[\w./@+=~-]+", re.ASCII)  # Postgres and libpq split a list of folders at commas


def choose_socket_folder(cluster: Path, account: Account) -> Path:
    """Return a folder that takes the socket of a cluster's server, and that its user alone may enter.

    Raises:
        UnavailableError: If the machine has no folder for the socket.
    """
    if _fits(cluster) and _takes_sockets(cluster) and account.can("-x", cluster):
        return cluster
    status = cluster.stat()
    name = sha256(f"{status.st_dev} {status.st_ino}".encode()).hexdigest()[:16]
    for base in _bases(account):
        # A name that the cluster has again at its next start, so that those who use its server find it again. If
        # somebody else has taken the name, the folder gets one that nobody can foresee.
        folder = base / f"autotune-{account.uid}-{name}"
        if not _make_private(folder, account):
            folder = Path(tempfile.mkdtemp(prefix="autotune-", dir=base))
            account.give_folder(folder)
        return folder
    raise UnavailableError("no folder for temporary files takes a socket: set TMPDIR to one that does")


def keep_socket_folder(folder: Path, cluster: Path, account: Account) -> None:
    """Make sure that the folder of a server's socket is there for the next server.

    Raises:
        UnavailableError: If it is not its user's alone any more.
    """
    if folder != cluster and not _make_private(folder, account):
        raise UnavailableError(
            f"no Postgres can be started in {cluster}: {folder}, the folder of its socket, has been replaced by "
            "somebody else's: stop the service and start it again"
        )


def clear_socket_folder(folder: Path, cluster: Path) -> None:
    """Remove what a killed server has left in a private folder; in the cluster's own, Postgres does so itself."""
    if folder != cluster:
        for name in (_NAME, f"{_NAME}.lock"):
            (folder / name).unlink(missing_ok=True)


def remove_socket_folder(folder: Path, cluster: Path) -> None:
    """Remove a private folder; the cluster's own stays."""
    if folder != cluster:
        clear_socket_folder(folder, cluster)
        with suppress(OSError):
            folder.rmdir()


def _fits(folder: Path) -> bool:
    return _PLAIN.fullmatch(str(folder)) is not None and len(os.fsencode(folder / _NAME)) <= _MOST_BYTES


def _takes_sockets(folder: Path) -> bool:
    # Shared folders of virtual machines and some network file systems have no sockets.
    probe = folder / f".s.{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.bind(str(probe))
        except OSError:
            return False
        finally:
            probe.unlink(missing_ok=True)
    return True


def _bases(account: Account) -> list[Path]:
    runtime = os.environ.get("XDG_RUNTIME_DIR")  # last, as the system deletes it when the user logs out
    bases = [Path(tempfile.gettempdir()), Path("/tmp")]  # nosec B108 # a private folder is made in it
    bases += [Path(runtime)] if runtime and not account.is_other else []
    return [
        base
        for base in bases
        if base.is_dir() and os.access(base, os.W_OK) and _fits(base / f"autotune-{2**32}-{'0' * 16}")
        if account.can("-x", base)
    ]


def _make_private(folder: Path, account: Account) -> bool:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        status = folder.lstat()
        return stat.S_ISDIR(status.st_mode) and status.st_uid == account.uid and not status.st_mode & 0o077
    account.give_folder(folder)
    return True
