"""Take observations: one transaction from the row lock to the wake-up call.

Whatever is answered 2xx is committed before the answer, so nothing acknowledged is ever lost.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from autotune_service.domain.configuration import checked_configuration, is_same
from autotune_service.domain.errors import AlreadyToldError, InvalidError
from autotune_service.domain.incumbent import is_better
from autotune_service.store.database import Store, Work
from autotune_service.store.events import NewEvent, add_events, call_worker
from autotune_service.store.experiments import ExperimentRow, get_experiment, update_experiment
from autotune_service.store.observations import ObservationRow, add_observations, get_response_to
from autotune_service.store.suggestions import (
    OPEN,
    TOLD,
    SuggestionRow,
    get_suggestion,
    list_pending,
    update_state,
)
from autotune_service.tuning.experiments import require_active
from autotune_wire.base import Configuration
from autotune_wire.observations import Observation, Told
from autotune_wire.problems import FieldProblem


@dataclass(frozen=True, slots=True)
class Taken:
    """What a tell stored, and how the experiment stands after it."""

    observations: list[Observation]
    best_response: float
    best_covars: Configuration
    n_observations: int
    updated_at: datetime


async def tell(
    store: Store,
    user_uuid: UUID,
    exp_uuid: UUID,
    runs: Sequence[Told],
    field_of: Callable[[int], str] = "observations.{}.covars".format,
) -> Taken:
    """Store observations, all of them or none, and have the next suggestion computed.

    Args:
        store: Where the experiment is.
        user_uuid: Whose it is.
        exp_uuid: Which it is.
        runs: What was run.
        field_of: Names the field that holds the configuration of a run, for the messages.

    Raises:
        NotFoundError: If the user has no such experiment.
        ExperimentClosedError: If it is closed.
        InvalidError: If a configuration does not lie in the space, or a suggestion is not the experiment's.
        AlreadyToldError: If a suggestion has its observation already.
    """
    now = datetime.now(UTC)
    async with store.work() as work:
        row = await get_experiment(work, exp_uuid, user_uuid, lock=True)
        require_active(row)
        linked = await _link(work, row, runs, field_of)
        added = _Added(row, now)
        for covars, response, suggestion in linked:
            added.add(covars, response, suggestion)
        await add_observations(work, added.observations)
        told = [suggestion for _, _, suggestion in linked if suggestion is not None]
        if told:
            await update_state(work, [suggestion.suggestion_uuid for suggestion in told], TOLD)
        values = added.values()
        values["n_open"] = row.n_open - sum(suggestion.state == OPEN for suggestion in told)
        await update_experiment(work, exp_uuid, values)
        await add_events(work, exp_uuid, row.last_seq + 1, now, added.events)
        await call_worker(work, exp_uuid)
    return added.taken()


class _Added:
    """Gathers observations and their events in seq order, with the best one as it changes."""

    def __init__(self, row: ExperimentRow, now: datetime) -> None:
        self._row = row
        self._now = now
        self.observations: list[ObservationRow] = []
        self.events: list[NewEvent] = []
        self._best = (row.best_observation_uuid, row.best_response, row.best_covars)

    def add(self, covars: Configuration, response: float, suggestion: SuggestionRow | None) -> None:
        row = ObservationRow(
            exp_uuid=self._row.exp_uuid,
            seq=self._row.last_seq + len(self.events) + 1,
            observation_uuid=uuid4(),
            suggestion_uuid=None if suggestion is None else suggestion.suggestion_uuid,
            covars=covars,
            response=response,
            created_at=self._now,
        )
        self.observations.append(row)
        n_observations = self._row.n_observations + len(self.observations)
        data = row.told().model_dump(mode="json")
        self.events.append(("observation_added", {**data, "n_observations": n_observations}))
        if is_better(self._row.direction, response, self._best[1]):
            self._best = (row.observation_uuid, response, covars)
            best = {"observation_uuid": str(row.observation_uuid), "covars": covars, "response": response}
            self.events.append(("best_changed", best))

    def values(self) -> dict[str, Any]:
        uuid, response, covars = self._best
        return {
            "last_seq": self._row.last_seq + len(self.events),
            "n_observations": self._row.n_observations + len(self.observations),
            "data_rev": self._row.data_rev + len(self.observations),
            "retry_at": None,
            "n_wanted": 1,  # whoever still waits for more raises it again
            "updated_at": self._now,
            "best_observation_uuid": uuid,
            "best_response": response,
            "best_covars": covars,
        }

    def taken(self) -> Taken:
        _, response, covars = self._best
        assert response is not None
        assert covars is not None
        return Taken(
            observations=[row.told() for row in self.observations],
            best_response=response,
            best_covars=covars,
            n_observations=self._row.n_observations + len(self.observations),
            updated_at=self._now,
        )


_Linked = tuple[Configuration, float, SuggestionRow | None]


async def _link(work: Work, row: ExperimentRow, runs: Sequence[Told], field_of: Callable[[int], str]) -> list[_Linked]:
    """Check each run and find the suggestion it answers: the one it names, or a pending one with its configuration."""
    named = {run.suggestion_uuid for run in runs}
    pending = [one for one in await list_pending(work, row.exp_uuid) if one.suggestion_uuid not in named]
    linked: list[_Linked] = []
    suggestion: SuggestionRow | None
    for index, run in enumerate(runs):
        covars = checked_configuration(row.space, run.covars, field_of(index))
        if run.suggestion_uuid is not None:
            suggestion = await _named(work, row, run.suggestion_uuid, _named_in(field_of(index)), linked)
        else:
            suggestion = next((one for one in pending if is_same(row.space, one.covars, covars)), None)
        if suggestion is not None:
            pending = [one for one in pending if one.suggestion_uuid != suggestion.suggestion_uuid]
        linked.append((covars, run.response, suggestion))
    return linked


def _named_in(field: str) -> str:
    return field.removesuffix("covars") + "suggestion_uuid"


async def _named(
    work: Work, row: ExperimentRow, suggestion_uuid: UUID, field: str, linked: Sequence[_Linked]
) -> SuggestionRow:
    suggestion = await get_suggestion(work, row.exp_uuid, suggestion_uuid)
    if suggestion is None:
        problem = FieldProblem(
            field=field, message=f"is no suggestion of experiment {row.exp_uuid}", value=str(suggestion_uuid)
        )
        raise InvalidError.of([problem])
    if any(other is not None and other.suggestion_uuid == suggestion_uuid for _, _, other in linked):
        raise AlreadyToldError(f"suggestion {suggestion_uuid} is told twice in one body")
    if suggestion.state == TOLD:
        response = await get_response_to(work, suggestion_uuid, row.exp_uuid)
        problem = FieldProblem(field=field, message=f"its response is stored: {response}", value=str(suggestion_uuid))
        raise AlreadyToldError(f"suggestion {suggestion_uuid} was told already, response {response}", [problem])
    return suggestion
