"""Stop rules: once a rule is met, nothing more is suggested until somebody resumes the experiment."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from autotune_service.domain.configuration import is_feasible
from autotune_service.domain.errors import ExperimentStoppedError, InvalidError, NoCandidatesError
from autotune_service.domain.models import EngineDemand, check_models
from autotune_service.domain.stopping import Fired, fired
from autotune_service.store.database import Store, Work
from autotune_service.store.rows.events import NewEvent, call_worker, record
from autotune_service.store.rows.experiments import ExperimentRow, get_experiment, get_shown_experiment
from autotune_service.store.rows.observations import ObservationRow, list_counted, list_measured
from autotune_service.store.rows.spaces import list_spaces
from autotune_service.tuning.experiments import require_active
from autotune_service.tuning.new_suggestions import NewSuggestion
from autotune_service.tuning.once import ALWAYS, Once
from autotune_service.tuning.pausing import pause_ended, require_unpaused
from autotune_service.tuning.snapshot import backfill_of
from autotune_wire.changes import Resume
from autotune_wire.experiments import Experiment
from autotune_wire.responses import meets_thresholds, primary_of
from autotune_wire.space import backfilled
from autotune_wire.stopping import Stopped, StopRules, stop_problems

_Stop = tuple[dict[str, Any], NewEvent]
"""The experiment's column ``stopped``, and the event that announces the stop."""


def require_asking(row: ExperimentRow) -> None:
    """Check that an experiment takes asks.

    Raises:
        ExperimentClosedError: If the experiment is closed.
        ExperimentPausedError: If the experiment is paused.
        ExperimentStoppedError: If a stop rule was met.
        NoCandidatesError: If all rows of its list are withdrawn.
    """
    require_active(row)
    require_unpaused(row)
    if row.candidates is not None and not row.has_rows:
        raise NoCandidatesError(
            f"all {row.candidates.n} rows of the list of experiment {row.exp_uuid} ({row.name}) are withdrawn: add or "
            "restore rows to get more suggestions"
        )
    if row.stopped is not None:
        raise ExperimentStoppedError(
            f"experiment {row.exp_uuid} ({row.name}) has stopped: {row.stopped.reason}; "
            "resume it to get more suggestions"
        )


async def stopped_by_data(work: Work, row: ExperimentRow, added: Sequence[ObservationRow] = ()) -> _Stop | None:
    """Check whether the data meet a stop rule; return the stop, or None if they do not.

    Args:
        work: The transaction that holds the experiment's row lock.
        row: The experiment.
        added: The runs that are told now and not stored yet.
    """
    if row.stop is None or row.stopped is not None:
        return None
    if row.stop.plateau is None:
        measured = [*await list_measured(work, row.exp_uuid), *(run.responses for run in added)]
        return _stop(fired(row.stop, row.responses, _primary_values(row, measured), None), row.changed_at)
    runs = [*await list_counted(work, row.exp_uuid), *added]
    values = _primary_values(row, [run.responses for run in runs])
    backfill = backfill_of(await list_spaces(work, row.exp_uuid) if row.space_revision else [])

    def is_allowed(index: int) -> bool:
        return is_feasible(row.space, row.constraints, backfilled(row.space, runs[index].covars, backfill))

    return _stop(fired(row.stop, row.responses, values, None, is_allowed), row.changed_at)


async def stopped_anew(work: Work, row: ExperimentRow) -> tuple[dict[str, Any] | None, NewEvent] | None:
    """Check the stop rules after observations were changed: the data that a stop rested on may not count any more.

    A stop by the expected gain ends too, as the model expected that gain of other data; its next fit decides again.

    Returns:
        The experiment's column ``stopped`` and the event that announces it; None if nothing changes.
    """
    stop = await stopped_by_data(work, replace(row, stopped=None))
    if row.stopped is None:
        return stop
    if stop is None:
        return None, resumed_by(row.stop)
    _, (_, found) = stop
    return None if found == {"rule": row.stopped.rule, "reason": row.stopped.reason} else stop


def stopped_by_gain(row: ExperimentRow, suggestions: Sequence[NewSuggestion]) -> _Stop | None:
    """Check whether the best new suggestion is expected to gain too little; return the stop, or None.

    The other rules were checked when the data were told.
    """
    if row.stop is None or row.stopped is not None or row.stop.min_expected_gain is None or not suggestions:
        return None
    rules = StopRules(min_expected_gain=row.stop.min_expected_gain)
    return _stop(fired(rules, row.responses, [], suggestions[0].expected_gain), row.changed_at)


async def resume(store: Store, user_uuid: UUID, exp_uuid: UUID, body: Resume, once: Once = ALWAYS) -> Experiment:
    """Resume an experiment that is paused, has stopped, or both, with the same stop rules or new ones.

    An experiment that is neither just gets the new rules.

    Raises:
        NotFoundError: If the user has no such experiment.
        ExperimentClosedError: If the experiment is closed.
        InvalidError: If the rules do not fit the experiment.
    """
    async with store.work() as work:
        await once.begin(work)
        row = await get_experiment(work, exp_uuid, user_uuid, lock=True)
        require_active(row)
        stop = body.stop if "stop" in body.model_fields_set else row.stop
        problems = stop_problems(stop, row.responses)
        if problems:
            raise InvalidError.of(problems)
        check_models(EngineDemand(row.engine, row.acq_func, row.space, row.responses, row.constraints, stop))
        events, values = pause_ended(row)
        resumed_event = resumed_by(stop)
        if not events or row.stopped is not None or stop != row.stop:
            events.append(resumed_event)
        call_worker(work, exp_uuid)
        await record(work, row, events, {**values, **resumed_event[1], "stopped": None})
        resumed = (await get_shown_experiment(work, exp_uuid, user_uuid)).to_wire()
        await once.keep(work, resumed)
    return resumed


def resumed_by(stop: StopRules | None) -> NewEvent:
    """Build the event that announces that a stopped experiment goes on, with the stop rules that hold from now on."""
    return "experiment_resumed", {"stop": None if stop is None else stop.model_dump(mode="json")}


def _primary_values(row: ExperimentRow, runs: Sequence[dict[str, float]]) -> list[float | None]:
    """List the primary response of each run, oldest first; None for a run that misses a threshold or failed."""
    primary, _ = primary_of(row.responses)
    return [measured.get(primary) if meets_thresholds(row.responses, measured) else None for measured in runs]


def _stop(found: Fired | None, now: datetime) -> _Stop | None:
    if found is None:
        return None
    stopped = Stopped(rule=found.rule, reason=found.reason, at=now).model_dump(mode="json")
    return stopped, ("stop_rule_fired", {"rule": found.rule, "reason": found.reason})
