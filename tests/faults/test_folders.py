"""The data folder and the Postgres in it: one owner, whoever else sees the folder, and a server that comes back."""

import os
import shutil
import signal
import subprocess
import sys
from uuid import uuid4

import psutil
import pytest
from rounds import history, make, until_answered

from processes import environment, is_gone, run_autotune, wait_until
from support import GUESS

ELSEWHERE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--ipc")
"""As another container or machine: with processes, numbers of processes and shared memory of its own."""


def server_of(data):
    return psutil.Process(int((data / "postgres" / "postmaster.pid").read_text().split()[0]))


def tell(client, exp_uuid, response, within_s=15):
    body = {"covars": GUESS, "response": response}
    return until_answered(client, f"/experiment/tell/{exp_uuid}", body, uuid4().hex, within_s).status_code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_first_start_that_is_stopped_ends_quietly_and_the_folder_starts_the_next_time(start_service, tmp_path, number):
    command = [sys.executable, "-m", "autotune_service.cli", "serve", "--no-worker", "--port", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(
        [*command, "--data", str(tmp_path / "data")], env=environment(), start_new_session=True, text=True, **pipes
    )
    wait_until((tmp_path / "data" / "postgres" / ".half-made").exists)
    os.killpg(process.pid, number)  # as a terminal does
    said, errors = process.communicate(timeout=30)
    if number == signal.SIGKILL:
        start_service("--no-worker")
    else:
        assert (process.returncode, said, errors) == (0, "Stopped before the database had started.\n", "")


def test_command_that_is_stopped_leaves_no_postgres_behind(tmp_path):
    """As by `timeout` or a supervisor."""
    command = [sys.executable, "-m", "autotune_service.cli", "migrate", "--data", str(tmp_path / "data")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, env=environment(), text=True, **pipes)
    file = tmp_path / "data" / "postgres" / "postmaster.pid"
    wait_until(lambda: file.exists() and file.read_text())
    server = server_of(tmp_path / "data")
    process.terminate()
    said, errors = process.communicate(timeout=30)
    assert is_gone(server.pid)
    assert (process.returncode, said, errors) == (1, "", "Aborted!\n")


def test_promise_33_killed_postgres_comes_back_without_a_hand(start_service, tmp_path, times):
    service = start_service("--no-worker")
    with service.client() as client:
        exp_uuid = make(client)
        n_rounds = times(1, 20)
        for n in range(n_rounds):
            assert tell(client, exp_uuid, 2.0 * n) == 202
            server = server_of(tmp_path / "data")
            processes = [server, *server.children()]
            for process in processes if n % 2 == 0 else processes[:1]:
                process.kill()
            assert tell(client, exp_uuid, 2.0 * n + 1) == 202
            assert server_of(tmp_path / "data").pid != server.pid
        assert [run["response"] for run in history(client, exp_uuid)] == [float(n) for n in range(2 * n_rounds)]
    assert service.stop() == 0


def test_promise_41_second_start_is_refused_and_touches_nothing(start_service, tmp_path):
    data = tmp_path / "data"
    service = start_service("--no-worker")
    holder = f"is in use by `autotune serve`, process {service.pid} on host {os.uname().nodename} since"
    server, held = server_of(data).pid, (data / "postgres" / "postmaster.pid").read_bytes()
    serve = [sys.executable, "-m", "autotune_service.cli", "serve", "--no-worker", "--port", "0", "--data"]
    link = tmp_path / "link"
    link.symlink_to(data)
    starts = [[*serve, str(link)]]
    if subprocess.run([*ELSEWHERE, "true"], capture_output=True, check=False).returncode == 0:
        starts.append([*ELSEWHERE, *serve, str(data)])
    for start in starts:
        second = subprocess.run(start, env=environment(), capture_output=True, text=True, timeout=60, check=False)
        assert second.returncode == 1
        assert holder in second.stderr
        assert second.stderr.count("\n") == 1
        assert (data / "postgres" / "postmaster.pid").read_bytes() == held
    assert server_of(data).pid == server
    # Commands that share the folder do so.
    assert run_autotune("backup", str(tmp_path / "one.backup"), "--data", str(data)).returncode == 0
    with service.client() as client:
        assert client.get("/experiment/all").status_code == 200
    assert server_of(data).pid == server


def test_promise_41_copied_folder_is_another_database(start_service, tmp_path):
    """A copy has the lock's file and the pid file of the original, whose server runs."""
    service = start_service("--no-worker")
    with service.client() as client:
        make(client)
        subprocess.run(["cp", "-a", str(tmp_path / "data"), str(tmp_path / "copy")], check=True)
        copy = start_service("--no-worker", data=tmp_path / "copy")
        with copy.client() as other:
            make(other)
            assert len(other.get("/experiment/all").json()["experiments"]) == 2
        assert len(client.get("/experiment/all").json()["experiments"]) == 1
        assert copy.stop() == 0
        assert tell(client, make(client), 1.0) == 202
    shutil.rmtree(tmp_path / "copy")


def test_promise_41_reused_pid_of_another_service_stops_nobody(start_service, tmp_path):
    """After a power cut the number in the folder's pid file is that of another service's server."""
    service = start_service("--no-worker", data=tmp_path / "other")
    server = server_of(tmp_path / "other")
    run_autotune("migrate", "--data", str(tmp_path / "data"))
    file = tmp_path / "data" / "postgres" / "postmaster.pid"
    shutil.copy(tmp_path / "other" / "postgres" / "postmaster.pid", file)
    owner = file.parent.stat()
    os.chown(file, owner.st_uid, owner.st_gid)
    cut = start_service("--no-worker")
    assert cut.stop() == 0
    assert not is_gone(server.pid)
    with service.client() as client:
        assert tell(client, make(client), 1.0) == 202
