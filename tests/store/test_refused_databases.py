"""What is said where a database cannot hold AutoTune's tables, or has those of another version."""

import asyncpg
import pytest

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.migrate import downgrade, upgrade
from autotune_service.store.schema import SchemaError, VersionError, known_revisions
from raw_database import a_role, execute, value_of
from released import dump_of, released

LAST = released()[-1]


async def test_role_that_may_not_create_the_schema_is_told_what_an_administrator_runs(empty_database_url):
    async with a_role(empty_database_url) as (role, url):
        statement = f'CREATE SCHEMA autotune AUTHORIZATION "{role}"'
        with pytest.raises(SchemaError, match=rf"{statement}, or GRANT CREATE ON DATABASE"):
            await upgrade(url)
        await execute(empty_database_url, statement)
        await upgrade(url)
        assert await value_of(url, "SELECT count(*) FROM autotune.users") == 0


async def test_schema_with_tables_of_others_is_left_alone(empty_database_url):
    await execute(empty_database_url, "CREATE SCHEMA autotune; CREATE TABLE autotune.engines (name text)")
    with pytest.raises(SchemaError, match=r"autotune is in use for other things \(engines\)"):
        await upgrade(empty_database_url)


async def test_role_that_may_not_use_the_schema_is_told_so(empty_database_url):
    await execute(empty_database_url, "CREATE SCHEMA autotune")
    async with a_role(empty_database_url) as (role, url):
        with pytest.raises(SchemaError, match=f'GRANT USAGE, CREATE ON SCHEMA autotune TO "{role}"'):
            await upgrade(url)
        await upgrade(empty_database_url)
        async with a_role(empty_database_url) as (other, _):
            await execute(empty_database_url, f'ALTER SCHEMA autotune OWNER TO "{other}"')
            said = f"may not read AutoTune's tables: the owner of their schema, {other}, must .* owner, postgres, GRANT"
            try:
                with pytest.raises(SchemaError, match=said):
                    await upgrade(url)
            finally:
                await execute(empty_database_url, "ALTER SCHEMA autotune OWNER TO postgres")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
async def test_database_that_cannot_hold_every_text_is_refused(cluster, encoding):
    name = f"narrow_{encoding.lower()}"
    await cluster.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(SchemaError, match=f"{encoding}.*--encoding=UTF8"):
            await upgrade(cluster.url_of(name))
    finally:
        await cluster.execute(f"DROP DATABASE {name}")


@pytest.mark.parametrize(("dump", "kind"), [("SELECT 1", SchemaError), (dump_of(LAST), VersionError)])
async def test_database_that_takes_no_changes_is_named_so(empty_database_url, dump, kind):
    await execute(empty_database_url, dump)
    with pytest.raises(kind, match=r"standby or set to be read-only.*on the primary"):
        await upgrade(f"{empty_database_url}&default_transaction_read_only=on")


async def test_tables_that_are_up_to_date_need_no_change(database_url):
    await upgrade(f"{database_url}&default_transaction_read_only=on")
    rights = "GRANT USAGE ON SCHEMA autotune TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA autotune TO {role}"
    async with a_role(database_url, rights) as (_, url):
        await upgrade(url)


async def test_older_tables_that_may_not_be_changed_are_named_with_their_owner(database_url):
    await downgrade(database_url, LAST)
    rights = "GRANT USAGE ON SCHEMA autotune TO {role}; GRANT ALL ON ALL TABLES IN SCHEMA autotune TO {role}"
    async with a_role(database_url, rights) as (_, url):
        with pytest.raises(VersionError, match=rf"revision {LAST}\). Run `autotune migrate` once as the role postgres"):
            await upgrade(url)


@pytest.mark.parametrize("table", ["autotune.autotune_version", "public.alembic_version"])
async def test_tables_of_a_newer_version_are_refused(empty_database_url, table):
    if table.startswith("public"):
        await execute(empty_database_url, dump_of(LAST))
    else:
        await upgrade(empty_database_url)
    await execute(empty_database_url, f"UPDATE {table} SET version_num = '9999'")
    with pytest.raises(VersionError, match=rf"revision 9999.*up to {known_revisions()[-1]}. Update AutoTune first"):
        await upgrade(empty_database_url)
    assert await value_of(empty_database_url, f"SELECT version_num FROM {table}") == "9999"


@pytest.mark.parametrize(
    "error", [asyncpg.InterfaceError("connection is closed"), asyncpg.InternalClientError("unexpected state")]
)
async def test_connection_that_ends_during_a_migration_is_unavailable(empty_database_url, monkeypatch, error):
    async def find_tables(_connection):
        raise error

    monkeypatch.setattr("autotune_service.store.migrate.find_tables", find_tables)
    with pytest.raises(UnavailableError, match=str(error)):
        await upgrade(empty_database_url)
