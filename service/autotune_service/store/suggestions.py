"""Suggestions: open until somebody takes or tells them, or newer data supersede them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from databases.interfaces import Record

from autotune_service.store.database import Work
from autotune_service.store.tables import suggestions
from autotune_wire.base import Configuration
from autotune_wire.suggestions import Source, Suggestion

OPEN, LEASED, TOLD, SUPERSEDED = "open", "leased", "told", "superseded"
_PENDING = suggestions.c.state.in_([sa.literal_column("'open'"), sa.literal_column("'leased'")])


@dataclass(frozen=True, slots=True)
class SuggestionRow:
    """A suggestion as stored; ``seq`` is that of the event that announced it."""

    suggestion_uuid: UUID
    exp_uuid: UUID
    seq: int
    state: str
    covars: Configuration
    source: Source
    reason: str
    mean: float | None
    sd: float | None
    data_rev: int
    created_at: datetime

    def told(self) -> Suggestion:
        """Shape the row for the wire."""
        return Suggestion(
            suggestion_uuid=self.suggestion_uuid,
            covars=self.covars,
            source=self.source,
            reason=self.reason,
            mean=self.mean,
            sd=self.sd,
            data_rev=self.data_rev,
            time_created=self.created_at,
        )


async def add_suggestions(work: Work, rows: Sequence[SuggestionRow]) -> None:
    """Store new suggestions."""
    values = [{name: getattr(row, name) for name in SuggestionRow.__slots__} for row in rows]
    await work.run(sa.insert(suggestions).values(values))


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


async def update_state(work: Work, suggestion_uuids: Iterable[UUID], state: str) -> None:
    """Move suggestions to another state; the caller holds the experiment's row lock."""
    query = sa.update(suggestions).where(suggestions.c.suggestion_uuid.in_(list(suggestion_uuids)))
    await work.run(query.values(state=state))


def _suggestion_of(row: Record) -> SuggestionRow:
    return SuggestionRow(**{name: row[name] for name in SuggestionRow.__slots__})
