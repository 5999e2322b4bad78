"""The revisions of an experiment's space: the first one and one for each change."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from autotune_service.domain.stored import stored_constraints, stored_space
from autotune_service.store.database import Work
from autotune_service.store.rows.experiments import constraints_of, space_of
from autotune_service.store.statements import Statement
from autotune_service.store.tables import spaces
from autotune_wire.base import Configuration
from autotune_wire.changes import SpaceRevision
from autotune_wire.constraints import Constraint
from autotune_wire.space import Space

_LIST = Statement(sa.select(spaces).where(spaces.c.exp_uuid == sa.bindparam("exp_uuid")).order_by(spaces.c.revision))


@dataclass(frozen=True, slots=True)
class SpaceRow:
    """A revision of a space as stored; ``seq`` is the seq of its event.

    Observations with a smaller seq belong to earlier revisions. ``backfill`` has the values that those earlier runs
    had for the covariates that this revision added.
    """

    exp_uuid: UUID
    revision: int
    space: Space
    constraints: list[Constraint]
    backfill: Configuration
    seq: int
    created_at: datetime

    def to_wire(self) -> SpaceRevision:
        """Convert the row to its model in the API."""
        return SpaceRevision(
            revision=self.revision,
            seq=self.seq,
            covars=self.space,
            constraints=self.constraints,
            backfill=self.backfill,
            time_created=self.created_at,
        )


async def add_space(work: Work, row: SpaceRow) -> None:
    """Store a revision of a space."""
    query = sa.insert(spaces).values(
        exp_uuid=row.exp_uuid,
        revision=row.revision,
        covars=stored_space(row.space),
        constraints=stored_constraints(row.constraints),
        backfill=row.backfill,
        seq=row.seq,
        created_at=row.created_at,
    )
    await work.run(query)


async def count_space_bytes(work: Work, exp_uuid: UUID) -> int:
    """Count the bytes of the revisions of an experiment's space."""
    columns = (spaces.c.covars, spaces.c.constraints, spaces.c.backfill)
    n_bytes = sum((sa.func.octet_length(sa.cast(column, sa.Text)) for column in columns), sa.literal(0))
    query = sa.select(sa.func.coalesce(sa.func.sum(n_bytes), 0).label("n")).where(spaces.c.exp_uuid == exp_uuid)
    row = await work.one(query)
    return 0 if row is None else int(row["n"])


async def list_spaces(work: Work, exp_uuid: UUID) -> list[SpaceRow]:
    """List the revisions of an experiment's space, oldest first."""
    return [
        SpaceRow(
            exp_uuid=row["exp_uuid"],
            revision=row["revision"],
            space=space_of(row["covars"]),
            constraints=constraints_of(row["constraints"]),
            backfill=row["backfill"],
            seq=row["seq"],
            created_at=row["created_at"],
        )
        for row in await work.all(_LIST(exp_uuid=exp_uuid))
    ]
