"""Replay, then live: every event of an experiment after a seq, in order, each once."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar
from uuid import UUID

from autotune_service.domain.errors import UnavailableError
from autotune_service.live.hub import Hub, wait_for_wake
from autotune_service.live.tail import Frame
from autotune_service.store.database import Store
from autotune_service.store.experiments import list_positions
from autotune_wire.frames import Positions

_T = TypeVar("_T")

_POLL_S = 5.0


async def subscribe(store: Store, hub: Hub, exp_uuid: UUID, after: int) -> AsyncGenerator[Frame]:
    """Give the events after a seq, those that are there and then those that come, until the caller stops.

    Each read starts after the last event given, so nothing is missed and nothing comes twice, however the
    notifications arrive.
    """
    with hub.watch(exp_uuid) as wake, hub.tail(store, exp_uuid) as tail:
        while True:
            wake.clear()
            frames = await _however_long(partial(tail.after, after))
            for frame in frames:
                yield frame
                after = frame.seq
            while not frames and not await wait_for_wake(wake, _POLL_S):
                if tail.age_s >= _POLL_S:  # NOTIFY only wakes; one look serves all who watch
                    break


async def _however_long(read: Callable[[], Awaitable[_T]]) -> _T:
    """Read, however long the database is away: a watcher can do nothing better than wait for it too."""
    while True:
        try:
            return await read()
        except UnavailableError as error:
            await asyncio.sleep(error.retry_after_s)


class Following:
    """All experiments of a user, from where they stand on.

    Args:
        store: Where they are.
        hub: Wakes when one of them has something new.
        user_uuid: Whose they are.
    """

    def __init__(self, store: Store, hub: Hub, user_uuid: UUID) -> None:
        self._store = store
        self._hub = hub
        self._user_uuid = user_uuid
        self._seen: dict[UUID, int] = {}
        self._resumed = asyncio.Event()

    async def resume(self, positions: Mapping[UUID, int]) -> int:
        """Go back to the seqs that were seen last of some experiments, and give how many of them are the user's."""
        own = await self._positions()
        found = {exp_uuid: seq for exp_uuid, seq in positions.items() if exp_uuid in own}
        self._seen |= found
        self._resumed.set()
        return len(found)

    async def frames(self) -> AsyncGenerator[Frame]:
        """Give where each experiment stands, and then every event of each, in the order of its seqs."""
        with self._hub.watch_user(self._user_uuid) as watch:
            self._seen = await self._positions()
            yield Frame(0, datetime.now(UTC), Positions(positions=dict(self._seen)).model_dump_json())
            while True:
                changed = watch.take()
                if changed is None or self._resumed.is_set():
                    self._resumed.clear()
                    changed = {one for one, seq in (await self._positions()).items() if seq > self._seen.get(one, 0)}
                for exp_uuid in changed:
                    async for frame in self._new(exp_uuid):
                        yield frame
                await watch.wait(_POLL_S)

    async def _new(self, exp_uuid: UUID) -> AsyncGenerator[Frame]:
        with self._hub.tail(self._store, exp_uuid) as tail:
            while frames := await _however_long(partial(tail.after, self._seen.get(exp_uuid, 0))):
                for frame in frames:
                    text = f'{{"exp_uuid":"{exp_uuid}",{frame.text.removeprefix("{")}'  # a UserEvent
                    yield Frame(frame.seq, frame.at, text, frame.traceparent)
                    self._seen[exp_uuid] = frame.seq

    async def _positions(self) -> dict[UUID, int]:
        async def read() -> dict[UUID, int]:
            async with self._store.work() as work:
                return await list_positions(work, self._user_uuid)

        return await _however_long(read)
