"""Suggestions: at first open, then leased to a user's worker, and at the end told, abandoned, expired or superseded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from autotune_service.store.database import Work
from autotune_service.store.rows.bulk import insert_rows
from autotune_service.store.statements import Filled, Row, Statement
from autotune_service.store.tables import experiments, suggestions
from autotune_wire.base import Configuration
from autotune_wire.suggestions import Predicted, Source, State, Suggestion

OPEN: Final = "open"
LEASED: Final = "leased"
TOLD: Final = "told"
ABANDONED: Final = "abandoned"
EXPIRED: Final = "expired"
SUPERSEDED: Final = "superseded"

_NOW = sa.func.clock_timestamp()  # the clocks of several machines differ, so every time in a lease is the database's
_IS_LEASED = suggestions.c.state == sa.literal_column("'leased'")
_PENDING_STATES: list[sa.ColumnElement[str]] = [sa.literal_column("'open'"), sa.literal_column("'leased'")]
_PENDING = suggestions.c.state.in_(_PENDING_STATES)
_OF_EXPERIMENT = suggestions.c.exp_uuid == sa.bindparam("exp_uuid")
_AMONG = suggestions.c.suggestion_uuid == sa.any_(
    sa.bindparam("uuids", type_=postgresql.ARRAY(postgresql.UUID(as_uuid=True)))
)

_OF_ROW = suggestions.alias("pending")
_IN_ORDER = postgresql.aggregate_order_by(sa.func.row_to_json(_OF_ROW.table_valued()), _OF_ROW.c.seq)
PENDING_AS_JSON = (
    sa.select(sa.func.json_agg(_IN_ORDER))
    .where(_OF_ROW.c.exp_uuid == experiments.c.exp_uuid, _OF_ROW.c.state.in_(_PENDING_STATES))
    .scalar_subquery()
)
"""The pending suggestions of the row of ``experiments``, as a text for ``read_pending``."""

_LIST_PENDING = Statement(sa.select(suggestions).where(_OF_EXPERIMENT, _PENDING).order_by(suggestions.c.seq))
_GET = Statement(
    sa.select(suggestions).where(_OF_EXPERIMENT, suggestions.c.suggestion_uuid == sa.bindparam("suggestion_uuid"))
)
_LIST_AMONG = Statement(sa.select(suggestions).where(_OF_EXPERIMENT, _AMONG).order_by(suggestions.c.seq))
_LIST_ABANDONED = Statement(
    sa.select(suggestions)
    .where(
        _OF_EXPERIMENT,
        suggestions.c.state == sa.literal_column("'abandoned'"),
        suggestions.c.data_rev >= sa.bindparam("data_rev"),
    )
    .order_by(suggestions.c.seq)
)
_UPDATE_STATE = Statement(
    sa.update(suggestions)
    .where(_AMONG)
    .values(state=sa.bindparam("to_state"), abandoned_because=sa.bindparam("because"))
)
_LEASE = Statement(
    sa.update(suggestions)
    .where(_AMONG)
    .values(
        state=LEASED,
        lease_by=sa.bindparam("worker"),
        lease_until=_NOW + sa.bindparam("lease_for", type_=sa.Interval),
    )
    .returning(suggestions)
)


@dataclass(frozen=True, slots=True)
class SuggestionRow:
    """A suggestion as stored; ``seq`` is the seq of its event.

    ``fixed_key`` identifies the fixed values that the suggestion was made for; None if any ask can take it.
    ``lease_until`` of a leased suggestion is None if the lease never expires, as leases of older versions of the
    service do not.
    """

    suggestion_uuid: UUID
    exp_uuid: UUID
    seq: int
    state: State
    covars: Configuration
    source: Source
    reason: str
    mean: float | None
    sd: float | None
    predictions: dict[str, dict[str, float]]
    acquisition: float | None
    acquisition_kind: str | None
    engine_version: str | None
    seed: int | None
    data_rev: int
    data_seq: int | None
    seconds: float | None
    fixed: Configuration
    fixed_key: str | None
    created_at: datetime
    lease_by: str | None = None
    lease_until: datetime | None = None
    abandoned_because: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether the suggestion is open: an ask can take it."""
        return self.state == OPEN

    @property
    def is_counted(self) -> bool:
        """Whether the suggestion counts in the experiment's ``n_open``: it is open and any ask can take it."""
        return self.is_open and self.fixed_key is None

    def to_wire(self) -> Suggestion:
        """Convert the row to its model in the API."""
        return Suggestion(
            suggestion_uuid=self.suggestion_uuid,
            covars=self.covars,
            source=self.source,
            reason=self.reason,
            mean=self.mean,
            sd=self.sd,
            predictions={name: Predicted(**prediction) for name, prediction in self.predictions.items()},
            acquisition=self.acquisition,
            acquisition_kind=self.acquisition_kind,
            engine_version=self.engine_version,
            seed=self.seed,
            data_rev=self.data_rev,
            data_seq=self.data_seq,
            seconds=self.seconds,
            fixed=self.fixed,
            state=self.state,
            worker=self.lease_by,
            lease_until=self.lease_until,
            abandoned_because=self.abandoned_because,
            time_created=self.created_at,
        )


def insert_suggestions(rows: Sequence[SuggestionRow]) -> Filled:
    """Build the query that stores new suggestions."""
    names = SuggestionRow.__slots__
    return insert_rows(suggestions, names, [{name: getattr(row, name) for name in names} for row in rows])


