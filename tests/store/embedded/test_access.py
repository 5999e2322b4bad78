"""The server lets in the user who runs it and root, by the name that the kernel gives, and nobody by a mere claim."""

import asyncio
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import asyncpg
import pytest

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.embedded import EmbeddedPostgres, access
from autotune_service.store.embedded.access import close_to_others
from autotune_service.store.embedded.users import Account, account_for

NOBODY = 65_534


@pytest.fixture
def cluster_folder(open_folder):
    """A cluster in a folder that others may enter, with a path that is too long for a socket."""
    return open_folder / ("d" * 90) / "my data" / "postgres"


@pytest.fixture
def postgres(cluster_folder):
    postgres = EmbeddedPostgres(cluster_folder)
    yield postgres
    postgres.stop()


def sockets_of(folder):
    return (folder / "postmaster.pid").read_text().splitlines()[4]


def mode_of(path):
    return Path(path).stat().st_mode & 0o777


def rules_in(folder):
    lines = (folder / "pg_hba.conf").read_text().splitlines()
    return [line.split() for line in lines if line and not line.startswith("#")]


async def user_of(url):
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval("SELECT current_user")
    finally:
        await connection.close()


async def test_folders_of_cluster_and_socket_are_private_and_nobody_is_trusted(postgres, cluster_folder):
    url = await asyncio.to_thread(postgres.start)
    assert await user_of(url) == "postgres"
    assert sockets_of(cluster_folder) != str(cluster_folder)
    assert [mode_of(cluster_folder), mode_of(sockets_of(cluster_folder))] == [0o700, 0o700]
    assert {(kind, method) for kind, _, _, method, *_ in rules_in(cluster_folder)} == {("local", "peer")}


async def test_cluster_that_an_earlier_version_left_open_is_closed(postgres, cluster_folder):
    await asyncio.to_thread(postgres.start)
    await asyncio.to_thread(postgres.stop)
    (cluster_folder / "pg_hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 trust\n")
    (cluster_folder / "pg_ident.conf").unlink()
    cluster_folder.chmod(0o750)
    url = await asyncio.to_thread(postgres.start)
    assert await user_of(url) == "postgres"
    assert {method for _, _, _, method, *_ in rules_in(cluster_folder)} == {"peer"}
    assert mode_of(cluster_folder) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_other_user_who_gets_to_the_socket_is_refused(postgres, cluster_folder):
    """The folder keeps others out; if it did not, the server would."""
    await asyncio.to_thread(postgres.start)
    script = textwrap.dedent(
        f"""
        import os, sys
        sys.path[:] = {sys.path!r}
        import asyncio, asyncpg
        os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})
        try:
            asyncio.run(asyncpg.connect(host=sys.argv[1], user="postgres", database="postgres"))
        except Exception as error:
            print(type(error).__name__)
        """
    )

    def said():
        command = [sys.executable, "-c", script, sockets_of(cluster_folder)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert await asyncio.to_thread(said) == "PermissionError"
    sockets = Path(sockets_of(cluster_folder))
    await asyncio.to_thread(sockets.chmod, 0o711)
    try:
        assert await asyncio.to_thread(said) == "InvalidAuthorizationSpecificationError"
    finally:
        await asyncio.to_thread(sockets.chmod, 0o700)


def test_files_that_say_so_already_are_not_written_again(tmp_path):
    me = account_for(tmp_path)
    os.chown(tmp_path, me.uid, me.gid)
    close_to_others(tmp_path, me)
    before = [(path.name, path.stat().st_ino) for path in sorted(tmp_path.iterdir())]
    assert [name for name, _ in before] == ["pg_hba.conf", "pg_ident.conf"]
    close_to_others(tmp_path, me)
    assert [(path.name, path.stat().st_ino) for path in sorted(tmp_path.iterdir())] == before


def test_link_in_the_place_of_a_file_is_replaced_and_not_followed(tmp_path, me):
    folder, target = tmp_path / "postgres", tmp_path / "target"
    folder.mkdir()
    target.write_text("somebody else's")
    (folder / "pg_hba.conf").symlink_to(target)
    close_to_others(folder, me)
    assert target.read_text() == "somebody else's"
    assert not (folder / "pg_hba.conf").is_symlink()


def test_odd_name_of_a_user_stays_one_word(tmp_path, monkeypatch):
    monkeypatch.setattr(Account, "name", 'LAB\\ada "x"')
    close_to_others(tmp_path, account_for(tmp_path) if os.geteuid() else Account(0, 0, is_other=False))
    assert 'autotune "LAB\\ada ""x""" all\n' in (tmp_path / "pg_ident.conf").read_text()


def test_user_without_a_name_is_refused_before_the_server_starts(tmp_path, me, monkeypatch):
    monkeypatch.setattr(access, "has_name", lambda uid: False)
    with pytest.raises(UnavailableError, match="has no name on this machine, and Postgres knows users by their names"):
        close_to_others(tmp_path, me)
