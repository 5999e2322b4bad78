import asyncio
import os
import signal
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.database import Store
from autotune_service.store.server.address import Address
from raw_database import execute

SMALL = 2


@pytest.fixture
async def small_store(database_url):
    store = Store(database_url, pool_size=SMALL, timeout_s=1)
    await store.connect()
    yield store
    await store.disconnect()


async def idle_of(store):
    """How many connections can be taken at once: all of them, where none was lost."""
    pool = store._database._backend._pool
    return pool.get_max_size() - (pool.get_size() - pool.get_idle_size())


async def test_work_commits_at_the_end(small_store):
    async with small_store.work() as work:
        await work.run(sa.text("CREATE TABLE kept (n int)"))
        await work.run(sa.text("INSERT INTO kept VALUES (7)"))
    async with small_store.work() as work:
        assert (await work.one(sa.text("SELECT n FROM kept")))["n"] == 7


async def test_work_rolls_back_on_error(small_store):
    with pytest.raises(ValueError, match="stop"):
        async with small_store.work() as work:
            await work.run(sa.text("CREATE TABLE lost (n int)"))
            raise ValueError("stop")
    async with small_store.work() as work:
        assert (await work.one(sa.text("SELECT to_regclass('lost') AS found")))["found"] is None
    assert await idle_of(small_store) == SMALL


async def test_cancelled_work_gives_its_connection_back(small_store):
    async def hang():
        async with small_store.work() as work:
            await work.run(sa.text("SELECT pg_sleep(30)"))

    for _ in range(10):
        task = asyncio.create_task(hang())
        while await idle_of(small_store) == SMALL:  # noqa: ASYNC110 -- the pool has no event for it
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await idle_of(small_store) == SMALL
    await small_store.check()


async def test_cancellation_is_not_lost_where_the_rollback_fails(small_store):
    """Else a worker's heartbeat that is cancelled while the database goes away would renew its claim for ever."""
    begun = asyncio.Event()

    async def hang():
        async with small_store.work() as work:
            connection = work._connection
            try:
                begun.set()
                await asyncio.sleep(30)
            finally:
                connection._transport.abort()  # the server is gone, and the connection does not know it yet

    task = asyncio.create_task(hang())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await small_store.check()
    assert await idle_of(small_store) == SMALL


async def test_cancelled_work_on_a_server_that_hangs_gives_its_connection_back_at_once(database_url, monkeypatch):
    monkeypatch.setattr("autotune_service.store.database._UNDO_S", 0.1)
    store = Store(database_url, pool_size=SMALL, timeout_s=30)
    await store.connect()
    execute_one = asyncpg.Connection.execute

    async def hang(self, query, *arguments, **options):
        return await execute_one(self, "SELECT pg_sleep(30)" if query == "ROLLBACK" else query, *arguments, **options)

    monkeypatch.setattr("asyncpg.Connection.execute", hang)
    begun = asyncio.Event()

    async def work():
        async with store.work():
            begun.set()
            await asyncio.sleep(30)

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=5)
    assert done == {task}
    assert task.cancelled()
    await store.check()
    assert await idle_of(store) == SMALL
    await store.disconnect()


async def test_store_of_a_server_that_is_silent_is_closed_all_the_same(small_store):
    async with small_store.work() as work:
        backend = (await work.one(sa.select(sa.func.pg_backend_pid().label("pid"))))["pid"]
    os.kill(backend, signal.SIGSTOP)
    try:
        async with asyncio.timeout(20):
            await small_store.disconnect()
    finally:
        os.kill(backend, signal.SIGCONT)


async def test_failing_commit_gives_its_connection_back(small_store):
    async with small_store.work() as work:
        await work.run(sa.text("CREATE TABLE one (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)"))
    for _ in range(5):
        with pytest.raises(asyncpg.UniqueViolationError):
            async with small_store.work() as work:
                await work.run(sa.text("INSERT INTO one VALUES (1), (1)"))
    assert await idle_of(small_store) == SMALL
    await small_store.check()


async def test_failing_begin_gives_its_connection_back(small_store, monkeypatch):
    execute_one = asyncpg.Connection.execute

    async def fail(self, query, *arguments, **options):
        if query == "BEGIN":
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
        return await execute_one(self, query, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr("asyncpg.Connection.execute", fail)
        for _ in range(SMALL + 1):
            with pytest.raises(UnavailableError):
                async with small_store.work():
                    pytest.fail("there is no transaction")
    assert await idle_of(small_store) == SMALL
    await small_store.check()


async def test_killed_backend_is_unavailable_once_and_replaced(small_store):
    with pytest.raises(UnavailableError):
        async with small_store.work() as work:
            await work.run(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))
    await small_store.check()
    assert await idle_of(small_store) == SMALL


