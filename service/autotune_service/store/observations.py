"""Observations: kept for ever, in the order in which they were told, with every version of what was corrected."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from autotune_service.store.bulk import insert_rows
from autotune_service.store.database import Work
from autotune_service.store.statements import Filled, Row, Statement
from autotune_service.store.tables import observation_versions, observations
from autotune_wire.base import Configuration
from autotune_wire.observations import Observation, ObservationVersion, Status

_VERSIONED = ("covars", "response", "responses", "sds", "status", "version", "is_excluded")
"""What a correction may change."""
_COUNTS = sa.not_(observations.c.is_excluded)
_LIST_COUNTED = Statement(
    sa.select(observations)
    .where(observations.c.exp_uuid == sa.bindparam("exp_uuid"), observations.c.seq > sa.bindparam("after"), _COUNTS)
    .order_by(observations.c.seq)
)


@dataclass(frozen=True, slots=True)
class ObservationRow:
    """An observation as stored; ``seq`` is that of the event that announced it, ``response`` the primary objective."""

    exp_uuid: UUID
    seq: int
    observation_uuid: UUID
    suggestion_uuid: UUID | None
    covars: Configuration
    response: float | None
    responses: dict[str, float]
    sds: dict[str, float]
    status: Status
    created_at: datetime
    version: int = 1
    is_excluded: bool = False

    def to_wire(self) -> Observation:
        """Shape the row for the wire."""
        return Observation(
            observation_uuid=self.observation_uuid,
            seq=self.seq,
            covars=self.covars,
            response=self.response,
            responses=self.responses,
            sds=self.sds,
            status=self.status,
            suggestion_uuid=self.suggestion_uuid,
            version=self.version,
            is_excluded=self.is_excluded,
            time_created=self.created_at,
        )

    def as_version(self) -> ObservationVersion:
        """Shape the row as the only version of an observation that was never corrected."""
        content = {name: getattr(self, name) for name in _VERSIONED}
        return ObservationVersion(**content, seq=self.seq, reason=None, time_created=self.created_at)


def insert_observations(rows: Sequence[ObservationRow]) -> Filled:
    """Build the query that stores new observations."""
    names = ObservationRow.__slots__
    return insert_rows(observations, names, [{name: getattr(row, name) for name in names} for row in rows])


async def list_observations(
    work: Work, exp_uuid: UUID, after: int = 0, limit: int | None = None
) -> list[ObservationRow]:
    """Give the observations with a seq greater than ``after``, oldest first."""
    query = _in_order(observations, exp_uuid, after).limit(limit)
    return [_observation_of(row) for row in await work.all(query)]


async def list_measured(work: Work, exp_uuid: UUID) -> list[dict[str, float]]:
    """Give what was measured in each run that counts, oldest first; of a failed one nothing."""
    query = _in_order(observations.c.responses, exp_uuid).where(_COUNTS)
    return [row["responses"] for row in await work.all(query)]


async def list_counted(work: Work, exp_uuid: UUID, after: int = 0) -> list[ObservationRow]:
    """Give the observations that count, those with a seq greater than ``after``, oldest first."""
    return [_observation_of(row) for row in await work.all(_LIST_COUNTED(exp_uuid=exp_uuid, after=after))]


async def get_observation(work: Work, exp_uuid: UUID, observation_uuid: UUID) -> ObservationRow | None:
    """Find an observation of an experiment."""
    query = sa.select(observations).where(
        observations.c.exp_uuid == exp_uuid, observations.c.observation_uuid == observation_uuid
    )
    row = await work.one(query)
    return None if row is None else _observation_of(row)


async def update_observation(work: Work, row: ObservationRow) -> None:
    """Store a new version of an observation; the caller holds the experiment's row lock."""
    query = sa.update(observations).where(
        observations.c.exp_uuid == row.exp_uuid, observations.c.observation_uuid == row.observation_uuid
    )
    await work.run(query.values({name: getattr(row, name) for name in _VERSIONED}))


async def add_version(
    work: Work, row: ObservationRow, *, seq: int, at: datetime, reason: str | None, user_uuid: UUID | None
) -> None:
    """Keep a version of an observation; one that is kept already stays as it is.

    Args:
        work: The transaction that corrects it.
        row: The observation in that version.
        seq: That of the event that announced the version.
        at: When it was written.
        reason: Why, None where it is the first.
        user_uuid: Who wrote it, None where it is the first.
    """
    values = {name: getattr(row, name) for name in ("exp_uuid", "observation_uuid", *_VERSIONED)}
    values |= {"seq": seq, "created_at": at, "reason": reason, "user_uuid": user_uuid}
    await work.run(insert(observation_versions).values(**values).on_conflict_do_nothing())


async def list_observation_versions(work: Work, observation_uuid: UUID) -> list[ObservationVersion]:
    """Give the versions that are kept of an observation, oldest first; none of one that was never corrected."""
    query = (
        sa.select(observation_versions)
        .where(observation_versions.c.observation_uuid == observation_uuid)
        .order_by(observation_versions.c.version)
    )
    return [_version_of(row) for row in await work.all(query)]


async def get_observation_of(work: Work, suggestion_uuid: UUID, exp_uuid: UUID) -> ObservationRow | None:
    """Find what was told to a suggestion."""
    query = sa.select(observations).where(
        observations.c.exp_uuid == exp_uuid, observations.c.suggestion_uuid == suggestion_uuid
    )
    row = await work.one(query)
    return None if row is None else _observation_of(row)


def _in_order(what: sa.Table | sa.Column[Any], exp_uuid: UUID, after: int = 0) -> sa.Select[Any]:
    is_wanted = sa.and_(observations.c.exp_uuid == exp_uuid, observations.c.seq > after)
    return sa.select(what).where(is_wanted).order_by(observations.c.seq)


def _version_of(row: Row) -> ObservationVersion:
    names = ("seq", "reason", *_VERSIONED)
    return ObservationVersion(**{name: row[name] for name in names}, time_created=row["created_at"])


def _observation_of(row: Row) -> ObservationRow:
    return ObservationRow(**{name: row[name] for name in ObservationRow.__slots__})
