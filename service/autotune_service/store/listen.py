"""LISTEN on a connection of its own: a pooled one would lose its subscriptions when it is given back.

NOTIFY only wakes. What was missed while the connection was away is caught up from the tables, so listeners are told
when it is back.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

import asyncpg

from autotune_service.observing.metrics import listener_lost

_log = logging.getLogger(__name__)
_RECONNECT_S = (0.1, 0.3, 1.0, 2.0)
_KEEPALIVE_S = 15.0
_LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # asyncpg's on a connection that the server ends between two steps of its own
)


class Listener:
    """Calls ``on_notify(payload)`` for every notification, and ``on_connect()`` after each connect."""

    def __init__(
        self, url: str, channel: str, on_notify: Callable[[str], None], on_connect: Callable[[], None]
    ) -> None:
        self._url = url
        self._channel = channel
        self._on_notify = on_notify
        self._on_connect = on_connect

    async def run(self) -> None:
        """Listen until cancelled, connecting again whenever the connection is lost."""
        attempt = 0
        while True:
            try:
                async with self._listening() as connection:
                    attempt = 0
                    await self._keep(connection)
            except _LOST as error:
                _log.warning("not listening on %s: %s", self._channel, error)
            listener_lost()
            await asyncio.sleep(_RECONNECT_S[min(attempt, len(_RECONNECT_S) - 1)])
            attempt += 1

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(
            self._url, timeout=5, server_settings={"application_name": "autotune-listen"}
        )
        try:
            await connection.add_listener(self._channel, self._notified)
            self._on_connect()
            yield connection
        finally:
            connection.terminate()

    async def _keep(self, connection: asyncpg.Connection) -> None:
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        while not connection.is_closed():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(lost.wait(), _KEEPALIVE_S)
                return
            # A peer that vanished without a word is only noticed by asking it something.
            await connection.execute("SELECT 1", timeout=5)

    def _notified(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self._on_notify(str(payload))
