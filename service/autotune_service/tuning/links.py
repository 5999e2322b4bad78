"""Find the suggestion of each run: the suggestion that the run names, or a pending one with its configuration."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from autotune_service.domain.configuration import checked_run, is_same
from autotune_service.domain.errors import AlreadyToldError, AutotuneError, InvalidError
from autotune_service.store.database import Work
from autotune_service.store.rows.experiments import ExperimentRow
from autotune_service.store.rows.observations import ObservationRow, get_observation_of
from autotune_service.store.rows.spaces import list_spaces
from autotune_service.store.rows.suggestions import TOLD, SuggestionRow, get_suggestion, list_suggestions
from autotune_service.tuning.aside import aside, n_values_of
from autotune_service.tuning.outcomes import Outcome, beside, outcome_of
from autotune_service.tuning.snapshot import backfill_of
from autotune_wire.base import Configuration
from autotune_wire.observations import Told
from autotune_wire.problems import FieldProblem
from autotune_wire.space import backfilled

_AGAIN = "to record this measurement as a run of its own, tell its covars without suggestion_uuid"


@dataclass(frozen=True, slots=True)
class Linked:
    """A checked run; its ``suggestion`` is None if the run belongs to none."""

    covars: Configuration
    outcome: Outcome
    suggestion: SuggestionRow | None


async def link(
    work: Work,
    row: ExperimentRow,
    pending: Sequence[SuggestionRow],
    runs: Sequence[Told],
    field_of: Callable[[int], str],
) -> list[Linked]:
    """Check each run and find its suggestion; ``pending`` are all that are pending.

    Raises:
        InvalidError: If a configuration has a value that no run can have, or a response or a suggestion is not the
            experiment's.
        AlreadyToldError: If a suggestion has its observation already.
    """
    spaces = await list_spaces(work, row.exp_uuid) if row.space_revision else []
    earlier = [space.space for space in spaces[:-1]]
    uuids = [run.suggestion_uuid for run in runs if run.suggestion_uuid is not None]
    found = await list_suggestions(work, row.exp_uuid, uuids) if uuids else []
    named = {suggestion.suggestion_uuid: suggestion for suggestion in found}
    unnamed = [suggestion for suggestion in pending if suggestion.suggestion_uuid not in named]

    def in_newest_space(suggestion: SuggestionRow, covars: Configuration) -> Configuration:
        # Only what was added after the suggestion was made: before, the suggestion has a value of its own.
        added = backfill_of(space for space in spaces if space.seq > suggestion.seq)
        return backfilled(row.space, covars, added)

    suggestions, wrong = await _suggestions_of(work, row, runs, field_of, named)

    def checked() -> list[Linked]:
        suggested = [in_newest_space(suggestion, suggestion.covars) for suggestion in unnamed]
        linked: list[Linked] = []
        for index, (run, suggestion) in enumerate(zip(runs, suggestions, strict=False)):
            field = field_of(index)
            outcome = outcome_of(row.responses, run, field)
            covars = run.covars if suggestion is None else {**in_newest_space(suggestion, run.covars), **run.covars}
            covars = checked_run(row.space, covars, field, earlier=earlier)
            if suggestion is None:
                same = (place for place, other in enumerate(suggested) if is_same(row.space, other, covars))
                place = next(same, None)
                if place is not None:
                    suggestion = unnamed.pop(place)
                    del suggested[place]
            linked.append(Linked(covars, outcome, suggestion))
        return linked

    linked = await aside(n_values_of(len(suggestions), row.space, ()), checked)
    if wrong is not None:  # a run before it that is wrong comes first
        raise wrong
    return linked


async def _suggestions_of(
    work: Work,
    row: ExperimentRow,
    runs: Sequence[Told],
    field_of: Callable[[int], str],
    named: dict[UUID, SuggestionRow],
) -> tuple[list[SuggestionRow | None], AutotuneError | None]:
    """Find the suggestions that runs name, up to the first run that names a wrong one, and what is wrong with that.

    Args:
        named: Those of the suggestions that exist, by uuid; each that is found is taken out.
    """
    suggestions: list[SuggestionRow | None] = []
    for index, run in enumerate(runs):
        suggestion = None
        if run.suggestion_uuid is not None:
            field = beside(field_of(index), "suggestion_uuid")
            try:
                suggestion = await _named(work, row, run.suggestion_uuid, named, field)
            except (AlreadyToldError, InvalidError) as error:
                return suggestions, error
            del named[run.suggestion_uuid]
        suggestions.append(suggestion)
    return suggestions, None


async def _named(
    work: Work, row: ExperimentRow, uuid: UUID, named: Mapping[UUID, SuggestionRow], field: str
) -> SuggestionRow:
    """Return the suggestion that a run names; ``named`` has those that no run before it has named."""
    suggestion = named.get(uuid)
    if suggestion is not None and suggestion.state != TOLD:
        return suggestion
    if suggestion is not None:
        told = f"was told already, with {_stored(await get_observation_of(work, uuid, row.exp_uuid))}"
        problem = FieldProblem(field=field, message=told, value=str(uuid))
        raise AlreadyToldError(f"suggestion {uuid} {told}; {_AGAIN}", [problem])
    if await get_suggestion(work, row.exp_uuid, uuid) is not None:
        twice = f"suggestion {uuid} is told twice in one request: leave one of the two runs out"
        raise AlreadyToldError(f"{twice}; {_AGAIN}")
    message = f"is not a suggestion of experiment {row.exp_uuid}"
    raise InvalidError.of([FieldProblem(field=field, message=message, value=str(uuid))])


def _stored(observation: ObservationRow | None) -> str:
    if observation is None or observation.status == "failed":
        return "a failure"
    if len(observation.responses) == 1:
        return f"response {observation.response}"
    return "responses " + ", ".join(f"{name} {value}" for name, value in observation.responses.items())
