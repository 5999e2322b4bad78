"""The name of the log, by server, database, timeline and row; servers other than the tests' own are feigned in SQL."""

import asyncio

import asyncpg
import pytest

from autotune_service.store.server.epoch import Connection, Log
from raw_database import epoch_of, execute, greeted, value_of

ROW = "SELECT epoch::text FROM log_epoch"
FEIGNED = {"search_path": "feigned, pg_catalog, public"}


def wal_file(timeline):
    return f"{timeline:08X}000000000000001A"


async def promote(database_url):
    """Feign a timeline 2 that nobody has met yet."""
    await execute(
        database_url,
        "CREATE SCHEMA feigned; CREATE FUNCTION feigned.pg_walfile_name(pg_lsn) RETURNS text LANGUAGE sql "
        f"AS $$SELECT '{wal_file(2)}'$$",
    )


@pytest.fixture
async def ordinary_url(database_url):
    """The URL of the database for a role that may read the tables and nothing else."""
    await execute(
        database_url,
        "DROP ROLE IF EXISTS plain; CREATE ROLE plain LOGIN NOSUPERUSER; GRANT USAGE ON SCHEMA autotune TO plain; "
        "GRANT SELECT ON log_epoch TO plain",
    )
    yield database_url.replace("://postgres:@", "://plain@").replace("://postgres@", "://plain@")
    await execute(database_url, "DROP OWNED BY plain; DROP ROLE plain")


@pytest.fixture
def feigned(database_url):
    """Find the epoch where a function of the server does something else."""

    async def feigned(signature, returns, body):
        await execute(
            database_url,
            "CREATE SCHEMA IF NOT EXISTS feigned; CREATE OR REPLACE FUNCTION "
            f"feigned.{signature} RETURNS {returns} LANGUAGE plpgsql AS $$BEGIN {body} END$$",
        )
        return await epoch_of(database_url, **FEIGNED)

    async def on_timeline(number):
        return await feigned("pg_walfile_name(pg_lsn)", "text", f"RETURN '{wal_file(number)}';")

    feigned.on_timeline = on_timeline
    return feigned


async def test_epoch_stays_and_is_short(database_url):
    first = await epoch_of(database_url)
    assert first == await epoch_of(database_url)
    assert len(first) == 16
    assert int(first, 16) >= 0


async def test_epoch_is_another_one_in_a_copy_of_the_database(cluster, database_url, template):
    """A copy has the same row in ``log_epoch``, as a dump that is restored by hand has."""
    async with cluster.database(template) as url:
        assert await epoch_of(url) != await epoch_of(database_url)


async def test_epoch_is_another_one_on_another_server(database_url, feigned):
    here = await epoch_of(database_url)
    elsewhere = "RETURN QUERY SELECT 7000000000000000000;"
    assert await feigned("pg_control_system()", "TABLE (system_identifier bigint)", elsewhere) != here


async def test_epoch_stays_on_a_timeline_whose_number_has_letters(feigned):
    assert await feigned.on_timeline(10) == await feigned.on_timeline(10)


async def test_new_epoch_is_another_one(database_url):
    before = await epoch_of(database_url)
    await execute(database_url, "UPDATE log_epoch SET epoch = gen_random_uuid()")
    assert await epoch_of(database_url) != before


async def test_row_is_marked_with_the_timeline_once(database_url):
    await epoch_of(database_url)
    marked = await value_of(database_url, ROW)
    assert marked[:8] == "00000001"  # a new server is on its first timeline
    await epoch_of(database_url)
    assert await value_of(database_url, ROW) == marked


async def test_new_timeline_is_another_epoch(database_url, feigned):
    epochs = [await epoch_of(database_url), await feigned.on_timeline(2), await feigned.on_timeline(2)]
    assert epochs[0] != epochs[1] == epochs[2]
    assert (await value_of(database_url, ROW))[:8] == "00000002"
    assert await feigned.on_timeline(0x1B) not in epochs
    assert (await value_of(database_url, ROW))[:8] == "0000001b"


async def test_standbys_that_were_promoted_apart_have_epochs_of_their_own(database_url, feigned):
    """Both had the row of their common past, and both count timeline 2."""
    await epoch_of(database_url)
    common = await value_of(database_url, ROW)
    first = await feigned.on_timeline(2)
    await execute(database_url, f"UPDATE log_epoch SET epoch = '{common}'")
    assert await feigned.on_timeline(2) != first


