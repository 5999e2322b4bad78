"""All rows of one experiment, for its export and import: read as JSON that Postgres writes, stored in chunks."""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from autotune_service.domain.access import no_experiment
from autotune_service.store.database import Work
from autotune_service.store.rows.bulk import insert_written
from autotune_service.store.rows.members import is_visible
from autotune_service.store.tables import (
    candidate_blocks,
    curves,
    earlier_runs,
    events,
    experiments,
    observation_versions,
    observations,
    spaces,
    suggestions,
)

_CHUNK = 500  # rows in one statement, few enough that the service is soon done with them and others get their turn
_BLOCKS = 10  # as many, of a thousand rows of a list each
_TIMES = {"created_at": "time_created", "updated_at": "time_updated", "noted_at": "time_noted"}
_EXPERIMENT = (
    *("exp_uuid", "name", "description", "responses", "engine", "model_type", "acq_func", "seed", "state", "stop"),
    *("early_stop", "stopped", "paused", "learn_from", "best_predicted", "best_observation_uuid", "n_observations"),
    *("last_seq", "data_rev", "fit_rev", "created_at", "updated_at"),
)
_LISTS: dict[str, tuple[sa.Table, tuple[str, ...]]] = {
    "spaces": (spaces, ("revision", "seq", "covars", "constraints", "backfill", "created_at")),
    "suggestions": (
        suggestions,
        (
            *("suggestion_uuid", "seq", "state", "covars", "fixed", "source", "reason", "mean", "sd", "predictions"),
            *("acquisition", "acquisition_kind", "engine_version", "seed", "data_rev", "data_seq", "seconds"),
            *("lease_by", "lease_until", "abandoned_because", "candidate", "created_at"),
        ),
    ),
    "observations": (
        observations,
        (
            *("observation_uuid", "suggestion_uuid", "seq", "version", "covars", "responses", "sds", "status"),
            *("failed_because", "stopped_step", "stopped_value", "is_excluded", "note", "tags", "noted_at"),
            *("candidate", "created_at"),
        ),
    ),
    "versions": (
        observation_versions,
        (
            *("observation_uuid", "seq", "version", "covars", "responses", "sds", "status", "failed_because"),
            *("stopped_step", "stopped_value", "is_excluded", "reason", "created_at"),
        ),
    ),
    "curves": (curves, ("suggestion_uuid", "seq", "steps", "values", "why", "updated_at")),
    "events": (events, ("seq", "type", "created_at", "data")),
    "earlier_runs": (earlier_runs, ("seq", "source", "covars", "responses", "sds")),
}
"""The lists of the document: the table and the columns of each. An experiment has a seq at most once in a table."""

_IMPORTED = {table.name: table for table in (experiments, candidate_blocks, *(table for table, _ in _LISTS.values()))}


async def read_experiment_json(work: Work, exp_uuid: UUID, user_uuid: UUID) -> str:
    """Read the fields of an experiment that a user has a role on as a JSON object.

    Raises:
        NotFoundError: If the experiment does not exist, or the user has no role on it.
    """
    seen = (
        sa.select(*_exported(experiments, _EXPERIMENT))
        .where(experiments.c.exp_uuid == exp_uuid, is_visible(user_uuid))
        .subquery("seen")
    )
    row = await work.one(sa.select(_as_json(seen).label("text")).select_from(seen))
    if row is None:
        raise no_experiment(exp_uuid)
    return str(row["text"])


async def read_lists_json(work: Work, exp_uuid: UUID) -> AsyncIterator[tuple[str, str]]:
    """Read the lists of an experiment in chunks: the name of the list, and JSON objects joined by commas.

    A list without rows has one chunk, which is empty.
    """
    for name, (table, columns) in _LISTS.items():
        text, after = await _chunk(work, exp_uuid, table, columns, 0)
        yield name, text or ""
        while after is not None:
            text, after = await _chunk(work, exp_uuid, table, columns, after)
            if text is not None:
                yield name, text


async def read_candidates_json(work: Work, exp_uuid: UUID) -> AsyncIterator[str]:
    """Read the list of an experiment in chunks of JSON objects joined by commas; nothing without a list."""
    after = 0
    while True:
        chunk = (
            sa.select(*(candidate_blocks.c[name] for name in ("first", "n", "covars", "details", "withdrawn")))
            .where(candidate_blocks.c.exp_uuid == exp_uuid, candidate_blocks.c.first > after)
            .order_by(candidate_blocks.c.first)
            .limit(_BLOCKS)
            .subquery("chunk")
        )
        text, last = sa.func.string_agg(_as_json(chunk), sa.literal_column("','")), sa.func.max(chunk.c.first)
        row = await work.one(sa.select(text.label("text"), last.label("last")).select_from(chunk))
        assert row is not None
        if row["text"] is None:
            return
        yield row["text"]
        after = row["last"]


async def add_written(work: Work, table: str, names: Sequence[str], text: str) -> None:
    """Store rows of an imported experiment that are JSON already.

    Args:
        work: The transaction.
        table: The name of the table.
        names: The columns that the rows have.
        text: A list of objects.
    """
    await work.run(insert_written(_IMPORTED[table], names, text))


async def _chunk(
    work: Work, exp_uuid: UUID, table: sa.Table, columns: Sequence[str], after: int
) -> tuple[str | None, int | None]:
    """Read the next rows of a table.

    Returns:
        The rows as JSON objects joined by commas, None if no row is left; and the seq after which the next chunk
        begins, None if this chunk is the last.
    """
    chunk = (
        sa.select(*_exported(table, columns))
        .where(table.c.exp_uuid == exp_uuid, table.c.seq > after)
        .order_by(table.c.seq)
        .limit(_CHUNK)
        .subquery("chunk")
    )
    query = sa.select(
        sa.func.string_agg(_as_json(chunk), sa.literal_column("','")).label("text"),
        sa.func.count().label("n"),
        sa.func.max(chunk.c.seq).label("last"),
    ).select_from(chunk)
    row = await work.one(query)
    assert row is not None
    return row["text"], row["last"] if row["n"] == _CHUNK else None


def _exported(table: sa.Table, names: Sequence[str]) -> list[sa.ColumnElement[Any]]:
    renamed = {**_TIMES, "lease_by": "worker"}
    return [table.c[name].label(renamed.get(name, name)) for name in names]


def _as_json(rows: sa.Subquery) -> sa.ColumnElement[str]:
    return sa.cast(sa.func.row_to_json(rows.table_valued()), sa.Text)
