import dataclasses
import os
import signal
import subprocess
import sys

import pytest

from autotune_service.store.embedded.lock import FileLock, Holder


@pytest.fixture
def make_lock(tmp_path, me):
    locks = []

    def make():
        locks.append(FileLock(tmp_path / "lock", me.uid, me.gid))
        return locks[-1]

    yield make
    for lock in locks:
        lock.close()


@pytest.fixture
def run():
    """Run Python code in a process that ends with the test; give it once it has said something."""
    processes = []

    def start(code, **options):
        command = [sys.executable, "-c", f"{code}\nprint('ready', flush=True)\nimport sys\nsys.stdin.read()"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        processes.append(subprocess.Popen(command, **pipes, **options))
        assert processes[-1].stdout.readline() == b"ready\n"
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_lock_excludes_a_second_one_of_the_same_process(make_lock):
    first, second = make_lock(), make_lock()
    assert first.take()
    assert not second.take()
    assert first.take(), "whoever has it has it"


def test_lock_excludes_and_is_excluded_by_ordinary_locks_of_other_processes(make_lock, run, tmp_path):
    """A peer of another system locks this way, and over NFS all locks become such ones."""
    lock = make_lock()
    take = (
        f"import fcntl; file = open({str(tmp_path / 'lock')!r}, 'r+'); fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)"
    )
    peer = run(take)
    assert not lock.take()
    peer.kill()
    peer.wait()
    assert lock.take()
    refused = subprocess.run([sys.executable, "-c", take], capture_output=True, text=True, check=False)
    assert "BlockingIOError" in refused.stderr


def test_lock_is_held_as_long_as_a_child_lives_that_has_it(make_lock, run, tmp_path, me):
    first, second = FileLock(tmp_path / "lock", me.uid, me.gid), make_lock()
    assert first.take()
    child = run("", pass_fds=(first.descriptor,))
    first.close()
    assert not second.take()
    child.kill()
    child.wait()
    assert second.take()


def test_link_in_the_place_of_a_lock_is_not_followed(tmp_path, me):
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        FileLock(tmp_path / "lock", me.uid, me.gid)
    assert not (tmp_path / "elsewhere").exists()


def test_holder_is_read_as_it_was_written(make_lock):
    holder = Holder.of_this_process("autotune serve")
    lock = make_lock()
    lock.write("something longer than what comes after it, which must leave nothing behind" * 10)
    lock.write(holder.text)
    assert Holder.read(make_lock().read()) == holder
    assert holder.is_here
    assert f"`autotune serve`, process {os.getpid()} on host {os.uname().nodename} since " in str(holder)


def test_holder_of_a_former_version_is_read():
    text = '{"command": "autotune serve", "pid": 7, "host": "here", "boot_id": "1", "since": "noon"}'
    assert Holder.read(text) == Holder("autotune serve", 7, "here", "1", "noon")


def test_holder_lives_as_long_as_its_own_process():
    code = """
from autotune_service.store.embedded.lock import Holder
print(Holder.of_this_process("autotune serve").text.encode().hex(), flush=True)
input()
"""
    me = Holder.of_this_process("autotune serve")
    assert me.lives
    assert not dataclasses.replace(me, started="1").lives, "the number is another process's now"
    assert dataclasses.replace(me, pid_namespace="pid:[1]").lives is None
    assert dataclasses.replace(me, boot_id="another boot").lives is None
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1) as process:
        other = Holder.read(bytes.fromhex(process.stdout.readline().decode()).decode())
        assert other.lives
        process.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not other.lives, "its parent has not waited for it yet"
    assert not other.lives


def test_file_is_in_place_until_it_is_deleted_or_replaced(make_lock, tmp_path):
    lock = make_lock()
    assert lock.is_in_place
    (tmp_path / "lock").unlink()
    assert not lock.is_in_place
    (tmp_path / "lock").touch()
    assert not lock.is_in_place


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"command": "autotune serve"}'])
def test_holder_that_is_not_written_to_its_end_is_nobody(text):
    assert Holder.read(text) is None


def test_holder_of_another_machine_is_not_here():
    holder = Holder.of_this_process("autotune serve")
    assert not Holder(holder.command, holder.pid, holder.host, "another boot", holder.since).is_here
