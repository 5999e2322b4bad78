"""`autotune user`, as the operator types it."""

import asyncio
import json

import pytest
from click.testing import CliRunner

from autotune_service.commands.users import users
from autotune_service.domain.errors import UnauthenticatedError
from autotune_service.store.rows.users import add_user
from processes import run_autotune
from support import PASSWORD

BOSS = "boss@example.org"


@pytest.fixture
def autotune_user(database_url):
    async def run(*arguments, typed=""):
        command = ("user", *arguments)
        return await asyncio.to_thread(run_autotune, *command, typed=typed, AUTOTUNE_DATABASE_URL=database_url)

    return run


async def test_first_admin_is_made_and_can_be_locked_out(autotune_user, accounts):
    made = await autotune_user("add", "Boss@Example.org", "--admin", typed=f"{PASSWORD}\n")
    assert (made.returncode, made.stdout) == (0, f"{BOSS} can sign in and is an admin.\n")
    assert (await accounts.sign_in(BOSS, PASSWORD)).is_admin
    assert (await autotune_user("disable", BOSS)).returncode == 0
    with pytest.raises(UnauthenticatedError):
        await accounts.sign_in(BOSS, PASSWORD)
    listed = (await autotune_user("list")).stdout.split("\t")
    assert (listed[0], listed[2]) == (BOSS, "admin, disabled\n")
    (described,) = map(json.loads, (await autotune_user("list", "--json")).stdout.splitlines())
    assert (described["email"], described["admin"], described["active"]) == (BOSS, True, False)


async def test_address_of_before_tells_the_terminal_nothing_and_can_be_locked_out(autotune_user, store):
    old = "a\x1b[2m\u202eda@example.org"  # as sign-up took it once
    async with store.work() as work:
        await add_user(work, old, "", is_verified=False)
    assert (await autotune_user("list")).stdout.startswith("a\\x1b[2m\\u202eda@example.org\t")
    assert (await autotune_user("disable", old)).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "typed", "said"),
    [
        (("add", BOSS), "qwertyuiop\n", "password: is too easy to guess"),
        (("passwd", BOSS), f"{PASSWORD}\n", "has no account"),
    ],
)
async def test_command_that_cannot_be_carried_out_says_why(autotune_user, arguments, typed, said):
    ended = await autotune_user(*arguments, typed=typed)
    assert ended.returncode == 1
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", BOSS), "send the password as a line on the standard input"),
        (("add", "nobody"), "must be a mail address"),
        (("add", BOSS, "--password", "x"), "No such option"),
    ],
)
def test_command_that_is_typed_wrong_says_why(arguments, said):
    ended = CliRunner().invoke(users, arguments, input="")
    assert ended.exit_code != 0
    assert said in ended.output
