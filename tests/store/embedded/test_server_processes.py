import os
import subprocess
import sys

import pytest

from autotune_service.store.embedded.processes import OWN_FOLDER, PidFile, is_same, postmaster_in, servers_in

WHOLE = "4711\n{folder}\n1790000000\n5432\n/run/sockets\n\n  1234 5\nready   \n"


@pytest.mark.parametrize("folder", ["/data/postgres", "/data\nof us/postgres"])
def test_pid_file_is_read_where_postgres_writes(tmp_path, folder):
    """Postgres counts lines: it writes the socket into the fifth one, whatever the folder's name has put there."""
    lines = WHOLE.format(folder=folder).split("\n")
    lines[4:] = ["/run/sockets", "", "  1234 5", "ready   ", ""]
    (tmp_path / "postmaster.pid").write_text("\n".join(lines))
    assert PidFile.read(tmp_path) == PidFile(4711, "/run/sockets", "ready")


@pytest.mark.parametrize("text", [None, "", "4711\n", "word\n" * 9])
def test_pid_file_that_is_missing_or_not_whole_says_nothing(tmp_path, text):
    if text is not None:
        (tmp_path / "postmaster.pid").write_text(text)
    assert PidFile.read(tmp_path) is None


@pytest.fixture
def start(tmp_path):
    """Start a program named postgres that is none, in a folder."""
    program = tmp_path / "postgres"
    program.write_text("#!/bin/sh\necho started\nread line\n")
    program.chmod(0o755)
    processes = []

    def start(folder, *arguments):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        processes.append(subprocess.Popen([str(program), *arguments], cwd=folder, **pipes))
        assert processes[-1].stdout.readline() == b"started\n"
        return processes[-1].pid

    yield start
    for process in processes:
        process.communicate()


def test_servers_of_a_folder_are_those_that_work_in_it(tmp_path, start):
    ours, others = tmp_path / "ours", tmp_path / "others"
    ours.mkdir()
    others.mkdir()
    backend, server = start(ours), start(ours, "-D", str(ours), "-p", "1")
    start(others, "-D", str(ours))
    start(others, "-D", str(others))
    assert {process.pid for process in servers_in(ours)} == {backend, server}
    assert postmaster_in(ours).pid == server


def test_folder_that_is_only_named_alike_has_no_server(tmp_path, start):
    (tmp_path / "ours").mkdir()
    start(tmp_path, "-D", str(tmp_path))
    assert servers_in(tmp_path / "ours") == []
    assert postmaster_in(tmp_path / "ours") is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_path_is_read_as_its_process_means_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_same(OWN_FOLDER, tmp_path, os.getpid())
    assert not is_same(OWN_FOLDER, tmp_path, os.getppid())
    assert is_same(f"{tmp_path}/.", tmp_path, os.getppid())
    assert not is_same("/nowhere", tmp_path, os.getpid())
