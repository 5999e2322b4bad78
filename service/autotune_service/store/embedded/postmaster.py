"""One run of the server of a cluster, as a child of this process."""

import os
import re
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from threading import Event
from urllib.parse import quote

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.embedded.cluster import environment
from autotune_service.store.embedded.processes import OWN_FOLDER, PidFile
from autotune_service.store.embedded.sockets import PORT, clear_socket_folder, remove_socket_folder
from autotune_service.store.embedded.users import Account

_LOG = "log"
_POLL_S = 0.01
# In order; at once, as Postgres 18 never ends in order if it is asked to while it replays its log; and by force. What
# was committed is kept each time: the next start replays the log.
STOPS = ((signal.SIGINT, 8.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
STOPPED_WITHIN_S = sum(within_s for _, within_s in STOPS)
_LEVEL = re.compile(r"\b(FATAL|PANIC|ERROR|LOG|WARNING|DETAIL|HINT):\s+(.*)")


class StartCancelledError(Exception):
    """The start was given up because the process is to stop."""


class Postmaster:
    """Starts the server of a cluster without a shell, and without a signal of the terminal reaching it.

    Args:
        folder: The cluster.
        sockets: The folder of the server's socket.
        programs: The folder of Postgres' programs.
        account: Who runs the server.
        lock: The descriptor of the server's lock, which every process of the server inherits.
    """

    def __init__(self, folder: Path, sockets: Path, programs: Path, account: Account, lock: int) -> None:
        self._folder = folder
        self._is_ready = False
        self._sockets = sockets
        clear_socket_folder(sockets, folder)
        log = _open_log(folder, account)
        try:
            self._log_begin = os.fstat(log).st_size
            self._process = subprocess.Popen(  # nosec B603 # the package's program
                [str(programs / "postgres"), "-D", _path_for(folder, account), *self._options()],
                cwd=folder,
                env=environment() | _stale_pid(folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lock,),
                start_new_session=True,
                **account.switch,
            )
        finally:
            os.close(log)

    @property
    def url(self) -> str:
        """The URL of the server's maintenance database."""
        return url_of(str(self._sockets))

    @property
    def has_ended(self) -> bool:
        """Whether the server has ended."""
        return self._process.poll() is not None

    def wait_until_ready(self, cancelled: Event) -> None:
        """Wait until the server takes connections; after a crash it first replays its log.

        Raises:
            UnavailableError: If the server ends instead; the message says why.
            StartCancelledError: If the start is cancelled meanwhile.
        """
        while True:
            file = PidFile.read(self._folder)
            if file is not None and file.pid == self._process.pid and file.status == "ready":
                self._is_ready = True
                return
            if self.has_ended:
                raise UnavailableError(f"no Postgres can be started in {self._folder}: {self._reason()}")
            if cancelled.wait(_POLL_S):
                raise StartCancelledError

    def stop(self) -> None:
        """Stop the server in order, or by force if it does not end in time, and remove the folder of its socket."""
        for number, within_s in STOPS if self._is_ready else STOPS[1:]:
            if self.has_ended:
                break
            self._process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(within_s)
        remove_socket_folder(self._sockets, self._folder)

    def _options(self) -> list[str]:
        return ["-k", str(self._sockets), "-p", str(PORT), "-c", "listen_addresses="]

    def _reason(self) -> str:
        """Read from the log why the server has ended."""
        with (self._folder / _LOG).open("rb") as log:
            log.seek(self._log_begin)
            lines = log.read(100_000).decode(errors="replace").splitlines()
        said = [(found[1], found[2]) if (found := _LEVEL.search(line)) else ("", line.strip()) for line in lines]
        for n, (level, message) in enumerate(said):
            if level in {"FATAL", "PANIC"}:
                more = [text for level, text in said[n + 1 : n + 3] if level in {"DETAIL", "HINT"}]
                return " ".join([message.rstrip(".") + ".", *more]) if more else message
        last = next((message for _, message in reversed(said) if message), "no reason is given")
        return f"{last} (status {self._process.returncode}, see {self._folder / _LOG})"


def url_of(sockets: str) -> str:
    """Return the URL of the maintenance database of the server whose socket is in a folder."""
    return f"postgresql://postgres:@/postgres?host={quote(sockets)}&port={PORT}"


def _path_for(folder: Path, account: Account) -> str:
    """Return a path of the folder that the user can enter.

    Root may keep a folder below private ones. They stay private: the server works in the folder already, and reaches
    it as the folder that it works in.

    Raises:
        UnavailableError: If the system has no such path.
    """
    if account.can("-x", folder):
        return str(folder)
    if not Path(OWN_FOLDER).exists():
        raise UnavailableError(
            f"no Postgres can be started in {folder}: user {account.name}, who runs it, cannot enter the folders above "
            "it; choose another folder with --data",
        )
    return OWN_FOLDER


def _open_log(folder: Path, account: Account) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        log = os.open(folder / _LOG, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(folder / _LOG, flags)
    if account.is_other:
        os.fchown(log, account.uid, account.gid)
    return log


def _stale_pid(folder: Path) -> dict[str, str]:
    """Return the variable by which Postgres knows that the process of a stale pid file is not its server.

    After a power cut the number in ``postmaster.pid`` may be another program's now, and the file of a copied folder has
    the number of the original's server. Postgres would refuse to start, as it cannot tell. We can, by the server's lock
    and by where the processes work. Postgres still checks the shared memory, and replaces its file itself.
    """
    try:
        pid = abs(int((folder / "postmaster.pid").read_bytes().split(b"\n")[0]))
    except (OSError, ValueError):
        return {}
    return {"PG_GRANDPARENT_PID": str(pid)}
