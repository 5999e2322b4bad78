"""Users' own clusters, with a real service: workers that are processes, and a program that is killed and run again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from processes import environment
from support import SPACE

PROGRAM = Path(__file__).with_name("tuning_program.py")
N = 8


@pytest.mark.parametrize("kind", ["processes", "dask"])
def test_program_that_is_killed_goes_on_where_it_was(start_service, tmp_path, kind):
    service = start_service()
    with service.client() as client:
        new = {"name": "cluster", "covars": SPACE, "seed": 1}
        exp_uuid = client.post("/experiment/new", json=new).json()["exp_uuid"]
        history = f"/experiment/{exp_uuid}/history?limit=1000"
        variables = {"AUTOTUNE_URL": service.url, "AUTOTUNE_TOKEN": client.headers["Authorization"].split()[1]}

        def run(n):
            command = [sys.executable, str(PROGRAM), exp_uuid, str(n), kind]
            return subprocess.Popen(
                command, env=environment(**variables), cwd=tmp_path, stdout=subprocess.PIPE, start_new_session=True
            )

        with run(100) as first:
            assert [first.stdout.readline() for _ in range(3)] == [b"told\n"] * 3
            os.killpg(first.pid, signal.SIGKILL)  # with its workers
        n_before = len(client.get(history).json()["observations"])
        with run(N) as second:
            assert second.wait(120) == 0
        observed = client.get(history).json()["observations"]
    assert n_before >= 3
    assert n_before + N <= len(observed) <= n_before + N + 2  # the killed one may have sent two more tells
    suggestions = [one["suggestion_uuid"] for one in observed]
    assert None not in suggestions
    assert len(set(suggestions)) == len(suggestions)
    assert all(one["response"] == one["covars"]["weight"] for one in observed)
