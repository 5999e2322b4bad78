"""Give suggestions: the current one as often as it is asked for, or new ones for the caller alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from autotune_service.store.database import Store, Work
from autotune_service.store.events import NewEvent, call_worker, record
from autotune_service.store.experiments import ExperimentRow, get_experiment, get_standing, update_experiment
from autotune_service.store.suggestions import LEASED, SuggestionRow, list_pending, list_suggestions, update_leased
from autotune_service.tuning.once import ALWAYS, Once
from autotune_service.tuning.stopping import require_asking
from autotune_wire.suggestions import DEFAULT_LEASE_S


@dataclass(frozen=True, slots=True)
class Given:
    """The suggestions that an ask got, and when the experiment last changed."""

    suggestions: list[SuggestionRow]
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Terms:
    """For whom suggestions are taken, by its own name, for how long, and by which request."""

    worker: str | None = None
    lease_for: timedelta = timedelta(seconds=DEFAULT_LEASE_S)
    once: Once = ALWAYS


USUAL = Terms()


async def current_suggestion(store: Store, user_uuid: UUID, exp_uuid: UUID, data_rev: int) -> Given | None:
    """Give the oldest open suggestion, without taking it.

    Args:
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


async def taken_before(store: Store, exp_uuid: UUID, terms: Terms) -> list[SuggestionRow]:
    """Give what an ask had taken, and holds still, when it was cut off before its answer; it is sent again."""
    noted = await terms.once.begin_alone(store)
    if not noted:
        return []
    async with store.work() as work:
        taken = await list_suggestions(work, exp_uuid, noted)
    return [one for one in taken if one.state == LEASED and one.lease_by == terms.worker]


async def lease_suggestions(
    store: Store, user_uuid: UUID, exp_uuid: UUID, data_rev: int, n: int, terms: Terms = USUAL, n_for_others: int = 0
) -> Given:
    """Take up to ``n`` open suggestions for the caller alone; where fewer are open, have more computed.

    ``n_wanted`` is a level, not a count: whoever still waits raises it again when it is woken, so that a caller who
    went away leaves nothing behind.

    Args:
        data_rev: The data that a suggestion must know of.
        n: How many at most.
        terms: For whom, how long, and by which request.
        n_for_others: How many more are waited for here by others, so that one fit serves all of them.

    Raises:
        NotFoundError: If the user has no such experiment.
        ExperimentClosedError: If it is closed.
        ExperimentStoppedError: If a stop rule was met.
        RequestRunningError: If the same request, sent a second time, is at work.
        KeyReusedError: If its key belongs to a request that asks for something else.
    """
    async with store.work() as work:
        await terms.once.begin(work)
        row = await get_experiment(work, exp_uuid, user_uuid, lock=True)
        require_asking(row)
        open_ones = _open(await list_pending(work, exp_uuid)) if row.fit_rev >= data_rev else []
        taken = open_ones[:n]
        missing = n - len(taken)
        # Others may have raised it since, here and at other processes: less what was taken of it, that holds.
        held = row.n_wanted if missing else row.n_wanted - len(taken)
        n_wanted = max(held, missing + n_for_others + row.n_ready)
        if taken or n_wanted != row.n_wanted:
            call_worker(work, exp_uuid)
            if not taken:
                await update_experiment(work, exp_uuid, {"n_wanted": n_wanted})
        return await lease(work, row, taken, terms, {"n_wanted": n_wanted})


async def may_take_more(store: Store, user_uuid: UUID, exp_uuid: UUID, data_rev: int, n: int = 0) -> bool:
    """Tell whether it is worth trying to take some: without the row's lock, which tells wait for.

    It is where some are open that know the data, where fewer are wanted than the ``n`` that are waited for, and where
    the experiment gives none any more.
    """
    async with store.work() as work:
        standing = await get_standing(work, exp_uuid, user_uuid)
    if standing is None or not standing.is_running:
        return True
    return (standing.fit_rev >= data_rev and standing.n_open > 0) or standing.n_wanted <= n


async def least_data_rev(store: Store, user_uuid: UUID, asked: ExperimentRow) -> int:
    """Give which data a suggestion must know of, for one who has waited as long as an ask waits.

    Those told before the ask came, as long as nothing was told since: the next ask gets it. Where others tell on, the
    next ask would want still newer data, and one who asks again and again would wait for ever where a fit takes long;
    so what was computed since the ask came is new enough.

    Args:
        asked: The experiment when the ask came.
    """
    async with store.work() as work:
        now = await get_experiment(work, asked.exp_uuid, user_uuid)
    return asked.data_rev if now.data_rev == asked.data_rev else min(asked.data_rev, asked.fit_rev + 1)


async def lease(
    work: Work,
    row: ExperimentRow,
    taken: list[SuggestionRow],
    terms: Terms,
    values: Mapping[str, int] | None = None,
) -> Given:
    """Take open suggestions of an experiment, whose row is locked, and give them as they are leased.

    Args:
        work: The transaction.
        row: The experiment.
        taken: The suggestions.
        terms: For whom, and for how long.
        values: Other columns of the experiment that change with it.
    """
    if not taken:
        return Given([], row.updated_at)
    now = datetime.now(UTC)
    leased = await update_leased(work, [one.suggestion_uuid for one in taken], terms.worker, terms.lease_for)
    values = {**(values or {}), "n_open": row.n_open - sum(one.is_counted for one in taken)}
    noted = terms.once.note(one.suggestion_uuid for one in leased)
    await record(work, row, now, [_leased_event(one) for one in leased], values, *noted)
    return Given(leased, now)


def _leased_event(one: SuggestionRow) -> NewEvent:
    told = one.to_wire().model_dump(mode="json", include={"suggestion_uuid", "worker", "lease_until"})
    return "suggestion_leased", told


def _open(pending: list[SuggestionRow]) -> list[SuggestionRow]:
    return [one for one in pending if one.is_counted]
