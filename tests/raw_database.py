"""A database looked at and changed past the service."""

from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg

from autotune_service.store.server.epoch import Connection, Log

_UNTIL_ANOTHER_WAITS = """
DO $$ BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted) LOOP PERFORM pg_sleep(0.01); END LOOP;
END $$
"""


async def connect(url):
    """Connect so that names without a schema are AutoTune's tables first and other programs' tables then."""
    return await asyncpg.connect(url, server_settings={"search_path": "autotune, public"})


async def execute(url, statements):
    connection = await connect(url)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


async def fetch(url, query):
    connection = await connect(url)
    try:
        return [dict(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def until_another_waits(connection):
    """Wait until another connection waits for a lock."""
    await connection.execute(_UNTIL_ANOTHER_WAITS, timeout=30)


async def value_of(url, query):
    (row,) = await fetch(url, query)
    (value,) = row.values()
    return value


async def epoch_of(url, **settings):
    """The epoch that a process finds at its first connection, with other settings of the session."""
    connection = await greeted(url, Log(), **settings)
    await connection.close()
    return connection.epoch


async def greeted(url, log, **settings):
    """Connect, and tell a log of the connection."""
    connection = await asyncpg.connect(url, connection_class=Connection, server_settings=settings)
    await log.greet(connection)
    return connection


@asynccontextmanager
async def a_role(url, rights=""):
    """A role that may do nothing but what ``rights`` say, and the URL by which it connects."""
    role = f"role_{uuid4().hex[:12]}"
    await execute(url, f"CREATE ROLE {role} LOGIN NOSUPERUSER; {rights.format(role=role)}")
    try:
        yield role, url.replace("://postgres:@", f"://{role}@").replace("://postgres@", f"://{role}@")
    finally:
        await execute(url, f"DROP OWNED BY {role}; DROP ROLE {role}")
