"""The command ``autotune group``: groups of people, kept by whoever runs the service."""

from pathlib import Path

import click

from autotune_service.commands.common import checked, run_for_account
from autotune_service.commands.options import data_option, json_option, write_lines
from autotune_service.domain.access import OPERATOR
from autotune_service.domain.errors import NotFoundError
from autotune_service.store.database import Store
from autotune_service.store.rows.users import UserRow
from autotune_service.tuning.groups import add_person, create_group, drop_group, read_groups, remove_person
from autotune_wire.access import Group, GroupMember, NewGroup

_OWNER = click.argument("owner")
_NAME = click.argument("name")
_PEOPLE = click.argument("people", nargs=-1, required=True, metavar="EMAIL...")


@click.group("group")
def groups() -> None:
    """Make, list and change groups of people, with whom an experiment is shared as with one.

    OWNER is the mail address of the account that the group belongs to. A service may run meanwhile.
    """


@groups.command("add")
@_OWNER
@_NAME
@data_option
def add(owner: str, name: str, data: Path | None) -> None:
    """Make the group NAME, of nobody yet."""
    body = checked(NewGroup, name=name)

    async def make(store: Store, user: UserRow) -> None:
        await create_group(store, OPERATOR, user.user_uuid, body)

    run_for_account("autotune group", data, owner, make)
    click.echo(f"{owner} has a group {name}; put people into it with: autotune group join {owner} {name} EMAIL")


@groups.command("list")
@_OWNER
@data_option
@json_option
def list_(owner: str, data: Path | None, is_json: bool) -> None:
    """List the groups that OWNER owns or is in: name, owner, people."""

    async def show(store: Store, user: UserRow) -> None:
        found = (await read_groups(store, user.user_uuid)).groups
        if is_json:
            write_lines(group.model_dump(mode="json") for group in found)
            return
        for group in found:
            click.echo("\t".join([group.name, group.owner, ", ".join(group.emails)]).rstrip())

    run_for_account("autotune group", data, owner, show)


@groups.command("join")
@_OWNER
@_NAME
@_PEOPLE
@data_option
def join(owner: str, name: str, people: tuple[str, ...], data: Path | None) -> None:
    """Put people into the group NAME; an address may get its account later."""
    members = [checked(GroupMember, email=email) for email in people]

    async def put(store: Store, user: UserRow) -> None:
        group = await _named(store, user, name)
        for member in members:
            await add_person(store, OPERATOR, user.user_uuid, group.group_uuid, member)

    run_for_account("autotune group", data, owner, put)
    click.echo(f"{', '.join(member.email for member in members)} joined {name}.")


@groups.command("leave")
@_OWNER
@_NAME
@_PEOPLE
@data_option
def leave(owner: str, name: str, people: tuple[str, ...], data: Path | None) -> None:
    """Take people out of the group NAME: what was shared with it is shared with them no longer."""
    members = [checked(GroupMember, email=email) for email in people]

    async def take(store: Store, user: UserRow) -> None:
        group = await _named(store, user, name)
        for member in members:
            if member.email not in group.emails:
                raise NotFoundError(f"{member.email} is not in the group {name}")
            await remove_person(store, OPERATOR, user.user_uuid, group.group_uuid, member)

    run_for_account("autotune group", data, owner, take)
    click.echo(f"{', '.join(member.email for member in members)} left {name}.")


@groups.command("delete")
@_OWNER
@_NAME
@data_option
def delete(owner: str, name: str, data: Path | None) -> None:
    """Delete the group NAME; what was shared with it is shared with its people no longer."""

    async def drop(store: Store, user: UserRow) -> None:
        group = await _named(store, user, name)
        await drop_group(store, OPERATOR, user.user_uuid, group.group_uuid)

    run_for_account("autotune group", data, owner, drop)
    click.echo(f"The group {name} is deleted.")


async def _named(store: Store, user: UserRow, name: str) -> Group:
    found = [
        group
        for group in (await read_groups(store, user.user_uuid)).groups
        if group.name == name and group.owner == user.email
    ]
    if not found:
        raise NotFoundError(f"{user.email} owns no group {name!r}: see autotune group list {user.email}")
    return found[0]
