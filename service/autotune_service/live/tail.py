"""The newest events of an experiment, read and written as JSON once for all its watchers in this process."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from uuid import UUID

from autotune_service.store.database import Store
from autotune_service.store.rows.events import OtherLogError, list_events

_BATCH = 500
_MAX_CHARACTERS = 2**20


@dataclass(frozen=True, slots=True)
class EventFrame:
    """An event as it is sent: ``text`` is its JSON."""

    seq: int
    at: datetime
    text: str
    traceparent: str | None = None


class Tail:
    """The last events of one experiment, as read from the log.

    Without a tail, a thousand watchers of an experiment would read each event and write its JSON a thousand times.
    The events of a log that the database no longer has are dropped before anybody gets them.
    """

    def __init__(self, store: Store, exp_uuid: UUID) -> None:
        self._store = store
        self._exp_uuid = exp_uuid
        self._frames: deque[EventFrame] = deque()
        self._n_characters = 0
        self._reading = asyncio.Lock()
        self._n_reads = 0
        self._n_drops = 0
        self._end = math.inf
        """The seq after which the last read found nothing; infinite if that read did not reach the end of the log."""
        self._read_at = -math.inf
        self._epoch = store.log.epoch

    async def after(self, seq: int, epoch: str) -> Sequence[EventFrame]:
        """Return the events after a seq, in order, at most a batch; none if the log has none.

        A caller that comes while another one reads waits for that read. If a read that began after the caller came
        has the events, or found that there are none, the caller does not read again.

        Args:
            seq: The seq.
            epoch: The log in which ``seq`` was counted.

        Raises:
            NotFoundError: If the experiment was deleted.
            OtherLogError: If the database has another log by now, or its log ends before ``seq``.
        """
        n_reads = self._n_reads
        found = self._known(seq, epoch)
        if found:
            return found
        async with self._reading:
            # The read under way when this caller came may have looked too early; a read begun since has not.
            found = self._known(seq, epoch)
            if found or (self._n_reads > n_reads and seq == self._end):
                return found
            self._n_reads += 1
            self._end = math.inf
            self._read_at = time.monotonic()
            return await self._read(seq, epoch)

    @property
    def age_s(self) -> float:
        """The seconds since the log was last read."""
        return time.monotonic() - self._read_at

    def drop(self) -> None:
        """Forget the events: the log is read again."""
        self._frames.clear()
        self._n_characters = 0
        self._end = math.inf
        self._n_drops += 1
        self._epoch = self._store.log.epoch

    async def _read(self, seq: int, epoch: str) -> Sequence[EventFrame]:
        n_drops = self._n_drops
        try:
            events = await list_events(self._store, self._exp_uuid, seq, _BATCH, epoch)
        except OtherLogError:
            self.drop()
            raise
        frames = [EventFrame(event.seq, event.at, event.model_dump_json(), event.traceparent) for event in events]
        if self._epoch != epoch:
            raise OtherLogError(f"the log is {self._epoch}, not {epoch}")
        if self._n_drops != n_drops:  # what was read may be what had to be forgotten
            return frames
        if len(frames) < _BATCH:
            self._end = frames[-1].seq if frames else seq
        if frames and (not self._frames or frames[-1].seq > self._frames[-1].seq):
            if self._frames and frames[0].seq != self._frames[-1].seq + 1:
                self._frames.clear()
                self._n_characters = 0
            self._frames.extend(frames)
            self._n_characters += sum(len(frame.text) for frame in frames)
            while self._n_characters > _MAX_CHARACTERS and len(self._frames) > 1:
                self._n_characters -= len(self._frames.popleft().text)
        return frames

    def _known(self, seq: int, epoch: str) -> Sequence[EventFrame]:
        if self._epoch != self._store.log.epoch:
            self.drop()
        if epoch != self._epoch:
            raise OtherLogError(f"the log is {self._epoch}, not {epoch}")
        if not self._frames or not self._frames[0].seq <= seq + 1 <= self._frames[-1].seq:
            return []
        start = seq + 1 - self._frames[0].seq
        return list(islice(self._frames, start, start + _BATCH))
