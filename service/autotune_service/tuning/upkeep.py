"""Delete what nobody can use any more: old replies, and sign-ins, codes and pots of the brake that have ended."""

from autotune_service.domain.limits import DEFAULT_LIMITS, Limits
from autotune_service.store.database import Store
from autotune_service.store.rows.brakes import delete_old_pots
from autotune_service.store.rows.once import delete_requests, delete_requests_of, list_keepers
from autotune_service.store.rows.people import delete_ended_codes
from autotune_service.store.rows.questions import delete_unasked_replies
from autotune_service.store.rows.sessions import delete_ended_sign_ins
from autotune_service.tuning.account_deletion import finish_deletions
from autotune_service.tuning.kept import PROMISED_FOR
from autotune_service.tuning.once import KEPT_FOR


async def tidy(store: Store, limits: Limits = DEFAULT_LIMITS) -> None:
    """Delete all that nobody can use any more; several workers may do so at the same time.

    Where more replies are kept for a user than the share of a day, those that are more than a day old go first.
    """
    async with store.work() as work:
        await delete_requests(work, KEPT_FOR)
        await delete_unasked_replies(work)
        await delete_ended_sign_ins(work)
        await delete_old_pots(work)
        await delete_ended_codes(work)
        keepers = await list_keepers(work, limits.answers, limits.answer_bytes)
    for user_uuid in keepers:
        may_be_more = True
        while may_be_more:
            async with store.work() as work:
                may_be_more = await delete_requests_of(work, user_uuid, PROMISED_FOR)
    await finish_deletions(store)
