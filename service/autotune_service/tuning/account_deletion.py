"""Delete the accounts of users who are to be deleted, with all their data."""

from datetime import timedelta
from uuid import UUID

from autotune_service.domain.access import Actor
from autotune_service.store.database import Store
from autotune_service.store.rows.deletion import delete_experiment
from autotune_service.store.rows.events import wake_watchers
from autotune_service.store.rows.people import delete_user, hold_owned, list_to_delete
from autotune_service.tuning.audit import write_audit

_LEFT_ALONE = timedelta(minutes=10)
"""How long the request that began a deletion has, before a worker takes it up."""

_A_WORKER = Actor(None, "none")


async def delete_account(store: Store, user_uuid: UUID, by: Actor = _A_WORKER) -> int:
    """Delete the experiments of a user who is marked to be deleted, and then the user.

    Each experiment goes in a transaction of its own. If the process ends before all are gone, a worker goes on.

    Args:
        store: The database.
        user_uuid: The user.
        by: Who deletes the account.

    Returns:
        The number of experiments.
    """
    n_experiments = 0
    while True:
        async with store.work() as work:
            owned = await hold_owned(work, user_uuid)
            if owned is None:
                await delete_user(work, user_uuid)
                return n_experiments
            await delete_experiment(work, owned.exp_uuid, owned.last_seq)
            await write_audit(
                work,
                by,
                "experiment_deleted",
                owned.exp_uuid,
                account_uuid=user_uuid,
                name=owned.name,
                n_observations=owned.n_observations,
                with_account=True,
            )
            wake_watchers(work, owned.exp_uuid, user_uuid, owned.last_seq)
        n_experiments += 1


async def finish_deletions(store: Store) -> None:
    """Go on with deletions whose process has ended."""
    async with store.work() as work:
        left = await list_to_delete(work, _LEFT_ALONE)
    for user_uuid in left:
        await delete_account(store, user_uuid)
