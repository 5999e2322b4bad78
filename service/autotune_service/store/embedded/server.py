"""The Postgres of a data folder: who owns it, its start, its end, and its new start when it dies."""

import asyncio
import errno
import logging
import os
import signal
import subprocess
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.embedded.access import close_to_others
from autotune_service.store.embedded.cluster import make_cluster, make_folder
from autotune_service.store.embedded.joining import join
from autotune_service.store.embedded.lock import OWNER_LOCK, SERVER_LOCK, FileLock, Holder, in_use
from autotune_service.store.embedded.orphans import take_from_others
from autotune_service.store.embedded.postmaster import Postmaster, StartCancelledError
from autotune_service.store.embedded.programs import programs_for
from autotune_service.store.embedded.sockets import choose_socket_folder, keep_socket_folder
from autotune_service.store.embedded.users import Account, account_for

_log = logging.getLogger(__name__)
_POLL_S = 0.2
_JOIN_WITHIN_S = 30.0
_MOST_DEATHS, _WITHIN_S = 5, 60.0
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_IMPOSSIBLE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)


class EmbeddedPostgres:
    """A Postgres cluster in ``folder``; ``start`` creates the cluster if the folder has none.

    Two locks in the folder keep all others out, in whatever container or machine they run: one is this process's for as
    long as it lives; the other is held by the processes of Postgres themselves, which may outlive this one if it is
    killed.

    Args:
        folder: The folder of the cluster.
        command: What the user runs, to be named to others who want the folder.
        shares: Whether to use the server of another process of this machine if that owns the folder.
    """

    def __init__(self, folder: Path, command: str = "another program", *, shares: bool = False) -> None:
        self._folder = folder
        self._holder = Holder.of_this_process(command)
        self._shares = shares
        self._busy = Lock()
        self._cancelled = Event()
        self._owner: FileLock | None = None
        self._misses_lock = False
        self._postmaster: Postmaster | None = None
        self._sockets: Path | None = None

    def start(self) -> str:
        """Start the server if it is not running, and return its URL.

        The call blocks for about half a second, or two seconds if the cluster is new.

        Raises:
            UnavailableError: If no server can be started in this folder, or the folder is in use; the message says why.
            StartCancelledError: If ``cancel`` is called meanwhile.
        """
        with self._busy:
            try:
                if self._postmaster is not None and not self._postmaster.has_ended:
                    return self._postmaster.url
                return self._start()
            except (OSError, RuntimeError, ValueError, subprocess.SubprocessError) as error:
                raise UnavailableError(f"no Postgres can be started in {self._folder}: {_reason(error)}") from error

    def cancel(self) -> None:
        """Give up a start that is under way in another thread."""
        self._cancelled.set()

    def stop(self) -> None:
        """Stop the server and give up the folder, or do nothing if the server is another process's.

        A start that is under way in another thread is given up.
        """
        self.cancel()
        with self._busy:
            self._give_up()
            self._cancelled.clear()

    async def keep_running(self) -> None:
        """Start the server again whenever it dies, and keep the folder's lock in place, until the task is cancelled.

        Raises:
            UnavailableError: If it cannot be started again, or dies again and again.
        """
        deaths: deque[float] = deque(maxlen=_MOST_DEATHS)
        while True:
            await asyncio.sleep(_POLL_S)
            await asyncio.to_thread(self._keep_lock)
            is_running = self._postmaster is not None and not self._postmaster.has_ended
            if self._owner is None or is_running:
                continue
            _log.error("the embedded Postgres in %s has ended: it is started again", self._folder)
            deaths.append(time.monotonic())
            try:
                await asyncio.to_thread(self.start)
            except UnavailableError as error:
                _log.error("%s", error.detail)
                if _is_hopeless(deaths):
                    raise
                await asyncio.sleep(1)
            else:
                if _is_hopeless(deaths):
                    raise UnavailableError(
                        f"the Postgres in {self._folder} has ended {len(deaths)} times within {_WITHIN_S:.0f} s; its "
                        f"log is {self._folder / 'log'}",
                    )

    def _start(self) -> str:
        folder = Path(os.path.realpath(self._folder))
        account = account_for(folder)
        make_folder(folder, account)
        is_first = self._owner is None
        if is_first:
            url = self._own_or_join(folder, account)
            if url is not None:
                return url
        try:
            return self._launch(folder, account)
        except BaseException:
            if is_first:
                self._give_up()
            raise

    def _own_or_join(self, folder: Path, account: Account) -> str | None:
        """Own the folder from now on and return None, or return the URL of the owner's server."""
        lock = FileLock(folder / OWNER_LOCK, account.uid, account.gid)
        deadline = time.monotonic() + _JOIN_WITHIN_S
        try:
            while not lock.take():
                holder = Holder.read(lock.read())
                is_here = holder is None or holder.is_here
                if not self._shares or not is_here or time.monotonic() > deadline:
                    raise in_use(folder, holder)
                url = join(folder)
                if url is not None:
                    lock.close()
                    return url
                if self._cancelled.wait(_POLL_S):
                    raise StartCancelledError
            lock.write(self._holder.text)
        except BaseException:
            lock.close()
            raise
        self._owner = lock
        return None

    def _keep_lock(self) -> None:
        """Make the owner's lock again if its file was deleted or replaced, as by a program that cleans up."""
        with self._busy:
            if self._owner is None or self._owner.is_in_place:
                return
            folder = Path(os.path.realpath(self._folder))
            if not self._misses_lock:
                _log.warning(
                    "%s has been deleted or replaced while it was in use: it is made again", folder / OWNER_LOCK
                )
            self._misses_lock = True
            with suppress(OSError, UnavailableError):
                account = account_for(folder)
                lock = FileLock(folder / OWNER_LOCK, account.uid, account.gid)
                try:
                    is_taken = lock.take()
                    if is_taken:
                        lock.write(self._holder.text)
                except BaseException:
                    lock.close()
                    raise
                if is_taken:
                    self._owner.close()
                    self._owner = lock
                    self._misses_lock = False
                else:  # held by one that is about to be refused
                    lock.close()

    def _launch(self, folder: Path, account: Account) -> str:
        programs = programs_for(folder, account)
        lock = FileLock(folder / SERVER_LOCK, account.uid, account.gid)
        try:
            take_from_others(lock, folder, self._holder, self._cancelled)
            if lock.read() != self._holder.text:  # a disk that is full takes no text, and needs none for a new start
                lock.write(self._holder.text)
            make_cluster(folder, programs, account, lock.descriptor, self._wait)
            close_to_others(folder, account)
            if self._sockets is None:
                self._sockets = choose_socket_folder(folder, account)
            else:  # those who use the server know no other place
                keep_socket_folder(self._sockets, folder, account)
            postmaster = Postmaster(folder, self._sockets, programs, account, lock.descriptor)
        finally:
            lock.close()  # from here on it is the server's alone
        try:
            postmaster.wait_until_ready(self._cancelled)
        except BaseException:
            postmaster.stop()
            raise
        self._postmaster = postmaster
        return postmaster.url

    def _wait(self, process: "subprocess.Popen[bytes]") -> int:
        while (status := process.poll()) is None:
            if self._cancelled.wait(_POLL_S / 20):
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise StartCancelledError
        return status

    def _give_up(self) -> None:
        if self._postmaster is not None:
            self._postmaster.stop()
            self._postmaster = None
        if self._owner is not None:
            self._owner.close()
            self._owner = None
        self._sockets = None


def _reason(error: Exception) -> str:
    if not isinstance(error, OSError):
        return str(error)
    place = "" if error.filename is None else f" ({os.fsdecode(error.filename)})"
    remedy = "; choose a folder that this user may enter and write to, with --data"
    return f"{error.strerror}{place}{remedy if error.errno in (*_FORBIDDEN, *_IMPOSSIBLE) else ''}"


def _is_hopeless(deaths: deque[float]) -> bool:
    return len(deaths) == _MOST_DEATHS and deaths[-1] - deaths[0] < _WITHIN_S
