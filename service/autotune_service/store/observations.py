"""Observations: kept for ever, in the order in which they were told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from databases.interfaces import Record

from autotune_service.store.bulk import insert_rows
from autotune_service.store.database import Work
from autotune_service.store.tables import observations
from autotune_wire.base import Configuration
from autotune_wire.observations import Observation, Status


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

    def told(self) -> Observation:
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
            time_created=self.created_at,
        )


async def add_observations(work: Work, rows: Sequence[ObservationRow]) -> None:
    """Store new observations."""
    names = ObservationRow.__slots__
    await work.run(insert_rows(observations, names, [{name: getattr(row, name) for name in names} for row in rows]))


async def list_observations(
    work: Work, exp_uuid: UUID, after: int = 0, limit: int | None = None
) -> list[ObservationRow]:
    """Give the observations with a seq greater than ``after``, oldest first."""
    query = (
        sa.select(observations)
        .where(observations.c.exp_uuid == exp_uuid, observations.c.seq > after)
        .order_by(observations.c.seq)
        .limit(limit)
    )
    return [_observation_of(row) for row in await work.all(query)]


async def list_measured(work: Work, exp_uuid: UUID) -> list[dict[str, float]]:
    """Give what was measured in each run of an experiment, oldest first; of a failed one nothing."""
    query = sa.select(observations.c.responses).where(observations.c.exp_uuid == exp_uuid).order_by(observations.c.seq)
    return [row["responses"] for row in await work.all(query)]


async def get_observation_of(work: Work, suggestion_uuid: UUID, exp_uuid: UUID) -> ObservationRow | None:
    """Find what was told to a suggestion."""
    query = sa.select(observations).where(
        observations.c.exp_uuid == exp_uuid, observations.c.suggestion_uuid == suggestion_uuid
    )
    row = await work.one(query)
    return None if row is None else _observation_of(row)


def _observation_of(row: Record) -> ObservationRow:
    return ObservationRow(**{name: row[name] for name in ObservationRow.__slots__})
