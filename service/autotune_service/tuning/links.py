"""Which suggestion each run belongs to: the one it names, or a pending one with its configuration."""

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
from autotune_service.store.suggestions import TOLD, SuggestionRow, list_pending, list_suggestions
from autotune_service.tuning.outcomes import Outcome, beside, outcome_of
from autotune_service.tuning.snapshot import backfill_of
from autotune_wire.base import Configuration
from autotune_wire.observations import Told
from autotune_wire.problems import FieldProblem


@dataclass(frozen=True, slots=True)
class Linked:
    """A checked run and its suggestion, None where it has none."""

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
    spaces = await list_spaces(work, row.exp_uuid) if row.space_revision else []
    earlier = [space.space for space in spaces[:-1]]
    named = await _named(work, row, runs, field_of)
    pending = [
        suggestion for suggestion in await list_pending(work, row.exp_uuid) if suggestion.suggestion_uuid not in named
    ]
    linked: list[Linked] = []
    for index, run in enumerate(runs):
        field = field_of(index)
        outcome = outcome_of(row.responses, run, field)
        covars = run.covars
        if run.suggestion_uuid is None:
            covars = checked_configuration(row.space, covars, field, earlier=earlier)
            found = next((place for place, one in enumerate(pending) if is_same(row.space, one.covars, covars)), None)
            suggestion = None if found is None else pending.pop(found)
        else:
            suggestion = named[run.suggestion_uuid]
            added = backfill_of(space for space in spaces if space.seq > suggestion.seq)
            covars = {**backfilled(row.space, covars, added), **covars}
            covars = checked_configuration(row.space, covars, field, earlier=earlier)
        linked.append(Linked(covars, outcome, suggestion))
    return linked


async def _named(
    work: Work, row: ExperimentRow, runs: Sequence[Told], field_of: Callable[[int], str]
) -> dict[UUID, SuggestionRow]:
    """Find the suggestions that runs name, all with one query; each is pending and named once."""
    uuids = [run.suggestion_uuid for run in runs if run.suggestion_uuid is not None]
    found = {one.suggestion_uuid: one for one in await list_suggestions(work, row.exp_uuid, uuids)} if uuids else {}
    seen: set[UUID] = set()
    for index, run in enumerate(runs):
        uuid = run.suggestion_uuid
        if uuid is None:
            continue
        field = beside(field_of(index), "suggestion_uuid")
        if uuid not in found:
            message = f"is no suggestion of experiment {row.exp_uuid}"
            raise InvalidError.of([FieldProblem(field=field, message=message, value=str(uuid))])
        if uuid in seen:
            raise AlreadyToldError(f"suggestion {uuid} is told twice in one body")
        if found[uuid].state == TOLD:
            stored = _stored(await get_observation_of(work, uuid, row.exp_uuid))
            problem = FieldProblem(field=field, message=f"its {stored} is stored", value=str(uuid))
            raise AlreadyToldError(f"suggestion {uuid} was told already, {stored}", [problem])
        seen.add(uuid)
    return found


def _stored(observation: ObservationRow | None) -> str:
    if observation is None or observation.status == "failed":
        return "failure"
    if len(observation.responses) == 1:
        return f"response {observation.response}"
    return "responses " + ", ".join(f"{name} {value}" for name, value in observation.responses.items())
