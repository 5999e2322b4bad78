"""`autotune token`, as the operator types it."""

import asyncio
import json

import pytest
from click.testing import CliRunner

from autotune_service.commands.tokens import tokens
from autotune_service.tuning.audit import read_audit
from autotune_wire.access import AuditQuery
from calling import get
from processes import run_autotune

ADA = "ada@example.org"


@pytest.fixture
def autotune_token(database_url):
    async def run(*arguments):
        return await asyncio.to_thread(run_autotune, "token", *arguments, AUTOTUNE_DATABASE_URL=database_url)

    return run


async def test_token_is_made_for_an_account_and_revoked(autotune_token, client, headers, store, sessions):
    made = await autotune_token("add", "Ada@Example.org", "robot", "--scopes", "read, tell", "--expires-in-days", "30")
    assert made.returncode == 0, made.stderr
    robot = {"Authorization": f"Bearer {made.stdout.strip()}"}
    assert (await get(client, "/experiment/all", robot))[0] == 200
    listed = (await autotune_token("list", ADA)).stdout.split("\t")
    assert (listed[:2], listed[2][:10], listed[3][:5]) == (["robot", "read,tell"], "expires 20", "used ")
    assert made.stdout.strip() not in listed
    (described,) = map(json.loads, (await autotune_token("list", ADA, "--json")).stdout.splitlines())
    assert (described["name"], described["scopes"], "token" in described) == ("robot", ["read", "tell"], False)
    assert (await autotune_token("revoke", ADA, "robot")).stdout == "robot is revoked.\n"
    sessions.forget()
    assert (await get(client, "/experiment/all", robot))[0] == 401
    page = await read_audit(store, AuditQuery(limit=2))
    assert [(one.action, one.way, one.by, one.account) for one in page.entries] == [
        ("token_revoked", "command", None, ADA),
        ("token_created", "command", None, ADA),
    ]


async def test_token_of_nobody_is_not_made(autotune_token):
    ended = await autotune_token("add", "eve@example.org", "robot", "--scopes", "read")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "eve@example.org has no account" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", ADA, "robot"), "Missing option '--scopes'"),
        (("add", ADA, "robot", "--scopes", "fly"), "scopes.0: must be 'read', 'tell', 'write' or 'admin'"),
        (("add", ADA, "robot", "--scopes", "read", "--experiment", "x"), "experiments.0: "),
        (("add", ADA, "robot", "--scopes", "read", "--expires-in-days", "0"), "is not in the range"),
        (("revoke", ADA), "Missing argument 'TOKEN'"),
    ],
)
def test_command_that_is_typed_wrong_says_why(arguments, said):
    ended = CliRunner().invoke(tokens, arguments)
    assert ended.exit_code == 2
    assert said in ended.output
