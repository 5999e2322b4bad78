"""The event log of an experiment: appended under the row lock, so that seq order is commit order."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import Field

from autotune_service.domain.errors import NotFoundError
from autotune_service.observing.traces import current_traceparent
from autotune_service.store.database import Store, Work
from autotune_service.store.rows.bulk import insert_rows
from autotune_service.store.rows.experiments import ExperimentRow, set_experiment
from autotune_service.store.statements import Filled, Statement
from autotune_service.store.tables import events, experiments
from autotune_wire.frames import Event, EventType

EVENTS_CHANNEL = "autotune_events"
WORK_CHANNEL = "autotune_work"

_EVENTS = Statement(
    sa.select(events.c.seq, events.c.type, events.c.created_at, events.c.data, events.c.traceparent)
    .where(events.c.exp_uuid == sa.bindparam("exp_uuid"), events.c.seq > sa.bindparam("after"))
    .order_by(events.c.seq)
    .limit(sa.bindparam("limit", type_=sa.BigInteger))
)

_LAST_SEQ = Statement(sa.select(experiments.c.last_seq).where(experiments.c.exp_uuid == sa.bindparam("exp_uuid")))

_TRACEPARENT = Statement(
    sa.select(events.c.traceparent).where(
        events.c.exp_uuid == sa.bindparam("exp_uuid"), events.c.seq == sa.bindparam("seq")
    )
)

_GET = Statement(
    sa.select(events.c.type, events.c.data).where(
        events.c.exp_uuid == sa.bindparam("exp_uuid"), events.c.seq == sa.bindparam("seq")
    )
)

_FIRST = Statement(
    sa.select(events.c.seq)
    .where(events.c.exp_uuid == sa.bindparam("exp_uuid"), events.c.type == sa.bindparam("type"))
    .order_by(events.c.seq)
    .limit(1)
)

_TIME = Statement(sa.select(sa.func.clock_timestamp().label("at")))

_LAST_FAILURE = Statement(
    sa.select(events.c.data)
    .where(events.c.exp_uuid == sa.bindparam("exp_uuid"), events.c.type == sa.literal_column("'engine_failed'"))
    .order_by(events.c.seq.desc())
    .limit(1)
)

NewEvent = tuple[EventType, dict[str, Any]]


class OtherLogError(Exception):
    """The log is another one than the one that a seq was counted in."""


class LoggedEvent(Event):
    """An event in the log, with the trace in which it happened; the trace is not sent to users."""

    traceparent: str | None = Field(default=None, exclude=True)


async def record_first(
    work: Work, row: ExperimentRow, new: Sequence[NewEvent], *others: Filled, n_bytes: int = 0
) -> None:
    """Write the first events of a new experiment, and wake the watchers at commit.

    Args:
        work: The transaction that adds the experiment.
        row: The new experiment; its ``last_seq`` is the number of its first events.
        new: The type and the data of each event, in order; the first has the seq 1.
        others: Queries to run in the same statement; they see no change of the other queries in it.
        n_bytes: What the experiment takes besides its events and the rows that they tell of.
    """
    wake_watchers(work, row.exp_uuid, row.owner_uuid, row.last_seq)
    added = _insert_events(row.exp_uuid, 1, row.created_at, new)
    await work.change(*others, added, set_experiment(row.exp_uuid, {"n_bytes": n_bytes + _n_bytes(added)}))


async def record(
    work: Work, row: ExperimentRow, new: Sequence[NewEvent], values: Mapping[str, Any], *others: Filled
) -> None:
    """Change an experiment, append events to its log, and wake the watchers at commit.

    The time of the change and of its events is ``row.changed_at``.

    Args:
        work: The transaction; it holds the experiment's row lock.
        row: The experiment before the change.
        new: The type and the data of each event, in order; they get the seqs after ``row.last_seq``.
        values: The new values of the experiment's columns, besides ``last_seq`` and ``updated_at``.
        others: Queries to run in the same statement; they see no change of the other queries in it.
    """
    last_seq = row.last_seq + len(new)
    changed = {**values, "last_seq": last_seq, "updated_at": row.changed_at}
    changes = list(others)
    if new:
        wake_watchers(work, row.exp_uuid, row.owner_uuid, last_seq)
        added = _insert_events(row.exp_uuid, row.last_seq + 1, row.changed_at, new)
        changed["n_bytes"] = values.get("n_bytes", row.n_bytes) + _n_bytes(added)
        changes.append(added)
    await work.change(*changes, set_experiment(row.exp_uuid, changed))


def _n_bytes(events_added: Filled) -> int:
    """Return about how many bytes events take, together with the rows that they tell of."""
    return 2 * len(events_added.values["rows"])


def _insert_events(exp_uuid: UUID, first_seq: int, at: datetime, new: Sequence[NewEvent]) -> Filled:
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
    return insert_rows(events, ("exp_uuid", "seq", "type", "created_at", "data", "traceparent"), rows)


def wake_watchers(work: Work, exp_uuid: UUID, owner_uuid: UUID, last_seq: int) -> None:
    """Wake at commit the watchers of the experiment and of its owner's list of experiments."""
    work.notify(EVENTS_CHANNEL, f"{exp_uuid}:{last_seq}:{owner_uuid}")


