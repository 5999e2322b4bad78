"""The command ``autotune token``: tokens for automation, made and revoked by whoever runs the service."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from autotune_service.commands.common import checked, run_for_account
from autotune_service.commands.options import data_option, json_option, visible, write_lines
from autotune_service.domain.access import OPERATOR
from autotune_service.domain.errors import NotFoundError
from autotune_service.store.database import Store
from autotune_service.store.rows.users import UserRow
from autotune_service.tuning import automation
from autotune_wire.access import NewToken, TokenInfo

_EMAIL = click.argument("email")


@click.group("token")
def tokens() -> None:
    """Make, list and revoke the tokens of robots and scripts. A service may run meanwhile."""


@tokens.command("add")
@_EMAIL
@click.argument("name")
@click.option("--scopes", required=True, help="What it may do: read, tell, write or admin, with commas between.")
@click.option("--experiment", "experiments", multiple=True, help="The only experiment it is for; may be repeated.")
@click.option("--expires-in-days", type=click.IntRange(1, 3660), help="How long it lasts; if not given, for ever.")
@data_option
@json_option
def add(
    email: str,
    name: str,
    scopes: str,
    experiments: tuple[str, ...],
    expires_in_days: int | None,
    data: Path | None,
    is_json: bool,
) -> None:
    """Make the token NAME, which acts for the account EMAIL, and print its secret, this once."""
    body = _new_token(name, scopes, experiments, expires_in_days)

    async def make(store: Store, user: UserRow) -> None:
        created = await automation.create_token(store, OPERATOR, user.user_uuid, body)
        if is_json:
            write_lines([created.model_dump(mode="json")])
        else:
            click.echo(created.token)
        click.echo("The service keeps no copy of this secret. A program signs in with it by AUTOTUNE_TOKEN.", err=True)

    run_for_account("autotune token", data, email, make)


@tokens.command("list")
@_EMAIL
@data_option
@json_option
def list_(email: str, data: Path | None, is_json: bool) -> None:
    """List the tokens of an account, newest first: name, scopes, expiry, last use, uuid."""

    async def show(store: Store, user: UserRow) -> None:
        found = (await automation.read_tokens(store, user.user_uuid)).tokens
        if is_json:
            write_lines(token.model_dump(mode="json") for token in found)
            return
        for token in found:
            click.echo("\t".join(_columns(token)))

    run_for_account("autotune token", data, email, show)


@tokens.command("revoke")
@_EMAIL
@click.argument("token")
@data_option
def revoke(email: str, token: str, data: Path | None) -> None:
    """Revoke the token TOKEN, a name or a uuid, for good; whatever uses it is refused within seconds."""

    async def drop(store: Store, user: UserRow) -> None:
        known = (await automation.read_tokens(store, user.user_uuid)).tokens
        await automation.revoke_token(store, OPERATOR, user.user_uuid, _named(known, token, email))

    run_for_account("autotune token", data, email, drop)
    click.echo(f"{token} is revoked.")


def _new_token(name: str, scopes: str, experiments: tuple[str, ...], expires_in_days: int | None) -> NewToken:
    given: dict[str, Any] = {"name": name, "scopes": [scope.strip() for scope in scopes.split(",")]}
    if experiments:
        given["experiments"] = list(experiments)
    if expires_in_days is not None:
        given["expires_in_s"] = int(timedelta(days=expires_in_days).total_seconds())
    return checked(NewToken, **given)


def _columns(token: TokenInfo) -> tuple[str, ...]:
    expires = "never expires" if token.time_expires is None else f"expires {token.time_expires:%Y-%m-%d %H:%M} UTC"
    used = "never used" if token.time_last_used is None else f"used {token.time_last_used:%Y-%m-%d %H:%M} UTC"
    return visible(token.name), ",".join(token.scopes), expires, used, str(token.token_uuid)


def _named(known: list[TokenInfo], written: str, email: str) -> UUID:
    found = [token.token_uuid for token in known if written in {token.name, str(token.token_uuid)}]
    if not found:
        raise NotFoundError(f"{email} has no token {written!r}: see autotune token list {email}")
    if len(found) > 1:
        uuids = ", ".join(map(str, found))
        raise click.UsageError(f"{len(found)} tokens of {email} are named {written!r}, name one by its uuid: {uuids}")
    return found[0]
