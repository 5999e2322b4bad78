"""What all commands share: the option of the data folder, reading the settings, and running with errors as messages."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import click

from autotune_service.app import CannotListenError, PortTakenError
from autotune_service.domain.errors import AutotuneError
from autotune_service.observing.logs import configure_logs
from autotune_service.observing.traces import start_traces, stop_traces
from autotune_service.settings import Settings, SettingsError, load_settings
from autotune_service.store.backups.postgres_tools import BackupError
from autotune_service.store.embedded import StartCancelledError
from autotune_service.store.schema import SchemaError, VersionError


class _Folder(click.Path):
    """A folder; an empty text, as of a shell's variable that is not set, is none and not the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the folder's path, or None."""
        return None if value == "" else super().convert(value, param, ctx)


data_option = click.option(
    "--data", type=_Folder(path_type=Path, file_okay=False), help="Folder of the embedded Postgres. [AUTOTUNE_DATA]"
)


class _OtherVersion(click.ClickException):
    """The command cannot go on because the database's tables are of another version."""

    exit_code = 3


def settings_of(**options: Any) -> Settings:
    """Read the settings, and set the logs up as they say."""
    try:
        settings = load_settings(**options)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    if settings.log_format is None:
        is_json = settings.mode == "prod" or not sys.stderr.isatty()
    else:
        is_json = settings.log_format == "json"
    configure_logs(settings.log_level, is_json=is_json)
    return settings


def _event_loop() -> Callable[[Coroutine[Any, Any, None]], None]:
    try:
        import uvloop
    except ImportError:
        return asyncio.run
    return uvloop.run


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a command to its end; an error that its user can mend becomes a message."""
    start_traces()
    try:
        _event_loop()(coroutine)
    except AutotuneError as error:
        raise click.ClickException(error.detail) from None
    except StartCancelledError:
        click.echo("Stopped before the database had started.")
    except asyncio.CancelledError:  # by a signal
        raise click.Abort from None
    except (BackupError, SchemaError) as error:
        raise (_OtherVersion if isinstance(error, VersionError) else click.ClickException)(str(error)) from None
    except PortTakenError as error:
        raise click.ClickException(f"{error}. Stop what listens there, or set AUTOTUNE_METRICS_PORT") from None
    except CannotListenError as error:
        raise click.ClickException(str(error)) from None
    finally:
        stop_traces()