def call_worker(work: Work, exp_uuid: UUID) -> None:
    """Wake the workers at commit, because the experiment has work."""
    work.notify(WORK_CHANNEL, str(exp_uuid))


def call_workers(work: Work) -> None:
    """Wake the workers at commit, because claims were released."""
    work.notify(WORK_CHANNEL, "")


async def list_events(
    store: Store, exp_uuid: UUID, after: int, limit: int, epoch: str | None = None
) -> list[LoggedEvent]:
    """List the events with a seq greater than ``after`` in the order of seq, at most ``limit``.

    Args:
        store: The database.
        exp_uuid: The experiment.
        after: The seq.
        limit: The most events to list.
        epoch: The log in which ``after`` was counted; None if it is known to be this one.

    Raises:
        NotFoundError: If the experiment was deleted.
        OtherLogError: If the log is not that of ``epoch``, or ends before ``after``.
    """
    async with store.work() as work:
        rows = await work.all(_EVENTS(exp_uuid=exp_uuid, after=after, limit=limit))
        if not rows:
            end = await work.one(_LAST_SEQ(exp_uuid=exp_uuid))
            if end is None:
                raise NotFoundError(f"experiment {exp_uuid} was deleted")
            if end["last_seq"] < after:
                raise OtherLogError(f"the log of experiment {exp_uuid} ends at {end['last_seq']}, before {after}")
        if epoch not in {None, work.epoch} or work.epoch != store.log.epoch:
            raise OtherLogError(f"the log is {work.epoch}, not {epoch}")
    return [
        LoggedEvent(
            seq=row["seq"], type=row["type"], at=row["created_at"], data=row["data"], traceparent=row["traceparent"]
        )
        for row in rows
    ]


async def get_time(store: Store) -> datetime:
    """Return the time by the database's clock, for an event that is in no log."""
    row = await store.one(_TIME())
    assert row is not None
    at: datetime = row["at"]
    return at


async def has_event(work: Work, exp_uuid: UUID, kind: EventType) -> bool:
    """Return whether the log of an experiment has an event of a kind; the log is read from the beginning."""
    return await work.one(_FIRST(exp_uuid=exp_uuid, type=kind)) is not None


async def get_engine_failure(work: Work, exp_uuid: UUID) -> str | None:
    """Return why the engine failed the last time; None if it never did. The log is read from its end."""
    row = await work.one(_LAST_FAILURE(exp_uuid=exp_uuid))
    return None if row is None else str(row["data"]["reason"])


async def get_event(work: Work, exp_uuid: UUID, seq: int) -> NewEvent | None:
    """Return the type and the data of an event; None if the log has no such seq."""
    row = await work.one(_GET(exp_uuid=exp_uuid, seq=seq))
    return None if row is None else (row["type"], row["data"])


async def get_traceparent(work: Work, exp_uuid: UUID, seq: int) -> str | None:
    """Return the trace in which an event happened, as a ``traceparent``; None if the event has no trace."""
    row = await work.one(_TRACEPARENT(exp_uuid=exp_uuid, seq=seq))
    return None if row is None else row["traceparent"]