async def test_processes_that_come_at_once_to_a_new_timeline_agree(database_url):
    before = await epoch_of(database_url)
    await promote(database_url)
    found = set(await asyncio.gather(*(epoch_of(database_url, **FEIGNED) for _ in range(8))))
    assert len(found) == 1
    assert before not in found


async def test_new_timeline_is_another_epoch_where_nothing_can_be_written(database_url):
    before = await epoch_of(database_url)
    await promote(database_url)
    reading = FEIGNED | {"default_transaction_read_only": "on"}
    assert before != await epoch_of(database_url, **reading) == await epoch_of(database_url, **reading)
    assert (await value_of(database_url, ROW))[:8] == "00000001"


async def test_ordinary_role_gets_the_same_epoch(database_url, ordinary_url):
    expected = await epoch_of(database_url)
    assert await epoch_of(ordinary_url) == expected


async def test_role_that_may_not_ask_for_the_server_gets_an_epoch(database_url, ordinary_url):
    expected = await epoch_of(database_url)
    await execute(database_url, "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    try:
        first = await epoch_of(ordinary_url)
        assert first == await epoch_of(ordinary_url)
        assert first != expected
        await execute(database_url, "UPDATE log_epoch SET epoch = gen_random_uuid()")
        assert await epoch_of(ordinary_url) != first
    finally:
        await execute(database_url, "GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")


async def test_role_that_may_not_ask_for_the_timeline_gets_an_epoch(database_url, ordinary_url):
    expected = await epoch_of(database_url)
    for function in ("pg_walfile_name(pg_lsn)", "pg_current_wal_insert_lsn()"):
        await execute(database_url, f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")
        try:
            assert await epoch_of(ordinary_url) == await epoch_of(ordinary_url) != expected
        finally:
            await execute(database_url, f"GRANT EXECUTE ON FUNCTION {function} TO PUBLIC")


async def test_server_that_lacks_the_functions_gets_an_epoch(database_url):
    for name in ("pg_walfile_name", "pg_current_wal_insert_lsn", "pg_control_system"):
        await execute(
            database_url,
            f"SET allow_system_table_mods = on; UPDATE pg_proc SET proname = 'no_{name}' WHERE proname = '{name}'",
        )
        assert await epoch_of(database_url) == await epoch_of(database_url)


async def test_server_that_does_not_tell_its_timeline_gets_an_epoch(feigned):
    found = set()
    for code in ("0A000", "55000", "42501", "XX000"):
        refuse = f"RAISE 'WAL control functions cannot be executed' USING ERRCODE = '{code}';"
        found.add(await feigned("pg_walfile_name(pg_lsn)", "text", refuse))
    assert len(found) == 1
    assert await feigned.on_timeline(1) not in found


async def test_question_that_is_refused_within_a_transaction_costs_no_other_answer(database_url, feigned):
    refuse = "RAISE 'not here' USING ERRCODE = '0A000';"
    expected = await feigned("pg_control_system()", "TABLE (system_identifier bigint)", refuse)
    connection = await asyncpg.connect(database_url, connection_class=Connection, server_settings=FEIGNED)
    async with connection.transaction():
        await Log().greet(connection)
    assert connection.epoch == expected
    await connection.close()


async def test_connections_to_the_log_before_are_ended_and_whoever_cares_is_told(cluster, template, database_url):
    log, told = Log(), []
    log.on_change(lambda: told.append(log.epoch))
    async with cluster.database(template) as other_url:
        old = [await greeted(database_url, log) for _ in range(2)]
        assert told == []
        new = await greeted(other_url, log)
        assert told == [new.epoch]
        assert [connection.is_closed() for connection in [*old, new]] == [True, True, False]
        await new.close()


async def test_connection_that_is_overtaken_by_one_to_another_log_is_refused(cluster, template, database_url):
    log = Log()
    async with cluster.database(template) as other_url:
        await epoch_of(other_url)  # marks its row
        holding = await greeted(database_url, Log())
        async with holding.transaction():
            await holding.execute("LOCK TABLE autotune.log_epoch")
            overtaken = asyncio.create_task(greeted(database_url, log))
            await asyncio.sleep(0)
            while not await holding.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110 -- Postgres tells nobody
                await asyncio.sleep(0.01)
            new = await greeted(other_url, log)
        with pytest.raises(ConnectionResetError):
            await overtaken
        assert log.epoch == new.epoch
        await holding.close()
        await new.close()
