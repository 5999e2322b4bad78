"""The commands that examine a deployment and change nothing."""

import os
import sys
from dataclasses import asdict
from pathlib import Path

import click

from autotune_service.commands.common import run
from autotune_service.commands.options import data_option, json_option, write_lines
from autotune_service.doctor.examination import examine
from autotune_service.doctor.findings import Finding
from autotune_service.observing.logs import configure_logs
from autotune_service.security.secret_files import SecretFileError, secrets_of_files
from autotune_service.security.secrets import weakness_of_password, weakness_of_secret
from autotune_service.settings import HOW_TO_MAKE_A_SECRET


@click.command("doctor")
@data_option
@json_option
def doctor_command(data: Path | None, is_json: bool) -> None:
    """Examine this deployment: say what is wrong, and how to mend it. The exit status is 1 if anything is."""
    configure_logs("error", is_json=False)
    found: list[Finding] = []

    async def look() -> None:
        found.extend(await examine(data=data))

    run(look())
    if is_json:
        write_lines(asdict(finding) for finding in found)
    else:
        for finding in found:
            click.echo(finding)
        click.echo(f"{len(found)} found." if found else "Nothing found.")
    if found:
        sys.exit(1)


@click.command("check-secrets")
@click.argument("names", nargs=-1, required=True, metavar="VARIABLE...")
def check_secrets_command(names: tuple[str, ...]) -> None:
    """Refuse variables, and files that VARIABLE_FILE names, with a secret or a password that can be guessed."""
    try:
        weak = [f"{name} is {weakness}" for name in names if (weakness := _weakness_of(name)) is not None]
    except SecretFileError as error:
        raise click.ClickException(str(error)) from None
    if weak:
        raise click.ClickException("\n".join([*weak, f"Make others with: {HOW_TO_MAKE_A_SECRET}"]))


def _weakness_of(name: str) -> str | None:
    in_files = secrets_of_files([name.lower()], os.environ)
    text = in_files[name.lower()][1] if in_files else os.environ.get(name, "")
    if not text:
        return "empty"
    return weakness_of_secret(text) if name == "AUTOTUNE_SECRET" else weakness_of_password(text)
