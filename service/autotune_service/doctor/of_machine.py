"""What is wrong with the machine: files that others may read, a full disk, few descriptors."""

import os
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

from autotune_service.doctor.findings import Finding
from autotune_service.settings import Settings

_LEAST_DESCRIPTORS = 4096
_LEAST_FREE_BYTES, _LEAST_FREE_SHARE = 2**30, 0.05


def examine_machine(settings: Settings) -> Iterator[Finding]:
    """Yield what is wrong with the data folder, if the service has one, and with what the process may use."""
    if settings.database_url is None:
        yield from _examine_folder(settings.data)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most not in {resource.RLIM_INFINITY, -1} and most < _LEAST_DESCRIPTORS:
        yield Finding(
            "descriptors_few",
            f"a process may have {most} descriptors, of which each connection takes one: a few users who watch with "
            "many websockets leave none for the others.",
            f"Raise the hard limit to {_LEAST_DESCRIPTORS} or more: LimitNOFILE= of systemd, ulimits of Compose.",
        )
    if settings.mode == "prod" and os.geteuid() == 0:
        yield Finding(
            "runs_as_root",
            "the service runs as root: whoever breaks into it has the machine.",
            "Run it as a user of its own, as the image of the Dockerfile does.",
        )


def _examine_folder(data: Path) -> Iterator[Finding]:
    existing = data
    while not existing.exists():
        existing = existing.parent
    disk = shutil.disk_usage(existing)
    if disk.free < max(_LEAST_FREE_BYTES, _LEAST_FREE_SHARE * disk.total):
        yield Finding(
            "disk_nearly_full",
            f"the disk of {data} has {disk.free / 2**30:.1f} GiB free of {disk.total / 2**30:.0f}: when it is full, "
            "nothing can be told any more.",
            "Free some space, or move the folder to a larger disk while no service runs on it.",
        )
    # Where root runs the service, the user of the embedded Postgres must get through the data folder.
    for place, open_to_others in ((data, 0o022), (data / "postgres", 0o077), (data / "dev-secret", 0o077)):
        mode = _mode_of(place)
        if mode & open_to_others:
            what = "write to" if not mode & open_to_others & ~0o022 else "read"
            yield Finding(
                "data_open",
                f"other users of the machine may {what} {place} (mode {mode:04o}).",
                f"chmod go-rwx {place}, and look at who has been there.",
            )


def _mode_of(place: Path) -> int:
    try:
        return place.stat().st_mode & 0o7777
    except OSError:  # not there, or closed even to this user
        return 0
