import asyncio
from uuid import UUID

from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import create_async_engine

from autotune_service.store.database import Store
from autotune_service.store.migrate import downgrade, driver_of, lock_migrations, transaction, upgrade
from autotune_service.store.rows.experiments import get_experiment
from autotune_service.store.rows.observations import list_observations
from autotune_service.store.rows.spaces import list_spaces
from autotune_service.store.rows.suggestions import list_pending
from autotune_service.store.tables import SCHEMA, VERSION_TABLE, metadata
from autotune_wire.responses import Objective
from raw_database import connect, execute
from released import dump_of, released


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
        table: {column["name"]: column["nullable"] for column in inspector.get_columns(table, SCHEMA)}
        for table in inspector.get_table_names(SCHEMA)
        if table != VERSION_TABLE
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
    connection = await connect(empty_database_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM autotune.autotune_version") == 1
    finally:
        await connection.close()


_WAITING = """
SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
    WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()
"""


async def test_who_waits_for_another_to_migrate_keeps_no_table_from_it(empty_database_url):
    await execute(empty_database_url, dump_of(released()[-1]))
    async with transaction(empty_database_url) as first:
        one = await driver_of(first)
        await lock_migrations(one)
        second = asyncio.create_task(upgrade(empty_database_url))
        while not await one.fetchval(_WAITING):  # noqa: ASYNC110 -- the other process tells nothing
            await asyncio.sleep(0.01)
        await one.execute("LOCK TABLE public.alembic_version, public.events IN ACCESS EXCLUSIVE MODE NOWAIT")
    await second


async def test_migrating_again_keeps_the_data(database_url):
    connection = await connect(database_url)
    try:
        await connection.execute("INSERT INTO users VALUES (gen_random_uuid(), 'ada@example.org', 'hash', true, now())")
        await upgrade(database_url)
        assert await connection.fetchval("SELECT email FROM users") == "ada@example.org"
    finally:
        await connection.close()


FIRST_DATA = """
INSERT INTO users VALUES ('00000000-0000-0000-0000-000000000001', 'ada@example.org', 'hash', true, now());
INSERT INTO experiments (exp_uuid, owner_uuid, name, description, covars, model_type, acq_func, direction, seed, state,
    created_at, updated_at, last_seq, n_observations, data_rev, fit_rev, n_open, n_wanted)
    VALUES ('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-000000000001', 'e', '',
    '{"z": {"vtype": "cont", "guess": 0.5, "min": 0, "max": 1}}', 'SingleTaskGP', 'ExpectedImprovement', 'minimize', 1,
    'active', now(), now(), 5, 1, 1, 1, 1, 1);
INSERT INTO suggestions VALUES ('00000000-0000-0000-0000-000000000003', '00000000-0000-0000-0000-000000000002', 2,
    'told', '{"z": 0.5}', 'guess', 'guessed', NULL, NULL, 0, now());
INSERT INTO suggestions VALUES ('00000000-0000-0000-0000-000000000004', '00000000-0000-0000-0000-000000000002', 5,
    'open', '{"z": 0.7}', 'model', 'because', 1.5, 0.25, 1, now());
INSERT INTO observations VALUES ('00000000-0000-0000-0000-000000000002', 3, '00000000-0000-0000-0000-000000000005',
    '00000000-0000-0000-0000-000000000003', '{"z": 0.5}', 0.1, now());
"""


async def test_data_of_the_first_version_are_read_by_the_second(empty_database_url):
    await upgrade(empty_database_url, "0001")
    await execute(empty_database_url, FIRST_DATA)
    await upgrade(empty_database_url)
    store = Store(empty_database_url, pool_size=2, timeout_s=5)
    await store.connect()
    try:
        async with store.work() as work:
            row = await get_experiment(work, UUID(int=2), UUID(int=1))
            suggested = await list_pending(work, UUID(int=2))
            observed = await list_observations(work, UUID(int=2))
            spaces = await list_spaces(work, UUID(int=2))
    finally:
        await store.disconnect()
    assert row.responses == {"Response": Objective(goal="minimize")}
    assert (row.constraints, row.engine, row.stop, row.stopped) == ([], "autotune", None, None)
    assert suggested[0].predictions == {"Response": {"mean": 1.5, "sd": 0.25}}
    assert (suggested[0].fixed, suggested[0].is_counted) == ({}, True)
    assert (observed[0].responses, observed[0].sds, observed[0].status) == ({"Response": 0.1}, {}, "ok")
    assert [(one.revision, one.space) for one in spaces] == [(0, row.space)]


async def test_second_version_goes_back_with_data(empty_database_url):
    await upgrade(empty_database_url, "0001")
    await execute(empty_database_url, FIRST_DATA)
    await upgrade(empty_database_url)
    await execute(
        empty_database_url,
        """
        INSERT INTO observations SELECT exp_uuid, 6, gen_random_uuid(), NULL, covars, NULL, now(), '{}', '{}', 'failed'
            FROM observations;
        UPDATE experiments SET n_observations = 2;
        UPDATE suggestions SET fixed_key = 'key' WHERE state = 'open';
        """,
    )
    await downgrade(empty_database_url, "0001")
    connection = await connect(empty_database_url)
    try:
        assert await connection.fetch("SELECT response FROM observations") == [(0.1,)]
        assert await connection.fetchval("SELECT n_observations FROM experiments") == 1
        assert await connection.fetchval("SELECT count(*) FROM suggestions WHERE state = 'open'") == 0
    finally:
        await connection.close()
    await upgrade(empty_database_url)


async def test_paused_experiment_goes_on_where_pauses_are_not_known(empty_database_url):
    await upgrade(empty_database_url, "0001")
    await execute(empty_database_url, FIRST_DATA)
    await upgrade(empty_database_url)
    await execute(empty_database_url, "UPDATE autotune.experiments SET state = 'paused', paused = '{}'")
    await downgrade(empty_database_url, "0005")
    connection = await connect(empty_database_url)
    try:
        assert await connection.fetchval("SELECT state FROM autotune.experiments") == "active"
    finally:
        await connection.close()


async def test_stopped_run_counts_no_more_where_stops_are_not_known(empty_database_url):
    await upgrade(empty_database_url, "0001")
    await execute(empty_database_url, FIRST_DATA)
    await upgrade(empty_database_url)
    await execute(
        empty_database_url,
        """
        UPDATE autotune.observations SET response = NULL, responses = '{}', stopped_step = 3, stopped_value = 0.5;
        INSERT INTO autotune.curves SELECT exp_uuid, 4, suggestion_uuid, '[3]', '[0.5]', 1, 'low', now()
            FROM autotune.observations;
        """,
    )
    await downgrade(empty_database_url, "0007")
    connection = await connect(empty_database_url)
    try:
        assert await connection.fetch("SELECT is_excluded FROM autotune.observations") == [(True,)]
        assert await connection.fetchval("SELECT to_regclass('autotune.curves')") is None
    finally:
        await connection.close()
    await upgrade(empty_database_url)


async def test_timeouts_of_the_role_end_no_migration(database_url):
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    own = "&".join(f"{name}=7000" for name in names)
    async with transaction(f"{database_url}&{own}") as connection:
        raw = await driver_of(connection)
        assert [await raw.fetchval(f"SHOW {name}") for name in names] == ["0", "0", "0"]
