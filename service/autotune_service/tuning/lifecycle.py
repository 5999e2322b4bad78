"""Rename an experiment, reopen it after it was closed, paused or has stopped, or delete it for good."""

from uuid import UUID

from autotune_service.domain.access import Actor
from autotune_service.domain.errors import InvalidError
from autotune_service.store.database import Store
from autotune_service.store.rows.deletion import delete_experiment
from autotune_service.store.rows.events import NewEvent, call_worker, record, wake_watchers
from autotune_service.store.rows.experiments import get_experiment, get_shown_experiment
from autotune_service.tuning.audit import write_audit
from autotune_service.tuning.once import ALWAYS, Once
from autotune_service.tuning.pausing import pause_ended
from autotune_service.tuning.stopping import resumed_by
from autotune_wire.changes import Delete, Deleted, Rename
from autotune_wire.experiments import Experiment
from autotune_wire.problems import FieldProblem


async def rename(store: Store, user_uuid: UUID, exp_uuid: UUID, body: Rename, once: Once = ALWAYS) -> Experiment:
    """Rename an experiment; a closed experiment can be renamed, too.

    Raises:
        NotFoundError: If the user has no such experiment.
    """
    async with store.work() as work:
        await once.begin(work)
        row = await get_experiment(work, exp_uuid, user_uuid, lock=True)
        if body.name != row.name:
            await record(work, row, [("experiment_renamed", {"name": body.name})], {"name": body.name})
        renamed = (await get_shown_experiment(work, exp_uuid, user_uuid)).to_wire()
        await once.keep(work, renamed)
    return renamed


async def reopen(store: Store, user_uuid: UUID, exp_uuid: UUID, once: Once = ALWAYS) -> Experiment:
    """Reopen an experiment that was closed or paused or has stopped; the stop rules stay as they are.

    Reopening an experiment that still takes asks and tells changes nothing.

    Raises:
        NotFoundError: If the user has no such experiment.
    """
    async with store.work() as work:
        await once.begin(work)
        row = await get_experiment(work, exp_uuid, user_uuid, lock=True)
        events: list[NewEvent] = [("experiment_reopened", {})] if row.is_closed else []
        ended, values = pause_ended(row)
        events += ended
        if row.stopped is not None:
            events.append(resumed_by(row.stop))
        if events:
            call_worker(work, exp_uuid)
            await record(work, row, events, {**values, "stopped": None})
        reopened = (await get_shown_experiment(work, exp_uuid, user_uuid)).to_wire()
        await once.keep(work, reopened)
    return reopened


async def delete(
    store: Store, actor: Actor, user_uuid: UUID, exp_uuid: UUID, body: Delete, once: Once = ALWAYS
) -> Deleted:
    """Delete an experiment with its observations, suggestions and events, for good.

    Raises:
        NotFoundError: If the user has no such experiment.
        InvalidError: If the experiment has another name than the confirmation says.
    """
    async with store.work() as work:
        await once.begin(work)
        row = await get_experiment(work, exp_uuid, user_uuid, lock=True)
        if body.name != row.name:
            message = f"must be the experiment's name, {row.name!r}, as a confirmation; nothing was deleted"
            raise InvalidError.of([FieldProblem(field="name", message=message, value=body.name)])
        await delete_experiment(work, exp_uuid, row.last_seq)
        n_observations = row.n_observations
        await write_audit(work, actor, "experiment_deleted", exp_uuid, name=row.name, n_observations=n_observations)
        wake_watchers(work, exp_uuid, user_uuid, row.last_seq)
        deleted = Deleted(exp_uuid=exp_uuid, name=row.name, n_observations=n_observations)
        await once.keep(work, deleted)
    return deleted
