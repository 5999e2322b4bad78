import asyncio
import contextlib
import errno
import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from urllib.parse import unquote

import asyncpg
import psutil
import pytest

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.embedded import EmbeddedPostgres, StartCancelledError
from autotune_service.store.embedded.joining import join
from autotune_service.store.embedded.lock import Holder
from autotune_service.store.embedded.postmaster import Postmaster
from autotune_service.store.embedded.processes import PidFile
from processes import is_gone, wait_until

ODD = "it's ours, [R&D] $HOME\n#1 100% données"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A cluster that the tests of this module start, one after the other."""
    folder = tmp_path_factory.mktemp("embedded") / "data" / "postgres"
    postgres = EmbeddedPostgres(folder)
    postgres.start()
    postgres.stop()
    return folder


@pytest.fixture
def make(folder):
    made = []

    def make_postgres(*arguments, **options):
        made.append(EmbeddedPostgres(folder, *arguments, **options))
        return made[-1]

    yield make_postgres
    for postgres in made:
        postgres.stop()


async def ask(url, query):
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def pid_of(folder):
    return int((folder / "postmaster.pid").read_text().split()[0])


@contextlib.contextmanager
def started(command, **options):
    """Run a program that says so when it has started, and that ends with its input."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, **options) as process:
        assert process.stdout.readline() == b"started\n"
        yield process
        process.communicate()


def kill(server):
    """End all processes of a server as a power cut does."""
    processes = [server, *server.children()]
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


async def test_folder_of_any_name_keeps_its_data(tmp_path):
    postgres = EmbeddedPostgres(tmp_path / ODD / "postgres")
    url = await asyncio.to_thread(postgres.start)
    await ask(url, "CREATE TABLE kept AS SELECT 1 AS n")
    await asyncio.to_thread(postgres.stop)
    assert await asyncio.to_thread(postgres.start) == url
    assert await ask(url, "SELECT n FROM kept") == 1
    await asyncio.to_thread(postgres.stop)
    assert [path.name for path in tmp_path.iterdir()] == [ODD]


def test_start_says_where_it_cannot_start(tmp_path):
    (tmp_path / "file").write_text("no folder")
    postgres = EmbeddedPostgres(tmp_path / "file" / "postgres")
    with pytest.raises(UnavailableError, match="no Postgres can be started in"):
        postgres.start()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_folder_that_may_not_be_written_is_told_with_a_remedy(tmp_path, monkeypatch, number):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number), str(tmp_path / "data"))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(UnavailableError, match=rf"{os.strerror(number)} \({tmp_path}/data\); choose a folder that"):
        EmbeddedPostgres(tmp_path / "data" / "postgres").start()


def test_second_start_of_the_same_process_is_refused_and_named_the_first(make, folder):
    make("autotune serve").start()
    before = pid_of(folder)
    with pytest.raises(UnavailableError) as refused:
        make("autotune serve").start()
    assert f"{folder} is in use by `autotune serve`, process {os.getpid()} on host " in str(refused.value)
    assert "choose another folder with --data" in str(refused.value)
    assert pid_of(folder) == before


async def test_command_that_shares_uses_the_server_and_leaves_it_running(make):
    owner, guest = make("autotune serve"), make("autotune backup", shares=True)
    url = await asyncio.to_thread(owner.start)
    assert await asyncio.to_thread(guest.start) == url
    await asyncio.to_thread(guest.stop)
    assert await ask(url, "SELECT 1") == 1


async def test_server_of_another_folder_is_not_shared(make, folder, tmp_path):
    """A copy has the pid file of the original, and with it the way to the original's socket."""
    url = await asyncio.to_thread(make("autotune serve").start)
    shutil.copy(folder / "postmaster.pid", tmp_path)
    assert join(folder) == url
    assert join(tmp_path) is None


async def test_command_that_shares_owns_a_folder_that_nobody_has(make, folder):
    alone = make("autotune backup", shares=True)
    assert await ask(await asyncio.to_thread(alone.start), "SELECT 1") == 1
    server = pid_of(folder)
    alone.stop()
    wait_until(lambda: is_gone(server))
    assert not (folder / "postmaster.pid").exists()


