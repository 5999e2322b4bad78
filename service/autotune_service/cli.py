"""The command ``autotune``."""

import os
import sys
from pathlib import Path

import click

from autotune_service import interrupts
from autotune_service.app import (
    CannotListenError,
    PortTakenError,
    back_up,
    check_backup,
    listening_socket,
    migrate,
    restore,
    serve,
    work,
)
from autotune_service.cli_common import data_option, run, settings_of
from autotune_service.cli_tokens import tokens
from autotune_service.cli_users import users
from autotune_service.doctor.examination import examine
from autotune_service.doctor.findings import Finding
from autotune_service.lab import LabError, run_lab
from autotune_service.observing.logs import configure_logs
from autotune_service.security.secrets import weakness_of_password, weakness_of_secret
from autotune_service.settings import (
    DEV_EMAIL,
    HOW_TO_MAKE_A_SECRET,
    Settings,
    address_of,
    is_loopback,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="autotune-bo")
def main() -> None:
    """Run the AutoTune service. Each option can also be set by the variable AUTOTUNE_<OPTION>."""
    interrupts.raise_from_now_on()


@main.command("serve")
@click.option("--host", help="Address to listen on, 127.0.0.1 by default. [AUTOTUNE_HOST]")
@click.option("--port", type=int, help="Port, 8008 by default; 0 takes a free one. [AUTOTUNE_PORT]")
@data_option
@click.option("--no-worker", is_flag=True, help="Leave the engine to `autotune worker`. [AUTOTUNE_WORKER=0]")
def serve_command(host: str | None, port: int | None, data: Path | None, no_worker: bool) -> None:
    """Serve the API and run the engine."""
    settings = settings_of(host=host, port=port, data=data, worker=False if no_worker else None)
    try:
        sock = listening_socket(settings.host, settings.port)
    except PortTakenError as error:
        raise click.ClickException(f"{error}. Stop what listens there, or choose another port: --port 8018") from None
    except CannotListenError as error:
        raise click.ClickException(str(error)) from None
    address = f"http://{address_of(settings.host, sock.getsockname()[1])}"
    _warn_of_strangers(settings)

    def announce() -> None:
        click.echo(f"AutoTune is ready at {address}  (API page: {address}/docs)")
        sys.stdout.flush()

    with sock:
        run(serve(settings, sock, announce))


@main.command("lab")
@click.argument("notebook", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--port", type=int, help="The service's port, 8008 by default. [AUTOTUNE_PORT]")
@click.option("--lab-port", type=click.IntRange(1, 65535), default=8888, show_default=True, help="JupyterLab's port.")
@click.option("--copy", is_flag=True, help="Open a copy, kept in the data folder, so that NOTEBOOK stays as it is.")
@data_option
def lab_command(notebook: Path, port: int | None, lab_port: int, copy: bool, data: Path | None) -> None:
    """Run the service, and JupyterLab with NOTEBOOK, signed in as the dev user."""
    try:
        run_lab(settings_of(port=port, data=data), notebook, lab_port, click.echo, is_copied=copy)
    except LabError as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        click.echo("Stopped.")


@main.command("worker")
@data_option
def worker_command(data: Path | None) -> None:
    """Run only the engine, for services that were started with --no-worker."""
    run(work(settings_of(data=data)))


@main.command("doctor")
@data_option
def doctor_command(data: Path | None) -> None:
    """Examine this deployment: say what is wrong, and how to mend it. The exit status is 1 if anything is."""
    configure_logs("error", is_json=False)
    found: list[Finding] = []

    async def look() -> None:
        found.extend(await examine(data=data))

    run(look())
    for finding in found:
        click.echo(finding)
    if found:
        click.echo(f"{len(found)} found.")
        sys.exit(1)
    click.echo("Nothing found.")


@main.command("check-secrets")
@click.argument("names", nargs=-1, required=True, metavar="VARIABLE...")
def check_secrets_command(names: tuple[str, ...]) -> None:
    """Refuse variables of the environment that hold a secret or a password that can be guessed."""
    weak = [f"{name} is {weakness}" for name in names if (weakness := _weakness_of(name)) is not None]
    if weak:
        raise click.ClickException("\n".join([*weak, f"Make others with: {HOW_TO_MAKE_A_SECRET}"]))


def _weakness_of(name: str) -> str | None:
    text = os.environ.get(name, "")
    if not text:
        return "empty"
    return weakness_of_secret(text) if name == "AUTOTUNE_SECRET" else weakness_of_password(text)


@main.command("migrate")
@data_option
def migrate_command(data: Path | None) -> None:
    """Update the database's tables to this version. `serve` and `worker` do so when they start."""
    run(migrate(settings_of(data=data)))
    click.echo("The database is up to date.")


@main.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@data_option
def backup_command(file: Path, data: Path | None) -> None:
    """Write AutoTune's tables to FILE. Services may run meanwhile."""
    run(back_up(settings_of(data=data), file, click.echo))


@main.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@data_option
@click.option("--replace", is_flag=True, help="Delete AutoTune's tables; else there must be none.")
@click.option("--yes", is_flag=True, help="Do not ask before replacing.")
def restore_command(file: Path, data: Path | None, replace: bool, yes: bool) -> None:
    """Restore AutoTune's tables from the backup in FILE. Stop all services before."""
    settings = settings_of(data=data)
    run(check_backup(file))
    if replace and not yes:
        if not sys.stdin.isatty():
            raise click.ClickException("--replace deletes all data of AutoTune in the database: confirm with --yes")
        click.confirm("All data of AutoTune in the database will be deleted. Go on?", abort=True)
    run(restore(settings, file, click.echo, replace=replace))


@main.command("mcp", add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def mcp_command(arguments: tuple[str, ...]) -> None:
    """Offer your experiments to an assistant, as an MCP server."""
    try:
        from autotune.agents.command import mcp
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "mcp":
            raise
        raise click.ClickException('this needs the package mcp: pip install "autotune-bo[mcp]"') from None
    mcp.main(list(arguments), prog_name="autotune mcp")


def _warn_of_strangers(settings: Settings) -> None:
    """Say loudly what a service that others can reach still lacks."""
    if is_loopback(settings.host):
        return
    if settings.mode == "dev":
        click.secho(
            f"WARNING: this service is open to everybody who can reach {settings.host}: in dev mode the password of "
            f"{DEV_EMAIL} is published. Set AUTOTUNE_MODE=prod for use by others, or listen on 127.0.0.1 (--host).",
            fg="red",
            bold=True,
            err=True,
        )
    elif not settings.allowed_hosts:
        click.secho(
            "WARNING: AUTOTUNE_ALLOWED_HOSTS is not set, so that only requests to this machine's own addresses are "
            "answered. Set it to the names under which the service is reached, as in tune.example.org.",
            fg="yellow",
            err=True,
        )


main.add_command(users)
main.add_command(tokens)


if __name__ == "__main__":
    main()
