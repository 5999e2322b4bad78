"""The loop from a shell, on a real service that all these tests share."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator

import pytest
from click.testing import CliRunner

from autotune_cli.main import main
from processes import DEV_USER, ServiceProcess, environment, run_autotune
from service_fixtures import Cluster

BUDGET = 5


@pytest.fixture(scope="module")
async def shared_database(cluster: Cluster, template: str) -> AsyncIterator[str]:
    async with cluster.database(template) as url:
        yield url


@pytest.fixture(scope="module")
def service(shared_database, tmp_path_factory):
    process = ServiceProcess(tmp_path_factory.mktemp("shell") / "data", AUTOTUNE_DATABASE_URL=shared_database)
    yield process.start()
    process.close()


@pytest.fixture(scope="module")
def variables(service):
    # A token, as a robot has it: the check of a password takes longer than most of these commands.
    with service.client() as client:
        reply = client.post("/auth/tokens", json={"name": "shell", "scopes": ["write"]})
    return {"AUTOTUNE_URL": service.url, "AUTOTUNE_TOKEN": reply.json()["token"]}


@pytest.fixture
def autotune(variables):
    """Run a command in this process, which is faster; the shell's own way is in the test of the page."""

    def run(*arguments, typed=None, **others):
        return CliRunner().invoke(main, arguments, input=typed, env={**variables, **others})

    return run


def new(autotune, name, *more):
    made = autotune("new", name, "minutes=15..45 int", "oven=a|b", "--max", "taste", "--seed", "1", *more)
    assert made.exit_code == 0, made.output
    return made.stdout.strip()


def test_shell_loop_of_the_page_runs_as_it_is_printed(root, variables, tmp_path):
    section = (
        (root / "docs" / "command-line.md").read_text().partition("## The loop in a shell")[2].partition("\n## ")[0]
    )
    blocks = [textwrap.dedent(block) for block in re.findall(r"(?:^ {4}.+\n)+", section, re.MULTILINE)]
    (run,) = [block for block in blocks if block.startswith("#!/bin/sh")]
    program = f'#!/bin/sh\nexec "{sys.executable}" -m autotune_cli "$@"\n'
    for name, text in (("run.sh", run), ("bin/autotune", program)):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
    script = "\n".join(block for block in blocks if block != run).replace("--budget 30", f"--budget {BUDGET}")
    path = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path, env=environment(**variables, **path), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("told ") == BUDGET
    assert "failed: it burnt" in ended.stdout
    stopped, nothing = ended.stderr.splitlines()[-2:]
    assert f"has stopped: {BUDGET} runs were told, the budget is {BUDGET}" in stopped
    assert nothing == "Error: nothing to tell: no line came on the standard input"


def test_pipe_that_is_run_again_tells_nothing_twice(autotune):
    new(autotune, "twice")
    taken = autotune("ask", "twice", "-n", "2", "--json").stdout.splitlines()
    lines = "\n".join(json.dumps(json.loads(text) | {"response": 8.0}) for text in taken)
    first = autotune("tell", "twice", "-", "--json", typed=lines)
    again = autotune("tell", "twice", "-", "--json", typed=lines)
    assert (first.exit_code, first.stderr, again.exit_code) == (0, "", 0)
    assert first.stdout == again.stdout
    assert again.stderr.count("told before") == 2
    other = autotune("tell", "twice", "-", typed=json.dumps(json.loads(taken[0]) | {"response": 9.0}))
    assert (other.exit_code, "told already" in other.stderr) == (6, True), other.stderr
    assert len(autotune("history", "twice", "--json").stdout.splitlines()) == 2


def test_value_that_only_the_service_can_refuse_is_a_usage_error(autotune):
    new(autotune, "refused")
    ended = autotune("tell", "refused", "-", typed='{"covars": {"minutes": 20, "oven": "c"}, "response": 1}')
    assert ended.exit_code == 2
    assert ended.stderr == "Error: line 1: covars.oven: must be one of a, b (given: 'c')\n"


def test_watch_prints_events_from_where_it_is_told_to(autotune):
    new(autotune, "watched")
    autotune("tell", "watched", "minutes=30", "oven=a", "taste=8.5")
    shown = autotune("watch", "watched", "--after", "2", "-n", "1")
    assert shown.exit_code == 0, shown.output
    assert re.fullmatch(r"[-0-9: ]{19}      3  observation added       minutes=30, oven=a; taste 8.5\n", shown.stdout)
    (event,) = map(json.loads, autotune("watch", "watched", "--after", "2", "-n", "1", "--json").stdout.splitlines())
    assert (event["seq"], event["type"], event["data"]["response"]) == (3, "observation_added", 8.5)


