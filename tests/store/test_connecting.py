"""Connections by an address: which host is taken, what a session is told, and what is said where none can be had."""

import asyncio
import logging

import pytest
import sqlalchemy as sa

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.database import Store
from autotune_service.store.server.address import Address
from autotune_service.store.server.connecting import NotConnectedError, connect
from autotune_service.store.server.inspection import inspect_database, inspect_session
from pooler import pooled
from raw_database import execute


async def test_connection_whose_settings_the_system_refuses_is_ended(database_url, monkeypatch):
    refused = []

    def refuse(connection, _given):
        refused.append(connection)
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr("autotune_service.store.server.connecting._keep_alive", refuse)
    assert "Invalid argument" in await said_by(database_url)
    assert [connection.is_closed() for connection in refused] == [True]


async def said_by(url):
    with pytest.raises(NotConnectedError) as caught:
        await connect(Address.of(url), timeout_s=5)
    assert "hunter2" not in f"{caught.value}{caught.value.told}"
    return str(caught.value)


async def test_nobody_listens():
    said = await said_by("postgresql://u:hunter2@127.0.0.1:1/db")
    assert "127.0.0.1:1 does not listen; start it" in said


async def test_unknown_host():
    said = await said_by("postgresql://u:hunter2@nowhere.invalid/db")
    assert "nowhere.invalid:5432 cannot be found" in said
    assert "cannot be found" in await said_by(f"postgresql://u:hunter2@{'a' * 70}.invalid/db")


async def test_no_socket(tmp_path):
    assert f"{tmp_path}:5432 has no socket there" in await said_by(f"postgresql://u:hunter2@/db?host={tmp_path}")


async def test_unknown_database_and_user(database_url):
    assert "(SQLSTATE 3D000); make it with: createdb nowhere" in await said_by(_with(database_url, "nowhere"))
    said = await said_by(database_url.replace("postgres:@", "nobody:hunter2@"))
    assert "(SQLSTATE 28000); let user 'nobody' log in there" in said


