"""Tables of former versions move to their schema, those of others stay, and views are left to services of before."""

import asyncio

import asyncpg
import pytest

from autotune_service.domain.errors import UnavailableError
from autotune_service.store import adoption
from autotune_service.store.migrate import downgrade, upgrade
from autotune_service.store.schema import SchemaError, known_revisions
from autotune_service.store.tables import metadata
from raw_database import a_role, connect, execute, fetch, value_of
from released import dump_of, released

NAMES = {table.name for table in metadata.sorted_tables}
LAST = released()[-1]
OTHERS = """
CREATE SCHEMA mlflow;
CREATE TABLE mlflow.alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO mlflow.alembic_version VALUES ('c8371498f1f4');
CREATE TABLE mlflow.experiments (name text);
INSERT INTO mlflow.experiments VALUES ('of MLflow');
CREATE TABLE public.notes (note text);
INSERT INTO public.notes VALUES ('of Ada');
CREATE VIEW public.mails AS SELECT email FROM public.users;
"""
RELATIONS = """
SELECT n.nspname || '.' || c.relname AS name, c.relkind::text AS kind FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('public', 'autotune', 'mlflow', 'lab')
    AND c.relkind IN ('r', 'v')
"""


async def relations_of(url, kind):
    return {row["name"] for row in await fetch(url, RELATIONS) if row["kind"] == kind}


@pytest.mark.parametrize("revision", released())
async def test_tables_of_every_released_version_move_and_those_of_others_stay(empty_database_url, revision):
    await execute(empty_database_url, dump_of(revision) + OTHERS)
    n_events = await value_of(empty_database_url, "SELECT count(*) FROM public.events")
    await upgrade(empty_database_url)
    tables = await relations_of(empty_database_url, "r")
    ours = {f"autotune.{name}" for name in NAMES | {"autotune_version"}}
    assert tables == ours | {"public.notes", "mlflow.alembic_version", "mlflow.experiments"}
    left = {f"public.{name}" for name in NAMES | {"alembic_version"}}
    assert await relations_of(empty_database_url, "v") == left | {"public.mails"}
    assert n_events > 0
    assert await value_of(empty_database_url, "SELECT count(*) FROM autotune.events") == n_events
    assert await value_of(empty_database_url, "SELECT count(*) FROM public.events") == n_events
    assert await value_of(empty_database_url, "SELECT version_num FROM public.alembic_version") == known_revisions()[-1]
    assert await value_of(empty_database_url, "SELECT name FROM mlflow.experiments") == "of MLflow"
    assert await value_of(empty_database_url, "SELECT version_num FROM mlflow.alembic_version") == "c8371498f1f4"
    mails = "SELECT (SELECT count(*) FROM public.mails) = (SELECT count(*) FROM autotune.users)"
    assert await value_of(empty_database_url, mails) is True


async def test_version_table_of_another_program_is_left_alone(empty_database_url):
    """Its revision may even be named like one of ours, and its tables like ours too."""
    await execute(
        empty_database_url,
        """
        CREATE TABLE public.alembic_version (version_num varchar(32) PRIMARY KEY);
        INSERT INTO public.alembic_version VALUES ('0001');
        CREATE TABLE public.experiments (name text);
        CREATE TABLE public.users (id int);
        INSERT INTO public.experiments VALUES ('of MLflow')
        """,
    )
    await upgrade(empty_database_url)
    assert await value_of(empty_database_url, "SELECT version_num FROM public.alembic_version") == "0001"
    assert await value_of(empty_database_url, "SELECT name FROM public.experiments") == "of MLflow"
    assert await value_of(empty_database_url, "SELECT count(*) FROM autotune.experiments") == 0
    assert await relations_of(empty_database_url, "v") == set()


async def test_table_that_has_the_name_of_a_later_one_is_left_alone(empty_database_url):
    await execute(empty_database_url, dump_of("0001") + "CREATE TABLE public.questions (id int)")
    await upgrade(empty_database_url)
    assert "public.questions" in await relations_of(empty_database_url, "r")
    assert "autotune.questions" in await relations_of(empty_database_url, "r")


async def test_tables_in_a_schema_of_the_search_path_move(empty_database_url):
    await execute(empty_database_url, "CREATE SCHEMA lab;" + dump_of(LAST).replace("public.", "lab."))
    await upgrade(f"{empty_database_url}&search_path=lab")
    assert "autotune.events" in await relations_of(empty_database_url, "r")
    assert await relations_of(empty_database_url, "v") == {f"lab.{name}" for name in NAMES | {"alembic_version"}}


async def test_tables_that_are_in_the_schema_already_stay_there(empty_database_url):
    """The role autotune has a schema of its name in its search path, where there is one."""
    await execute(empty_database_url, "CREATE SCHEMA autotune;" + dump_of(LAST).replace("public.", "autotune."))
    await upgrade(f"{empty_database_url}&search_path=autotune")
    assert "autotune.autotune_version" in await relations_of(empty_database_url, "r")
    assert await relations_of(empty_database_url, "v") == {"autotune.alembic_version"}
    await upgrade(empty_database_url)


