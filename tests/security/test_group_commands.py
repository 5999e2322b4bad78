"""`autotune group`, as the operator types it."""

import asyncio
import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from autotune_service.commands.groups import groups
from autotune_service.tuning.audit import read_audit
from autotune_wire.access import AuditQuery
from processes import environment, run_autotune

ADA = "ada@example.org"
IN_ONE_PROCESS = """
import json, sys
from autotune_service.commands.groups import groups
for arguments in json.loads(sys.argv[1]):
    groups(arguments, standalone_mode=False)
"""


def run_in_turn(commands, **variables):
    """Run several commands one after the other; most of what one takes is the start of its process."""
    command = [sys.executable, "-c", IN_ONE_PROCESS, json.dumps(commands)]
    return subprocess.run(
        command, env=environment(**variables), capture_output=True, text=True, timeout=180, check=False
    )


async def test_group_is_made_filled_and_deleted(database_url, user_uuid, store):
    commands = [
        ("add", "Ada@Example.org", "bench"),
        ("join", ADA, "bench", "Eve@example.org", "bob@example.org"),
        ("leave", ADA, "bench", "bob@example.org"),
        ("list", ADA),
        ("list", ADA, "--json"),
        ("delete", ADA, "bench"),
    ]
    ended = await asyncio.to_thread(run_in_turn, commands, AUTOTUNE_DATABASE_URL=database_url)
    assert ended.returncode == 0, ended.stderr
    made, joined, left, listed, described, deleted = ended.stdout.splitlines()
    assert "autotune group join Ada@Example.org bench EMAIL" in made
    assert [joined, left, deleted] == [
        "eve@example.org, bob@example.org joined bench.",
        "bob@example.org left bench.",
        "The group bench is deleted.",
    ]
    assert listed == f"bench\t{ADA}\teve@example.org"
    assert json.loads(described)["emails"] == ["eve@example.org"]
    page = await read_audit(store, AuditQuery())
    assert [(one.action, one.way, one.by, one.account) for one in page.entries if one.way == "command"] == [
        (action, "command", None, ADA)
        for action in ("group_deleted", "group_left", "group_joined", "group_joined", "group_created")
    ]


async def test_group_that_is_not_there_is_named(database_url, user_uuid):
    command = ("group", "join", ADA, "nobody's", "eve@example.org")
    ended = await asyncio.to_thread(run_autotune, *command, AUTOTUNE_DATABASE_URL=database_url)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert 'ada@example.org owns no group "nobody\'s": see autotune group list ada@example.org' in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", ADA, " "), "name: "),
        (("join", ADA, "bench"), "Missing argument 'EMAIL...'"),
        (("join", ADA, "bench", "eve"), "email: must be a mail address"),
    ],
)
def test_command_that_is_typed_wrong_says_why(arguments, said):
    ended = CliRunner().invoke(groups, arguments)
    assert ended.exit_code == 2
    assert said in ended.output
