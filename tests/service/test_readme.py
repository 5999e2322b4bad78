"""Every block of the README runs as it is printed, in order, but for the service's address."""

import json
import re
import subprocess
import textwrap
from pathlib import Path

import pytest
import websockets.sync.client
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from processes import DEV_USER

ADDRESS = "http://127.0.0.1:8008"
RUN_ELSEWHERE = {
    "Two commands": "what make prints, and make itself, which runs these tests",
    "Where the data are": "a Postgres of the reader's",
}
IN_PYTHON = ("Ten lines", "In a notebook", "In a program")
FILES = {
    "runs.csv": "eggs,cocoa,minutes,Response\n3,raw,40,0.5\n1,dutched,20,0.25\n",
    "earlier.csv": "a,b,c,strength,cost\n0.2,0.3,0.5,400,11\n",
}


def _blocks(root: Path) -> list[tuple[str, str]]:
    """Return the README's blocks in order, each with the heading above."""
    heading, found = "", []
    for part in re.split(r"\n(?=## )", (root / "README.md").read_text()):
        heading = part.partition("\n")[0].removeprefix("## ")
        blocks = re.findall(r"(?:^(?: {4}.*)?\n)+", part + "\n", re.MULTILINE)
        found += [(heading, textwrap.dedent(block).strip("\n") + "\n") for block in blocks if block.strip()]
    return found


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to work in, but for the files that the README speaks of."""
    place = tmp_path / "work"
    place.mkdir()
    for name, text in FILES.items():
        (place / name).write_text(text)
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def service(start_service, database_url, monkeypatch):
    service = start_service(AUTOTUNE_DATABASE_URL=database_url)
    monkeypatch.setenv("AUTOTUNE_URL", service.url)
    monkeypatch.setenv("AUTOTUNE_USERNAME", DEV_USER["username"])
    monkeypatch.setenv("AUTOTUNE_PASSWORD", DEV_USER["password"])
    return service


def _run_in_notebook(shell, block):
    result = shell.run_cell(block)
    assert result.success, block


def _run_in_bash(script, folder):
    """Run the shell's blocks as one script, as they share their variables, and return what the service sent."""
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"{script}\necho $EXP"],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    *replies, exp_uuid = ended.stdout.replace("}{", "}\n{").splitlines()
    return [json.loads(reply) for reply in replies if reply], exp_uuid


def _send(frames, service, exp_uuid):
    """Send the frames of a block with a token in place of the dots, and return the answers."""
    with service.client() as client:
        token = client.headers["Authorization"].removeprefix("Bearer ")
    url = f"{service.url.replace('http', 'ws')}/experiment/stream/{exp_uuid}"
    with websockets.sync.client.connect(url) as socket:
        answers = []
        for frame in frames.splitlines():
            socket.send(frame.replace('"..."', json.dumps(token)))
            wanted = json.loads(frame).get("id")
            while wanted is not None and not (answers and answers[-1].get("id") == wanted):
                answers.append(json.loads(socket.recv(30)))
        return [answer for answer in answers if "id" in answer]


def test_every_block_of_the_readme_runs_as_it_is_printed(root, service, folder):
    blocks = [(heading, block) for heading, block in _blocks(root) if heading not in RUN_ELSEWHERE]
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    for heading, block in blocks:
        if heading in IN_PYTHON:
            _run_in_notebook(shell, block.replace(ADDRESS, service.url))
    shell.magics_manager.registry["AutotuneMagics"].session.close()
    with_curl = [block for heading, block in blocks if heading == "With curl"]
    frames = [block for block in with_curl if block.startswith("{")]
    script = "\n".join(block for block in with_curl if block not in frames).replace(ADDRESS, service.url)
    replies, exp_uuid = _run_in_bash(script, folder)
    assert [reply.get("exp_uuid", exp_uuid) for reply in replies] == [exp_uuid] * 3
    assert replies[-1]["observations"][0]["response"] == 0.93
    [answer_to_ask, answer_to_tell] = _send(frames[0], service, exp_uuid)
    assert answer_to_ask["result"]["suggestions"]
    assert answer_to_tell["result"]["observations"][0]["response"] == 0.93
    assert {heading for heading, _ in blocks} == {*IN_PYTHON, "With curl"}
    assert (folder / "history.png").read_bytes().startswith(b"\x89PNG")
    assert len(frames) == 1


def test_every_target_of_make_that_the_readme_names_is_there(root):
    named = re.findall(r"^make (\w+)", "\n".join(block for _, block in _blocks(root)), re.MULTILINE)
    assert named == ["run", "test"]
    for target in named:
        ended = subprocess.run(["make", "-n", target], cwd=root, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