async def test_exhausted_pool_is_unavailable_and_says_when_to_come_back(small_store):
    async with small_store.work(), small_store.work():
        with pytest.raises(UnavailableError) as caught:
            await small_store.check()
    assert caught.value.retry_after_s > 0


async def test_json_keeps_the_order_of_its_keys(small_store):
    query = sa.select(sa.cast(sa.literal('{"b": 1, "a": 2}'), sa.JSON).label("covars"))
    async with small_store.work() as work:
        assert list((await work.one(query))["covars"]) == ["b", "a"]


async def test_database_url_without_server_is_unavailable():
    store = Store("postgresql://nobody@127.0.0.1:1/none", pool_size=2, timeout_s=1)
    with pytest.raises(UnavailableError):
        await store.connect()
    await store.disconnect()


def test_nothing_uses_the_transactions_that_lose_connections(root: Path):
    source = "".join(path.read_text() for path in (root / "service").rglob("*.py"))
    assert "_database.transaction(" not in source
    assert "database.transaction(" not in source


async def test_changes_of_one_statement_see_nothing_of_each_other(small_store):
    async with small_store.work() as work:
        await work.run(sa.text("CREATE TABLE one (n int, text text)"))
        await work.run(sa.text("INSERT INTO one VALUES (1, 'before')"))
        raised = sa.text("UPDATE one SET n = n + :by").bindparams(by=10)
        added = sa.text("INSERT INTO one VALUES (:n, :text)").bindparams(n=2, text="beside it")
        await work.change(raised, added)
        rows = await work.all(sa.text("SELECT n, text FROM one ORDER BY n"))
    assert rows == [{"n": 2, "text": "beside it"}, {"n": 11, "text": "before"}]


@pytest.mark.parametrize("is_given_before", [True, False])
async def test_notices_are_sent_once_and_at_the_commit(small_store, database_url, is_given_before):
    heard = []
    listening = await asyncpg.connect(database_url)
    await listening.add_listener("news", lambda *given: heard.append(given[-1]))
    async with small_store.work() as work:
        await work.run(sa.text("CREATE TABLE kept (n int)"))
        if is_given_before:
            work.notify("news", "$1 and 'more'")
        await work.change(sa.text("INSERT INTO kept VALUES (7)"))
        work.notify("news", "late")
        work.notify("news", "last")
        await listening.execute("SELECT 1")  # the server sends what there is to hear before it answers
        assert heard == []
    await listening.execute("SELECT 1")
    await listening.close()
    assert heard == (["$1 and 'more'"] if is_given_before else []) + ["late", "last"]
    async with small_store.work() as work:
        assert await work.all(sa.text("SELECT n FROM kept")) == [{"n": 7}]


FAILING = """
CREATE TABLE public.kept (n int);
CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'on purpose' USING ERRCODE = '53100';
END $$;
CREATE TRIGGER fails BEFORE INSERT ON public.kept FOR EACH STATEMENT EXECUTE FUNCTION fails();
"""


async def add(store):
    async with store.work() as work:
        await work.run(sa.text("INSERT INTO kept VALUES (1)"))


async def test_full_disk_is_no_readiness_until_a_change_succeeds(small_store, database_url):
    await execute(database_url, FAILING)
    with pytest.raises(UnavailableError, match="disk is full"):
        await add(small_store)
    for _ in range(2):
        with pytest.raises(UnavailableError, match="disk is full"):
            await small_store.check()
    await execute(database_url, "DROP TRIGGER fails ON public.kept")
    await add(small_store)
    await small_store.check()


async def test_refused_change_is_forgotten_after_a_while(small_store, database_url, monkeypatch):
    await execute(database_url, FAILING)
    with pytest.raises(UnavailableError):
        await add(small_store)
    monkeypatch.setattr("autotune_service.store.database._REFUSED_S", 0.0)
    await small_store.check()


@pytest.mark.parametrize("notices", [add, Store.check], ids=["change", "check"])
async def test_connections_to_a_server_that_was_read_only_are_replaced(cluster, database_url, notices):
    """A session keeps the setting that it began with, as one to a demoted primary does."""
    name = Address.of(database_url).database
    await execute(database_url, "CREATE TABLE public.kept (n int)")
    await cluster.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    store = Store(database_url, pool_size=SMALL, timeout_s=5)
    await store.connect()
    async with store.work(), store.work():
        pass  # all connections of the pool are open
    await cluster.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    with pytest.raises(UnavailableError, match="read-only"):
        await notices(store)
    for _ in range(SMALL + 1):
        await add(store)
    async with store.work(), store.work() as second:
        await second.run(sa.text("INSERT INTO kept VALUES (2)"))
    await store.check()
    await store.disconnect()
