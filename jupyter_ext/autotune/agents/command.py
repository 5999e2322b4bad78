"""The command ``autotune mcp``."""

import sys
from importlib.metadata import version
from pathlib import Path
from uuid import UUID

import click
from pydantic import SecretStr, TypeAdapter, ValidationError

from autotune.agents.reach import Reach
from autotune.agents.server import server_of
from autotune.agents.serving import serve_http
from autotune.client import Client
from autotune.errors import InvalidInputError
from autotune.transport.connection import Connection
from autotune.transport.credentials import Credentials, find_credentials, find_url, secret
from autotune.transport.http import Http
from autotune.transport.tokens import TokenSource
from autotune_wire.observations import Tag

TIMEOUT_S = 45.0
"""How long a call of a tool may take, in seconds: longer than an ask waits for the engine, shorter than most assistants
wait for a tool."""


def _agent(_context: click.Context, _option: click.Parameter, name: str) -> str:
    try:
        TypeAdapter(Tag).validate_python(name)
    except ValidationError:
        raise click.BadParameter(f"{name!r} must be 1 to 40 visible characters without commas") from None
    return name


@click.command("mcp")
@click.option("--url", help="Address of the service. [AUTOTUNE_URL]")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A file that holds the token, in place of AUTOTUNE_TOKEN.",
)
@click.option("--experiment", "only", multiple=True, type=click.UUID, help="The only one to offer; may be repeated.")
@click.option(
    "--name",
    "agent",
    default="mcp",
    show_default=True,
    callback=_agent,
    help="The agent's name: of the worker that takes suggestions, and the tag of the runs that it tells.",
)
@click.option("--http", "port", type=click.IntRange(1, 65535), help="Serve on this port of 127.0.0.1, not on stdin.")
def mcp(url: str | None, token_file: Path | None, only: tuple[UUID, ...], agent: str, port: int | None) -> None:
    """Offer your experiments to an assistant or an orchestrator, as an MCP server on stdin and stdout."""
    try:
        credentials = find_credentials(_token_in(token_file), None, None)
        connection = _connection(find_url(url), credentials)
    except InvalidInputError as error:
        raise click.UsageError(str(error)) from None
    server = server_of(Reach(Client(connection), agent, only), version("autotune-bo"))
    try:
        if port is None:
            server.run()
        elif credentials.token is None:
            raise click.UsageError("--http needs AUTOTUNE_TOKEN or --token-file: its callers send the same token")
        else:
            click.echo(f"AutoTune's MCP server is ready at http://127.0.0.1:{port}/mcp", err=True)
            serve_http(server, port, credentials.token)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        connection.close()


def _connection(url: str, credentials: Credentials) -> Connection:
    """Prepare the connection without a word to the service, which may start later than the assistant."""
    http = Http(url)
    return Connection(http, TokenSource(http, credentials), TIMEOUT_S)


def _token_in(file: Path | None) -> SecretStr | None:
    if file is None:
        return None
    token = secret(file.read_text(encoding="utf-8").strip())
    if token is None:
        raise InvalidInputError(f"{file} is empty; it must hold a token")
    return token
