"""A listener goes on, whatever becomes of its connection."""

import asyncio

import asyncpg
import pytest

from autotune_service.store.epoch import Log
from autotune_service.store.listen import Listener
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
