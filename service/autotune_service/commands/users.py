"""The command ``autotune user``: accounts, made and mended by whoever runs the service."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click
from pydantic import TypeAdapter, ValidationError

from autotune_service.app import use_accounts
from autotune_service.commands.common import run, settings_of
from autotune_service.commands.options import data_option, json_option, visible, write_lines
from autotune_service.tuning import people
from autotune_service.tuning.accounts import Accounts
from autotune_wire.accounts import Email, GivenEmail, OneTimeCode, User
from autotune_wire.experiments import PageQuery
from autotune_wire.problems import field_problems

_PAGE = 1000


def _checked(kind: Any, given: str) -> str:
    try:
        return str(TypeAdapter(kind).validate_python(given))
    except ValidationError as error:
        raise click.BadParameter(f"{given!r} {field_problems(error)[0].message}") from None


_EMAIL = click.argument("email", callback=lambda _context, _parameter, given: _checked(GivenEmail, given))
"""The address of an account, as the API takes it, in lower case."""

_NEW_EMAIL = click.argument("email", callback=lambda _context, _parameter, given: _checked(Email, given))


@click.group("user")
def users() -> None:
    """Make, list and mend accounts. A service may run meanwhile."""


@users.command("add")
@_NEW_EMAIL
@click.option("--admin", is_flag=True, help="The user may invite, list, deactivate and delete others.")
@data_option
def add(email: str, admin: bool, data: Path | None) -> None:
    """Make an account; the password is asked for, or read from the standard input."""
    password = _password()

    async def make(accounts: Accounts) -> None:
        await people.add_account(accounts, email, password, is_admin=admin)

    _use(data, make)
    click.echo(f"{email} can sign in{' and is an admin' if admin else ''}.")


@users.command("list")
@data_option
@json_option
def list_(data: Path | None, is_json: bool) -> None:
    """List the accounts: address, since when, and whether admin or disabled."""
    found: list[User] = []

    async def read(accounts: Accounts) -> None:
        after: str | None = None
        while True:
            page = await people.page_of_users(accounts, PageQuery(limit=_PAGE, after=after))
            found.extend(page.users)
            after = page.next
            if after is None:
                return

    _use(data, read)
    if is_json:
        write_lines(user.model_dump(mode="json") for user in found)
        return
    for user in found:
        marks = [word for word, is_so in (("admin", user.admin), ("disabled", not user.active)) if is_so]
        click.echo("\t".join([visible(user.email), f"{user.time_created:%Y-%m-%d %H:%M}", ", ".join(marks)]).rstrip())


@users.command("passwd")
@_EMAIL
@data_option
def passwd(email: str, data: Path | None) -> None:
    """Set a password, asked for or read from the standard input, and end all sign-ins of the account."""
    password = _password()

    async def change(accounts: Accounts) -> None:
        await people.set_password(accounts, email, password)

    _use(data, change)
    click.echo(f"{email} has a new password and must sign in again.")


@users.command("disable")
@_EMAIL
@data_option
def disable(email: str, data: Path | None) -> None:
    """End all sign-ins of an account and admit no more; its data stay."""
    _use(data, _with_user(email, people.set_active, is_active=False))
    click.echo(f"{email} cannot sign in any more.")


@users.command("enable")
@_EMAIL
@data_option
def enable(email: str, data: Path | None) -> None:
    """Let a disabled account sign in again."""
    _use(data, _with_user(email, people.set_active, is_active=True))
    click.echo(f"{email} can sign in again.")


@users.command("admin")
@_EMAIL
@click.option("--remove", is_flag=True, help="The user is no admin any more.")
@data_option
def admin(email: str, remove: bool, data: Path | None) -> None:
    """Make the user of an account an admin."""
    _use(data, _with_user(email, people.set_admin, is_admin=not remove))
    click.echo(f"{email} is {'no admin any more' if remove else 'an admin'}.")


@users.command("invite")
@_NEW_EMAIL
@data_option
@json_option
def invite(email: str, data: Path | None, is_json: bool) -> None:
    """Print the code by which an address may sign up, once and within a week."""

    async def issue(accounts: Accounts) -> None:
        _show(await people.invite(accounts, email), is_json)

    _use(data, issue)


@users.command("reset")
@_EMAIL
@data_option
@json_option
def reset(email: str, data: Path | None, is_json: bool) -> None:
    """Print the code by which a user may set a new password, once and within a day."""

    async def issue(accounts: Accounts) -> None:
        user = await people.user_by_email(accounts, email)
        _show(await people.issue_reset_code(accounts, user.user_uuid), is_json)

    _use(data, issue)


def _use(data: Path | None, use: Callable[[Accounts], Awaitable[None]]) -> None:
    run(use_accounts(settings_of(data=data), "autotune user", use))


def _with_user(
    email: str, change: Callable[..., Awaitable[Any]], **values: bool
) -> Callable[[Accounts], Awaitable[None]]:
    async def use(accounts: Accounts) -> None:
        await change(accounts, (await people.user_by_email(accounts, email)).user_uuid, **values)

    return use


def _show(code: OneTimeCode, is_json: bool) -> None:
    if is_json:
        write_lines([code.model_dump(mode="json")])
        return
    click.echo(f"{code.code}\nIt is for {code.email}, works once, and until {code.time_expires:%Y-%m-%d %H:%M} UTC.")


def _password() -> str:
    """Ask for a password. It is no option: the command line is seen by all users of the machine, and kept by shells."""
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt="Once more"))
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise click.ClickException("send the password as a line on the standard input")
    return password
