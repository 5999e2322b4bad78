"""Several processes of one user: forked children, workers that get a pickled client, a script in three terminals."""

import multiprocessing
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import user_processes

import autotune
from processes import DEV_USER, ServiceProcess, environment

WITHIN_S = 120
SPACE = {"i": {"vtype": "int", "guess": 1, "min": 0, "max": 10_000}}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    process = ServiceProcess(tmp_path_factory.mktemp("processes") / "data").start()
    yield process
    process.close()


@pytest.fixture
def client(service):
    with autotune.connect(service.url, **DEV_USER) as client:
        yield client


def _counted(experiment) -> Counter[int]:
    return Counter(observation.covars["i"] for observation in experiment.observations())


def test_promise_42_forked_children_and_pickled_clients_get_their_own_answers(client, monkeypatch, times):
    experiment = client.new("forks", SPACE)
    tell = partial(user_processes.tell, experiment)
    n_rounds = times(2, 6)
    for n in range(n_rounds):
        experiment.state()  # leaves a connection open in the parent, which goes on with it below
        with multiprocessing.get_context("fork").Pool(4) as pool:
            answers = pool.map_async(tell, range(n * 40, n * 40 + 40), chunksize=1)
            experiment.state()
            assert answers.get(WITHIN_S) == [(i, i, float(i)) for i in range(n * 40, n * 40 + 40)]
    monkeypatch.setenv("AUTOTUNE_USERNAME", DEV_USER["username"])
    monkeypatch.setenv("AUTOTUNE_PASSWORD", DEV_USER["password"])
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(tell, range(1000, 1010), timeout=WITHIN_S)) == [
            (i, i, float(i)) for i in range(1000, 1010)
        ]
        with pytest.raises(autotune.NotFoundError):
            pool.submit(user_processes.fetch_nothing, client).result(WITHIN_S)
    assert _counted(experiment) == Counter([*range(n_rounds * 40), *range(1000, 1010)])


def test_promise_43_script_in_three_terminals_repeats_nothing_and_goes_on_after_a_kill(
    service, client, tmp_path, times
):
    experiment = client.new("terminals", SPACE, seed=1)
    variables = {f"AUTOTUNE_{name.upper()}": value for name, value in {"url": service.url, **DEV_USER}.items()}

    def start(n: int, *hang_at: str) -> subprocess.Popen[str]:
        command = [sys.executable, user_processes.__file__, str(experiment.exp_uuid), str(n), *hang_at]
        own = environment(**variables, TMPDIR=str(tmp_path), PYTHONPATH=os.environ.get("PYTHONPATH", ""))
        return subprocess.Popen(command, env=own, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent)

    n_runs = times(3, 30)
    killed, *others = [start(n_runs, "2"), start(n_runs), start(n_runs)]
    said = [script.stdout.readline().split() for script in others]  # all have begun
    said += [killed.stdout.readline().split() for _ in range(3)]  # a whole run, and the next one begins
    killed.kill()
    killed.wait()
    again = start(n_runs)
    scripts = [again, *others]
    outputs = [[line.split() for line in script.stdout] for script in scripts]
    assert [script.wait(WITHIN_S) for script in scripts] == [0, 0, 0]
    assert outputs[0][0] == said[-1]  # the suggestion came back to the script, long before its lease would have ended
    ran = Counter(int(i) for what, i in [*said, *(line for output in outputs for line in output)] if what == "ran")
    assert sum(ran.values()) == 3 * n_runs + 1
    assert (max(ran.values()), _counted(experiment)) == (1, ran)
