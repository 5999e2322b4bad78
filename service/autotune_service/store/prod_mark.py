"""The mark that a service in prod mode leaves in its database, so that none in dev mode opens the door to its data.

In dev mode anybody signs in by a password that stands in the manual. The mark is the comment of the schema: it needs no
table, and backups and dumps take it along.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.server.address import Address
from autotune_service.store.server.connecting import connect_session, unavailable_of
from autotune_service.store.server.refusals import DATABASE_ERRORS
from autotune_service.store.tables import SCHEMA

_log = logging.getLogger(__name__)
_MARK = "Tables of AutoTune, used in prod mode."
_CONNECT_S = 10.0
_COMMENT = "SELECT pg_catalog.obj_description(oid, 'pg_namespace') FROM pg_catalog.pg_namespace WHERE nspname = $1"


async def is_marked(connection: asyncpg.Connection) -> bool:
    """Return whether a service in prod mode has used the database of a connection."""
    return bool(await connection.fetchval(_COMMENT, SCHEMA) == _MARK)


async def mark(connection: asyncpg.Connection) -> None:
    """Mark the database of a connection, whose role owns the schema."""
    await connection.execute(f"COMMENT ON SCHEMA {SCHEMA} IS '{_MARK}'")


async def require_no_mark(url: str) -> None:
    """Refuse a database that a service in prod mode has used.

    Raises:
        UnavailableError: If one has, or the database does not answer.
    """
    async with _connected(url) as connection:
        if await is_marked(connection):
            raise UnavailableError(
                "a service in prod mode has used this database, and in dev mode everybody can sign in to it with a "
                "published password: set AUTOTUNE_MODE=prod, or choose another database. A copy that is no secret "
                f"can be opened by: COMMENT ON SCHEMA {SCHEMA} IS NULL"
            )


async def leave_mark(url: str) -> None:
    """Mark a database, whose tables are up to date, as one that a service in prod mode uses.

    Raises:
        UnavailableError: If the database does not answer.
    """
    async with _connected(url) as connection:
        if await is_marked(connection):
            return
        try:
            await mark(connection)
        except asyncpg.InsufficientPrivilegeError:
            _log.warning(
                "this service may not mark its database as one in use, as the schema %s is another role's: a service "
                "in dev mode would not refuse the database. Let that role run COMMENT ON SCHEMA %s IS '%s'",
                SCHEMA,
                SCHEMA,
                _MARK,
            )


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    address = Address.of(url)
    try:
        connection = await connect_session(address, "autotune-start", timeout_s=_CONNECT_S)
        try:
            yield connection
        finally:
            await connection.close()
    except DATABASE_ERRORS as error:
        raise unavailable_of(address, error, _CONNECT_S) from error
