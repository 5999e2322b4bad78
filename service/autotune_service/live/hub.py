"""One LISTEN connection per process, and everybody in the process who waits for an experiment's events."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar
from uuid import UUID

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.events import EVENTS_CHANNEL
from autotune_service.store.listen import Listener

_T = TypeVar("_T")

_RESTART_S = 2
_POLL_S = 2.0
"""NOTIFY wakes at once; this is for the notification that a lost connection swallowed."""


class Hub:
    """Wakes whoever watches an experiment when it has a new event."""

    def __init__(self, url: str) -> None:
        self._listener = Listener(url, EVENTS_CHANNEL, self._notified, self._wake_all)
        self._watches: defaultdict[UUID, set[asyncio.Event]] = defaultdict(set)
        self.closing = asyncio.Event()
        """Set when the process stops: whoever waits must come to an end."""

    async def run(self) -> None:
        """Listen until cancelled."""
        await self._listener.run()

    def close(self) -> None:
        """Have all who wait come to an end."""
        self.closing.set()
        self._wake_all()

    @contextlib.contextmanager
    def watch(self, exp_uuid: UUID) -> Iterator[asyncio.Event]:
        """Give an event that is set whenever the experiment may have something new; whoever waits clears it."""
        wake = asyncio.Event()
        self._watches[exp_uuid].add(wake)
        try:
            yield wake
        finally:
            self._watches[exp_uuid].discard(wake)
            if not self._watches[exp_uuid]:
                del self._watches[exp_uuid]

    async def until(self, exp_uuid: UUID, attempt: Callable[[], Awaitable[_T | None]], within_s: float) -> _T | None:
        """Try again at every event of the experiment until something comes of it, or the time is over.

        Raises:
            UnavailableError: If the process stops first.
        """
        with self.watch(exp_uuid) as wake:
            loop = asyncio.get_running_loop()
            deadline = loop.time() + within_s
            while True:
                wake.clear()
                if self.closing.is_set():
                    raise UnavailableError("the service restarts: ask again", _RESTART_S)
                found = await attempt()
                left_s = deadline - loop.time()
                if found is not None or left_s <= 0:
                    return found
                await wait_for_wake(wake, min(left_s, _POLL_S))

    def _notified(self, payload: str) -> None:
        exp_uuid = UUID(payload.partition(":")[0])
        for wake in self._watches.get(exp_uuid, ()):
            wake.set()

    def _wake_all(self) -> None:
        for watches in self._watches.values():
            for wake in watches:
                wake.set()


async def wait_for_wake(wake: asyncio.Event, within_s: float) -> None:
    """Wait until the event is set, or for so long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await wake.wait()
