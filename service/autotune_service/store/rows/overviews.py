"""What an overview of an experiment shows: the outcomes of its runs by columns, and the changes of its space.

The database makes the columns, as a row of each run would keep the process from everybody else: 50,000 rows take half a
second to convert, their columns some milliseconds.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from autotune_service.store.database import Work
from autotune_service.store.rows.experiments import ExperimentRow
from autotune_service.store.statements import Statement
from autotune_service.store.tables import events, observations, spaces, suggestions
from autotune_wire.overviews import OverviewChange


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The outcomes of runs by columns, oldest first; the lists of ``int`` after ``responses`` are numbers from 1."""

    seqs: list[int]
    responses: dict[str, list[float | None]]
    failed: list[int]
    excluded: list[int]
    modelled: list[int]
    stopped: list[int]


_CHANGES = Statement(
    sa.select(events.c.seq, events.c.data)
    .join(spaces, sa.and_(spaces.c.exp_uuid == events.c.exp_uuid, spaces.c.seq == events.c.seq))
    .where(
        spaces.c.exp_uuid == sa.bindparam("exp_uuid"),
        spaces.c.revision > 0,
        events.c.seq <= sa.bindparam("last_seq"),
        events.c.type == sa.literal_column("'space_changed'"),
    )
    .order_by(events.c.seq)
)


async def get_outcomes(work: Work, experiment: ExperimentRow, newest: int | None = None) -> Outcomes:
    """Read the outcomes of the observations that an experiment had when its row was read.

    Args:
        work: The transaction.
        experiment: The experiment.
        newest: At most so many observations, the newest; None for all.
    """
    names = list(experiment.responses)
    row = await work.one(_outcomes_query(experiment, names, newest))
    assert row is not None  # an aggregate has one row
    return Outcomes(
        seqs=row["seqs"] or [],
        responses={name: row[f"response_{place}"] or [] for place, name in enumerate(names)},
        failed=row["failed"] or [],
        excluded=row["excluded"] or [],
        modelled=row["modelled"] or [],
        stopped=row["stopped"] or [],
    )


async def list_changes(work: Work, exp_uuid: UUID, last_seq: int) -> list[OverviewChange]:
    """List the changes of an experiment's space up to an event, oldest first."""
    rows = await work.all(_CHANGES(exp_uuid=exp_uuid, last_seq=last_seq))
    return [OverviewChange(seq=row["seq"], changes=row["data"].get("changes", [])) for row in rows]


def _outcomes_query(experiment: ExperimentRow, names: list[str], newest: int | None) -> sa.Select[*tuple[Any, ...]]:
    told = sa.select(observations).where(
        observations.c.exp_uuid == experiment.exp_uuid, observations.c.seq <= experiment.last_seq
    )
    n_before = 0
    if newest is not None:
        told = told.order_by(observations.c.seq.desc()).limit(newest)
        n_before = max(experiment.n_observations - newest, 0)
    of = told.subquery().c
    number = (n_before + sa.func.row_number().over(order_by=of.seq)).label("number")
    is_modelled = (suggestions.c.source == sa.literal_column("'model'")).label("is_modelled")
    values = [
        sa.cast(sa.func.json_extract_path_text(of.responses, name), sa.Double).label(f"response_{place}")
        for place, name in enumerate(names)
    ]
    runs = (
        sa.select(of.seq, number, of.status, of.is_excluded, of.stopped_step, is_modelled, *values)
        .outerjoin(suggestions, suggestions.c.suggestion_uuid == of.suggestion_uuid)
        .order_by(of.seq)
        .subquery()
    )
    is_failed = runs.c.status == sa.literal_column("'failed'")
    return sa.select(
        sa.func.array_agg(runs.c.seq).label("seqs"),
        *(sa.func.array_agg(runs.c[value.name]).label(value.name) for value in values),
        sa.func.array_agg(runs.c.number).filter(is_failed).label("failed"),
        sa.func.array_agg(runs.c.number).filter(runs.c.is_excluded).label("excluded"),
        sa.func.array_agg(runs.c.number).filter(runs.c.is_modelled).label("modelled"),
        sa.func.array_agg(runs.c.number).filter(runs.c.stopped_step.is_not(None)).label("stopped"),
    )
