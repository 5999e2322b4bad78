"""The command ``autotune config``: every setting, its value and where the value came from."""

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import click
from pydantic import SecretStr

from autotune_service.commands.options import given_options, json_option, serve_options, write_lines
from autotune_service.security.secret_files import secrets_of_files
from autotune_service.settings import PREFIX, SECRET_SETTINGS, Settings, SettingsError, load_settings
from autotune_service.store.server.address import Address

MASK = "********"
_OF_CLIENT = frozenset(f"{PREFIX}{name}" for name in ("URL", "TOKEN", "USERNAME", "PASSWORD"))
"""The variables that the client reads, and no service."""


class Row(NamedTuple):
    """A setting as it stands.

    Attributes:
        name: Its name.
        variable: The variable that sets it.
        value: Its value as JSON has it; a secret is masked.
        source: ``option``, ``variable``, ``file`` or ``default``.
        origin: The option, the variable or the path of the file; None for a default.
    """

    name: str
    variable: str
    value: Any
    source: str
    origin: str | None


@click.command("config")
@serve_options
@json_option
def config_command(host: str | None, port: int | None, data: Path | None, no_worker: bool, is_json: bool) -> None:
    """Print every setting: its value, and where it came from. Secrets are masked."""
    options = given_options(host, port, data, no_worker)
    try:
        settings = load_settings(**options)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    rows = list(rows_of(settings, options, os.environ))
    for warning in strangers_of(os.environ):
        click.echo(f"WARNING: {warning}", err=True)
    if is_json:
        write_lines(row._asdict() for row in rows)
        return
    widths = [max(len(cells[column]) for cells in map(_cells, rows)) for column in range(2)]
    for variable, value, source in map(_cells, rows):
        click.echo(f"{variable:<{widths[0]}}  {value:<{widths[1]}}  {source}")


def rows_of(settings: Settings, options: Mapping[str, Any], environ: Mapping[str, str]) -> Iterator[Row]:
    """Yield every setting, in the order of ``Settings``.

    Args:
        settings: The settings as they were read.
        options: The options that they were read with.
        environ: The variables that they were read from.
    """
    shown = settings.model_dump(mode="json")
    # What these are if nobody sets them depends on the mode.
    shown |= {"sign_up": settings.sign_up_mode, "password_length": settings.least_password}
    shown |= {"metrics": settings.has_metrics}
    files = secrets_of_files(SECRET_SETTINGS, environ, PREFIX)
    variables = {name.upper() for name, value in environ.items() if value}
    for name in Settings.model_fields:
        variable = f"{PREFIX}{name.upper()}"
        value = _masked(getattr(settings, name)) if name in SECRET_SETTINGS else shown[name]
        if options.get(name) not in (None, ""):
            yield Row(name, variable, value, "option", "--no-worker" if name == "worker" else f"--{name}")
        elif variable in variables:
            yield Row(name, variable, value, "variable", variable)
        elif name in files:
            yield Row(name, variable, value, "file", str(files[name][0]))
        else:
            yield Row(name, variable, value, "default", None)


def strangers_of(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence about each variable that looks like a setting and is none."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    known |= {f"{PREFIX}{name.upper()}_FILE" for name in SECRET_SETTINGS}
    for name in sorted(environ):
        if name.upper().startswith(PREFIX) and name.upper() not in known | _OF_CLIENT:
            near = get_close_matches(name.upper(), known, 1)
            yield f"{name} is no setting{f'; did you mean {near[0]}?' if near else ''}"


def _masked(secret: SecretStr | None) -> str | None:
    """Return a secret without what is secret in it: of a URL, the hosts, the user and the database stay."""
    if secret is None:
        return None
    text = secret.get_secret_value()
    if not text.startswith(("postgresql://", "postgres://")):
        return MASK
    address = Address.of(text)
    password = f":{MASK}" if "password" in address.parameters else ""
    return f"postgresql://{address.user}{password}@{address}/{address.database}"


def _cells(row: Row) -> tuple[str, str, str]:
    if row.value is None or row.value == []:
        value = "-"
    elif isinstance(row.value, list):
        value = ",".join(map(str, row.value))
    else:
        value = {True: "1", False: "0"}[row.value] if isinstance(row.value, bool) else str(row.value)
    return row.variable, value, row.source if row.origin in {None, row.variable} else f"{row.source} {row.origin}"
