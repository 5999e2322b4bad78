"""Give suggestions: the current one as often as it is asked for, or new ones for the caller alone."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from autotune_service.store.database import Store, Work
from autotune_service.store.events import NewEvent, add_events, call_worker
from autotune_service.store.experiments import ExperimentRow, get_experiment, update_experiment
from autotune_service.store.suggestions import LEASED, SuggestionRow, list_pending, update_state
from autotune_service.tuning.stopping import require_asking


@dataclass(frozen=True, slots=True)
class Given:
    """The suggestions that an ask got, and when the experiment last changed."""

    suggestions: list[SuggestionRow]
    updated_at: datetime


async def current_suggestion(store: Store, user_uuid: UUID, exp_uuid: UUID, data_rev: int) -> Given | None:
    """Give the oldest open suggestion, without taking it.

    Args:
        store: Where the experiment is.
        user_uuid: Whose it is.
        exp_uuid: Which it is.
        data_rev: The data that the suggestion must know of: those told before the ask came.

    Returns:
        None where the engine has not computed it yet.
    """
    async with store.work() as work:
        row = await get_experiment(work, exp_uuid, user_uuid)
        require_asking(row)
        if row.fit_rev < data_rev:
            return None
        open_ones = _open(await list_pending(work, exp_uuid))
    return Given(open_ones[:1], row.updated_at) if open_ones else None


async def lease_suggestions(store: Store, user_uuid: UUID, exp_uuid: UUID, data_rev: int, n: int) -> Given:
    """Take up to ``n`` open suggestions for the caller alone; where fewer are open, have more computed.

    ``n_wanted`` is a level, not a count: whoever still waits raises it again when it is woken, so that a caller who
    went away leaves nothing behind.
    """
    async with store.work() as work:
        row = await get_experiment(work, exp_uuid, user_uuid, lock=True)
        require_asking(row)
        open_ones = _open(await list_pending(work, exp_uuid)) if row.fit_rev >= data_rev else []
        taken = open_ones[:n]
        missing = n - len(taken)
        n_wanted = max(row.n_wanted, missing + row.n_ready) if missing else row.n_ready
        await update_experiment(work, exp_uuid, {"n_wanted": n_wanted})
        updated_at = await lease(work, row, taken) if taken else row.updated_at
        await call_worker(work, exp_uuid)
    return Given(taken, updated_at)


async def lease(work: Work, row: ExperimentRow, taken: list[SuggestionRow]) -> datetime:
    """Take open suggestions of an experiment, whose row is locked, and give the time that they were taken at."""
    now = datetime.now(UTC)
    values = {
        "n_open": row.n_open - sum(one.is_counted for one in taken),
        "last_seq": row.last_seq + len(taken),
        "updated_at": now,
    }
    await update_state(work, [one.suggestion_uuid for one in taken], LEASED)
    await update_experiment(work, row.exp_uuid, values)
    leased: list[NewEvent] = [("suggestion_leased", {"suggestion_uuid": str(one.suggestion_uuid)}) for one in taken]
    await add_events(work, row.exp_uuid, row.last_seq + 1, now, leased)
    return now


def _open(pending: list[SuggestionRow]) -> list[SuggestionRow]:
    return [one for one in pending if one.is_counted]
