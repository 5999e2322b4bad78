"""The command as an assistant starts it: a process on pipes, or on a port of this machine."""

import re
import socket
import subprocess
import sys

import httpx2
import pytest
from agent_side import call, refusal
from click.testing import CliRunner
from mcp import Client as AgentClient
from mcp import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from autotune.agents.command import mcp
from autotune_cli.main import main
from processes import environment, wait_until

SETTINGS = [f"AUTOTUNE_{name}" for name in ("URL", "TOKEN", "USERNAME", "PASSWORD")]
PROGRAM = "import autotune.agents.command as command; command.TIMEOUT_S = {timeout_s}; command.mcp()"


def started(*arguments, timeout_s=30.0, **variables):
    """The command, as an assistant starts it."""
    program = PROGRAM.format(timeout_s=timeout_s)
    return [sys.executable, "-c", program, *arguments], environment(**variables)


def on_pipes(log, *arguments, **options):
    (program, *own), variables = started(*arguments, **options)
    return AgentClient(stdio_client(StdioServerParameters(command=program, args=own, env=variables), errlog=log))


async def test_process_on_pipes_serves_and_shows_its_token_nowhere(service, token_of, brownies, tmp_path):
    token = token_of("tell")
    (tmp_path / "mcp.token").write_text(token + "\n")
    log = (tmp_path / "log").open("w+")
    async with on_pipes(log, "--url", service.url, "--token-file", str(tmp_path / "mcp.token")) as client:
        asked, text = await call(client, "ask", experiment=str(brownies.exp_uuid))
        uuid = asked["suggestions"][0]["suggestion_uuid"]
        told, said = await call(client, "tell", experiment=str(brownies.exp_uuid), suggestion_uuid=uuid, response=3.0)
        refused = await refusal(client, "new_experiment", experiment={"name": "n", "covars": {}})
        assert told["run"]["tags"] == ["mcp"]
        assert "covars" in refused
    log.seek(0)
    assert token not in text + said + refused + log.read()


async def test_service_that_is_away_is_a_tool_error_and_the_server_goes_on(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    log = (tmp_path / "log").open("w+")
    secret = "at_secret_of_the_user"
    async with on_pipes(log, "--url", address, timeout_s=0.5, AUTOTUNE_TOKEN=secret) as client:
        for _ in range(2):
            said = await refusal(client, "list_experiments")
            assert f"cannot reach the service at {address}" in said
            assert secret not in said
    log.seek(0)
    assert secret not in log.read()


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        ((), {}, "no credentials"),
        (("--url", "nowhere"), {"AUTOTUNE_TOKEN": "t"}, "'nowhere' is no address of a service"),
        (("--name", "a,b"), {"AUTOTUNE_TOKEN": "t"}, "'a,b' must be 1 to 40 visible characters without commas"),
        (("--experiment", "brownies"), {"AUTOTUNE_TOKEN": "t"}, "'brownies' is not a valid UUID"),
        (("--http", "8009"), {"AUTOTUNE_USERNAME": "a", "AUTOTUNE_PASSWORD": "b"}, "--http needs AUTOTUNE_TOKEN"),
    ],
)
def test_wrong_use_of_the_command_is_said_and_ends_it(arguments, variables, said):
    ended = CliRunner().invoke(mcp, arguments, env={**dict.fromkeys(SETTINGS), **variables})
    assert ended.exit_code == 2
    assert said in ended.stderr


def test_command_is_one_of_all_commands():
    helped = CliRunner().invoke(main, ["mcp", "--help"])
    assert helped.exit_code == 0
    assert helped.output.startswith("Usage: main mcp [OPTIONS]")
    assert "--token-file" in helped.output


def test_command_without_the_package_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if re.match(r"mcp(\.|$)|autotune\.agents\.", name)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp", None)
    ended = CliRunner().invoke(main, ["mcp"])
    assert ended.exit_code == 1
    assert "pip install 'autotune-bo[mcp]'" in ended.stderr


@pytest.fixture
def served(service, token_of):
    """The address of a server on a port of this machine, and its token."""
    token = token_of("tell")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command, variables = started("--http", str(port), AUTOTUNE_URL=service.url, AUTOTUNE_TOKEN=token)
    with subprocess.Popen(command, env=variables, stderr=subprocess.PIPE) as process:
        address = f"http://127.0.0.1:{port}/mcp"
        wait_until(lambda: _answers(address))
        yield address, token
        process.terminate()


async def test_port_answers_only_who_bears_the_same_token(served, brownies):
    address, token = served
    hello = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    async with httpx2.AsyncClient(timeout=30) as stranger:
        for headers in ({}, {"Authorization": "Bearer other"}, {"Authorization": token}):
            assert (await stranger.post(address, json=hello, headers=headers)).status_code == 401
    bearing = httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=30)
    async with bearing, AgentClient(streamable_http_client(address, http_client=bearing)) as client:
        described, _ = await call(client, "describe_experiment", experiment=str(brownies.exp_uuid))
    assert described["experiment"]["name"] == "brownies"


def _answers(address: str) -> bool:
    try:
        httpx2.get(address)
    except httpx2.ConnectError:
        return False
    return True
