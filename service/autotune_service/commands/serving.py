"""The commands that run until they are stopped: the service, its worker, and both with JupyterLab."""

import sys
from pathlib import Path

import click

from autotune_service.app import CannotListenError, PortTakenError, bound_socket, serve, work
from autotune_service.commands.common import run, settings_of
from autotune_service.commands.options import data_option, given_options, serve_options
from autotune_service.lab import LabError, run_lab
from autotune_service.settings import DEV_EMAIL, Settings, address_of, is_loopback


@click.command("serve")
@serve_options
def serve_command(host: str | None, port: int | None, data: Path | None, no_worker: bool) -> None:
    """Serve the API and run the engine."""
    settings = settings_of(**given_options(host, port, data, no_worker))
    try:
        sock = bound_socket(settings.host, settings.port)
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


@click.command("lab")
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


@click.command("worker")
@data_option
def worker_command(data: Path | None) -> None:
    """Run only the engine, for services that were started with --no-worker."""
    run(work(settings_of(data=data)))


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
