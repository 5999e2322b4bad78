"""Serve asks: show the current suggestion without taking it, or lease suggestions to the caller alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from uuid import UUID

from autotune_service.domain.errors import EngineFailingError, InvalidError, NoCandidatesError
from autotune_service.store.database import Store, Work
from autotune_service.store.rows.events import NewEvent, call_worker, get_engine_failure, record
from autotune_service.store.rows.experiments import ExperimentRow, get_experiment, get_standing, update_experiment
from autotune_service.store.rows.suggestions import LEASED, SuggestionRow, list_pending, list_suggestions, update_leased
from autotune_service.tuning.candidates import require_row
from autotune_service.tuning.once import ALWAYS, Once
from autotune_service.tuning.stopping import require_asking
from autotune_wire.suggestions import DEFAULT_LEASE_S


@dataclass(frozen=True, slots=True)
class Asked:
    """The suggestions that an ask got, and when the experiment last changed."""

    suggestions: list[SuggestionRow]
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms on which suggestions are leased.

    Attributes:
        worker: The name that the caller gave its worker; None for a worker without a name.
        lease_for: How long a lease lasts, unless it is renewed.
        once: The request that leases the suggestions.
    """

    worker: str | None = None
    lease_for: timedelta = timedelta(seconds=DEFAULT_LEASE_S)
    once: Once = ALWAYS


USUAL = Terms()


async def current_suggestion(store: Store, user_uuid: UUID, exp_uuid: UUID, data_rev: int) -> Asked | None:
    """Return the oldest open suggestion, without taking it.

    Args:
        data_rev: The suggestion must be computed from this revision of the data or a newer one; usually the revision at
            the time when the ask came.

    Returns:
        The suggestion, or None if the engine has not computed it yet.

    Raises:
        EngineFailingError: If the engine has failed and waits to be tried again.
    """
    async with store.singly() as work:
        row = await get_experiment(work, exp_uuid, user_uuid)
        require_asking(row)
        open_suggestions = _open(await list_pending(work, exp_uuid)) if row.fit_rev >= data_rev else []
        if not open_suggestions:
            await _require_engine(work, row)
            return None
    return Asked(open_suggestions[:1], row.updated_at)


async def taken_before(store: Store, exp_uuid: UUID, terms: Terms) -> list[SuggestionRow]:
    """List the suggestions that an ask, which is sent again, leased before it was interrupted and still holds."""
    noted = await terms.once.begin_alone(store)
    if not noted:
        return []
    async with store.singly() as work:
        taken = await list_suggestions(work, exp_uuid, noted)
    return [suggestion for suggestion in taken if suggestion.state == LEASED and suggestion.lease_by == terms.worker]


async def lease_suggestions(
    store: Store, user_uuid: UUID, exp_uuid: UUID, data_rev: int, n: int, terms: Terms = USUAL, n_for_others: int = 0
) -> Asked:
    """Lease up to ``n`` open suggestions to the caller alone; if fewer are open, have more computed.

    ``n_wanted`` is a level, not a count: a request that still waits raises it again when it is woken, so a caller who
    went away leaves nothing behind.

    Args:
        data_rev: The suggestions must be computed from this revision of the data or a newer one.
        n: The largest number of suggestions to lease.
        terms: The terms of the leases.
        n_for_others: How many suggestions the other requests of this process wait for, so that one fit serves all.

    Raises:
        NotFoundError: If the user has no such experiment.
        ExperimentClosedError: If the experiment is closed.
        ExperimentStoppedError: If a stop rule was met.
        EngineFailingError: If no suggestion is open, and the engine has failed and waits to be tried again.
        RequestRunningError: As ``Once.begin``.
        KeyReusedError: As ``Once.begin``.
    """
    async with store.work() as work:
        await terms.once.begin(work)
        row = await get_experiment(work, exp_uuid, user_uuid, lock=True)
        require_asking(row)
        open_suggestions = _open(await list_pending(work, exp_uuid)) if row.fit_rev >= data_rev else []
        taken = open_suggestions[:n]
        if not taken:
            await _require_engine(work, row)
        n_missing = n - len(taken)
        # Other requests, here and in other processes, may have raised n_wanted: their level stays, and an ask that is
        # served in full lowers it by what it takes.
        level = row.n_wanted if n_missing else row.n_wanted - len(taken)
        n_wanted = max(level, n_missing + n_for_others + row.n_ready)
        if taken or n_wanted != row.n_wanted:
            call_worker(work, exp_uuid)
            if not taken:
                await update_experiment(work, exp_uuid, {"n_wanted": n_wanted})
        return await lease(work, row, taken, terms, {"n_wanted": n_wanted})