async def test_views_take_what_a_service_of_before_runs(empty_database_url):
    await execute(empty_database_url, dump_of(LAST))
    await upgrade(empty_database_url)
    connection = await asyncpg.connect(empty_database_url)
    try:
        row = await connection.fetchrow(
            "SELECT exp_uuid, xmin::text AS writer FROM experiments ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED"
        )
        seq = await connection.fetchval(
            "UPDATE experiments SET last_seq = last_seq + 1 WHERE exp_uuid = $1 RETURNING last_seq", row["exp_uuid"]
        )
        stored = await connection.fetchrow(
            "WITH added AS (INSERT INTO events (exp_uuid, seq, type, created_at, data) "
            "VALUES ($1, $2, 'x', now(), '{}') RETURNING seq) SELECT seq, pg_notify('c', seq::text) FROM added",
            row["exp_uuid"], seq,
        )  # fmt: skip
        user = await connection.fetchval("SELECT user_uuid FROM users LIMIT 1")
        for _ in range(2):
            await connection.execute(
                "INSERT INTO answered_requests (user_uuid, key, body_hash, answer, created_at) "
                "VALUES ($1, 'twice', '', '', now()) ON CONFLICT (user_uuid, key) DO UPDATE SET answer = 'again'",
                user,
            )
    finally:
        await connection.close()
    assert row["writer"].isdigit()
    assert stored["seq"] == seq
    assert await value_of(empty_database_url, "SELECT max(seq) FROM autotune.events WHERE type = 'x'") == seq
    again = "SELECT answer FROM autotune.answered_requests WHERE key = 'twice'"
    assert await value_of(empty_database_url, again) == "again"


async def test_prepared_statements_of_before_go_on(empty_database_url):
    await execute(empty_database_url, dump_of(LAST))
    connection = await asyncpg.connect(empty_database_url)
    try:
        count = await connection.prepare("SELECT count(*) FROM events")
        before = await count.fetchval()
        await upgrade(empty_database_url)
        assert await count.fetchval() == before
    finally:
        await connection.close()


async def test_whoever_might_use_a_table_may_use_its_view(empty_database_url):
    await execute(empty_database_url, dump_of(LAST))
    rights = "GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA public TO {role}"
    async with a_role(empty_database_url, rights) as (_, url):
        await upgrade(empty_database_url)
        connection = await asyncpg.connect(url)
        try:
            for name in ("public.users", "autotune.users"):
                assert await connection.execute(f"UPDATE {name} SET is_active = is_active") != "UPDATE 0"
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(f"DELETE FROM {name}")
        finally:
            await connection.close()


async def test_tables_moved_by_an_administrator_still_belong_to_their_owner(empty_database_url):
    async with a_role(empty_database_url, "GRANT CREATE ON SCHEMA public TO {role}") as (_, url):
        await execute(url, dump_of(LAST))
        await upgrade(empty_database_url)
        for name in ("public.users", "autotune.users"):
            assert await value_of(url, f"SELECT count(*) FROM {name}") > 0
        await upgrade(url)
        await downgrade(url, LAST)
        await upgrade(url)


async def test_migrations_take_the_views_with_them(empty_database_url):
    """A column that a view names could not be dropped."""
    await execute(empty_database_url, dump_of(LAST))
    await upgrade(empty_database_url)
    await downgrade(empty_database_url, "0001")
    assert "public.log_epoch" not in await relations_of(empty_database_url, "v")
    assert "public.events" in await relations_of(empty_database_url, "v")
    await upgrade(empty_database_url)
    assert "public.log_epoch" in await relations_of(empty_database_url, "v")


async def test_move_waits_for_a_transaction_that_ends(empty_database_url):
    await execute(empty_database_url, dump_of(LAST))
    connection = await connect(empty_database_url)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("SELECT * FROM public.events")
    moving = asyncio.create_task(upgrade(empty_database_url))
    try:
        assert await asyncio.wait([moving], timeout=0.7) == (set(), {moving})
        # Others are not held up by the one who waits for longer than its short tries.
        assert await value_of(f"{empty_database_url}&lock_timeout=3000", "SELECT count(*) FROM public.events") > 0
        await transaction.commit()
        await moving
    finally:
        await connection.close()
    assert "autotune.events" in await relations_of(empty_database_url, "r")


async def test_move_names_the_transaction_that_does_not_end(empty_database_url, monkeypatch):
    monkeypatch.setattr(adoption, "_LOCK_WAIT_S", 0.0)
    await execute(empty_database_url, dump_of(LAST))
    connection = await asyncpg.connect(empty_database_url, server_settings={"application_name": "nightly report"})
    try:
        async with connection.transaction():
            await connection.execute("SELECT * FROM public.events")
            with pytest.raises(UnavailableError, match=rf"nightly report, process {connection.get_server_pid()}"):
                await upgrade(empty_database_url)
    finally:
        await connection.close()
    assert "public.events" in await relations_of(empty_database_url, "r")
    assert "autotune.events" not in await relations_of(empty_database_url, "r")


async def test_move_says_what_it_needs_to_leave_views(empty_database_url):
    async with a_role(empty_database_url, "GRANT CREATE ON SCHEMA public TO {role}") as (role, url):
        await execute(url, dump_of(LAST))
        name = await value_of(url, "SELECT current_database()")
        await execute(
            empty_database_url,
            f"REVOKE CREATE ON SCHEMA public FROM {role}; GRANT CREATE ON DATABASE {name} TO {role}",
        )
        with pytest.raises(SchemaError, match=f'GRANT CREATE ON SCHEMA "public" TO "{role}"'):
            await upgrade(url)
        await execute(empty_database_url, f"GRANT CREATE ON SCHEMA public TO {role}")
        await upgrade(url)
