"""Connections to Postgres and the unit of work.

``databases`` reads the address and keeps the pool. Its own transactions lose pool connections when BEGIN or COMMIT
fails or the task is cancelled. So the unit of work here takes its connection from asyncpg's pool, opens the
transaction itself, and gives both back in every case.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from itertools import chain
from typing import Any

import asyncpg
import sqlalchemy as sa
from databases import Database
from sqlalchemy.sql import ClauseElement

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.server.address import Address
from autotune_service.store.server.connecting import NotConnectedError, connect, session_query
from autotune_service.store.server.epoch import Connection, Log
from autotune_service.store.server.refusals import (
    DATABASE_ERRORS,
    RETRY_AFTER_S,
    is_read_only,
    is_seen_by_changes_alone,
    is_settled_elsewhere,
    reason_of,
    refusal_of,
)
from autotune_service.store.shares import ACTING, Shares
from autotune_service.store.statements import Filled, Row, Statement, filled, together

_NAME = "autotune"
_BEGIN = "BEGIN"
_BEGIN_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_STATEMENTS = 100  # prepared statements that a connection keeps
_IDLE_FACTOR = 5  # times the timeout: a transaction that idles longer than that belongs to a client that is gone
_UNDO_S = 1.0
_CLOSE_S = 3.0
_SHARE_FACTOR = 5  # times the timeout: how long to wait for a connection that other work of the same user has
_REFUSED_S = 10.0
"""How long a refused change makes the store say that it is not ready, unless another change succeeds."""


class Work:
    """One transaction: its queries are committed together when the ``async with`` block ends, or not at all."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.has_changed = False
        """Whether a query was run for its effect."""
        self._notices: dict[tuple[str, str], None] = {}
        self.epoch: str = connection.epoch
        """The epoch of the log that this transaction reads."""

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
        self.has_changed = True
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
            self.has_changed = True
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