def test_watch_of_what_comes_ends_with_ctrl_c_without_a_word(autotune, variables):
    new(autotune, "followed")
    command = [sys.executable, "-m", "autotune_cli", "watch", "followed"]
    watching = subprocess.Popen(
        command, env=environment(**variables), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        told = 0
        while watching.poll() is None and not told:
            # It watches from when it has read the experiment: what is told before then is none of its events.
            autotune("tell", "followed", "minutes=30", "oven=a", "taste=8.5")
            told = bool(line_of(watching.stdout, 1.0))
        watching.send_signal(signal.SIGINT)
        _, errors = watching.communicate(timeout=30)
    finally:
        watching.kill()
    assert (watching.returncode, errors.strip()) == (0, "")


def line_of(stream, within_s):
    readable, _, _ = select.select([stream], [], [], within_s)
    return stream.readline() if readable else ""


def test_history_is_a_table_that_import_reads(autotune, tmp_path):
    new(autotune, "looked at")
    autotune("tell", "looked at", "minutes=30", "oven=a", "taste=8.5")
    autotune("tell", "looked at", "minutes=45", "oven=b", "status=failed", "failed_because=burnt")
    table = autotune("history", "looked at", "--csv").stdout
    assert table.splitlines()[0] == "id,minutes,oven,taste,status,failed_because,told_by,time_created"
    new(autotune, "taken over")
    for n_told in (2, 0):
        ended = autotune("import", "-", "--into", "taken over", typed=table)
        assert (ended.exit_code, ended.stdout) == (0, f"{n_told} runs told\n")
    shown = autotune("history", "taken over").stdout.splitlines()
    assert [row.split()[:4] for row in shown[1:]] == [["1", "30", "a", "8.5"], ["2", "45", "b", "failed"]]


def test_experiment_that_is_moved_suggests_the_same(autotune, tmp_path):
    uuid = new(autotune, "moved")
    autotune("tell", uuid, "minutes=30", "oven=a", "taste=8.5")
    before = autotune("ask", uuid, "--json").stdout
    file = tmp_path / "all.json"
    assert autotune("export", uuid, str(file)).exit_code == 0
    refused = autotune("export", uuid, str(file))
    assert (refused.exit_code, "exists already" in refused.stderr) == (2, True)
    piped = autotune("export", uuid, "-").stdout
    for ended in (autotune("import", str(file), "--json"), autotune("import", "-", "--json", typed=piped)):
        assert ended.exit_code == 0, ended.output
        copy = json.loads(ended.stdout)["exp_uuid"]
        assert copy != uuid
        after = json.loads(autotune("ask", copy, "--json").stdout)
        assert after["covars"] == json.loads(before)["covars"]


def test_large_import_is_followed_to_its_end(autotune, tmp_path):
    """A document of more than 1 MB is answered before it is imported."""
    uuid = new(autotune, "large")
    header = "minutes,oven,taste,status,failed_because"
    rows = "\n".join(f"{15 + n % 30},a,,failed,{'x' * 600}" for n in range(1200))
    told = autotune("import", "-", "--into", uuid, "--json", typed=f"{header}\n{rows}\n")
    assert (told.exit_code, json.loads(told.stdout)["told"]) == (0, 1200), told.output
    file = tmp_path / "large.json"
    autotune("export", uuid, str(file))
    assert file.stat().st_size > 2**20
    ended = autotune("import", str(file))
    assert (ended.exit_code, "importing" in ended.stderr) == (0, True)
    assert json.loads(autotune("list", "--json", "-n", "1").stdout)["runs"] == 1200


def test_demo_is_an_experiment_with_runs(autotune):
    ended = autotune("demo", "--runs", "3", "--json")
    assert ended.exit_code == 0, ended.output
    assert "3 of 3 told" in ended.stderr
    uuid = json.loads(ended.stdout)["exp_uuid"]
    assert len(autotune("history", uuid, "--json").stdout.splitlines()) == 3


def test_token_that_may_only_read_may_not_tell(autotune, shared_database):
    new(autotune, "guarded")
    made = run_autotune(
        "token", "add", DEV_USER["username"], "reader", "--scopes", "read", "--json",
        AUTOTUNE_DATABASE_URL=shared_database,
    )  # fmt: skip
    token = json.loads(made.stdout)["token"]
    assert json.loads(autotune("list", "--json", "-n", "1", AUTOTUNE_TOKEN=token).stdout)["name"] == "guarded"
    told = autotune("tell", "guarded", "minutes=30", "oven=a", "taste=1", AUTOTUNE_TOKEN=token)
    assert (told.exit_code, told.stdout) == (5, "")
