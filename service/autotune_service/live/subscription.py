"""Replay, then live: every event of an experiment after a seq, in order, each once."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar
from uuid import UUID

from autotune_service.domain.errors import NotFoundError, UnavailableError
from autotune_service.live.hub import Hub, UserWatch, wait_for_wake
from autotune_service.live.tail import EventFrame
from autotune_service.store.database import Store
from autotune_service.store.rows.events import OtherLogError, get_time
from autotune_service.store.rows.experiments import ExperimentRow, get_shown_experiment, list_positions
from autotune_wire.frames import Event, Positions

_T = TypeVar("_T")

_POLL_S = 5.0


async def subscribe(
    store: Store, hub: Hub, user_uuid: UUID, exp_uuid: UUID, after: int, epoch: str
) -> AsyncGenerator[EventFrame]:
    """Yield the events after a seq, first those in the log and then those that come, until the caller stops.

    Each read starts after the last event that was yielded, so no event is missed or comes twice, however the
    notifications arrive. Whenever the database has another log than that of the seq, a ``reset`` comes first, and what
    follows is of the new log.

    Args:
        store: The database.
        hub: Wakes when the experiment has something new.
        user_uuid: Who watches.
        exp_uuid: The experiment.
        after: The seq.
        epoch: The log in which ``after`` was counted.

    Raises:
        NotFoundError: If the experiment is deleted, or the new log does not have it.
    """
    with hub.watch(exp_uuid) as wake, hub.tail(store, exp_uuid) as tail:
        while True:
            wake.clear()
            try:
                frames = await _when_available(partial(tail.after, after, epoch))
            except OtherLogError:
                row, epoch = await _standing(store, user_uuid, exp_uuid)
                after = row.last_seq
                yield _reset_of(row, epoch)
                continue
            for frame in frames:
                if store.log.epoch != epoch:
                    break
                yield frame
                after = frame.seq
            while not frames and not await wait_for_wake(wake, _POLL_S):
                if tail.age_s >= _POLL_S:  # a notification may be lost; one read serves all who watch
                    break


async def _when_available(read: Callable[[], Awaitable[_T]]) -> _T:
    """Read, and try again for as long as the database is not available, as a watcher has nothing else to do."""
    while True:
        try:
            return await read()
        except UnavailableError as error:
            await asyncio.sleep(error.retry_after_s)


async def _standing(store: Store, user_uuid: UUID, exp_uuid: UUID) -> tuple[ExperimentRow, str]:
    """Return an experiment as it stands, and the epoch of the log that it stands in.

    Raises:
        NotFoundError: If the user has no such experiment.
    """

    async def read() -> tuple[ExperimentRow, str]:
        async with store.work() as work:
            return await get_shown_experiment(work, exp_uuid, user_uuid), work.epoch

    return await _when_available(read)


def _reset_of(row: ExperimentRow, epoch: str) -> EventFrame:
    """Build the first event for a watcher whose seqs are of another log: the experiment as it stands in this log."""
    data = {"epoch": epoch, "experiment": row.to_wire().model_dump(mode="json")}
    event = Event(seq=row.last_seq, type="reset", at=row.changed_at, data=data)
    return EventFrame(event.seq, event.at, event.model_dump_json())


class Following:
    """The new events of all experiments that a user owns or has a role on.

    Args:
        store: The database.
        hub: Wakes when an experiment has something new.
        user_uuid: The user.
        epoch: The log that the client was told of, in which its seqs are counted.
    """

    def __init__(self, store: Store, hub: Hub, user_uuid: UUID, epoch: str) -> None:
        self._store = store
        self._hub = hub
        self._user_uuid = user_uuid
        self._epoch = epoch
        self._seen: dict[UUID, int] = {}
        self._reset: set[UUID] = set()
        self._watch: UserWatch | None = None
        self._looked_at_s = 0.0

    async def resume(self, positions: Mapping[UUID, int], epoch: str | None = None) -> int:
        """Go back to the last seqs that the client has seen of some experiments.

        If the seqs are of another log, each of these experiments is reset.

        Returns:
            How many of the experiments are the user's.
        """
        if epoch not in {None, self._store.log.epoch}:
            await self._hub.look()  # the client may know of a new log before this process does
        own = await self._positions()
        found = {exp_uuid: min(seq, own[exp_uuid]) for exp_uuid, seq in positions.items() if exp_uuid in own}
        if epoch in {None, self._epoch}:
            self._seen |= found
        else:
            self._reset |= found.keys()
        if self._watch is not None:
            self._watch.add(None)
        return len(found)

    async def frames(self) -> AsyncGenerator[EventFrame]:
        """Yield the position of each experiment, and then every new event of each, in the order of its seqs."""
        with self._hub.watch_user(self._user_uuid) as self._watch:
            positions = await self._positions()
            self._seen = positions | self._seen  # the client may have called ``resume`` before
            yield EventFrame(0, datetime.now(UTC), Positions(positions=positions).model_dump_json())
            while True:
                changed, gone = await self._news(self._watch)
                while self._reset:
                    yield await self._reset_frame(self._reset.pop())
                for exp_uuid in gone:
                    yield await self._deleted(exp_uuid)
                for exp_uuid in changed:
                    try:
                        async for frame in self._new(exp_uuid):
                            yield frame
                    except NotFoundError:
                        yield await self._deleted(exp_uuid)
                    except OtherLogError:
                        self._reset.add(exp_uuid)
                        self._watch.add(None)
                    if self._reset:
                        break  # a reset that was asked for meanwhile comes before all other events
                await self._watch.wait(_POLL_S)

    async def _news(self, watch: UserWatch) -> tuple[set[UUID], set[UUID]]:
        """Return which experiments may have new events, and which the user sees no longer: deleted, or not shared."""
        changed = watch.take()
        if self._store.log.epoch != self._epoch:
            self._epoch = self._store.log.epoch
            self._reset |= self._seen.keys()
            changed = None
        # Rights are looked at again every few seconds, however much there is to send.
        if changed is not None and asyncio.get_running_loop().time() - self._looked_at_s < _POLL_S:
            return changed, set()
        positions = await self._positions()
        ahead = {uuid for uuid, seq in positions.items() if seq > self._seen.get(uuid, 0)}
        return ahead, self._seen.keys() - positions.keys() - self._reset

    async def _reset_frame(self, exp_uuid: UUID) -> EventFrame:
        seen = self._seen.get(exp_uuid)
        try:
            reset = _reset_of(*await _standing(self._store, self._user_uuid, exp_uuid))
        except NotFoundError:
            return await self._deleted(exp_uuid)
        if self._seen.get(exp_uuid) == seen:  # else the client went to another seq meanwhile
            self._seen[exp_uuid] = reset.seq
        return _user_frame(exp_uuid, reset)

    async def _new(self, exp_uuid: UUID) -> AsyncGenerator[EventFrame]:
        with self._hub.tail(self._store, exp_uuid) as tail:
            while frames := await _when_available(
                partial(tail.after, seen := self._seen.get(exp_uuid, 0), self._epoch)
            ):
                for frame in frames:
                    if exp_uuid in self._reset or self._store.log.epoch != self._epoch:
                        return
                    if self._seen.get(exp_uuid, 0) != seen:
                        break  # the client went back while an event was sent: read from there
                    self._seen[exp_uuid] = seen = frame.seq
                    yield _user_frame(exp_uuid, frame)

    async def _deleted(self, exp_uuid: UUID) -> EventFrame:
        at = await _when_available(partial(get_time, self._store))
        event = Event(seq=self._seen.pop(exp_uuid, 0) + 1, type="experiment_deleted", at=at, data={})
        return _user_frame(exp_uuid, EventFrame(event.seq, event.at, event.model_dump_json()))

    async def _positions(self) -> dict[UUID, int]:
        async def read() -> tuple[dict[UUID, int], set[UUID]]:
            async with self._store.work() as work:
                return await list_positions(work, self._user_uuid)

        positions, shared = await _when_available(read)
        self._looked_at_s = asyncio.get_running_loop().time()
        if self._watch is not None:
            self._hub.share(self._watch, shared)
        return positions


def _user_frame(exp_uuid: UUID, frame: EventFrame) -> EventFrame:
    """Build the frame of a ``UserEvent`` from the frame of an event, without parsing its JSON."""
    return replace(frame, text=f'{{"exp_uuid":"{exp_uuid}",{frame.text.removeprefix("{")}')
