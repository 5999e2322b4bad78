"""Migrates the tables of a database to a revision; processes that migrate at once wait for each other."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.address import Address
from autotune_service.store.connecting import connect_session, said

_LOCK = 0x6175746F74756E65  # "autotune" in ASCII; keeps two replicas that start together from creating the same table
_RETRY_AFTER_S = 2
_CONNECT_S = 10.0


async def upgrade(url: str, revision: str = "head") -> None:
    """Run the migrations up to a revision, in one transaction.

    Raises:
        UnavailableError: If the database does not answer or refuses the connection or a migration.
    """
    await _migrate(url, lambda config: command.upgrade(config, revision))


async def downgrade(url: str, revision: str) -> None:
    """Undo the migrations down to a revision, in one transaction; the data of dropped tables and columns are lost.

    Raises:
        UnavailableError: If the database does not answer or refuses the connection or a migration.
    """
    await _migrate(url, lambda config: command.downgrade(config, revision))


async def _migrate(url: str, run: Callable[[Config], None]) -> None:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        poolclass=NullPool,
        async_creator=partial(connect_session, Address.of(url), "autotune-migrate", timeout_s=_CONNECT_S),
    )
    try:
        async with engine.begin() as connection:
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            await connection.run_sync(_run_on, run)
    except (OSError, asyncpg.PostgresError, DBAPIError) as error:
        # The messages of these errors contain host and user, never the password.
        raise UnavailableError(f"cannot bring the database up to date: {_said(error)}", _RETRY_AFTER_S) from error
    finally:
        await engine.dispose()


def _said(error: BaseException) -> str:
    """Return what the database said: SQLAlchemy's own message repeats the whole statement."""
    original = error.orig if isinstance(error, DBAPIError) else error
    cause = original.__cause__ if original is not error and original is not None else error
    if isinstance(cause, asyncpg.PostgresError):
        hint = "; grant the service's user what it lacks there" if cause.sqlstate == "42501" else ""
        return f"{said(cause)}{hint}"
    return str(cause or error)


def known_revisions() -> list[str]:
    """List the names of all revisions, oldest first."""
    return [revision.revision for revision in ScriptDirectory.from_config(_config()).walk_revisions()][::-1]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def _run_on(connection: Connection, run: Callable[[Config], None]) -> None:
    config = _config()
    config.attributes["connection"] = connection
    run(config)
