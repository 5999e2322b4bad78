"""Correct observations: edit, exclude and restore them, with a reason, and keep every version."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from autotune_service.domain.configuration import checked_run
from autotune_service.domain.errors import NotFoundError, VersionConflictError
from autotune_service.domain.incumbent import is_better
from autotune_service.store.database import Store, Work
from autotune_service.store.rows.events import NewEvent, call_worker, record
from autotune_service.store.rows.experiments import ExperimentRow, get_experiment
from autotune_service.store.rows.observations import (
    ObservationRow,
    add_version,
    get_observation,
    list_counted,
    list_observation_versions,
    update_observation,
)
from autotune_service.store.rows.spaces import list_spaces
from autotune_service.store.statements import Filled
from autotune_service.tuning.experiments import best_changed, observation_data, require_active, with_new_data
from autotune_service.tuning.once import ALWAYS, Once
from autotune_service.tuning.outcomes import Outcome, corrected_outcome
from autotune_service.tuning.stopping import stopped_anew
from autotune_wire.observations import Correction, Observation, ObservationVersions
from autotune_wire.reports import reported_of
from autotune_wire.responses import meets_thresholds, primary_of


async def correct(
    store: Store, user_uuid: UUID, exp_uuid: UUID, observation_uuid: UUID, body: Correction, once: Once = ALWAYS
) -> Observation:
    """Store a new version of an observation and have the next suggestion computed from it.

    Excluding an observation that is excluded, or restoring one that counts, changes nothing.

    Raises:
        NotFoundError: If the user has no such experiment, or the experiment has no such observation.
        ExperimentClosedError: If the experiment is closed.
        VersionConflictError: If the version that the correction is made for is not the newest one.
        InvalidError: If the configuration has a value that no run can have, or a response is not the experiment's.
    """
    async with store.work() as work:
        await once.begin(work)
        row = await get_experiment(work, exp_uuid, user_uuid, lock=True)
        require_active(row)
        before = await _observation(work, exp_uuid, observation_uuid)
        if before.version != body.version:
            raise VersionConflictError(
                f"the observation has version {before.version} and the correction is made for version {body.version}: "
                "read the observation again and correct what is stored now",
                before.to_wire(row.space).model_dump(mode="json"),
            )
        after = before
        if body.covars is not None or _changes_outcome(body) or body.is_excluded != before.is_excluded:
            after = await _corrected(work, row, before, body)
            await add_version(work, before, seq=before.seq, at=before.created_at, reason=None, user_uuid=None)
            await add_version(
                work, after, seq=row.last_seq + 1, at=row.changed_at, reason=body.reason, user_uuid=user_uuid
            )
            await update_observation(work, after)
            await settle(work, row, [after], body.reason)
        corrected = after.to_wire(row.space)
        await once.keep(work, corrected)
    return corrected


async def read_versions(store: Store, user_uuid: UUID, exp_uuid: UUID, observation_uuid: UUID) -> ObservationVersions:
    """List the versions of an observation, oldest first.

    Raises:
        NotFoundError: If the user has no such experiment, or the experiment has no such observation.
    """
    async with store.work() as work:
        await get_experiment(work, exp_uuid, user_uuid)
        row = await _observation(work, exp_uuid, observation_uuid)
        versions = await list_observation_versions(work, observation_uuid)
    return ObservationVersions(observation_uuid=observation_uuid, versions=versions or [row.as_version()])


async def _observation(work: Work, exp_uuid: UUID, observation_uuid: UUID) -> ObservationRow:
    row = await get_observation(work, exp_uuid, observation_uuid)
    if row is None:
        raise NotFoundError(f"experiment {exp_uuid} has no observation {observation_uuid}")
    return row


async def _corrected(work: Work, row: ExperimentRow, before: ObservationRow, body: Correction) -> ObservationRow:
    after = replace(before, version=before.version + 1)
    if body.covars is not None:
        revisions = await list_spaces(work, row.exp_uuid) if row.space_revision else []
        earlier = [revision.space for revision in revisions[:-1]]
        after = replace(after, covars=checked_run(row.space, body.covars, "covars", earlier=earlier))
    if _changes_outcome(body):
        stored = Outcome(**{name: getattr(before, name) for name in Outcome.__slots__})
        reported, _ = reported_of(row.early_stop, row.responses)
        outcome = corrected_outcome(row.responses, reported, stored, body)
        after = replace(after, **{name: getattr(outcome, name) for name in Outcome.__slots__})
    return after if body.is_excluded is None else replace(after, is_excluded=body.is_excluded)


def _changes_outcome(body: Correction) -> bool:
    return body.outcome is not None or bool(body.unmeasured)


async def settle(
    work: Work,
    row: ExperimentRow,
    after: Sequence[ObservationRow],
    reason: str,
    more: Sequence[NewEvent] = (),
    *others: Filled,
) -> None:
    """Change the experiment after observations were changed: its best one, what is due, its stop and its log.

    Args:
        work: The transaction; it holds the experiment's row lock, and the observations are stored as they are now.
        row: The experiment before the change.
        after: The observations as they are now; the first events announce them, one event each.
        reason: Why the observations were changed.
        more: Further events of the change.
        others: Further queries of the change, for ``record``.
    """
    best = _best(row, await list_counted(work, row.exp_uuid))
    data_rev = row.data_rev + 1
    now_best = (None, None, None) if best is None else (best.observation_uuid, best.response, best.covars)
    values = with_new_data(row, data_rev, now_best)
    corrected = [{**observation_data(changed.to_wire(row.space)), "reason": reason} for changed in after]
    events: list[NewEvent] = [("observation_corrected", data) for data in corrected]
    events += more
    if now_best != row.best_one:
        events.append(best_changed(now_best))
    stopped = await stopped_anew(work, row)
    if stopped is not None:
        values["stopped"], event = stopped
        events.append(event)
    call_worker(work, row.exp_uuid)
    await record(work, row, events, values, *others)


def _best(row: ExperimentRow, counted: Sequence[ObservationRow]) -> ObservationRow | None:
    best: ObservationRow | None = None
    _, objective = primary_of(row.responses)
    for observation in counted:
        if observation.response is None or not meets_thresholds(row.responses, observation.responses):
            continue
        if is_better(objective, observation.response, None if best is None else best.response):
            best = observation
    return best