async def test_server_of_a_killed_owner_is_ended_before_a_new_one_starts(make, folder):
    code = f"""
        import sys
        from pathlib import Path
        from autotune_service.store.embedded import EmbeddedPostgres
        EmbeddedPostgres(Path({str(folder)!r})).start()
        print("started", flush=True)
        sys.stdin.read()
    """
    with started([sys.executable, "-c", textwrap.dedent(code)]) as owner:
        owner.kill()
    orphan = pid_of(folder)
    assert not is_gone(orphan)
    assert await ask(await asyncio.to_thread(make().start), "SELECT 1") == 1
    assert is_gone(orphan)
    assert pid_of(folder) != orphan


@pytest.mark.parametrize("shares", [False, True])
def test_owner_whose_lock_was_deleted_keeps_its_server(make, folder, shares):
    """As by a program that cleans up; the next one can take the lock, and the server's lock says whose server it is."""
    make("autotune serve").start()
    server = pid_of(folder)
    (folder / "autotune.lock").unlink()
    with pytest.raises(UnavailableError, match=f"in use by `autotune serve`, process {os.getpid()} on host "):
        make("autotune serve", shares=shares).start()
    assert pid_of(folder) == server
    assert not is_gone(server)


def test_server_whose_owner_cannot_be_seen_is_left_alone(make, folder, monkeypatch):
    """The number of a process in another container says nothing here."""
    monkeypatch.setattr("autotune_service.store.embedded.orphans._GONE_WITHIN_S", 0.1)
    make("autotune serve").start()
    server = pid_of(folder)
    (folder / "autotune.lock").unlink()
    told = json.loads((folder / "autotune-postgres.lock").read_text())
    (folder / "autotune-postgres.lock").write_text(json.dumps(told | {"pid_namespace": "pid:[1]"}))
    with pytest.raises(UnavailableError, match=r"started by `autotune serve`, .* in another container or on another"):
        make("autotune serve").start()
    assert not is_gone(server)


async def test_lock_that_was_deleted_is_made_again(make, folder):
    owner = make("autotune serve")
    await asyncio.to_thread(owner.start)
    keeping = asyncio.create_task(owner.keep_running())
    lock = folder / "autotune.lock"
    for _ in range(2):
        lock.unlink()
        await asyncio.to_thread(wait_until, lambda: lock.exists() and Holder.read(lock.read_text()) is not None)
    with pytest.raises(UnavailableError, match="in use by `autotune serve`"):
        await asyncio.to_thread(make("autotune backup").start)
    assert Holder.read(lock.read_text()).command == "autotune serve", "it is locked again, not only there again"
    keeping.cancel()
    await asyncio.wait([keeping])


def test_server_that_is_frozen_is_told_so(make, folder, monkeypatch):
    monkeypatch.setattr("autotune_service.store.embedded.joining._ANSWER_WITHIN_S", 0.5)
    make("autotune serve").start()
    server = psutil.Process(pid_of(folder))
    server.suspend()
    try:
        with pytest.raises(UnavailableError, match=f"process {server.pid}, did not answer within 0.5 s: it is frozen"):
            make("autotune backup", shares=True).start()
    finally:
        server.resume()


@pytest.mark.parametrize("place", ["file/data", "a" * 300])
def test_folder_that_cannot_be_made_is_told_with_a_remedy(tmp_path, place):
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError, match="; choose a folder that this user may enter and write to, with --data"):
        EmbeddedPostgres(tmp_path / place / "postgres").start()


async def test_server_that_dies_is_started_again(make, folder):
    postgres = make()
    url = await asyncio.to_thread(postgres.start)
    keeping = asyncio.create_task(postgres.keep_running())
    server = psutil.Process(pid_of(folder))
    kill(server)

    def is_new():
        file = PidFile.read(folder)
        return file is not None and file.status == "ready" and file.pid != server.pid

    await asyncio.to_thread(wait_until, is_new)
    assert await ask(url, "SELECT 1") == 1
    keeping.cancel()
    await asyncio.wait([keeping])


def start_again(postgres, folder):
    """Kill the server of an owner, and start it again as the watch does; return the URLs before and after."""
    url = postgres.start()
    server = psutil.Process(pid_of(folder))
    kill(server)
    wait_until(lambda: is_gone(server.pid))
    return url, postgres.start()


