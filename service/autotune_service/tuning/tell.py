"""Take observations: one transaction from the row lock to the wake-up call.

Whatever is answered 2xx is committed before the answer, so nothing acknowledged is ever lost.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from autotune_service.domain.errors import BatchTooLargeError, LimitReachedError
from autotune_service.domain.incumbent import is_better, meets_thresholds
from autotune_service.domain.limits import DEFAULT_LIMITS, Limits
from autotune_service.store.database import Store
from autotune_service.store.events import NewEvent, call_worker, record
from autotune_service.store.experiments import ExperimentRow, get_experiment
from autotune_service.store.observations import ObservationRow, insert_observations
from autotune_service.store.statements import json_text
from autotune_service.store.suggestions import TOLD, set_state
from autotune_service.tuning.experiments import best_changed, require_active, with_new_data
from autotune_service.tuning.links import Linked, link
from autotune_service.tuning.once import ALWAYS, Once
from autotune_service.tuning.stopping import stopped_by_data
from autotune_wire.observations import Observation, TellReply, Told
from autotune_wire.responses import primary_of
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
        runs: What was run.
        field_of: Names the field that holds the configuration of a run, for the messages.
        once: The request, which is done once however often it comes.
        limits: How many observations there may be, in all and at once.

    Raises:
        NotFoundError: If the user has no such experiment.
        ExperimentClosedError: If it is closed.
        InvalidError: If a configuration does not lie in the space, a response is not the experiment's, or a suggestion
            is not.
        AlreadyToldError: If a suggestion has its observation already.
        LimitReachedError: If the experiment has as many observations as there may be.
        BatchTooLargeError: If these are more than may come at once.
    """
    now = datetime.now(UTC)
    async with store.work() as work:
        await once.begin(work)
        row = await get_experiment(work, exp_uuid, user_uuid, lock=True)
        require_active(row)
        # Not before: what was told already is answered as it was, also where less may come by now.
        _require_room(row, len(runs), limits)
        linked = await link(work, row, runs, field_of)
        added = _Added(row, now)
        for one in linked:
            added.add(one)
        told = [one.suggestion for one in linked if one.suggestion is not None]
        changes = [insert_observations(added.observations)]
        if told:
            changes.append(set_state([suggestion.suggestion_uuid for suggestion in told], TOLD))
        values = added.values()
        values["n_open"] = row.n_open - sum(suggestion.is_counted for suggestion in told)
        stopped = await stopped_by_data(work, row, now, [one.responses for one in added.observations])
        if stopped is not None:
            values["stopped"], event = stopped
            added.events.append(event)
        reply = added.reply()
        call_worker(work, exp_uuid)
        await record(work, row, now, added.events, values, *changes, *once.kept(reply))
    return reply


def _require_room(row: ExperimentRow, n: int, limits: Limits) -> None:
    if n > limits.batch:
        raise BatchTooLargeError(
            f"a tell may bring {limits.batch} observations here, and this one brings {n}: send it in parts"
        )
    if row.n_observations + n > limits.observations:
        raise LimitReachedError(
            f"an experiment may have {limits.observations} observations here, and this one has "
            f"{row.n_observations}: go on with a new one"
        )


class _Added:
    """Gathers observations and their events in seq order, with the best one as it changes."""

    def __init__(self, row: ExperimentRow, now: datetime) -> None:
        self._row = row
        self._now = now
        self.observations: list[ObservationRow] = []
        self.events: list[NewEvent] = []
        self._told: list[Observation] = []
        self._best = row.best_one

    @property
    def data_rev(self) -> int:
        return self._row.data_rev + len(self.observations)

    def add(self, one: Linked) -> None:
        outcome = one.outcome
        row = ObservationRow(
            exp_uuid=self._row.exp_uuid,
            seq=self._row.last_seq + len(self.events) + 1,
            observation_uuid=uuid4(),
            suggestion_uuid=None if one.suggestion is None else one.suggestion.suggestion_uuid,
            covars=one.covars,
            response=outcome.response,
            responses=outcome.responses,
            sds=outcome.sds,
            status=outcome.status,
            created_at=self._now,
        )
        self.observations.append(row)
        n_observations = self._row.n_observations + len(self.observations)
        told = row.to_wire()
        self._told.append(told)
        self.events.append(("observation_added", {**told.model_dump(mode="json"), "n_observations": n_observations}))
        if outcome.response is not None and self._is_best(outcome.response, outcome.responses):
            self._best = (row.observation_uuid, outcome.response, one.covars)
            self.events.append(best_changed(self._best))

    def _is_best(self, response: float, responses: dict[str, float]) -> bool:
        row = self._row
        return meets_thresholds(row.responses, responses) and is_better(row.direction, response, self._best[1])

    def values(self) -> dict[str, Any]:
        n_observations = self._row.n_observations + len(self.observations)
        values = with_new_data(self._row, self.data_rev, self._best)
        return values | {"n_observations": n_observations}

    def reply(self) -> TellReply:
        names = list(self._row.responses)
        primary, _ = primary_of(self._row.responses)
        _, response, covars = self._best
        n_observations = self._row.n_observations + len(self.observations)
        return TellReply(
            exp_uuid=self._row.exp_uuid,
            covars_tell=json_text([one.covars for one in self.observations]),
            response_tell=json_text([{name: one.responses.get(name) for name in names} for one in self.observations]),
            best_response=json_text(one_row_table({primary: response})),
            covars_best_response=json_text(one_row_table(covars or dict.fromkeys(self._row.space))),
            covars_sampled_iter=n_observations,
            response_sampled_iter=n_observations,
            time_updated=self._now,
            observations=self._told,
        )
