"""All the rows of one experiment at once: read as JSON that Postgres writes, stored in chunks."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from autotune_service.domain.errors import NotFoundError
from autotune_service.store.bulk import insert_rows
from autotune_service.store.database import Work
from autotune_service.store.events import wake_watchers
from autotune_service.store.tables import (
    events,
    experiments,
    observation_versions,
    observations,
    spaces,
    suggestions,
)

_CHUNK = 2000  # rows of one statement, which must end well within the statement timeout
_TIMES = {"created_at": "time_created", "updated_at": "time_updated"}
_EXPERIMENT = (
    *("exp_uuid", "name", "description", "responses", "engine", "model_type", "acq_func", "seed", "state", "stop"),
    *("stopped", "best_predicted", "best_observation_uuid", "n_observations", "last_seq", "data_rev", "fit_rev"),
    *("created_at", "updated_at"),
)
_LISTS: dict[str, tuple[sa.Table, tuple[str, ...]]] = {
    "spaces": (spaces, ("revision", "seq", "covars", "constraints", "backfill", "created_at")),
    "suggestions": (
        suggestions,
        (
            *("suggestion_uuid", "seq", "state", "covars", "fixed", "source", "reason", "mean", "sd", "predictions"),
            *("acquisition", "acquisition_kind", "engine_version", "seed", "data_rev", "data_seq", "seconds"),
            *("lease_by", "lease_until", "abandoned_because", "created_at"),
        ),
    ),
    "observations": (
        observations,
        (
            *("observation_uuid", "suggestion_uuid", "seq", "version", "covars", "responses", "sds", "status"),
            *("is_excluded", "created_at"),
        ),
    ),
    "versions": (
        observation_versions,
        (
            *("observation_uuid", "seq", "version", "covars", "responses", "sds", "status", "is_excluded", "reason"),
            "created_at",
        ),
    ),
    "events": (events, ("seq", "type", "created_at", "data")),
}
"""The lists of the document: the table and the columns that are told. In each table a seq stands once at most."""


@dataclass(frozen=True, slots=True)
class ImportedRows:
    """The rows of a new experiment, by column; those of its lists in the order in which they are stored."""

    experiment: dict[str, Any]
    spaces: list[dict[str, Any]]
    suggestions: list[dict[str, Any]]
    observations: list[dict[str, Any]]
    versions: list[dict[str, Any]]
    events: list[dict[str, Any]]


async def hold_still(work: Work) -> None:
    """Have all queries of a transaction see the same moment; it must be asked for first, and takes no locks."""
    await work.run(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))


async def read_experiment_json(work: Work, exp_uuid: UUID, user_uuid: UUID) -> str:
    """Give the fields of a user's experiment as a JSON object.

    Raises:
        NotFoundError: If there is none, or it is another user's.
    """
    own = (
        sa.select(*_told(experiments, _EXPERIMENT))
        .where(experiments.c.exp_uuid == exp_uuid, experiments.c.owner_uuid == user_uuid)
        .subquery("own")
    )
    row = await work.one(sa.select(_as_json(own).label("text")).select_from(own))
    if row is None:
        raise NotFoundError(f"you have no experiment {exp_uuid}")
    return str(row["text"])


async def read_lists_json(work: Work, exp_uuid: UUID) -> AsyncIterator[tuple[str, str]]:
    """Give the lists of an experiment, each chunk as the name of its list and JSON objects joined by commas."""
    for name, (table, columns) in _LISTS.items():
        after: int | None = 0
        while after is not None:
            text, after = await _chunk(work, exp_uuid, table, columns, after)
            if text is not None:
                yield name, text


async def add_imported(work: Work, rows: ImportedRows) -> None:
    """Store a new experiment with all that belongs to it, and tell its watchers at commit."""
    await work.run(sa.insert(experiments).values(**rows.experiment))
    await _add(work, spaces, rows.spaces)
    await _add(work, suggestions, rows.suggestions)
    await _add(work, observations, rows.observations)
    await _add(work, observation_versions, rows.versions)
    await _add(work, events, rows.events)
    experiment = rows.experiment
    wake_watchers(work, experiment["exp_uuid"], experiment["owner_uuid"], experiment["last_seq"])


async def _add(work: Work, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    for first in range(0, len(rows), _CHUNK):
        chunk = rows[first : first + _CHUNK]
        await work.run(insert_rows(table, list(chunk[0]), chunk))


async def _chunk(
    work: Work, exp_uuid: UUID, table: sa.Table, columns: Sequence[str], after: int
) -> tuple[str | None, int | None]:
    """Give the next rows, and the seq after which the rest comes, where there may be a rest."""
    chunk = (
        sa.select(*_told(table, columns))
        .where(table.c.exp_uuid == exp_uuid, table.c.seq > after)
        .order_by(table.c.seq)
        .limit(_CHUNK)
        .subquery("one")
    )
    query = sa.select(
        sa.func.string_agg(_as_json(chunk), sa.literal_column("','")).label("text"),
        sa.func.count().label("n"),
        sa.func.max(chunk.c.seq).label("last"),
    ).select_from(chunk)
    row = await work.one(query)
    assert row is not None
    return row["text"], row["last"] if row["n"] == _CHUNK else None


def _told(table: sa.Table, names: Sequence[str]) -> list[sa.ColumnElement[Any]]:
    renamed = {**_TIMES, "lease_by": "worker"}
    return [table.c[name].label(renamed.get(name, name)) for name in names]


def _as_json(rows: sa.Subquery) -> sa.ColumnElement[str]:
    return sa.cast(sa.func.row_to_json(rows.table_valued()), sa.Text)
