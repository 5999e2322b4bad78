"""Build the rows of what an engine run suggests, and the events that announce them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from autotune_service.domain.configuration import is_same
from autotune_service.store.database import Work
from autotune_service.store.rows.events import NewEvent
from autotune_service.store.rows.experiments import ExperimentRow
from autotune_service.store.rows.observations import list_counted
from autotune_service.store.rows.suggestions import OPEN, SuggestionRow
from autotune_service.tuning.snapshot import Snapshot
from autotune_wire.base import Configuration
from autotune_wire.responses import primary_of
from autotune_wire.suggestions import AcquisitionKind, Predicted, Source


@dataclass(frozen=True, slots=True)
class NewSuggestion:
    """A suggestion before it is stored; ``candidate`` is the number of the row of the list, if there is one."""

    covars: Configuration
    source: Source
    reason: str
    predictions: dict[str, Predicted] = field(default_factory=dict)
    acquisition: float | None = None
    acquisition_kind: AcquisitionKind | None = None
    candidate: int | None = None

    @property
    def expected_gain(self) -> float | None:
        """The expected improvement on the best response, in its unit; None if the acquisition is of another kind."""
        return self.acquisition if self.acquisition_kind == "expected_improvement" else None


@dataclass(frozen=True, slots=True)
class EngineRun:
    """The suggestions of an engine run.

    Attributes:
        suggestions: The suggestions, in the order in which the engine chose them.
        best_predicted: The run's configuration that the model expects to be best, and the prediction for it.
        engine_version: The version of the engine.
        seconds: How long the run took.
    """

    suggestions: Sequence[NewSuggestion]
    best_predicted: tuple[Configuration, dict[str, Predicted]] | None = None
    engine_version: str | None = None
    seconds: float | None = None


async def still_new(
    work: Work,
    snapshot: Snapshot,
    row: ExperimentRow,
    suggestions: Sequence[NewSuggestion],
    pending: Sequence[SuggestionRow],
) -> list[NewSuggestion]:
    """Return the suggestions whose configurations were not told, taken or suggested while the engine ran.

    The engine could not know what came while it ran, and may suggest the same again.

    Args:
        work: The transaction that stores the suggestions.
        snapshot: The experiment as the engine knew it.
        row: The experiment as it is now.
        suggestions: The engine's suggestions; none of them is returned if the space or the list has changed.
        pending: The suggestions that are pending now.
    """
    before = snapshot.experiment
    if (row.space_revision, row.candidates_revision) != (before.space_revision, before.candidates_revision):
        return []
    known = {suggestion.suggestion_uuid for suggestion in snapshot.pending}
    observations = await list_counted(work, row.exp_uuid, after=snapshot.experiment.last_seq)
    arrived = [observation.covars for observation in observations]
    arrived += [suggestion.covars for suggestion in pending if suggestion.suggestion_uuid not in known]
    return [
        suggestion
        for suggestion in suggestions
        if not any(is_same(row.space, suggestion.covars, covars) for covars in arrived)
    ]


def suggestion_rows(
    snapshot: Snapshot,
    engine_run: EngineRun,
    suggestions: Sequence[NewSuggestion],
    first_seq: int,
    now: datetime,
    fixed: Configuration | None = None,
    fixed_key: str | None = None,
) -> list[SuggestionRow]:
    """Build the row of each suggestion; the events from ``first_seq`` on announce them, one event each."""
    primary, _ = primary_of(snapshot.experiment.responses)
    return [
        SuggestionRow(
            suggestion_uuid=uuid4(),
            exp_uuid=snapshot.experiment.exp_uuid,
            seq=first_seq + index,
            state=OPEN,
            covars=suggestion.covars,
            source=suggestion.source,
            reason=suggestion.reason,
            mean=suggestion.predictions[primary].mean if primary in suggestion.predictions else None,
            sd=suggestion.predictions[primary].sd if primary in suggestion.predictions else None,
            predictions={name: predicted.model_dump() for name, predicted in suggestion.predictions.items()},
            acquisition=suggestion.acquisition,
            acquisition_kind=suggestion.acquisition_kind,
            engine_version=engine_run.engine_version,
            seed=snapshot.experiment.seed,
            data_rev=snapshot.data_rev,
            data_seq=snapshot.experiment.last_seq,
            seconds=engine_run.seconds,
            fixed=fixed or {},
            fixed_key=fixed_key,
            created_at=now,
            candidate=None if suggestion.candidate is None else snapshot.candidate(suggestion.candidate),
        )
        for index, suggestion in enumerate(suggestions)
    ]


def best_predicted_of(row: ExperimentRow, engine_run: EngineRun, data_rev: int) -> dict[str, Any]:
    """Return the column of an experiment that stores the best predicted run; empty if it holds one of newer data."""
    if engine_run.best_predicted is None or (row.best_predicted is not None and row.best_predicted.data_rev > data_rev):
        return {}
    covars, predictions = engine_run.best_predicted
    primary, _ = primary_of(row.responses)
    shown = {name: predicted.model_dump() for name, predicted in predictions.items()}
    return {"best_predicted": {"covars": covars, **shown[primary], "predictions": shown, "data_rev": data_rev}}


def created_events(rows: Sequence[SuggestionRow], superseded: Sequence[SuggestionRow]) -> list[NewEvent]:
    """Build the events that announce suggestions.

    The first event names all suggestions that are superseded. If there are no new ones, a separate event does so.
    """
    replaced = [str(suggestion.suggestion_uuid) for suggestion in superseded]
    if replaced and not rows:
        return [("suggestion_superseded", {"superseded": replaced})]
    return [
        ("suggestion_created", {**row.to_wire().model_dump(mode="json"), "superseded": [] if index else replaced})
        for index, row in enumerate(rows)
    ]


def failure_events(failure: str | None, data_rev: int) -> list[NewEvent]:
    """Build the event that announces why the model failed on a revision of the data; none if it did not fail."""
    return [] if failure is None else [("engine_failed", {"reason": failure, "data_rev": data_rev})]