def share_of(pool_size: int) -> int:
    """Return how many connections of a pool one user may have in use at a time: half of them."""
    return max(pool_size // 2, 1)


class _Connection(Connection):
    """A connection of the pool that needs no reset: settings here last for one transaction only."""

    def get_reset_query(self) -> str:
        """Return an empty query: nothing is run when the connection goes back to the pool."""
        return ""


class Store:
    """The pool of connections to one database.

    Args:
        url: Address of the database.
        pool_size: Most connections at a time.
        timeout_s: How long to wait for a connection, a lock or the end of a statement, in seconds.
        is_shared: Whether a pooler gives each transaction another session, so that nothing may outlast a transaction:
            settings are made in each, and no statement is prepared under a name.

    Attributes:
        log: The event log of the database, told of every new connection before it is used.
        shares: The connections that each user may have in use: half of the pool, so that nobody waits for one user.
    """

    def __init__(self, url: str, *, pool_size: int, timeout_s: float, is_shared: bool = False) -> None:
        self._address = Address.of(url)
        self._timeout_s = timeout_s
        self._pool_size = pool_size
        self._is_shared = is_shared
        self.shares = Shares(share_of(pool_size), timeout_s * _SHARE_FACTOR, "connections to the database")
        self._refused: tuple[float, asyncpg.PostgresError] | None = None
        self.log = Log()
        timeout_ms = str(int(timeout_s * 1000))
        self._settings = {
            "TimeZone": "UTC",  # of times in JSON; the driver's own times are in UTC anyway
            "statement_timeout": timeout_ms,
            "lock_timeout": timeout_ms,
            "idle_in_transaction_session_timeout": str(int(timeout_s * _IDLE_FACTOR * 1000)),
        }
        self._database = Database(
            "postgresql:///",  # databases cannot read addresses of several hosts; connect knows the real one
            connect=self._connect,
            init=self._begin_session,
            min_size=0,  # asyncpg would report each try to restore the least number, with a traceback
            max_size=pool_size,
            command_timeout=timeout_s * 2,
            connection_class=_Connection,
            statement_cache_size=0 if is_shared else _STATEMENTS,
        )

    async def connect(self) -> None:
        """Open the pool, and its first connection.

        Raises:
            UnavailableError: If the database cannot be used.
        """
        await self._database.connect()
        async with self._connected():
            pass

    async def disconnect(self) -> None:
        """Close the pool after the running queries have ended, or after some seconds where the server is silent."""
        pool = self._pool
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._database.disconnect()
        except DATABASE_ERRORS:
            pool.terminate()

    async def check(self) -> None:
        """Check with one query that the database answers and takes changes.

        A disk that is full and the like are seen by changes alone. So a change that the database refused counts for
        some seconds, or until another change succeeds.

        Raises:
            UnavailableError: If the database does not answer, or takes no changes.
        """
        row = await self.one(_IS_READ_ONLY)
        if row is not None and row["is_read_only"] == "on":
            await self._pool.expire_connections()
            raise UnavailableError(f"the database refuses: {reason_of('25006')}", RETRY_AFTER_S)
        if self._refused is not None:
            at, error = self._refused
            if time.monotonic() - at < _REFUSED_S:
                raise UnavailableError(f"the database refuses: {reason_of(error.sqlstate)}", RETRY_AFTER_S)

    def connections(self) -> tuple[int, int, int]:
        """Count the connections that are in use and those that are idle, and return the most that may be open."""
        pool = self._pool
        n_open, n_idle = (0, 0) if pool is None else (pool.get_size(), pool.get_idle_size())
        return n_open - n_idle, n_idle, self._pool_size

    @asynccontextmanager
    async def work(self, *, is_snapshot: bool = False) -> AsyncIterator[Work]:
        """Open a transaction.

        Args:
            is_snapshot: Whether all queries read the database as it is at the first of them, without locks; the
                transaction then changes nothing.

        Raises:
            UnavailableError: If the database is down, refuses or has no connection free in time.
        """
        async with self._connected() as connection:
            work = Work(connection)
            async with self._transaction(connection, _BEGIN_SNAPSHOT if is_snapshot else _BEGIN):
                yield work
                await work.change()  # sends the remaining notices
        if work.has_changed:
            self._refused = None

    @asynccontextmanager
    async def singly(self) -> AsyncIterator[Work]:
        """Run queries of which each is a transaction of its own, which saves two round trips.

        Each query sees what is committed when it begins, as in a transaction of ``work``, and what it changes is
        committed at once. Notices are for ``work`` alone.

        Raises:
            UnavailableError: If the database is down, refuses or has no connection free in time.
        """
        if self._is_shared:  # else a query is prepared in one session, and run in another
            async with self.work() as work:
                yield work
        else:
            async with self._connected() as connection:
                work = Work(connection)
                yield work
            if work.has_changed:
                self._refused = None

    async def one(self, query: ClauseElement | Filled) -> Row | None:
        """Run a query that only reads and return its first row, or None if the query has no rows.

        Raises:
            UnavailableError: If the database is down, refuses or has no connection free in time.
        """
        async with self.singly() as work:
            return await work.one(query)

    @property
    def _pool(self) -> Any:
        backend: Any = self._database._backend
        return backend._pool

    async def _connect(self, _dsn: None, **options: Any) -> asyncpg.Connection:
        """Connect for the pool, which passes its own options and those of ``databases``, which name no host."""
        return await connect(self._address, timeout_s=self._timeout_s, **options)

    async def _begin_session(self, connection: asyncpg.Connection) -> None:
        """Prepare a new connection; the pool calls this for each, before the connection is used first."""
        if not self._is_shared:
            await connection.execute(session_query(self._address, _NAME, self._settings, is_local=False))
        async with self._transaction(connection) if self._is_shared else nullcontext():
            await self.log.greet(connection, is_pooled=True)

    @asynccontextmanager
    async def _transaction(self, connection: asyncpg.Connection, begin: str = _BEGIN) -> AsyncIterator[None]:
        """Open a transaction, behind a pooler together with its settings in one round trip."""
        settings = f"; {session_query(self._address, _NAME, self._settings, is_local=True)}" if self._is_shared else ""
        try:
            await connection.execute(f"{begin}{settings}")
            yield
            await connection.execute("COMMIT")
        except BaseException:
            await _undo(connection)
            raise

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncpg.Connection]:
        acting = ACTING.get()
        await self.shares.take(acting)
        try:
            connection = await self._acquired()
            is_standby = connection.is_standby
            try:
                yield connection
            except asyncpg.PostgresError as error:
                await self._note(error, connection)
                raise
            finally:
                if is_standby:
                    _end(connection)  # it may be promoted meanwhile: the next use asks for its epoch anew
                with suppress(*DATABASE_ERRORS):  # the pool then replaces the connection
                    await self._pool.release(connection, timeout=self._timeout_s)
        except DATABASE_ERRORS as error:
            refusal = refusal_of(error)
            if refusal is None:
                raise
            raise refusal from error
        finally:
            self.shares.give_back(acting)

    async def _acquired(self) -> asyncpg.Connection:
        try:
            async with asyncio.timeout(self._timeout_s):  # asyncpg's own timeout would run acquire() in another task
                return await self._pool.acquire()
        except NotConnectedError as error:
            raise UnavailableError(error.told, RETRY_AFTER_S) from error
        except asyncpg.PostgresError as error:  # no statement of a use case has run yet, so it is no bug of one
            raise UnavailableError(f"the database refuses: {reason_of(error.sqlstate)}", RETRY_AFTER_S) from error

    async def _note(self, error: asyncpg.PostgresError, connection: asyncpg.Connection) -> None:
        """Remember a refusal, and replace connections that may lead to the wrong server."""
        if is_seen_by_changes_alone(error):
            self._refused = time.monotonic(), error
        if is_settled_elsewhere(error):
            _end(connection)
        if is_read_only(error):
            await self._pool.expire_connections()  # the other connections lead to the same server


async def _undo(connection: asyncpg.Connection) -> None:
    """Roll back, or end the connection if that fails.

    An error of the rollback must not take the place of what ended the block: a cancellation would be lost with it. A
    server that hangs would keep the connections of all whose clients have gone.
    """
    try:
        async with asyncio.timeout(_UNDO_S):
            await connection.execute("ROLLBACK")
    except DATABASE_ERRORS:
        _end(connection)


def _end(connection: asyncpg.Connection) -> None:
    with suppress(asyncpg.InterfaceError):  # the pool has taken it back, as its server closed it
        connection.terminate()


_IS_READ_ONLY = sa.select(sa.func.current_setting("transaction_read_only").label("is_read_only"))
