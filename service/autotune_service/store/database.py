"""Connections to Postgres and the unit of work.

``databases`` reads the address and keeps the pool. Its own transactions lose pool connections when BEGIN or COMMIT
fails or the task is cancelled. So the unit of work here takes its connection and its transaction from asyncpg, and
gives both back in every case.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import chain
from typing import Any

import asyncpg
import sqlalchemy as sa
from databases import Database
from sqlalchemy.sql import ClauseElement

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.statements import Filled, Row, Statement, filled, together

_DOWN = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # asyncpg raises it on a connection that the server closed while it was idle
    asyncpg.OperatorInterventionError,
)
_BUSY = (
    asyncpg.TooManyConnectionsError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.TransactionRollbackError,  # deadlocks and serialization failures, which succeed when tried again
)
_RETRY_AFTER_S = 2
_IDLE_FACTOR = 5  # times the timeout: a transaction that idles longer than that belongs to a client that is gone


class Work:
    """One transaction: its queries are committed together when the ``async with`` block ends, or not at all."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._notices: dict[tuple[str, str], None] = {}

    async def all(self, query: ClauseElement | Filled) -> list[Row]:
        """Run a query and return its rows."""
        ready = filled(query)
        records = await self._connection.fetch(ready.compiled.text, *ready.arguments)
        return [ready.compiled.row(record) for record in records]

    async def one(self, query: ClauseElement | Filled) -> Row | None:
        """Run a query and return its first row, or None if the query has no rows."""
        ready = filled(query)
        record = await self._connection.fetchrow(ready.compiled.text, *ready.arguments)
        return None if record is None else ready.compiled.row(record)

    async def run(self, query: ClauseElement | Filled) -> None:
        """Run a query for its effect; rows are ignored."""
        ready = filled(query)
        await self._connection.fetchval(ready.compiled.text, *ready.arguments)

    async def change(self, *queries: ClauseElement | Filled) -> None:
        """Run queries that change rows as one statement; no query sees the changes of another.

        A round trip to Postgres costs both sides more than most of these queries do. So the notices of earlier
        ``notify`` calls are sent in the same statement. Later notices are sent when the block ends and cost a round
        trip of their own.
        """
        parts = [filled(query) for query in queries]
        if self._notices:
            channels, payloads = zip(*self._notices, strict=True)
            parts.append(_NOTIFY(channels=channels, payloads=payloads))
            self._notices.clear()
        if parts:
            text = together(*(part.compiled for part in parts))
            # fetchval would make Postgres stop after the first row, and so send only one notice.
            await self._connection.execute(text, *chain.from_iterable(part.arguments for part in parts))

    def notify(self, channel: str, payload: str) -> None:
        """Notify the listeners of a channel at the commit; a notice that is given twice is sent once."""
        self._notices[channel, payload] = None


_TEXTS = sa.ARRAY(sa.Text)
_LISTS = [sa.cast(sa.bindparam(name, type_=_TEXTS), _TEXTS) for name in ("channels", "payloads")]
_NOTICE = sa.func.unnest(*_LISTS).table_valued("channel", "payload", name="notice").render_derived()
_NOTIFY = Statement(sa.select(sa.func.pg_notify(_NOTICE.c.channel, _NOTICE.c.payload)))


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg is untyped
    """A connection of the pool that needs no reset: settings here last for one transaction only."""

    def get_reset_query(self) -> str:
        """Return an empty query: nothing is run when the connection goes back to the pool."""
        return ""


class Store:
    """The pool of connections to one database.

    Args:
        url: Address of the database, as asyncpg reads it.
        pool_size: Most connections at a time.
        timeout_s: How long to wait for a connection, a lock or the end of a statement, in seconds.
    """

    def __init__(self, url: str, *, pool_size: int, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._pool_size = pool_size
        timeout_ms = str(int(timeout_s * 1000))
        self._database = Database(
            url,
            dsn=url,  # asyncpg reads the options that databases ignores, such as sslmode
            min_size=1,
            max_size=pool_size,
            timeout=timeout_s,
            command_timeout=timeout_s * 2,
            connection_class=_Connection,
            server_settings={
                "application_name": "autotune",
                "statement_timeout": timeout_ms,
                "lock_timeout": timeout_ms,
                "idle_in_transaction_session_timeout": str(int(timeout_s * _IDLE_FACTOR * 1000)),
            },
        )

    async def connect(self) -> None:
        """Open the pool."""
        await self._database.connect()

    async def disconnect(self) -> None:
        """Close the pool after the running queries have ended."""
        await self._database.disconnect()

    async def check(self) -> None:
        """Check with one query that the database answers.

        Raises:
            UnavailableError: If the database does not answer.
        """
        async with self.work() as work:
            await work.run(sa.select(1))

    def connections(self) -> tuple[int, int, int]:
        """Count the connections that are in use and those that are idle, and return the most that may be open."""
        backend: Any = self._database._backend
        pool = backend._pool
        n_open, n_idle = (0, 0) if pool is None else (pool.get_size(), pool.get_idle_size())
        return n_open - n_idle, n_idle, self._pool_size

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Work]:
        """Open a transaction.

        Raises:
            UnavailableError: If the database is down or has no connection free in time.
        """
        async with self._connected() as connection, connection.transaction():
            work = Work(connection)
            yield work
            await work.change()  # sends the remaining notices

    async def one(self, query: ClauseElement | Filled) -> Row | None:
        """Run a query outside a transaction and return its first row, or None if the query has no rows.

        Raises:
            UnavailableError: If the database is down or has no connection free in time.
        """
        async with self._connected() as connection:
            return await Work(connection).one(query)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncpg.Connection]:
        backend: Any = self._database._backend
        try:
            async with asyncio.timeout(self._timeout_s):  # asyncpg's own timeout would run acquire() in another task
                connection = await backend._pool.acquire()
            try:
                yield connection
            finally:
                await backend._pool.release(connection, timeout=self._timeout_s)
        except _DOWN as error:
            raise UnavailableError(f"the database does not answer ({type(error).__name__})", _RETRY_AFTER_S) from error
        except _BUSY as error:
            raise UnavailableError(f"the database is busy ({type(error).__name__})", _RETRY_AFTER_S) from error