async def list_pending(work: Work, exp_uuid: UUID) -> list[SuggestionRow]:
    """List the open and leased suggestions of an experiment, oldest first."""
    return [_suggestion_of(row) for row in await work.all(_LIST_PENDING(exp_uuid=exp_uuid))]


def read_pending(text: str | None) -> list[SuggestionRow]:
    """Read suggestions from ``PENDING_AS_JSON``, oldest first."""
    return [] if text is None else msgspec.json.decode(text, type=list[SuggestionRow])


async def get_suggestion(work: Work, exp_uuid: UUID, suggestion_uuid: UUID) -> SuggestionRow | None:
    """Find a suggestion of an experiment, in any state."""
    row = await work.one(_GET(exp_uuid=exp_uuid, suggestion_uuid=suggestion_uuid))
    return None if row is None else _suggestion_of(row)


async def list_abandoned(work: Work, exp_uuid: UUID, data_rev: int) -> list[SuggestionRow]:
    """List the abandoned suggestions that were computed from ``data_rev`` or newer data, oldest first."""
    return [_suggestion_of(row) for row in await work.all(_LIST_ABANDONED(exp_uuid=exp_uuid, data_rev=data_rev))]


def replace_suggestions(superseded: Sequence[SuggestionRow], by: Sequence[SuggestionRow]) -> list[Filled]:
    """Build the queries that store new suggestions and mark the suggestions that they replace as superseded."""
    ended = [set_state([row.suggestion_uuid for row in superseded], SUPERSEDED)] if superseded else []
    return [*ended, insert_suggestions(by)] if by else ended


def set_state(suggestion_uuids: Iterable[UUID], state: State, because: str | None = None) -> Filled:
    """Build the query that sets the state of suggestions; its transaction holds the experiment's row lock."""
    return _UPDATE_STATE(uuids=list(suggestion_uuids), to_state=state, because=because)


async def update_leased(
    work: Work, suggestion_uuids: Iterable[UUID], worker: str | None, lease_for: timedelta
) -> list[SuggestionRow]:
    """Lease suggestions to a worker and return them, oldest first; the transaction holds the experiment's row lock."""
    leased = await work.all(_LEASE(uuids=list(suggestion_uuids), worker=worker, lease_for=lease_for))
    return sorted((_suggestion_of(row) for row in leased), key=lambda suggestion: suggestion.seq)


async def update_lease(
    work: Work, exp_uuid: UUID, suggestion_uuids: Iterable[UUID], worker: str | None, lease_for: timedelta
) -> None:
    """Prolong the leases that a worker holds; leases of other workers stay unchanged.

    Without a worker's name, the leases that were taken without a name are prolonged.
    """
    query = (
        sa.update(suggestions)
        .where(
            suggestions.c.suggestion_uuid.in_(list(suggestion_uuids)),
            suggestions.c.exp_uuid == exp_uuid,
            _IS_LEASED,
            suggestions.c.lease_by.is_not_distinct_from(worker),
        )
        .values(lease_until=_NOW + lease_for)
    )
    await work.run(query)


async def update_reopened(work: Work, suggestion_uuids: Iterable[UUID]) -> None:
    """Make leased suggestions open again; the transaction holds the experiment's row lock."""
    query = sa.update(suggestions).where(suggestions.c.suggestion_uuid.in_(list(suggestion_uuids)))
    await work.run(query.values(state=OPEN, lease_by=None, lease_until=None))


async def list_suggestions(work: Work, exp_uuid: UUID, suggestion_uuids: Iterable[UUID]) -> list[SuggestionRow]:
    """List those of the given suggestions that belong to an experiment, in any state, oldest first."""
    rows = await work.all(_LIST_AMONG(exp_uuid=exp_uuid, uuids=list(suggestion_uuids)))
    return [_suggestion_of(row) for row in rows]


async def list_expired(work: Work, exp_uuid: UUID) -> list[SuggestionRow]:
    """List and lock the suggestions whose lease has ended, oldest first; the lock keeps out a late renewal."""
    query = (
        sa.select(suggestions)
        .where(suggestions.c.exp_uuid == exp_uuid, _IS_LEASED, suggestions.c.lease_until < _NOW)
        .order_by(suggestions.c.seq)
        .with_for_update()
    )
    return [_suggestion_of(row) for row in await work.all(query)]


async def list_experiments_with_expired(work: Work, limit: int) -> list[UUID]:
    """List the experiments of the ``limit`` leases that ended longest ago, in that order."""
    expired = (
        sa.select(suggestions.c.exp_uuid)
        .where(_IS_LEASED, suggestions.c.lease_until < _NOW)
        .order_by(suggestions.c.lease_until)
        .limit(limit)
    )
    return list(dict.fromkeys(row["exp_uuid"] for row in await work.all(expired)))


async def seconds_until_expiry(work: Work) -> float | None:
    """Return the seconds until the next lease ends, 0 if it has ended; None if no lease has an end."""
    ends = sa.select(suggestions.c.lease_until).where(_IS_LEASED, suggestions.c.lease_until.is_not(None))
    next_end = ends.order_by(suggestions.c.lease_until).limit(1).scalar_subquery()
    wait = sa.func.extract("epoch", next_end - _NOW)
    row = await work.one(sa.select(sa.cast(wait, sa.Double).label("wait_s")))
    return None if row is None or row["wait_s"] is None else max(float(row["wait_s"]), 0.0)


def _suggestion_of(row: Row) -> SuggestionRow:
    return SuggestionRow(**{name: row[name] for name in SuggestionRow.__slots__})