def test_server_that_is_started_again_keeps_its_url(make, folder, open_folder, monkeypatch):
    """As on a disk that is full meanwhile, whose folder takes no socket for a while."""
    postgres = make()
    postgres.start()
    monkeypatch.setattr("autotune_service.store.embedded.sockets._takes_sockets", lambda _: False)
    monkeypatch.setattr("autotune_service.store.embedded.sockets._bases", lambda _: [open_folder])
    before, after = start_again(postgres, folder)
    assert after == before


def test_server_whose_socket_folder_is_taken_is_not_started_elsewhere(make, folder, monkeypatch):
    monkeypatch.setattr("autotune_service.store.embedded.sockets._takes_sockets", lambda _: False)
    postgres = make()
    url = postgres.start()
    sockets = Path(unquote(url.partition("host=")[2].partition("&")[0]))
    assert sockets != folder
    sockets.chmod(0o755)
    with pytest.raises(UnavailableError, match=f"{sockets}, the folder of its socket, has been replaced"):
        start_again(postgres, folder)
    sockets.chmod(0o700)
    assert postgres.start() == url


async def test_stop_gives_up_a_start_that_is_under_way(make, monkeypatch):
    """As a service that is stopped while its Postgres replays a long log."""
    has_begun, is_ready = threading.Event(), threading.Event()
    postgres = make()

    def wait_until_ready(self, cancelled):
        has_begun.set()
        if cancelled.wait(20):
            raise StartCancelledError
        is_ready.set()

    monkeypatch.setattr(Postmaster, "wait_until_ready", wait_until_ready)
    starting = asyncio.create_task(asyncio.to_thread(postgres.start))
    await asyncio.to_thread(has_begun.wait)
    await asyncio.to_thread(postgres.stop)
    with pytest.raises(StartCancelledError):
        await starting
    assert not is_ready.is_set()


async def test_server_that_cannot_be_started_again_ends_the_watch(make, folder, monkeypatch):
    monkeypatch.setattr("autotune_service.store.embedded.server._MOST_DEATHS", 1)
    postgres = make()
    await asyncio.to_thread(postgres.start)
    server = psutil.Process(pid_of(folder))
    (folder / "PG_VERSION").rename(folder / "PG_VERSION.away")
    try:
        kill(server)
        with pytest.raises(UnavailableError, match="no Postgres can be started in"):
            await asyncio.wait_for(postgres.keep_running(), 60)
    finally:
        (folder / "PG_VERSION.away").rename(folder / "PG_VERSION")


def test_start_that_is_cancelled_leaves_a_folder_that_starts(tmp_path):
    postgres = EmbeddedPostgres(tmp_path / "postgres")
    canceller = threading.Thread(
        target=lambda: (wait_until((tmp_path / "postgres" / ".half-made").exists), postgres.cancel())
    )
    canceller.start()
    with pytest.raises(StartCancelledError):
        postgres.start()
    canceller.join()
    assert {path.name for path in (tmp_path / "postgres").iterdir()} <= {"autotune.lock", "autotune-postgres.lock"}
    postgres.stop()


async def test_reused_pid_of_a_power_cut_stops_nobody_and_the_folder_starts(make, folder, runner, open_folder):
    """The number in the file is now that of another program of the same user, one that is named like a server."""
    program = open_folder / "postgres"
    program.write_text("#!/bin/sh\necho started\nread line\n")
    program.chmod(0o755)
    await asyncio.to_thread((postgres := make()).start)
    left_behind = (folder / "postmaster.pid").read_text().split("\n")
    await asyncio.to_thread(postgres.stop)
    with started([str(program)], cwd=open_folder, **runner.switch) as other:
        file = folder / "postmaster.pid"
        file.write_text("\n".join([str(other.pid), *left_behind[1:]]))
        file.chmod(0o600)
        os.chown(file, runner.uid, runner.gid)
        assert await ask(await asyncio.to_thread(make().start), "SELECT 1") == 1
        assert other.poll() is None


def test_server_that_autotune_did_not_start_is_left_alone(make, folder):
    """A server without our lock, as one that somebody started by hand."""
    program = folder / "postgres"
    program.write_text("#!/bin/sh\necho started\nread line\n")
    program.chmod(0o755)
    (folder / "postmaster.pid").write_text("1\n")
    try:
        with started([str(program), "-D", str(folder)], cwd=folder) as other:
            with pytest.raises(UnavailableError, match=f"did not start, process {other.pid}: stop that one"):
                make().start()
            assert other.poll() is None
    finally:
        program.unlink()
        (folder / "postmaster.pid").unlink()
