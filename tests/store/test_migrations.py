import asyncio

import asyncpg
from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import create_async_engine

from autotune_service.store.migrate import downgrade, upgrade
from autotune_service.store.tables import metadata


async def columns_of(url):
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_columns)
    finally:
        await engine.dispose()


def _columns(connection):
    inspector = inspect(connection)
    return {
        table: {column["name"]: column["nullable"] for column in inspector.get_columns(table)}
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


async def test_migrations_make_the_tables_that_the_code_names(empty_database_url):
    await upgrade(empty_database_url)
    made = await columns_of(empty_database_url)
    named = {table.name: {c.name: bool(c.nullable) for c in table.columns} for table in metadata.sorted_tables}
    assert made == named


async def test_migrations_go_up_down_and_up(empty_database_url):
    await upgrade(empty_database_url)
    await downgrade(empty_database_url, "base")
    assert await columns_of(empty_database_url) == {}
    await upgrade(empty_database_url)
    assert "experiments" in await columns_of(empty_database_url)


async def test_services_that_start_together_migrate_once(empty_database_url):
    await asyncio.gather(*(upgrade(empty_database_url) for _ in range(3)))
    connection = await asyncpg.connect(empty_database_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
    finally:
        await connection.close()


async def test_migrating_again_keeps_the_data(database_url):
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("INSERT INTO users VALUES (gen_random_uuid(), 'ada@example.org', 'hash', true, now())")
        await upgrade(database_url)
        assert await connection.fetchval("SELECT email FROM users") == "ada@example.org"
    finally:
        await connection.close()
