"""`autotune group`, as the operator types it."""

import asyncio
import json

import pytest
from click.testing import CliRunner

from autotune_service.commands.groups import groups
from autotune_service.tuning.audit import read_audit
from autotune_wire.access import AuditQuery
from processes import run_autotune

ADA = "ada@example.org"


@pytest.fixture
def autotune_group(database_url, user_uuid):
    async def run(*arguments):
        return await asyncio.to_thread(run_autotune, "group", *arguments, AUTOTUNE_DATABASE_URL=database_url)

    return run


async def test_group_is_made_filled_and_deleted(autotune_group, store):
    assert (await autotune_group("add", "Ada@Example.org", "bench")).returncode == 0
    joined = await autotune_group("join", ADA, "bench", "Eve@example.org", "bob@example.org")
    assert (joined.returncode, joined.stdout) == (0, "eve@example.org, bob@example.org joined bench.\n")
    assert (await autotune_group("leave", ADA, "bench", "bob@example.org")).returncode == 0
    (listed,) = map(json.loads, (await autotune_group("list", ADA, "--json")).stdout.splitlines())
    assert (listed["name"], listed["owner"], listed["emails"]) == ("bench", ADA, ["eve@example.org"])
    assert (await autotune_group("delete", ADA, "bench")).stdout == "The group bench is deleted.\n"
    page = await read_audit(store, AuditQuery())
    assert [(one.action, one.way, one.by) for one in page.entries] == [
        (action, "command", ADA)
        for action in ("group_deleted", "group_left", "group_joined", "group_joined", "group_created")
    ]


async def test_group_or_person_that_is_not_there_is_named(autotune_group):
    ended = await autotune_group("join", ADA, "nobody's", "eve@example.org")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert 'ada@example.org owns no group "nobody\'s": see autotune group list ada@example.org' in ended.stderr
    assert "eve@example.org has no account" in (await autotune_group("list", "eve@example.org")).stderr


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
