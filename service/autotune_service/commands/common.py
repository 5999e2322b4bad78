"""What all commands share: reading the settings, finding an account, and running with errors as messages."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import BaseModel, ValidationError

from autotune_service.app import CannotListenError, PortTakenError, use_store
from autotune_service.domain.errors import AutotuneError, NotFoundError
from autotune_service.observing.logs import configure_logs
from autotune_service.observing.traces import start_traces, stop_traces
from autotune_service.settings import Settings, SettingsError, load_settings
from autotune_service.store.backups.postgres_tools import BackupError
from autotune_service.store.database import Store
from autotune_service.store.embedded import StartCancelledError
from autotune_service.store.rows.users import UserRow, get_user_by_email
from autotune_service.store.schema import SchemaError, VersionError
from autotune_wire.problems import field_problems

M = TypeVar("M", bound=BaseModel)

OTHER_VERSION = 3
"""The exit code of a command that finds the database's tables of another version."""


class _OtherVersion(click.ClickException):
    """The command cannot go on because the database's tables are of another version."""

    exit_code = OTHER_VERSION


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


def run_for_account(
    command: str, data: Path | None, email: str, use: Callable[[Store, UserRow], Awaitable[None]]
) -> None:
    """Run what a command does with one account and the database; services may run meanwhile."""

    async def of_account(store: Store) -> None:
        async with store.work() as work:
            user = await get_user_by_email(work, email.strip().lower())
        if user is None:
            raise NotFoundError(f"{email} has no account")
        await use(store, user)

    run(use_store(settings_of(data=data), command, of_account))


def checked(kind: type[M], **fields: Any) -> M:
    """Build a message of the contract from what was typed.

    Raises:
        click.UsageError: If it is not valid; the message names the first field that is not.
    """
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        first = field_problems(error)[0]
        raise click.UsageError(f"{first.field}: {first.message} (given: {first.value!r})") from None
