"""The server of a folder that another process owns, for commands that may share it."""

import os
import subprocess
from pathlib import Path

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.embedded.cluster import environment
from autotune_service.store.embedded.postmaster import url_of
from autotune_service.store.embedded.processes import PidFile, is_same
from autotune_service.store.embedded.programs import packaged_folders
from autotune_service.store.embedded.sockets import PORT

_ANSWER_WITHIN_S = 10


def join(folder: Path) -> str | None:
    """Return the URL of the server that runs in a folder; None if none answers that has this very folder.

    Raises:
        UnavailableError: If there is a server that gives no answer at all.
    """
    file = PidFile.read(folder)
    if file is None or file.status != "ready":
        return None
    place = {"PGHOST": file.socket_folder, "PGPORT": str(PORT), "PGUSER": "postgres", "PGDATABASE": "postgres"}
    # The folder's name is read as the bytes that it is on the disk.
    variables = environment() | place | {"PGCLIENTENCODING": "SQL_ASCII"}
    command = [str(packaged_folders()[-1] / "psql"), "-XAtwc", "SHOW data_directory"]
    try:
        asked = subprocess.run(  # nosec B603 # the package's program
            command, env=variables, capture_output=True, timeout=_ANSWER_WITHIN_S, check=True
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError(
            f"the Postgres in {folder}, process {file.pid}, did not answer within {_ANSWER_WITHIN_S} s: it is frozen "
            f"or has too much to do; let it go on (`kill -CONT {file.pid}`), or stop its service and start that again"
        ) from None
    except subprocess.CalledProcessError:
        return None
    answered = os.fsdecode(asked.stdout.removesuffix(b"\n"))
    return url_of(file.socket_folder) if is_same(answered, folder, file.pid) else None
