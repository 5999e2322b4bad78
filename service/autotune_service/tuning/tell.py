"""Take observations, in one transaction from the row lock to the call of the workers.

The transaction is committed before the reply is sent, so no acknowledged observation is ever lost.
"""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

from autotune_service.domain.errors import BatchTooLargeError, LimitReachedError
from autotune_service.domain.incumbent import is_better
from autotune_service.domain.limits import DEFAULT_LIMITS, Limits
from autotune_service.domain.outside import notes_on
from autotune_service.store.database import Store
from autotune_service.store.rows.events import NewEvent, call_worker, record
from autotune_service.store.rows.experiments import ExperimentRow, get_experiment_and_pending
from autotune_service.store.rows.observations import ObservationRow, insert_observations
from autotune_service.store.rows.suggestions import TOLD, set_state
from autotune_service.store.statements import json_text
from autotune_service.tuning.aside import aside, n_values_of
from autotune_service.tuning.experiments import best_changed, observation_data, require_active, with_new_data
from autotune_service.tuning.links import Linked, link
from autotune_service.tuning.once import ALWAYS, Once
from autotune_service.tuning.stopping import stopped_by_data
from autotune_wire.observations import Observation, TellReply, Told
from autotune_wire.responses import meets_thresholds, primary_of
from autotune_wire.tables import one_row_table


async def tell(
    store: Store,
    user_uuid: UUID,
    exp_uuid: UUID,
    runs: Sequence[Told],
    field_of: Callable[[int], str] = "observations.{}.covars".format,
    once: Once = ALWAYS,
    limits: Limits = DEFAULT_LIMITS,
) -> TellReply:
    """Store observations, all of them or none, and have the next suggestion computed.

    Args:
        runs: The runs, each with its configuration and its outcome.
        field_of: Returns the field of the body that holds the configuration of a run, for the messages.

    Raises:
        NotFoundError: If the user has no such experiment.
        ExperimentClosedError: If the experiment is closed.
        InvalidError: If a configuration has a value that no run can have, or a response or a suggestion is not the
            experiment's.
        AlreadyToldError: If a suggestion has its observation already.
        LimitReachedError: If the experiment would have more observations than are allowed.
        BatchTooLargeError: If there are more runs than one tell may have.
    """
    async with store.work() as work:
        await once.begin(work)
        row, pending = await get_experiment_and_pending(work, exp_uuid, user_uuid)
        require_active(row)
        # After ``begin``: a repeated tell gets its first reply, even if the limits are lower by now.
        _require_room(row, len(runs), limits)
        linked = await link(work, row, pending, runs, field_of)
        n_values = n_values_of(len(runs), row.space, row.constraints)
        added = await aside(n_values, _Added, row, user_uuid, linked)
        suggestions = [run.suggestion for run in linked if run.suggestion is not None]
        changes = [await aside(n_values, insert_observations, added.rows)]
        if suggestions:
            changes.append(set_state([suggestion.suggestion_uuid for suggestion in suggestions], TOLD))
        values = added.values()
        values["n_open"] = row.n_open - sum(suggestion.is_counted for suggestion in suggestions)
        stopped = await stopped_by_data(work, row, added.rows)
        if stopped is not None:
            values["stopped"], event = stopped
            added.events.append(event)
        reply = await aside(n_values, added.reply)
        changes += await aside(n_values, once.kept, reply)
        call_worker(work, exp_uuid)
        await record(work, row, added.events, values, *changes)
    return reply


def _require_room(row: ExperimentRow, n: int, limits: Limits) -> None:
    if n > limits.batch:
        raise BatchTooLargeError(
            f"one tell may have at most {limits.batch} observations on this service, and this one has {n}: "
            "send it in parts"
        )
    if row.n_observations + n > limits.observations:
        raise LimitReachedError(
            f"an experiment may have at most {limits.observations} observations on this service, and this one has "
            f"{row.n_observations} before this tell: go on with a new experiment"
        )


class _Added:
    """Gathers the observations of a tell and their events in seq order, and the best observation as it changes."""

    def __init__(self, row: ExperimentRow, user_uuid: UUID, runs: Sequence[Linked]) -> None:
        self._row = row
        self._user_uuid = user_uuid
        self.rows: list[ObservationRow] = []
        self.events: list[NewEvent] = []
        self._observations: list[Observation] = []
        self._best = row.best_one
        _, self._objective = primary_of(row.responses)
        for run in runs:
            self._add(run)

    @property
    def _n_observations(self) -> int:
        return self._row.n_observations + len(self.rows)

    def _add(self, run: Linked) -> None:
        outcome = run.outcome
        row = ObservationRow(
            exp_uuid=self._row.exp_uuid,
            seq=self._row.last_seq + len(self.events) + 1,
            observation_uuid=uuid4(),
            suggestion_uuid=None if run.suggestion is None else run.suggestion.suggestion_uuid,
            covars=run.covars,
            response=outcome.response,
            responses=outcome.responses,
            sds=outcome.sds,
            status=outcome.status,
            created_at=self._row.changed_at,
            told_by=self._user_uuid,
            failed_because=outcome.failed_because,
        )
        self.rows.append(row)
        self._observations.append(row.to_wire(self._row.space))
        data = observation_data(self._observations[-1])
        self.events.append(("observation_added", {**data, "n_observations": self._n_observations}))
        if (
            outcome.response is not None
            and meets_thresholds(self._row.responses, outcome.responses)
            and is_better(self._objective, outcome.response, self._best[1])
        ):
            self._best = (row.observation_uuid, outcome.response, run.covars)
            self.events.append(best_changed(self._best))

    def values(self) -> dict[str, Any]:
        values = with_new_data(self._row, self._row.data_rev + len(self.rows), self._best)
        return values | {"n_observations": self._n_observations}

    def reply(self) -> TellReply:
        names = list(self._row.responses)
        primary, _ = primary_of(self._row.responses)
        _, response, covars = self._best
        return TellReply(
            exp_uuid=self._row.exp_uuid,
            covars_tell=json_text([row.covars for row in self.rows]),
            response_tell=json_text([{name: row.responses.get(name) for name in names} for row in self.rows]),
            best_response=json_text(one_row_table({primary: response})),
            covars_best_response=json_text(one_row_table(covars or dict.fromkeys(self._row.space))),
            covars_sampled_iter=self._n_observations,
            response_sampled_iter=self._n_observations,
            time_updated=self._row.changed_at,
            observations=self._observations,
            notes=notes_on(self._row.space, self._row.constraints, [row.covars for row in self.rows]),
        )
