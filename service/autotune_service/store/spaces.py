"""The revisions of an experiment's space: what it was when it was made, and after each change."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from autotune_service.store.database import Work
from autotune_service.store.experiments import constraints_of, space_of, stored_constraints, stored_space
from autotune_service.store.statements import Row, Statement
from autotune_service.store.tables import spaces
from autotune_wire.base import Configuration
from autotune_wire.changes import SpaceRevision
from autotune_wire.constraints import Constraint
from autotune_wire.space import Space

_LIST = Statement(sa.select(spaces).where(spaces.c.exp_uuid == sa.bindparam("exp_uuid")).order_by(spaces.c.revision))


@dataclass(frozen=True, slots=True)
class SpaceRow:
    """A revision as stored; what was told before its event, ``seq``, was run in an earlier one.

    ``backfill`` has the values that those earlier runs had of the covariates that this revision added.
    """

    exp_uuid: UUID
    revision: int
    space: Space
    constraints: list[Constraint]
    backfill: Configuration
    seq: int
    created_at: datetime

    def to_wire(self) -> SpaceRevision:
        """Shape the row for the wire."""
        return SpaceRevision(
            revision=self.revision,
            seq=self.seq,
            covars=self.space,
            constraints=self.constraints,
            backfill=self.backfill,
            time_created=self.created_at,
        )


async def add_space(work: Work, row: SpaceRow) -> None:
    """Store a revision."""
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


async def list_spaces(work: Work, exp_uuid: UUID) -> list[SpaceRow]:
    """Give the revisions of an experiment's space, oldest first."""
    return [_space_row_of(row) for row in await work.all(_LIST(exp_uuid=exp_uuid))]


def _space_row_of(row: Row) -> SpaceRow:
    return SpaceRow(
        exp_uuid=row["exp_uuid"],
        revision=row["revision"],
        space=space_of(row["covars"]),
        constraints=constraints_of(row["constraints"]),
        backfill=row["backfill"],
        seq=row["seq"],
        created_at=row["created_at"],
    )