async def may_take_more(store: Store, user_uuid: UUID, exp_uuid: UUID, data_rev: int, n: int = 0) -> bool:
    """Check, without locking the experiment, whether ``lease_suggestions`` has anything to do.

    There is something to do if open suggestions know the data, if ``n_wanted`` is not above the ``n`` that requests
    wait for, or if the experiment takes no asks any more or its engine has failed, so that the caller learns why. The
    check spares the row lock, which tells wait for.
    """
    async with store.singly() as work:
        standing = await get_standing(work, exp_uuid, user_uuid)
    if standing is None or not standing.is_running or standing.is_failing:
        return True
    return (standing.fit_rev >= data_rev and standing.n_open > 0) or standing.n_wanted <= n


async def least_data_rev(store: Store, user_uuid: UUID, asked: ExperimentRow) -> int:
    """Return the oldest revision of the data that is good enough for an ask that has waited as long as asks wait.

    If nothing was told since the ask came, this is the revision of that time: the next ask gets the suggestion. If
    others go on telling, the next ask would want still newer data, and where a fit takes long, a user who asks again
    and again would wait for ever. So a suggestion that was computed since the ask came is then good enough.

    Args:
        asked: The experiment when the ask came.
    """
    async with store.singly() as work:
        now = await get_experiment(work, asked.exp_uuid, user_uuid)
    return asked.data_rev if now.data_rev == asked.data_rev else min(asked.data_rev, asked.fit_rev + 1)


async def lease(
    work: Work,
    row: ExperimentRow,
    taken: list[SuggestionRow],
    terms: Terms,
    values: Mapping[str, int] | None = None,
) -> Asked:
    """Lease open suggestions of an experiment, and return them as they are leased.

    Args:
        work: The transaction; it holds the experiment's row lock.
        row: The experiment.
        taken: The suggestions.
        terms: The terms of the leases.
        values: Other columns of the experiment that change with the leases.
    """
    if not taken:
        return Asked([], row.updated_at)
    uuids = [suggestion.suggestion_uuid for suggestion in taken]
    leased = await update_leased(work, uuids, terms.worker, terms.lease_for)
    values = {**(values or {}), "n_open": row.n_open - sum(suggestion.is_counted for suggestion in taken)}
    noted = terms.once.note(suggestion.suggestion_uuid for suggestion in leased)
    fields = {"suggestion_uuid", "worker", "lease_until"}
    events: list[NewEvent] = [
        ("suggestion_leased", suggestion.to_wire().model_dump(mode="json", include=fields)) for suggestion in leased
    ]
    await record(work, row, events, values, *noted)
    return Asked(leased, row.changed_at)


async def _require_engine(work: Work, row: ExperimentRow) -> None:
    """Check that the engine, on which a caller would wait, has not failed with and without the model.

    Raises:
        EngineFailingError: If it has, and is not tried again yet.
        NoCandidatesError: If it has because no row of the list that is not withdrawn meets the constraints.
    """
    if row.retry_in_s is None:
        return
    if row.candidates is not None and row.constraints:
        try:
            await require_row(work, row, {})
        except InvalidError:
            raise NoCandidatesError(
                f"no row of the list of experiment {row.exp_uuid} ({row.name}) that is not withdrawn meets the "
                "constraints: add or restore rows, or relax a constraint, to get more suggestions"
            ) from None
    wait_s = max(ceil(row.retry_in_s), 1)
    raise EngineFailingError(
        f"the engine failed ({await get_engine_failure(work, row.exp_uuid)}), and a Sobol point, which needs no model, "
        f"could not be made either: it is tried again in {wait_s} s, or as soon as the next observation is told",
        wait_s,
    )


def _open(pending: list[SuggestionRow]) -> list[SuggestionRow]:
    return [suggestion for suggestion in pending if suggestion.is_counted]
