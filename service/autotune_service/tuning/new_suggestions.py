"""From what the engine suggests to suggestions that are stored, and the events that announce them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from autotune_service.domain.configuration import is_same
from autotune_service.store.database import Work
from autotune_service.store.events import NewEvent
from autotune_service.store.experiments import ExperimentRow
from autotune_service.store.observations import list_counted
from autotune_service.store.suggestions import OPEN, SuggestionRow
from autotune_service.tuning.snapshot import Snapshot
from autotune_wire.base import Configuration
from autotune_wire.responses import primary_of
from autotune_wire.suggestions import AcquisitionKind, Predicted, Source


@dataclass(frozen=True, slots=True)
class NewSuggestion:
    """A suggestion before it is stored."""

    covars: Configuration
    source: Source
    reason: str
    predictions: dict[str, Predicted] = field(default_factory=dict)
    acquisition: float | None = None
    acquisition_kind: AcquisitionKind | None = None

    @property
    def expected_gain(self) -> float | None:
        """What it is expected to gain on the best, in the primary response's unit; None where nothing tells."""
        return self.acquisition if self.acquisition_kind == "expected_improvement" else None


@dataclass(frozen=True, slots=True)
class EngineRun:
    """What an engine run gave; ``seconds`` is how long it took."""

    suggestions: Sequence[NewSuggestion]
    best_predicted: tuple[Configuration, Predicted] | None = None
    engine_version: str | None = None
    seconds: float | None = None


async def still_new(
    work: Work,
    snapshot: Snapshot,
    row: ExperimentRow,
    suggestions: Sequence[NewSuggestion],
    pending: Sequence[SuggestionRow],
) -> list[NewSuggestion]:
    """Leave out what was told, taken or suggested while the engine ran: it could not know, and suggests it again.

    Args:
        work: The transaction that stores the suggestions.
        snapshot: What the engine knew.
        row: The experiment as it is now.
        suggestions: What the engine suggests; none of it is left where the space has changed.
        pending: What is pending now.
    """
    if row.space_revision != snapshot.experiment.space_revision:
        return []
    known = {one.suggestion_uuid for one in snapshot.pending}
    told = await list_counted(work, row.exp_uuid, after=snapshot.experiment.last_seq)
    arrived = [one.covars for one in told] + [one.covars for one in pending if one.suggestion_uuid not in known]
    return [one for one in suggestions if not any(is_same(row.space, one.covars, covars) for covars in arrived)]


def suggestion_rows(
    snapshot: Snapshot,
    engine_run: EngineRun,
    suggestions: Sequence[NewSuggestion],
    first_seq: int,
    now: datetime,
    fixed: Configuration | None = None,
    fixed_key: str | None = None,
) -> list[SuggestionRow]:
    """Build the row of each suggestion, announced by the events from ``first_seq`` on."""
    primary, _ = primary_of(snapshot.experiment.responses)
    return [
        SuggestionRow(
            suggestion_uuid=uuid4(),
            exp_uuid=snapshot.experiment.exp_uuid,
            seq=first_seq + index,
            state=OPEN,
            covars=one.covars,
            source=one.source,
            reason=one.reason,
            mean=one.predictions[primary].mean if primary in one.predictions else None,
            sd=one.predictions[primary].sd if primary in one.predictions else None,
            predictions={name: predicted.model_dump() for name, predicted in one.predictions.items()},
            acquisition=one.acquisition,
            acquisition_kind=one.acquisition_kind,
            engine_version=engine_run.engine_version,
            seed=snapshot.experiment.seed,
            data_rev=snapshot.data_rev,
            data_seq=snapshot.experiment.last_seq,
            seconds=engine_run.seconds,
            fixed=fixed or {},
            fixed_key=fixed_key,
            created_at=now,
        )
        for index, one in enumerate(suggestions)
    ]


def best_predicted_of(row: ExperimentRow, engine_run: EngineRun, data_rev: int) -> dict[str, Any]:
    """Give what the experiment's row keeps of the best predicted run; nothing where it knows of newer data."""
    if engine_run.best_predicted is None or (row.best_predicted is not None and row.best_predicted.data_rev > data_rev):
        return {}
    covars, predicted = engine_run.best_predicted
    return {"best_predicted": {"covars": covars, **predicted.model_dump(), "data_rev": data_rev}}


def created_events(rows: Sequence[SuggestionRow], superseded: Sequence[SuggestionRow]) -> list[NewEvent]:
    """Announce suggestions; the first one's event names all that they replace, and where none comes, one of its own."""
    replaced = [str(one.suggestion_uuid) for one in superseded]
    if replaced and not rows:
        return [("suggestion_superseded", {"superseded": replaced})]
    return [
        ("suggestion_created", {**row.to_wire().model_dump(mode="json"), "superseded": [] if index else replaced})
        for index, row in enumerate(rows)
    ]
