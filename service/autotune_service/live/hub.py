"""One LISTEN connection per process, which wakes all in the process who wait for events of experiments."""

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar
from uuid import UUID

from autotune_service.domain.errors import BusyError, TooManyError, UnavailableError
from autotune_service.domain.limits import DEFAULT_LIMITS
from autotune_service.live.tail import Tail
from autotune_service.live.turns import stand_aside, turn_again
from autotune_service.store.database import Store
from autotune_service.store.rows.events import EVENTS_CHANNEL
from autotune_service.store.server.epoch import Log
from autotune_service.store.server.listen import Listener
from autotune_service.store.shares import ACTING

_T = TypeVar("_T")

_RESTART_S = 2
_POLL_S = 2.0
"""How long a request waits for a notification, which a lost connection may have swallowed, before it looks again."""


class Hub:
    """Wakes the watchers of an experiment when the experiment has a new event.

    Args:
        url: Address of the database.
        log: The event log of the database.
        max_waiting: The most requests that wait at a time.
        waiting_each: The most of them that are of one user.
    """

    def __init__(
        self,
        url: str,
        log: Log,
        max_waiting: int = DEFAULT_LIMITS.waiting,
        waiting_each: int = DEFAULT_LIMITS.waiting_each,
    ) -> None:
        self._max_waiting = max_waiting
        self._waiting_each = waiting_each
        self._waiting: Counter[UUID | None] = Counter()
        self._log = log
        self._log.on_change(self._wake_all)
        self._listener = Listener(url, EVENTS_CHANNEL, self._notified, self._connected, log)
        self._watches: defaultdict[UUID, set[asyncio.Event]] = defaultdict(set)
        self._tails: dict[UUID, tuple[Tail, int]] = {}
        self._user_watches: defaultdict[UUID, set[UserWatch]] = defaultdict(set)
        self._shared_watches: defaultdict[UUID, set[UserWatch]] = defaultdict(set)
        self.closing = asyncio.Event()
        """Set when the process stops: all waiting must then end."""

    async def run(self) -> None:
        """Listen until cancelled."""
        await self._listener.run()

    async def look(self) -> None:
        """Make sure that the log is still the one that the address of the database leads to."""
        await self._listener.look()

    def close(self) -> None:
        """End all waiting, as the process stops."""
        self.closing.set()
        self._wake_all()

    @contextlib.contextmanager
    def watch(self, exp_uuid: UUID) -> Iterator[asyncio.Event]:
        """Yield an event that is set whenever the experiment may have something new; the watcher clears it."""
        wake = asyncio.Event()
        self._watches[exp_uuid].add(wake)
        try:
            yield wake
        finally:
            self._watches[exp_uuid].discard(wake)
            if not self._watches[exp_uuid]:
                del self._watches[exp_uuid]

    @contextlib.contextmanager
    def watch_user(self, user_uuid: UUID) -> Iterator["UserWatch"]:
        """Yield a watch that gathers which of a user's experiments may have something new."""
        watch = UserWatch()
        self._user_watches[user_uuid].add(watch)
        try:
            yield watch
        finally:
            self._user_watches[user_uuid].discard(watch)
            if not self._user_watches[user_uuid]:
                del self._user_watches[user_uuid]
            self.share(watch, ())

    def share(self, watch: "UserWatch", exp_uuids: Iterable[UUID]) -> None:
        """Have a watch gather news of these experiments too, which others own: a notice names the owner alone."""
        wanted = set(exp_uuids)
        for exp_uuid in watch.shared - wanted:
            self._shared_watches[exp_uuid].discard(watch)
            if not self._shared_watches[exp_uuid]:
                del self._shared_watches[exp_uuid]
        for exp_uuid in wanted - watch.shared:
            self._shared_watches[exp_uuid].add(watch)
        watch.shared = wanted

    @contextlib.contextmanager
    def tail(self, store: Store, exp_uuid: UUID) -> Iterator[Tail]:
        """Yield the tail of an experiment: all its watchers share one, which is kept as long as there is a watcher."""
        tail, n_watchers = self._tails.get(exp_uuid, (Tail(store, exp_uuid), 0))
        self._tails[exp_uuid] = (tail, n_watchers + 1)
        try:
            yield tail
        finally:
            n_left = self._tails[exp_uuid][1] - 1
            if n_left:
                self._tails[exp_uuid] = (tail, n_left)
            else:
                del self._tails[exp_uuid]

    async def until(self, exp_uuid: UUID, attempt: Callable[[], Awaitable[_T | None]], within_s: float) -> _T | None:
        """Call ``attempt`` at every event of the experiment until it returns something, or the time is over.

        Between the calls the request stands aside, so that others of its user have their turn.

        Returns:
            The result of the last attempt: None if the time is over.

        Raises:
            UnavailableError: If the process stops first, or the database has another log than when the request came.
            BusyError: If too many requests wait already.
            TooManyError: If too many requests of the user wait already.
        """
        with contextlib.ExitStack() as place, self.watch(exp_uuid) as wake:
            is_waiting = False
            loop = asyncio.get_running_loop()
            deadline = loop.time() + within_s
            epoch = self._log.epoch
            while True:
                wake.clear()
                if self.closing.is_set():
                    raise UnavailableError("the service is restarting: try again in a few seconds", _RESTART_S)
                if self._log.epoch != epoch:  # what the request waits for may never come there
                    raise UnavailableError("the database was replaced by another one: try again", _RESTART_S)
                found = await attempt()
                left_s = deadline - loop.time()
                if found is not None or left_s <= 0:
                    return found
                if not is_waiting:
                    place.enter_context(self._place())
                    is_waiting = True
                stand_aside()
                await wait_for_wake(wake, min(left_s, _POLL_S))
                await turn_again()

    @contextlib.contextmanager
    def _place(self) -> Iterator[None]:
        """Take one of the places to wait, and free it at the end.

        Raises:
            BusyError: If all places are taken.
            TooManyError: If all places of the user are taken.
        """
        user_uuid = ACTING.get()
        if user_uuid is not None and self._waiting[user_uuid] >= self._waiting_each:
            raise TooManyError(
                f"{self._waiting_each} requests of yours wait for the engine here, which is as many as a user may "
                "have: ask again when one is answered"
            )
        if self._waiting.total() >= self._max_waiting:
            raise BusyError(
                f"the service is busy: {self._max_waiting} requests are waiting for the engine; "
                "try again in a few seconds"
            )
        self._waiting[user_uuid] += 1
        try:
            yield
        finally:
            self._waiting[user_uuid] -= 1
            if not self._waiting[user_uuid]:
                del self._waiting[user_uuid]

    def _notified(self, payload: str) -> None:
        parts = payload.split(":")
        exp_uuid = UUID(parts[0])
        for wake in self._watches.get(exp_uuid, ()):
            wake.set()
        if len(parts) < 3:  # from a service of version 0.1, which does not name the owner
            return
        for watch in self._user_watches.get(UUID(parts[2]), ()):
            watch.add(exp_uuid)
        for watch in self._shared_watches.get(exp_uuid, ()):
            watch.add(exp_uuid)

    def _connected(self) -> None:
        # A server that comes back may have lost what it had not written to disk, or may be an older copy of itself.
        for tail, _ in self._tails.values():
            tail.drop()
        self._wake_all()

    def _wake_all(self) -> None:
        for watches in self._watches.values():
            for wake in watches:
                wake.set()
        for user_watches in self._user_watches.values():
            for watch in user_watches:
                watch.add(None)


