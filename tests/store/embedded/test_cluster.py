"""What makes the files of a cluster, with a program that does so in no time."""

import os

import pytest

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.embedded import access
from autotune_service.store.embedded.cluster import environment, make_cluster, make_folder
from autotune_service.store.embedded.postmaster import StartCancelledError
from autotune_service.store.embedded.users import Account

MAKES = "#!/bin/sh\nmkdir base && echo data > base/1 && echo 18 > PG_VERSION"


@pytest.fixture
def make(tmp_path, me):
    """Make a cluster by a program of that text; give what the folder holds then."""
    folder = tmp_path / "it's\nours"
    folder.mkdir()

    def run(program, wait=lambda process: process.wait()):
        file = tmp_path / "initdb"
        file.write_text(program)
        file.chmod(0o755)
        make_cluster(folder, tmp_path, me, 0, wait)
        return {str(path.relative_to(folder)) for path in folder.rglob("*")}

    run.folder = folder
    return run


def test_cluster_is_made_beside_and_moved_into_place(make):
    assert make(MAKES) == {"PG_VERSION", "base", "base/1"}
    assert make.folder.stat().st_mode & 0o777 == 0o700


def test_cluster_that_is_there_is_left_alone(make):
    (make.folder / "PG_VERSION").write_text("18\n")
    assert make("#!/bin/sh\nexit 1") == {"PG_VERSION"}


def test_half_made_cluster_is_made_anew(make):
    """As SIGKILL or a power cut leaves it."""
    (make.folder / ".half-made").mkdir()
    (make.folder / ".half-made" / "PG_VERSION").write_text("half")
    assert make(MAKES) == {"PG_VERSION", "base", "base/1"}
    assert (make.folder / "PG_VERSION").read_text() == "18\n"


def test_cluster_that_was_half_moved_is_moved_to_its_end(make):
    (make.folder / "base").mkdir()
    (make.folder / ".made").mkdir()
    (make.folder / ".made" / "global").mkdir()
    (make.folder / ".made" / "PG_VERSION").write_text("18\n")
    assert make("#!/bin/sh\nexit 1") == {"PG_VERSION", "base", "global"}


def test_link_in_the_place_of_a_finished_cluster_moves_nothing(make, tmp_path):
    """Root would otherwise move the files of any folder that the owner of the data folder names."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "precious").touch()
    (make.folder / ".made").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
        make(MAKES)
    assert (tmp_path / "elsewhere" / "precious").exists()


@pytest.mark.parametrize("has_link", [True, False])
def test_folder_that_its_owner_replaces_while_it_is_made_is_given_to_nobody(tmp_path, monkeypatch, has_link):
    """The owner of the data folder is quicker than root, who has made a folder in it and gives it away."""
    make_folder_of_the_system = os.mkdir
    given = []

    def replaced(name, *arguments, **options):
        make_folder_of_the_system(name, *arguments, **options)
        (tmp_path / "data").rename(tmp_path / "away")
        if has_link:
            (tmp_path / "data").symlink_to(tmp_path / "precious")
        else:
            (tmp_path / "precious").rename(tmp_path / "data")

    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    monkeypatch.setattr(os, "mkdir", replaced)
    monkeypatch.setattr(os, "chown", lambda *_, **__: given.append("a path"))
    monkeypatch.setattr(os, "fchown", lambda *_: given.append("a folder"))
    with pytest.raises(OSError, match=r"Not a directory|symbolic links|somebody has replaced"):
        make_folder(tmp_path / "data", Account(54_321, 54_321, is_other=True))
    assert given == []


def test_start_that_is_cancelled_leaves_nothing(make):
    def cancelled(process):
        process.wait()
        raise StartCancelledError

    with pytest.raises(StartCancelledError):
        make(MAKES, cancelled)
    assert list(make.folder.iterdir()) == []


def test_files_of_others_are_not_mixed_with(make):
    (make.folder / "autotune.lock").touch()
    (make.folder / "lost+found").mkdir()
    assert "PG_VERSION" in make(MAKES)
    (make.folder / "PG_VERSION").unlink()
    (make.folder / "patients.csv").touch()
    with pytest.raises(UnavailableError, match=r"holds files that are no database.*choose an empty folder"):
        make(MAKES)


def test_reason_of_the_program_is_told(make):
    program = "#!/bin/sh\necho 'initdb: error: could not write: No space left on device' >&2; echo hint >&2; exit 1"
    with pytest.raises(UnavailableError, match=r"ours: could not write: No space left on device$"):
        make(program)
    assert list(make.folder.iterdir()) == []


def test_user_without_a_name_is_told_what_to_do(make, monkeypatch):
    monkeypatch.setattr(access, "has_name", lambda uid: False)
    with pytest.raises(UnavailableError, match=r"has no name on this machine.*AUTOTUNE_DATABASE_URL"):
        make(MAKES)


def test_missing_folders_are_made_and_the_cluster_is_private(tmp_path, me):
    make_folder(tmp_path / "a" / "b" / "postgres", me)
    assert (tmp_path / "a" / "b" / "postgres").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_programs_get_no_settings_and_no_secret_of_ours(monkeypatch):
    for name in ("PGPORT", "PGDATA", "LC_ALL", "LANG", "AUTOTUNE_SECRET", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "xx_YY")
    assert "xx_YY" not in environment().values()
    assert environment()["LC_ALL"] == "C"
