"""Observations: kept for ever, in the order in which they were told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from databases.interfaces import Record

from autotune_service.store.database import Work
from autotune_service.store.tables import observations
from autotune_wire.base import Configuration
from autotune_wire.observations import Observation


@dataclass(frozen=True, slots=True)
class ObservationRow:
    """An observation as stored; ``seq`` is that of the event that announced it."""

    exp_uuid: UUID
    seq: int
    observation_uuid: UUID
    suggestion_uuid: UUID | None
    covars: Configuration
    response: float
    created_at: datetime

    def told(self) -> Observation:
        """Shape the row for the wire."""
        return Observation(
            observation_uuid=self.observation_uuid,
            seq=self.seq,
            covars=self.covars,
            response=self.response,
            suggestion_uuid=self.suggestion_uuid,
            time_created=self.created_at,
        )


async def add_observations(work: Work, rows: Sequence[ObservationRow]) -> None:
    """Store new observations."""
    values = [{name: getattr(row, name) for name in ObservationRow.__slots__} for row in rows]
    await work.run(sa.insert(observations).values(values))


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


async def get_response_to(work: Work, suggestion_uuid: UUID, exp_uuid: UUID) -> float | None:
    """Give the response that was told to a suggestion, None where there is none."""
    query = sa.select(observations.c.response).where(
        observations.c.exp_uuid == exp_uuid, observations.c.suggestion_uuid == suggestion_uuid
    )
    row = await work.one(query)
    return None if row is None else row["response"]


def _observation_of(row: Record) -> ObservationRow:
    return ObservationRow(**{name: row[name] for name in ObservationRow.__slots__})
