"""Connections to Postgres and the unit of work.

``databases`` keeps the pool, compiles the queries and shapes the rows. Its own transactions lose pool connections when
BEGIN or COMMIT fails or the task is cancelled, so the unit of work here takes the connection and the transaction from
asyncpg, which gives both back whatever happens.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import sqlalchemy as sa
from databases import Database
from databases.backends.postgres import PostgresConnection
from databases.interfaces import Record
from sqlalchemy.sql import ClauseElement

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.statements import CachingConnection

_DOWN = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
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

    def __init__(self, connection: PostgresConnection) -> None:
        self._connection = connection

    async def all(self, query: ClauseElement) -> Sequence[Record]:
        """Run a query and give its rows."""
        return await self._connection.fetch_all(query)

    async def one(self, query: ClauseElement) -> Record | None:
        """Run a query and give its first row, if it has one."""
        return await self._connection.fetch_one(query)

    async def run(self, query: ClauseElement) -> None:
        """Run a query that gives no rows."""
        await self._connection.execute(query)


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
        backend: Any = self._database._backend
        try:
            async with backend._pool.acquire(timeout=self._timeout_s) as raw, raw.transaction():
                connection = CachingConnection(backend, backend._dialect)
                connection._connection = raw
                yield Work(connection)
        except _DOWN as error:
            raise UnavailableError(f"the database does not answer ({type(error).__name__})", _RETRY_AFTER_S) from error
        except _BUSY as error:
            raise UnavailableError(f"the database is busy ({type(error).__name__})", _RETRY_AFTER_S) from error
