"""The event log of an experiment: appended under the row lock, so that seq order is commit order."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import Field

from autotune_service.observing.traces import current_traceparent
from autotune_service.store.bulk import insert_rows
from autotune_service.store.database import Store, Work
from autotune_service.store.tables import events, experiments
from autotune_wire.frames import Event, EventType

EVENTS_CHANNEL = "autotune_events"
WORK_CHANNEL = "autotune_work"

NewEvent = tuple[EventType, dict[str, Any]]


class LoggedEvent(Event):
    """An event as it stands in the log, with the trace in which it happened; that is not sent."""

    traceparent: str | None = Field(default=None, exclude=True)


async def add_events(work: Work, exp_uuid: UUID, first_seq: int, at: datetime, new: Sequence[NewEvent]) -> None:
    """Append events and tell the watchers at commit.

    The caller holds the experiment's row lock and has taken the seqs from ``first_seq`` on by raising ``last_seq``.
    """
    traceparent = current_traceparent()
    rows = [
        {
            "exp_uuid": exp_uuid,
            "seq": first_seq + i,
            "type": kind,
            "created_at": at,
            "data": data,
            "traceparent": traceparent,
        }
        for i, (kind, data) in enumerate(new)
    ]
    await work.run(insert_rows(events, ("exp_uuid", "seq", "type", "created_at", "data", "traceparent"), rows))
    await wake_watchers(work, exp_uuid, first_seq + len(new) - 1)


async def wake_watchers(work: Work, exp_uuid: UUID, last_seq: int) -> None:
    """Wake at commit whoever waits for something of the experiment, or of its owner's experiments."""
    payload = sa.literal(f"{exp_uuid}:{last_seq}:", sa.Text) + sa.cast(experiments.c.owner_uuid, sa.Text)
    await work.run(sa.select(sa.func.pg_notify(EVENTS_CHANNEL, payload)).where(experiments.c.exp_uuid == exp_uuid))


async def call_worker(work: Work, exp_uuid: UUID) -> None:
    """Wake the workers at commit: the experiment has work that is due."""
    await work.run(sa.select(sa.func.pg_notify(WORK_CHANNEL, str(exp_uuid))))


async def call_workers(work: Work) -> None:
    """Wake the workers at commit: work was given back."""
    await work.run(sa.select(sa.func.pg_notify(WORK_CHANNEL, "")))


async def list_events(store: Store, exp_uuid: UUID, after: int, limit: int) -> list[LoggedEvent]:
    """Give the events with a seq greater than ``after``, in order."""
    query = (
        sa.select(events.c.seq, events.c.type, events.c.created_at, events.c.data, events.c.traceparent)
        .where(events.c.exp_uuid == exp_uuid, events.c.seq > after)
        .order_by(events.c.seq)
        .limit(limit)
    )
    async with store.work() as work:
        rows = await work.all(query)
    return [
        LoggedEvent(
            seq=row["seq"], type=row["type"], at=row["created_at"], data=row["data"], traceparent=row["traceparent"]
        )
        for row in rows
    ]


async def get_traceparent(work: Work, exp_uuid: UUID, seq: int) -> str | None:
    """Give the trace in which an event happened."""
    row = await work.one(sa.select(events.c.traceparent).where(events.c.exp_uuid == exp_uuid, events.c.seq == seq))
    return None if row is None else row["traceparent"]
