"""What earlier experiments had measured when the experiment that learns from them was created."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from autotune_service.store.database import Work
from autotune_service.store.rows.bulk import insert_rows
from autotune_service.store.statements import Filled, Statement
from autotune_service.store.tables import earlier_runs, observations
from autotune_wire.base import Configuration

_NAMES = ("exp_uuid", "seq", "source", "covars", "responses", "sds")
_LIST = Statement(
    sa.select(earlier_runs).where(earlier_runs.c.exp_uuid == sa.bindparam("exp_uuid")).order_by(earlier_runs.c.seq)
)
_NEWEST_MEASURED = Statement(
    sa.select(observations.c.covars, observations.c.responses, observations.c.sds)
    .where(
        observations.c.exp_uuid == sa.bindparam("exp_uuid"),
        sa.not_(observations.c.is_excluded),
        observations.c.status == "ok",
    )
    .order_by(observations.c.seq.desc())
    .limit(sa.bindparam("n_most", type_=sa.BigInteger))
)


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """A run of an earlier experiment; ``source`` is that one's place in ``learn_from``, from 0."""

    source: int
    covars: Configuration
    responses: dict[str, float]
    sds: dict[str, float]


async def list_newest_measured(work: Work, exp_uuid: UUID, source: int, limit: int) -> list[EarlierRun]:
    """List the newest observations of an experiment that count and measured something, oldest first."""
    rows = await work.all(_NEWEST_MEASURED(exp_uuid=exp_uuid, n_most=limit))
    return [EarlierRun(source, row["covars"], row["responses"], row["sds"]) for row in reversed(rows)]


async def list_earlier(work: Work, exp_uuid: UUID) -> list[EarlierRun]:
    """List the runs that an experiment learns from, in the order of its earlier experiments, oldest first."""
    rows = await work.all(_LIST(exp_uuid=exp_uuid))
    return [EarlierRun(row["source"], row["covars"], row["responses"], row["sds"]) for row in rows]


def insert_earlier(exp_uuid: UUID, runs: Sequence[EarlierRun]) -> Filled:
    """Build the query that stores the runs that an experiment learns from."""
    rows = [
        {
            "exp_uuid": exp_uuid,
            "seq": seq,
            "source": run.source,
            "covars": run.covars,
            "responses": run.responses,
            "sds": run.sds,
        }
        for seq, run in enumerate(runs, 1)
    ]
    return insert_rows(earlier_runs, _NAMES, rows)