class UserWatch:
    """Which of a user's experiments may have something new since the last ``take``; at first any of them may."""

    def __init__(self) -> None:
        self.shared: set[UUID] = set()
        """The experiments of others among them; ``Hub.share`` keeps it."""
        self._changed: set[UUID] = set()
        self._is_unknown = True
        self._wake = asyncio.Event()

    def add(self, exp_uuid: UUID | None) -> None:
        """Note an experiment, or with None that any may have something new, as after lost notifications."""
        if exp_uuid is None:
            self._is_unknown = True
        else:
            self._changed.add(exp_uuid)
        self._wake.set()

    def take(self) -> set[UUID] | None:
        """Return the noted experiments and forget them; None if any experiment may have something new."""
        changed, is_unknown = self._changed, self._is_unknown
        self._changed, self._is_unknown = set(), False
        self._wake.clear()
        return None if is_unknown else changed

    async def wait(self, within_s: float) -> None:
        """Wait until an experiment is noted; if the time passes without, any may have something new."""
        if not await wait_for_wake(self._wake, within_s):
            self._is_unknown = True


async def wait_for_wake(wake: asyncio.Event, within_s: float) -> bool:
    """Wait until the event is set, or until the time is over; return whether it is set."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await wake.wait()
    return wake.is_set()
