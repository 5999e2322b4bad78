"""Postgres processes that a killed service has left in the folder: they are ended before a new server starts."""

import logging
import time
from contextlib import suppress
from pathlib import Path
from threading import Event

import psutil

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.embedded.cluster import HALF_MADE
from autotune_service.store.embedded.joining import join
from autotune_service.store.embedded.lock import FileLock, Holder, in_use
from autotune_service.store.embedded.postmaster import STOPS, StartCancelledError
from autotune_service.store.embedded.processes import PidFile, postmaster_in, servers_in

_log = logging.getLogger(__name__)
_POLL_S = 0.01
_GONE_WITHIN_S = 5.0


def take_from_others(lock: FileLock, folder: Path, owner: Holder, cancelled: Event) -> None:
    """Take the server's lock of a folder that this process owns, after the end of what a killed owner has left.

    Processes of Postgres hold the lock as long as they live. So while it is taken they still write; and where it is
    free, no server that AutoTune has started lives, wherever it ran. Only processes that work in the folder are ended,
    and only if whoever started them is known to have ended: the owner's own lock may have been deleted.

    Args:
        lock: The server's lock, whose file names the owner of the server.
        folder: The folder.
        owner: This process as the owner.
        cancelled: Set when the start is to be given up.

    Raises:
        UnavailableError: If a server lives that this process must not or cannot end.
        StartCancelledError: If the start is cancelled meanwhile.
    """
    if lock.take():
        _require_none(folder)
        return
    former = Holder.read(lock.read())
    lives = False if former is None or former == owner else former.lives
    if lives:
        raise in_use(folder, former)
    postmaster = None if lives is None else postmaster_in(folder)
    if postmaster is None:
        if _is_taken_within(lock, _GONE_WITHIN_S, cancelled):
            return
    else:
        _log.info("stopping the Postgres in %s, process %d, which outlived its service", folder, postmaster.pid)
        file = PidFile.read(folder)
        for number, within_s in STOPS[:2] if file is not None and file.status == "ready" else STOPS[1:2]:
            with suppress(psutil.NoSuchProcess):
                postmaster.send_signal(number)
            if _is_taken_within(lock, within_s, cancelled):
                return
    if lives is not None:
        for process in [
            *servers_in(folder),
            *servers_in(folder / HALF_MADE),
        ]:  # as a power cut would, which loses nothing that was committed
            with suppress(psutil.NoSuchProcess):
                process.kill()
    if lives is None or not _is_taken_within(lock, _GONE_WITHIN_S, cancelled):
        raise UnavailableError(
            f"a Postgres that was started by {former or 'an earlier service'} still works in {folder}, in another "
            "container or on another machine that shares the folder: end it there, or choose another folder with "
            "--data",
        )


def _require_none(folder: Path) -> None:
    if not (folder / "postmaster.pid").exists():
        return
    others = servers_in(folder)
    # In another container, whose processes cannot be seen, it can still be asked by its socket in the shared folder.
    if others or join(folder) is not None:
        name = f", process {others[0].pid}" if others else ""
        raise UnavailableError(
            f"{folder} is in use by a Postgres that this AutoTune did not start{name}: stop that one, or choose "
            "another folder with --data",
        )


def _is_taken_within(lock: FileLock, within_s: float, cancelled: Event) -> bool:
    deadline = time.monotonic() + within_s
    while not lock.take():
        if time.monotonic() > deadline:
            return False
        if cancelled.wait(_POLL_S):
            raise StartCancelledError
    return True
