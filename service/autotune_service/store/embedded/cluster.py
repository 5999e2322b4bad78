"""The files of a cluster: made in a folder of their own and moved into place when they are whole."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.embedded.lock import OWNER_LOCK, SERVER_LOCK
from autotune_service.store.embedded.processes import OWN_FOLDER
from autotune_service.store.embedded.users import Account, has_name

VERSION_FILE = "PG_VERSION"
HALF_MADE, _MADE = ".half-made", ".made"
_OURS = frozenset({OWNER_LOCK, SERVER_LOCK, "log", "lost+found"})
_KEPT_VARIABLES = ("PATH", "TZ", "TZDIR", "TMPDIR", "HOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_REASON = re.compile(r"(?:error|FATAL|PANIC):\s+(.*)")

Wait = Callable[["subprocess.Popen[bytes]"], int]  # waits for a program and returns its exit status


def environment() -> dict[str, str]:
    """Return the variables for Postgres' programs: none of ours, no secret, and a locale that every machine has."""
    return {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ} | {"LC_ALL": "C"}


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
    for path in reversed(missing):
        path.mkdir(mode=0o700 if path == folder else 0o777, exist_ok=True)
        if path == folder or is_users:
            account.give(path)


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
    half_made, made = folder / HALF_MADE, folder / _MADE
    if not made.exists():
        _require_empty(folder)
        _require_name(account)
        if half_made.exists():
            shutil.rmtree(half_made)
        half_made.mkdir(mode=0o700)
        account.give(half_made)
        try:
            _initdb(half_made, folder, programs, account, lock, wait)
        except BaseException:
            shutil.rmtree(half_made, ignore_errors=True)
            raise
        half_made.rename(made)
    folder.chmod(0o700)
    if folder.stat().st_uid != account.uid:
        account.give(folder)
    # The version comes last: a folder that has it is whole.
    for path in sorted(made.iterdir(), key=lambda path: path.name == VERSION_FILE):
        if path.name == VERSION_FILE:
            _sync(folder)
        path.rename(folder / path.name)
    made.rmdir()
    _sync(folder)


def _initdb(half_made: Path, folder: Path, programs: Path, account: Account, lock: int, wait: Wait) -> None:
    # Postgres compares texts by its own rules, not by the machine's, so that the folder starts on any other machine.
    locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8")
    data = OWN_FOLDER if Path(OWN_FOLDER).exists() else str(half_made)
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603 -- the package's program
            [str(programs / "initdb"), "-D", data, "--username=postgres", "--auth=trust", *locale],
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


def _require_name(account: Account) -> None:
    if not has_name(account.uid):
        raise UnavailableError(
            f"user {account.uid} has no name on this machine, and Postgres makes a new database only for a user with "
            "one: add the user to /etc/passwd, run the command (`docker run --user`) as a user who is in it, or set "
            "AUTOTUNE_DATABASE_URL",
        )


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
