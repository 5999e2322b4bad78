"""LISTEN on a connection outside the pool: a pooled connection loses its subscriptions when it goes back to the pool.

Notifications that come while the connection is lost are missed. So ``on_connect`` is called after each connect, and
the caller then reads from the tables what it may have missed.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

import asyncpg

from autotune_service.observing.metrics import listener_lost
from autotune_service.observing.repeats import Repeats
from autotune_service.store.server.address import Address
from autotune_service.store.server.connecting import connect_session
from autotune_service.store.server.epoch import Connection, Log
from autotune_service.store.server.refusals import DATABASE_ERRORS

_log = logging.getLogger(__name__)
_RECONNECT_S = (0.1, 0.3, 1.0, 2.0)
_KEEPALIVE_S = 2.0
_ANSWER_S = 3.0
"""How long all servers of the address may take together: one that answers is found beside those that vanished."""


class Listener:
    """Calls ``on_notify(payload)`` for every notification, and ``on_connect()`` after each connect.

    Args:
        url: Address of the database, as asyncpg reads it.
        channel: The channel to listen on.
        on_notify: Called with the payload of each notification.
        on_connect: Called after each connect.
        log: The event log of the database, told of every new connection. The listener looks every few seconds whether
            the address still leads to the same log, as an old connection may live on beside a failover.
    """

    def __init__(
        self, url: str, channel: str, on_notify: Callable[[str], None], on_connect: Callable[[], None], log: Log
    ) -> None:
        self._address = Address.of(url)
        self._repeats = Repeats(_log)
        self._channel = channel
        self._on_notify = on_notify
        self._on_connect = on_connect
        self._log = log
        self._log.decide_by(self.look)
        self._looking = asyncio.Lock()
        self._n_looks = 0

    async def run(self) -> None:
        """Listen until cancelled; connect again whenever the connection is lost."""
        attempt = 0
        while True:
            try:
                async with self._listening() as connection:
                    attempt = 0
                    await self._keep(connection)
            except DATABASE_ERRORS as error:
                self._repeats.warning("lost the connection that listens on %s: %s", self._channel, error)
            listener_lost()
            await asyncio.sleep(_RECONNECT_S[min(attempt, len(_RECONNECT_S) - 1)])
            attempt += 1

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await self._connect()
        try:
            # First, because a standby has a log but lets nobody listen.
            await self._log.greet(connection)
            await connection.add_listener(self._channel, self._notified)
            self._on_connect()
            yield connection
        finally:
            connection.terminate()

    async def look(self) -> None:
        """Ask the server to which the address leads now for its log; where no server answers, nothing is known.

        All who ask at once, as clients do after a failover, share a look that began after they came.
        """
        n_looks = self._n_looks
        async with self._looking:
            if self._n_looks == n_looks:
                self._n_looks += 1
                await self._look()

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(_ANSWER_S):
                connection = await self._connect()
                try:
                    await self._log.greet(connection)
                finally:
                    connection.terminate()
        except DATABASE_ERRORS as error:
            _log.debug("the database takes no new connection: %s", error)

    async def _connect(self) -> Connection:
        connection: Connection = await connect_session(
            self._address, "autotune-listen", timeout_s=_ANSWER_S, connection_class=Connection
        )
        return connection

    async def _keep(self, connection: Connection) -> None:
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        while not connection.is_closed():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_KEEPALIVE_S):  # asyncio.wait_for may lose a cancellation of this task
                    await lost.wait()
                return
            # A server that vanished without closing the connection is noticed only by sending it a query.
            if await connection.fetchval("SELECT pg_catalog.pg_is_in_recovery()", timeout=_ANSWER_S):
                return  # a standby notifies nobody: the primary is elsewhere
            if self._log.age_s >= _KEEPALIVE_S:
                await self.look()

    def _notified(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self._on_notify(str(payload))
