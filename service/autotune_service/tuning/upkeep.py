"""Delete what nobody can use any more: old replies, and sign-ins, codes and pots of the brake that have ended."""

from autotune_service.store.database import Store
from autotune_service.store.rows.brakes import delete_old_pots
from autotune_service.store.rows.once import delete_requests
from autotune_service.store.rows.people import delete_ended_codes
from autotune_service.store.rows.questions import delete_unasked_replies
from autotune_service.store.rows.users import delete_ended_sign_ins
from autotune_service.tuning.account_deletion import finish_deletions
from autotune_service.tuning.once import KEPT_FOR


async def tidy(store: Store) -> None:
    """Delete all that nobody can use any more; several workers may do so at the same time."""
    async with store.work() as work:
        await delete_requests(work, KEPT_FOR)
        await delete_unasked_replies(work)
        await delete_ended_sign_ins(work)
        await delete_old_pots(work)
        await delete_ended_codes(work)
    await finish_deletions(store)
