"""A database looked at and changed past the service."""

import asyncpg

from autotune_service.store.epoch import Connection, Log


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