async def test_silent_server_is_named_with_the_time():
    silent = await asyncio.start_server(lambda *_: asyncio.sleep(60), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    said = await said_by(f"postgresql://u@127.0.0.1:{port}/db?connect_timeout=1&sslmode=disable")
    silent.close()
    assert f"127.0.0.1:{port} did not answer within 1 s" in said


async def test_host_that_is_away_is_passed_over(database_url):
    (socket_folder,) = (host.name for host in Address.of(database_url).hosts)
    address = Address.of(f"{database_url.split('?')[0]}?host=/nowhere,{socket_folder}")
    connection = await connect(address, timeout_s=5)
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()


async def test_read_only_host_is_passed_over_and_named(database_url, cluster):
    await cluster.execute(f"ALTER DATABASE {Address.of(database_url).database} SET default_transaction_read_only = on")
    said = await said_by(database_url.replace("&port=5432", ",/nowhere"))
    assert "takes no changes" in said
    assert "/nowhere:5432 has no socket there" in said


async def test_session_of_a_server_that_does_not_wait_for_its_disk_waits(database_url, cluster):
    name = Address.of(database_url).database
    await cluster.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    await cluster.execute(f"ALTER DATABASE {name} SET TimeZone = 'Asia/Kathmandu'")
    store = Store(f"{database_url}&application_name=mine&work_mem=1234", pool_size=2, timeout_s=7)
    await store.connect()
    names = ("synchronous_commit", "application_name", "work_mem", "statement_timeout", "TimeZone")
    row = await store.one(sa.select(*(sa.func.current_setting(name).label(name) for name in names)))
    await store.disconnect()
    assert dict(row) == dict(zip(names, ("on", "autotune mine", "1234kB", "7s", "UTC"), strict=True))


async def test_setting_that_the_server_does_not_know_is_named_at_the_start(database_url):
    with pytest.raises(UnavailableError, match='unrecognized configuration parameter "nonsense"'):
        await inspect_database(f"{database_url}&nonsense=1")


async def test_read_only_database_is_refused_at_the_start(database_url, cluster):
    await cluster.execute(f"ALTER DATABASE {Address.of(database_url).database} SET default_transaction_read_only = on")
    with pytest.raises(UnavailableError, match="takes no changes") as caught:
        await inspect_database(database_url)
    assert str(Address.of(database_url)) in caught.value.detail


async def test_warning_of_the_url_is_logged_once(database_url, caplog):
    with caplog.at_level(logging.WARNING):
        await inspect_database(f"{database_url}&channel_binding=require")
    assert caplog.text.count("channel_binding=require") == 1


async def test_warning_of_the_direct_url_is_logged_with_its_name(database_url, caplog):
    with caplog.at_level(logging.WARNING):
        await inspect_database(database_url, f"{database_url}&channel_binding=require")
    assert "AUTOTUNE_DATABASE_DIRECT_URL asks for channel_binding=require" in caplog.text


async def test_url_that_cannot_be_used_is_named_by_where_it_stands(database_url):
    bad = "postgresql://u@127.0.0.1:1/db"
    with pytest.raises(UnavailableError, match=r"correct the host and port in AUTOTUNE_DATABASE_DIRECT_URL$"):
        await inspect_database(database_url, bad)
    with pytest.raises(UnavailableError, match=r"correct the host and port in AUTOTUNE_DATABASE_DIRECT_URL$"):
        await inspect_session(database_url, bad)
    with pytest.raises(UnavailableError, match=r"correct the host and port in AUTOTUNE_DATABASE_URL$"):
        await inspect_database(bad)
    with pytest.raises(UnavailableError, match=r"correct the host and port in the other$"):
        await inspect_database(bad, source="the other")


async def test_session_is_had_on_a_server_that_only_reads_and_past_a_pooler(database_url):
    reading = f"{database_url}&default_transaction_read_only=on"
    assert await inspect_session(reading) == reading
    with pooled(database_url, is_shared=True) as pooler:
        assert await inspect_session(pooler.url, database_url) == database_url
        with pytest.raises(UnavailableError, match="is no direct one"):
            await inspect_session(database_url, pooler.url)


async def test_direct_database_and_pooler_of_sessions_share_no_session(database_url):
    assert not (await inspect_database(database_url)).is_shared
    with pooled(database_url, is_shared=False) as pooler:
        assert not (await inspect_database(pooler.url)).is_shared


async def test_pooler_of_transactions_is_found_and_refused_without_a_direct_url(database_url, cluster):
    with pooled(database_url, is_shared=True) as pooler:
        with pytest.raises(UnavailableError, match="set AUTOTUNE_DATABASE_DIRECT_URL"):
            await inspect_database(pooler.url)
        reached = await inspect_database(pooler.url, database_url)
        assert (reached.is_shared, reached.direct_url) == (True, database_url)
        with pytest.raises(UnavailableError, match="is no direct one"):
            await inspect_database(database_url, pooler.url)
        with pytest.raises(UnavailableError, match="another database"):
            await inspect_database(pooler.url, cluster.url)


@pytest.mark.parametrize("is_shared", [False, True])
async def test_work_on_a_snapshot_sees_no_later_change_and_makes_none(database_url, is_shared):
    await execute(database_url, "CREATE TABLE public.kept (n int)")
    with pooled(database_url, is_shared=True) as pooler:
        store = Store(pooler.url if is_shared else database_url, pool_size=4, timeout_s=7, is_shared=is_shared)
        await store.connect()
        count = sa.text("SELECT count(*) AS n FROM kept")
        async with store.work(is_snapshot=True) as work:
            before = await work.one(count)
            await execute(database_url, "INSERT INTO public.kept VALUES (1)")
            assert await work.one(count) == before == {"n": 0}
        with pytest.raises(UnavailableError, match="read-only"):
            async with store.work(is_snapshot=True) as work:
                await work.run(sa.text("INSERT INTO kept VALUES (2)"))
        assert await store.one(count) == {"n": 1}
        await store.disconnect()


async def test_store_behind_a_pooler_of_transactions_keeps_nothing_between_them(database_url):
    await execute(database_url, "CREATE TABLE public.kept (n int)")
    with pooled(database_url, is_shared=True) as pooler:
        store = Store(pooler.url, pool_size=4, timeout_s=7, is_shared=True)
        await store.connect()

        async def add(n):
            async with store.work() as work:
                row = await work.one(sa.select(sa.func.current_setting("statement_timeout").label("limit")))
                await work.run(sa.text("INSERT INTO kept VALUES (:n)").bindparams(n=n))
            assert row["limit"] == "7s"
            return (await store.one(sa.text("SELECT count(*) AS n FROM kept WHERE n = :n").bindparams(n=n)))["n"]

        assert await asyncio.gather(*map(add, range(40))) == [1] * 40
        with pytest.raises(ValueError, match="stop"):
            async with store.work() as work:
                await work.run(sa.text("INSERT INTO kept VALUES (99)"))
                raise ValueError("stop")
        assert (await store.one(sa.text("SELECT count(*) AS n FROM kept")))["n"] == 40
        await store.disconnect()
        assert pooler.n_swaps > 0
        # A setting of the session would now be another client's, too.
        plain = await connect(Address.of(pooler.url), timeout_s=5, statement_cache_size=0)
        async with plain.transaction():
            assert await plain.fetchval("SHOW statement_timeout") == "0"
        await plain.close()


def _with(url, name):
    return url.replace(f"/{Address.of(url).database}?", f"/{name}?")
