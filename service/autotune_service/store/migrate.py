"""Migrates the tables of a database to a revision; processes that migrate at once wait for each other."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.adoption import drop_views, lock_tables, make_views, move_tables
from autotune_service.store.schema import (
    Held,
    SchemaError,
    VersionError,
    alembic_config,
    find_tables,
    list_tables,
    make_schema,
    require_utf8,
)
from autotune_service.store.server.address import Address
from autotune_service.store.server.connecting import NO_TIMEOUTS, connect_session, said
from autotune_service.store.server.refusals import DATABASE_ERRORS, RETRY_AFTER_S
from autotune_service.store.tables import SCHEMA, VERSION_TABLE

_LOCK = 0x6175746F74756E65  # "autotune" in ASCII; keeps two replicas that start together from creating the same table
_CONNECT_S = 10.0


async def upgrade(url: str, revision: str = "head") -> None:
    """Run the migrations up to a revision, in one transaction.

    Tables of a version that had no schema of its own are moved to the schema first.

    Raises:
        UnavailableError: If the database does not answer, refuses the connection or a migration, or its tables are in
            use all the time.
        VersionError: If the tables are of a newer version, or of an older one and may not be changed.
        SchemaError: If the database cannot hold the tables.
    """
    await _migrate(url, lambda config: command.upgrade(config, revision), is_newest=revision == "head")


async def downgrade(url: str, revision: str) -> None:
    """Undo the migrations down to a revision, in one transaction; the data of dropped tables and columns are lost.

    Raises:
        UnavailableError: If the database does not answer or refuses the connection or a migration.
        SchemaError: If the tables may not be changed.
    """
    await _migrate(url, lambda config: command.downgrade(config, revision), is_newest=False)


async def _migrate(url: str, run: Callable[[Config], None], *, is_newest: bool) -> None:
    held = None
    try:
        # The first look has a transaction of its own: the locks of its reading are not kept while another process,
        # which needs these tables for itself, is waited for.
        async with transaction(url) as connection:
            raw = await driver_of(connection)
            await require_utf8(raw)
            held = await find_tables(raw)
        if is_newest and held is not None and held.is_current:
            return  # needs no lock, and no right to change anything
        async with transaction(url) as connection:
            raw = await driver_of(connection)
            await lock_migrations(raw)
            held = await find_tables(raw)  # another process may have migrated meanwhile
            if not (is_newest and held is not None and held.is_current):
                await _change(connection, held, run)
    except (*DATABASE_ERRORS, DBAPIError) as error:
        raise _explained(driver_error_of(error), held) from error


async def _change(connection: AsyncConnection, held: Held | None, run: Callable[[Config], None]) -> None:
    raw = await driver_of(connection)
    with_views = await drop_views(raw)
    if held is None:
        await make_schema(raw)
    elif not held.is_moved:
        await move_tables(raw, held)
        with_views.append(held.schema)
    else:
        await lock_tables(raw, [(SCHEMA, name) for name in [*await list_tables(raw, SCHEMA), held.version_table]])
    await run_revisions(connection, run)
    await raw.execute(_HAND_OVER)
    for schema in with_views:
        await make_views(raw, schema)


# What a migration by an administrator makes belongs to whoever owns the other tables: the role of the services.
_HAND_OVER = f"""
DO $$
DECLARE
    owner oid := (SELECT relowner FROM pg_class WHERE oid = to_regclass('{SCHEMA}.{VERSION_TABLE}'));
    made record;
BEGIN
    FOR made IN
        SELECT 'TABLE' AS kind, oid::regclass::text AS name FROM pg_class
            WHERE relnamespace = to_regnamespace('{SCHEMA}') AND relkind = 'r' AND relowner <> owner
        UNION ALL SELECT 'FUNCTION', oid::regprocedure::text FROM pg_proc
            WHERE pronamespace = to_regnamespace('{SCHEMA}') AND proowner <> owner
    LOOP
        EXECUTE format('ALTER %s %s OWNER TO %I', made.kind, made.name, pg_get_userbyid(owner));
    END LOOP;
END $$
"""  # nosec B608 # names of our own


@asynccontextmanager
async def transaction(url: str) -> AsyncIterator[AsyncConnection]:
    """Open a connection with one transaction, for the migrations and what belongs to them."""
    engine = create_async_engine(
        "postgresql+asyncpg://",
        poolclass=NullPool,
        async_creator=partial(connect_session, Address.of(url), "autotune-migrate", timeout_s=_CONNECT_S),
    )
    try:
        async with engine.begin() as connection:
            # The transaction begins with the first statement here, and not with one on the driver's connection.
            for name, value in NO_TIMEOUTS.items():
                await connection.execute(text(f"SET LOCAL {name} = {value}"))
            yield connection
    finally:
        await engine.dispose()


async def driver_of(connection: AsyncConnection) -> asyncpg.Connection:
    """Return the driver's connection, which runs statements in the same transaction."""
    return (await connection.get_raw_connection()).driver_connection


async def lock_migrations(connection: asyncpg.Connection) -> None:
    """Keep all other processes from migrating until the transaction ends."""
    await connection.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")


async def run_revisions(connection: AsyncConnection, run: Callable[[Config], None]) -> None:
    """Run revisions with alembic in the transaction; what they name without a schema is in AutoTune's."""
    await connection.execute(text(f"SET LOCAL search_path = {SCHEMA}"))
    await connection.run_sync(_run_on, run)


def _run_on(connection: Connection, run: Callable[[Config], None]) -> None:
    config = alembic_config()
    config.attributes["connection"] = connection
    run(config)


def driver_error_of(error: Exception) -> Exception:
    """Return the driver's error within one of SQLAlchemy, whose text has the whole statement."""
    cause = error.orig.__cause__ if isinstance(error, DBAPIError) and error.orig is not None else error
    return cause if isinstance(cause, Exception) else error


def _explained(error: Exception, held: Held | None) -> Exception:
    message = said(error) if isinstance(error, asyncpg.PostgresError) else str(error) or type(error).__name__
    what = "it has no tables yet" if held is None else f"its tables are of an older version (revision {held.revision})"
    kind = SchemaError if held is None else VersionError
    if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        return kind(
            f"the database takes no changes, because it is a standby or set to be read-only, and {what}: run `autotune "
            "migrate` on the primary, where changes are taken"
        )
    if isinstance(error, asyncpg.InsufficientPrivilegeError) and held is not None:
        return kind(
            f"the database cannot be brought up to date: {message}, and {what}. Run `autotune migrate` once as the "
            f"role {held.owner}, which owns the tables"
        )
    # The messages of these errors contain host and user, never the password.
    return UnavailableError(f"cannot bring the database up to date: {message}", RETRY_AFTER_S)
