"""A listener goes on, whatever becomes of its connection."""

import asyncio
import contextlib

import asyncpg
import pytest

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.database import Store
from autotune_service.store.server.address import Address
from autotune_service.store.server.epoch import Log
from autotune_service.store.server.listen import Listener
from raw_database import execute, greeted
from support import running


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        ConnectionResetError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_listener_outlives_a_connection_that_is_ended_as_it_begins(database_url, monkeypatch, error):
    add_listener, n_calls = asyncpg.Connection.add_listener, 0

    async def failing_at_first(connection, *arguments):
        nonlocal n_calls
        n_calls += 1
        if n_calls == 1:
            raise error
        await add_listener(connection, *arguments)

    monkeypatch.setattr(asyncpg.Connection, "add_listener", failing_at_first)
    connected, heard = asyncio.Event(), asyncio.Queue()
    async with running(Listener(database_url, "tests", heard.put_nowait, connected.set, Log()).run()):
        async with asyncio.timeout(20):
            await connected.wait()
            await execute(database_url, "NOTIFY tests, 'hello'")
            assert await heard.get() == "hello"


@pytest.mark.parametrize("n_steps", range(4))
async def test_listener_that_is_stopped_as_its_connection_ends_stops(cluster, template, database_url, n_steps):
    log, connected = Log(), asyncio.Event()
    async with asyncio.timeout(20), cluster.database(template) as other_url:
        listening = asyncio.create_task(Listener(database_url, "tests", lambda _: None, connected.set, log).run())
        await connected.wait()
        connection = await greeted(other_url, log)  # ends the listener's connection
        for _ in range(n_steps):
            await asyncio.sleep(0)
        listening.cancel()
        done, _ = await asyncio.wait([listening], timeout=2)
        listening.cancel()
        await connection.close()
    assert done == {listening}


def listener(url, log):
    return Listener(url, "tests", lambda _: None, lambda: None, log)


async def test_looks_that_are_asked_for_at_once_are_two_at_most(database_url, monkeypatch):
    """One may have begun before the others asked; these share the next."""
    log, n_connects, connect = Log(), 0, Listener._connect

    async def counted(self):
        nonlocal n_connects
        n_connects += 1
        return await connect(self)

    monkeypatch.setattr(Listener, "_connect", counted)
    looking = listener(database_url, log)
    first = asyncio.create_task(looking.look())
    await asyncio.sleep(0)  # it begins
    await asyncio.gather(*(looking.look() for _ in range(30)))
    assert (first.done(), n_connects) == (True, 2)
    await looking.look()
    assert n_connects == 3


async def test_pool_that_leads_to_another_server_is_refused_and_replaces_no_log(cluster, template, database_url):
    async with cluster.database(template) as other_url:
        store = Store(database_url, pool_size=2, timeout_s=5)
        await store.connect()
        looking, changes = listener(other_url, store.log), []
        store.log.on_change(lambda: changes.append(store.log.epoch))
        for _ in range(3):
            await looking.look()
            with pytest.raises(UnavailableError):
                await store.check()
        assert changes == [store.log.epoch]
        await store.disconnect()


async def test_pool_that_meets_a_new_log_first_goes_on_with_it(database_url):
    store = Store(database_url, pool_size=2, timeout_s=5)
    await store.connect()
    looking, before = listener(database_url, store.log), store.log.epoch
    await looking.look()
    await execute(
        database_url,
        "UPDATE log_epoch SET epoch = gen_random_uuid(); SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    async with asyncio.timeout(20):
        while store.log.epoch == before:
            with contextlib.suppress(UnavailableError):
                await store.check()
    async with store.work() as work:
        assert work.epoch == store.log.epoch
    await store.disconnect()


async def test_server_is_found_beside_two_that_vanished(database_url, monkeypatch):
    monkeypatch.setattr("autotune_service.store.server.listen._ANSWER_S", 1.5)
    silent = await asyncio.start_server(lambda *_: asyncio.sleep(60), "127.0.0.1", 0)
    vanished = f"127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    address, log = Address.of(database_url), Log()
    hosts = ",".join([vanished, vanished, address.hosts[0].name])
    await listener(f"postgresql://postgres@/{address.database}?sslmode=disable&host={hosts}", log).look()
    silent.close()
    assert log.epoch
