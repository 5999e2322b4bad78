"""A database looked at and changed past the service."""

import asyncpg

from autotune_service.store.database import Store
from autotune_service.store.epoch import get_epoch


async def execute(url, statements):
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


async def fetch(url, query):
    connection = await asyncpg.connect(url)
    try:
        return [dict(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def value_of(url, query):
    (row,) = await fetch(url, query)
    (value,) = row.values()
    return value


async def epoch_of(url):
    store = Store(url, pool_size=2, timeout_s=5)
    await store.connect()
    try:
        async with store.work() as work:
            return await get_epoch(work)
    finally:
        await store.disconnect()
