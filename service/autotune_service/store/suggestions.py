"""Suggestions: open until somebody takes or tells them, or newer data supersede them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from databases.interfaces import Record

from autotune_service.store.bulk import insert_rows
from autotune_service.store.database import Work
from autotune_service.store.tables import suggestions
from autotune_wire.base import Configuration
from autotune_wire.suggestions import Predicted, Source, Suggestion

OPEN, LEASED, TOLD, SUPERSEDED = "open", "leased", "told", "superseded"
_PENDING = suggestions.c.state.in_([sa.literal_column("'open'"), sa.literal_column("'leased'")])


@dataclass(frozen=True, slots=True)
class SuggestionRow:
    """A suggestion as stored; ``seq`` is that of the event that announced it.

    ``fixed_key`` tells suggestions apart that were made for different fixed values; None where anybody can take it.
    """

    suggestion_uuid: UUID
    exp_uuid: UUID
    seq: int
    state: str
    covars: Configuration
    source: Source
    reason: str
    mean: float | None
    sd: float | None
    predictions: dict[str, dict[str, float]]
    acquisition: float | None
    engine_version: str | None
    seed: int | None
    data_rev: int
    data_seq: int | None
    seconds: float | None
    fixed: Configuration
    fixed_key: str | None
    created_at: datetime

    @property
    def is_open(self) -> bool:
        """Whether it can still be taken."""
        return self.state == OPEN

    @property
    def is_counted(self) -> bool:
        """Whether it is one of the experiment's ``n_open``: open, and for anybody."""
        return self.is_open and self.fixed_key is None

    def told(self) -> Suggestion:
        """Shape the row for the wire."""
        return Suggestion(
            suggestion_uuid=self.suggestion_uuid,
            covars=self.covars,
            source=self.source,
            reason=self.reason,
            mean=self.mean,
            sd=self.sd,
            predictions={name: Predicted(**one) for name, one in self.predictions.items()},
            acquisition=self.acquisition,
            engine_version=self.engine_version,
            seed=self.seed,
            data_rev=self.data_rev,
            data_seq=self.data_seq,
            seconds=self.seconds,
            fixed=self.fixed,
            time_created=self.created_at,
        )


async def add_suggestions(work: Work, rows: Sequence[SuggestionRow]) -> None:
    """Store new suggestions."""
    names = SuggestionRow.__slots__
    await work.run(insert_rows(suggestions, names, [{name: getattr(row, name) for name in names} for row in rows]))


async def list_pending(work: Work, exp_uuid: UUID) -> list[SuggestionRow]:
    """Give the open and leased suggestions of an experiment, oldest first."""
    query = sa.select(suggestions).where(suggestions.c.exp_uuid == exp_uuid, _PENDING).order_by(suggestions.c.seq)
    return [_suggestion_of(row) for row in await work.all(query)]


async def get_suggestion(work: Work, exp_uuid: UUID, suggestion_uuid: UUID) -> SuggestionRow | None:
    """Find a suggestion of an experiment, in whatever state."""
    query = sa.select(suggestions).where(
        suggestions.c.exp_uuid == exp_uuid, suggestions.c.suggestion_uuid == suggestion_uuid
    )
    row = await work.one(query)
    return None if row is None else _suggestion_of(row)


async def has_suggestions(work: Work, exp_uuid: UUID) -> bool:
    """Tell whether anything was ever suggested in an experiment."""
    query = sa.select(suggestions.c.seq).where(suggestions.c.exp_uuid == exp_uuid).limit(1)
    return await work.one(query) is not None


async def update_state(work: Work, suggestion_uuids: Iterable[UUID], state: str) -> None:
    """Move suggestions to another state; the caller holds the experiment's row lock."""
    query = sa.update(suggestions).where(suggestions.c.suggestion_uuid.in_(list(suggestion_uuids)))
    await work.run(query.values(state=state))


def _suggestion_of(row: Record) -> SuggestionRow:
    return SuggestionRow(**{name: row[name] for name in SuggestionRow.__slots__})
