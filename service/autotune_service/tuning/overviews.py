"""An experiment at a glance."""

from uuid import UUID

from autotune_service.store.database import Store
from autotune_service.store.rows.experiments import get_shown_experiment
from autotune_service.store.rows.overviews import get_outcomes, list_changes
from autotune_service.store.rows.suggestions import list_pending
from autotune_wire.overviews import Overview


async def read_overview(store: Store, user_uuid: UUID, exp_uuid: UUID, newest: int | None = None) -> Overview:
    """Return a user's experiment as it stood after its last event, with the outcomes of the runs until then.

    The experiment is read first and not locked. What happens while the rest is read comes again in the events after
    ``last_seq``, and a watcher who takes an event twice is where it was.

    Args:
        store: The store.
        user_uuid: The user.
        exp_uuid: The experiment.
        newest: The outcomes of at most so many runs, the newest; None for all.
    """
    async with store.work() as work:
        row = await get_shown_experiment(work, exp_uuid, user_uuid)
        outcomes = await get_outcomes(work, row, newest)
        changes = await list_changes(work, exp_uuid, row.last_seq)
        pending = [one for one in await list_pending(work, exp_uuid) if one.seq <= row.last_seq]
    return Overview(
        experiment=row.to_wire(),
        suggestions=[suggestion.to_wire() for suggestion in pending],
        changes=changes,
        seqs=outcomes.seqs,
        responses=outcomes.responses,
        failed=outcomes.failed,
        excluded=outcomes.excluded,
        modelled=outcomes.modelled,
        stopped=outcomes.stopped,
    )
