"""Which suggestion each run answers: the one it names, or a pending one with its configuration."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from autotune_service.domain.configuration import checked_configuration, is_same
from autotune_service.domain.errors import AlreadyToldError, InvalidError
from autotune_service.domain.revision import backfilled
from autotune_service.store.database import Work
from autotune_service.store.experiments import ExperimentRow
from autotune_service.store.observations import ObservationRow, get_observation_of
from autotune_service.store.spaces import list_spaces
from autotune_service.store.suggestions import TOLD, SuggestionRow, get_suggestion, list_pending
from autotune_service.tuning.outcomes import Outcome, beside, outcome_of
from autotune_service.tuning.snapshot import backfill_of
from autotune_wire.base import Configuration
from autotune_wire.observations import Told
from autotune_wire.problems import FieldProblem


@dataclass(frozen=True, slots=True)
class Linked:
    """A checked run and the suggestion that it answers."""

    covars: Configuration
    outcome: Outcome
    suggestion: SuggestionRow | None


async def link(work: Work, row: ExperimentRow, runs: Sequence[Told], field_of: Callable[[int], str]) -> list[Linked]:
    """Check each run and find its suggestion.

    Raises:
        InvalidError: If a configuration does not lie in the space, a response is not the experiment's, or a suggestion
            is not.
        AlreadyToldError: If a suggestion has its observation already.
    """
    named = {run.suggestion_uuid for run in runs}
    spaces = await list_spaces(work, row.exp_uuid) if row.space_revision else []
    earlier = [one.space for one in spaces[:-1]]
    pending = [one for one in await list_pending(work, row.exp_uuid) if one.suggestion_uuid not in named]
    linked: list[Linked] = []
    for index, run in enumerate(runs):
        field = field_of(index)
        outcome = outcome_of(row.responses, run, field)
        suggestion: SuggestionRow | None
        covars = run.covars
        if run.suggestion_uuid is not None:
            suggestion = await _named(work, row, run.suggestion_uuid, beside(field, "suggestion_uuid"), linked)
            added = backfill_of(one for one in spaces if one.seq > suggestion.seq)
            covars = {**backfilled(row.space, covars, added), **covars}
        covars = checked_configuration(row.space, covars, field, earlier=earlier)
        if run.suggestion_uuid is None:
            suggestion = next((one for one in pending if is_same(row.space, one.covars, covars)), None)
        if suggestion is not None:
            pending = [one for one in pending if one.suggestion_uuid != suggestion.suggestion_uuid]
        linked.append(Linked(covars, outcome, suggestion))
    return linked


async def _named(
    work: Work, row: ExperimentRow, suggestion_uuid: UUID, field: str, linked: Sequence[Linked]
) -> SuggestionRow:
    suggestion = await get_suggestion(work, row.exp_uuid, suggestion_uuid)
    if suggestion is None:
        problem = FieldProblem(
            field=field, message=f"is no suggestion of experiment {row.exp_uuid}", value=str(suggestion_uuid)
        )
        raise InvalidError.of([problem])
    if any(one.suggestion is not None and one.suggestion.suggestion_uuid == suggestion_uuid for one in linked):
        raise AlreadyToldError(f"suggestion {suggestion_uuid} is told twice in one body")
    if suggestion.state == TOLD:
        stored = _stored(await get_observation_of(work, suggestion_uuid, row.exp_uuid))
        problem = FieldProblem(field=field, message=f"its {stored} is stored", value=str(suggestion_uuid))
        raise AlreadyToldError(f"suggestion {suggestion_uuid} was told already, {stored}", [problem])
    return suggestion


def _stored(observation: ObservationRow | None) -> str:
    if observation is None or observation.status == "failed":
        return "failure"
    if len(observation.responses) == 1:
        return f"response {observation.response}"
    return "responses " + ", ".join(f"{name} {value}" for name, value in observation.responses.items())
