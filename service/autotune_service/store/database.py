"""Connections to Postgres and the unit of work.

``databases`` reads the address and keeps the pool. Its own transactions lose pool connections when BEGIN or COMMIT
fails or the task is cancelled, so the unit of work here takes the connection and the transaction from asyncpg, which
gives both back whatever happens.
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
    asyncpg.InternalClientError,  # asyncpg's on a connection that the server gave up while nobody used it
    asyncpg.OperatorInterventionError,
)
_BUSY = (
    asyncpg.TooManyConnectionsError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.TransactionRollbackError,  # deadlocks and serialization failures among them: all may be tried again
)
_RETRY_AFTER_S = 2
_IDLE_FACTOR = 5  # a transaction's own work is short; one that idles so long belongs to a client that is gone


class Work:
    """One transaction: its queries commit together when the block ends, or not at all."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._notices: dict[tuple[str, str], None] = {}

    async def all(self, query: ClauseElement | Filled) -> list[Row]:
        """Run a query and give its rows."""
        ready = filled(query)
        records = await self._connection.fetch(ready.compiled.text, *ready.arguments)
        return [ready.compiled.row(record) for record in records]

    async def one(self, query: ClauseElement | Filled) -> Row | None:
        """Run a query and give its first row, if it has one."""
        ready = filled(query)
        record = await self._connection.fetchrow(ready.compiled.text, *ready.arguments)
        return None if record is None else ready.compiled.row(record)

    async def run(self, query: ClauseElement | Filled) -> None:
        """Run a query that gives no rows."""
        ready = filled(query)
        await self._connection.fetchval(ready.compiled.text, *ready.arguments)

    async def change(self, *queries: ClauseElement | Filled) -> None:
        """Run queries that change rows as one statement: none of them sees what another changes.

        A round trip to Postgres costs both sides more than most of these queries do. So notices that were given before
        go with them; those that come after are sent at the end, for a round trip of their own.
        """
        parts = [filled(query) for query in queries]
        if self._notices:
            channels, payloads = zip(*self._notices, strict=True)
            parts.append(_NOTIFY(channels=channels, payloads=payloads))
            self._notices.clear()
        if parts:
            text = together(*(part.compiled for part in parts))
            # Not fetchval, which has Postgres stop after one row: of one notice.
            await self._connection.execute(text, *chain.from_iterable(part.arguments for part in parts))

    def notify(self, channel: str, payload: str) -> None:
        """Have those who listen on a channel told, once it is committed."""
        self._notices[channel, payload] = None


_TEXTS = sa.ARRAY(sa.Text)
_LISTS = [sa.cast(sa.bindparam(name, type_=_TEXTS), _TEXTS) for name in ("channels", "payloads")]
_NOTICE = sa.func.unnest(*_LISTS).table_valued("channel", "payload", name="notice").render_derived()
_NOTIFY = Statement(sa.select(sa.func.pg_notify(_NOTICE.c.channel, _NOTICE.c.payload)))


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg is untyped
    """A connection of the pool; whatever is set on it ends with its transaction, so that none has to be cleaned."""

    def get_reset_query(self) -> str:
        """Give what is run when it goes back to the pool."""
        return ""


class Store:
    """The pool of connections to one database."""

    def __init__(self, url: str, *, pool_size: int, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._pool_size = pool_size
        timeout_ms = str(int(timeout_s * 1000))
        self._database = Database(
            url,
            dsn=url,  # for the options that databases does not know, sslmode among them
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
        """Close the pool; queries under way end first."""
        await self._database.disconnect()

    async def check(self) -> None:
        """Make a round trip.

        Raises:
            UnavailableError: If the database does not answer.
        """
        async with self.work() as work:
            await work.run(sa.select(1))

    def connections(self) -> tuple[int, int, int]:
        """Tell how many connections are in use, how many are idle, and how many there may be."""
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
            await work.change()  # the notices that are left

    async def one(self, query: ClauseElement | Filled) -> Row | None:
        """Run a query that stands alone, and give its first row, if it has one.

        Raises:
            UnavailableError: If the database is down or has no connection free in time.
        """
        async with self._connected() as connection:
            return await Work(connection).one(query)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncpg.Connection]:
        backend: Any = self._database._backend
        try:
            async with asyncio.timeout(self._timeout_s):  # asyncpg's own makes a task of it
                connection = await backend._pool.acquire()
            try:
                yield connection
            finally:
                await backend._pool.release(connection, timeout=self._timeout_s)
        except _DOWN as error:
            raise UnavailableError(f"the database does not answer ({type(error).__name__})", _RETRY_AFTER_S) from error
        except _BUSY as error:
            raise UnavailableError(f"the database is busy ({type(error).__name__})", _RETRY_AFTER_S) from error
