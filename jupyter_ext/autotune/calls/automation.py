"""Tokens for automation: with which robots, pipelines and scripts sign in, instead of with a person's password."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from autotune.errors import InvalidInputError
from autotune.inputs.checks import checked
from autotune.inputs.durations import seconds_of
from autotune.transport.caller import Caller
from autotune.views.access import NewToken, Tokens
from autotune.views.seen import Seen
from autotune_wire import access
from autotune_wire.paths import AUTH_AUTOMATION_TOKEN, AUTH_TOKENS

AnyExperiment = Seen | UUID | str


def token_of(
    name: str,
    scopes: str | Iterable[str],
    experiments: AnyExperiment | Iterable[AnyExperiment] | None,
    expires_in: timedelta | str | None,
) -> access.NewToken:
    """Build what a new token may do; the arguments are those of ``Client.new_token``.

    Raises:
        InvalidInputError: If an argument is not valid.
    """
    split = [scope.strip() for scope in scopes.split(",")] if isinstance(scopes, str) else list(scopes)
    given: dict[str, Any] = {"name": name, "scopes": split}
    if experiments is not None:
        given["experiments"] = uuids_of(experiments)
    if expires_in is not None:
        given["expires_in_s"] = seconds_of(expires_in)
    with checked("this token"):
        return access.NewToken.model_validate(given)


def uuids_of(experiments: AnyExperiment | Iterable[AnyExperiment]) -> list[UUID | str]:
    """Return the uuids of an experiment, of its uuid, or of several of these."""
    several = [experiments] if isinstance(experiments, AnyExperiment) else list(experiments)
    return [one.exp_uuid if isinstance(one, Seen) else one for one in several]


async def read_tokens(connection: Caller) -> Tokens:
    """Fetch the user's tokens, newest first."""
    return Tokens((await connection.fetch(AUTH_TOKENS, access.TokenList)).tokens)


async def make_token(connection: Caller, body: access.NewToken) -> NewToken:
    """Make a token. This is not repeated: after a reply that was lost, a repeat would make a second token."""
    return await connection.send_once(AUTH_TOKENS, NewToken, body)


async def drop_token(connection: Caller, token: access.TokenInfo | UUID | str) -> None:
    """Revoke a token; a text is its uuid, or its name.

    Raises:
        InvalidInputError: If no token has this name, or several have.
    """
    token_uuid = token.token_uuid if isinstance(token, access.TokenInfo) else await _uuid_of(connection, token)
    await connection.delete(AUTH_AUTOMATION_TOKEN.format(token_uuid=token_uuid))


async def _uuid_of(connection: Caller, token: UUID | str) -> UUID:
    try:
        return UUID(str(token))
    except ValueError:
        pass
    tokens = await read_tokens(connection)
    found = [one.token_uuid for one in tokens if one.name == token]
    if not found:
        names = ", ".join(one.name for one in tokens) or "none"
        raise InvalidInputError(f"you have no token {token!r}\nyour tokens are {names}")
    if len(found) > 1:
        raise InvalidInputError(f"{len(found)} tokens are named {token!r}\nname one by its uuid: {_listed(found)}")
    return found[0]


def _listed(uuids: Iterable[UUID]) -> str:
    return ", ".join(map(str, uuids))
