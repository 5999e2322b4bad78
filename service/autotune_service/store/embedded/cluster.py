"""The files of a cluster: made in a folder of their own and moved into place when they are whole."""

import errno
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.embedded.access import require_name
from autotune_service.store.embedded.lock import OWNER_LOCK, SERVER_LOCK
from autotune_service.store.embedded.processes import OWN_FOLDER
from autotune_service.store.embedded.users import Account, opened_folder

VERSION_FILE = "PG_VERSION"
HALF_MADE, _MADE = ".half-made", ".made"
_OURS = frozenset({OWNER_LOCK, SERVER_LOCK, "log", "lost+found"})
_KEPT_VARIABLES = ("PATH", "TZ", "TZDIR", "TMPDIR", "HOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_REASON = re.compile(r"(?:error|FATAL|PANIC):\s+(.*)")

Wait = Callable[["subprocess.Popen[bytes]"], int]  # waits for a program and returns its exit status


def environment() -> dict[str, str]:
    """Return the variables for Postgres' programs: none of ours, no secret, and a locale that every machine has."""
    return {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ} | {"LC_ALL": "C"}


def has_no_cluster(folder: Path) -> bool:
    """Return whether a folder surely has no cluster; one that this user may not look into may have one."""
    try:
        (folder / VERSION_FILE).stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        pass
    return False


def make_folder(folder: Path, account: Account) -> None:
    """Create the folder of a cluster, and those above it, unless they are there.

    Folders above it belong to the user who runs Postgres where that is the owner of the folder that they are made in,
    and to root otherwise.
    """
    if folder.exists():
        return
    missing = [folder]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    is_users = account.is_other and missing[-1].parent.stat().st_uid == account.uid
    # The data folder above holds more than the cluster. Whoever runs Postgres for root must get through it.
    private = {folder} if account.is_other and not is_users else {folder, folder.parent}
    with ExitStack() as stack:
        above = stack.enter_context(opened_folder(missing[-1].parent))
        for path in reversed(missing):
            with suppress(FileExistsError):
                os.mkdir(path.name, 0o700 if path in private else 0o777, dir_fd=above)
            above = stack.enter_context(opened_folder(path.name, above))
            if path == folder or is_users:
                account.give(above)


def make_cluster(folder: Path, programs: Path, account: Account, lock: int, wait: Wait) -> None:
    """Make the files of a new cluster in a folder, or finish what was begun before.

    Args:
        folder: The folder, which exists.
        programs: The folder of Postgres' programs.
        account: Who runs them.
        lock: The descriptor of the server's lock, which is held while a program of Postgres lives.
        wait: Waits for a program.

    Raises:
        UnavailableError: If the files cannot be made; the message says why.
    """
    if (folder / VERSION_FILE).exists():
        return
    with opened_folder(folder) as place:
        _require_owner(place, {account.uid, os.geteuid()})
        if _MADE not in _names_in(place):
            _require_empty(folder)
            require_name(account)
            if HALF_MADE in _names_in(place):
                shutil.rmtree(HALF_MADE, dir_fd=place)
            os.mkdir(HALF_MADE, 0o700, dir_fd=place)
            try:
                with opened_folder(HALF_MADE, place) as half_made:
                    account.give(half_made)
                _initdb(folder, programs, account, lock, wait)
            except BaseException:
                shutil.rmtree(HALF_MADE, ignore_errors=True, dir_fd=place)
                raise
            os.rename(HALF_MADE, _MADE, src_dir_fd=place, dst_dir_fd=place)
        with opened_folder(_MADE, place) as made:
            _require_owner(made, {account.uid})
            os.fchmod(place, 0o700)
            if account.is_other:
                os.fchown(place, account.uid, account.gid)
            # The version comes last: a folder that has it is whole.
            for name in sorted(_names_in(made), key=lambda name: name == VERSION_FILE):
                if name == VERSION_FILE:
                    os.fsync(place)
                os.rename(name, name, src_dir_fd=made, dst_dir_fd=place)
        os.rmdir(_MADE, dir_fd=place)
        os.fsync(place)


def _initdb(folder: Path, programs: Path, account: Account, lock: int, wait: Wait) -> None:
    half_made = folder / HALF_MADE
    # Postgres compares texts by its own rules, not by the machine's, so that the folder starts on any other machine.
    locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8")
    data = OWN_FOLDER if Path(OWN_FOLDER).exists() else str(half_made)
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # nosec B603 # the package's program
            [str(programs / "initdb"), "-D", data, "--username=postgres", "--auth=peer", *locale],
            cwd=half_made,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            pass_fds=(lock,),
            start_new_session=True,
            **account.switch,
        )
        if wait(process) != 0:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip()
            reason = _REASON.search(said)
            raise UnavailableError(
                f"no Postgres can be started in {folder}: {reason[1] if reason else said or 'initdb failed'}",
            )


def _require_empty(folder: Path) -> None:
    others = sorted(path.name for path in folder.iterdir() if not path.name.startswith(".") and path.name not in _OURS)
    if others:
        raise UnavailableError(
            f"no Postgres can be started in {folder}: it holds files that are no database, {others[0]!r} among them; "
            "choose an empty folder with --data, or move them away",
        )


def _names_in(descriptor: int) -> list[str]:
    return os.listdir(descriptor)


def _require_owner(descriptor: int, uids: set[int]) -> None:
    if os.fstat(descriptor).st_uid not in uids:
        raise PermissionError(errno.EPERM, "somebody has replaced a folder of the database by another user's")
