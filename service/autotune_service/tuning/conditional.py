"""Serve asks that fix values: the suggestions are computed when they are asked for, and kept until newer data come."""

import asyncio
from uuid import UUID

from autotune_service.domain.configuration import checked_fixed, is_feasible
from autotune_service.domain.feasibility import check_feasible
from autotune_service.domain.limits import DEFAULT_LIMITS, Limits
from autotune_service.domain.stored import key_of
from autotune_service.store.database import Store, Work
from autotune_service.store.rows.events import call_worker, has_event, record
from autotune_service.store.rows.experiments import ExperimentRow, get_experiment
from autotune_service.store.rows.questions import (
    QuestionRow,
    add_question,
    delete_old_replies,
    delete_question,
    get_question,
)
from autotune_service.store.rows.suggestions import (
    SuggestionRow,
    insert_suggestions,
    list_pending,
)
from autotune_service.tuning.ask import USUAL, Asked, Terms, lease
from autotune_service.tuning.candidates import require_row
from autotune_service.tuning.experiments import guess_row
from autotune_service.tuning.questions import raise_failure, require_room_for_question, wait_on
from autotune_service.tuning.stopping import require_asking
from autotune_wire.base import Configuration
from autotune_wire.space import is_active


async def checked_ask(store: Store, row: ExperimentRow, fixed: Configuration) -> Configuration:
    """Return the values that an ask fixes, each in its covariate's own type.

    Raises:
        ExperimentClosedError: If the experiment is closed.
        ExperimentStoppedError: If a stop rule was met.
        InvalidError: If a context is missing, a value is not allowed for its covariate, or no configuration, of an
            experiment with a list no row, with these values meets the constraints.
    """
    require_asking(row)
    checked = checked_fixed(row.space, fixed)
    if row.candidates is not None:
        async with store.singly() as work:
            await require_row(work, row, checked)
    elif row.constraints:
        await asyncio.to_thread(check_feasible, row.space, row.constraints, checked)
    return checked


async def current_conditional(
    store: Store,
    user_uuid: UUID,
    exp_uuid: UUID,
    data_rev: int,
    fixed: Configuration,
    limits: Limits = DEFAULT_LIMITS,
) -> Asked | None:
    """Return the oldest open suggestion with these fixed values, without taking it.

    Args:
        data_rev: The suggestion must be computed from this revision of the data or a newer one.
        fixed: The fixed values; every context covariate needs one.

    Returns:
        The suggestion, or None if the engine has not computed it yet.

    Raises:
        InvalidError: If a context is missing, or a value is not allowed for its covariate.
        EngineFailedError: If the engine failed to compute it.
        BusyError: If too many questions wait for the engine.
    """
    asked = await _ask(store, user_uuid, exp_uuid, data_rev, fixed, n=1, limits=limits)
    return asked if asked.suggestions else None


async def lease_conditional(
    store: Store,
    user_uuid: UUID,
    exp_uuid: UUID,
    data_rev: int,
    fixed: Configuration,
    n: int,
    terms: Terms = USUAL,
    limits: Limits = DEFAULT_LIMITS,
) -> Asked:
    """Lease up to ``n`` suggestions with these fixed values to the caller alone; if fewer are open, have more computed.

    Raises:
        InvalidError: If a context is missing, or a value is not allowed for its covariate.
        EngineFailedError: If the engine failed to compute any.
        BusyError: If too many questions wait for the engine.
        RequestRunningError: As ``Once.begin``.
        KeyReusedError: As ``Once.begin``.
    """
    return await _ask(store, user_uuid, exp_uuid, data_rev, fixed, n=n, limits=limits, terms=terms)


async def _ask(
    store: Store,
    user_uuid: UUID,
    exp_uuid: UUID,
    data_rev: int,
    fixed: Configuration,
    *,
    n: int,
    limits: Limits,
    terms: Terms | None = None,
) -> Asked:
    failed: QuestionRow | None = None
    async with store.work() as work:
        if terms is not None:
            await terms.once.begin(work)
        row = await get_experiment(work, exp_uuid, user_uuid, lock=True)
        require_asking(row)
        fixed = checked_fixed(row.space, fixed)
        key = key_of(fixed)
        pending = await list_pending(work, exp_uuid)
        found = [
            suggestion
            for suggestion in pending
            if suggestion.is_open and suggestion.fixed_key == key and suggestion.data_rev >= data_rev
        ][:n]
        if not found and (guess := await _first_guess(work, row, fixed)) is not None:
            found, row = [guess], await get_experiment(work, exp_uuid, user_uuid)
        if len(found) < n:
            failed = await _put_question(work, row, user_uuid, fixed, n - len(found), limits)
        asked = Asked(found, row.updated_at) if terms is None else await lease(work, row, found, terms)
    if failed is not None and not found:
        raise_failure(failed)
    return asked


async def _put_question(
    work: Work, row: ExperimentRow, user_uuid: UUID, fixed: Configuration, n: int, limits: Limits
) -> QuestionRow | None:
    """Put a question for suggestions; return it instead if the engine has failed on it with the newest data."""
    key = key_of(fixed)
    found = await get_question(work, row.exp_uuid, "suggest", key)
    if found is not None and found.state == "failed":
        is_current = found.data_rev >= row.data_rev
        if not is_current or found.retry_in_s is None:
            await delete_question(work, found)  # so that the next ask has the engine try again
        if is_current:
            return found
        found = None
    if found is None:
        await require_room_for_question(work, user_uuid, limits)
        await delete_old_replies(work, row.exp_uuid, row.data_rev)
        await add_question(work, row.exp_uuid, user_uuid, "suggest", key, {"fixed": fixed, "n": n}, row.data_rev)
        call_worker(work, row.exp_uuid)
    else:
        await wait_on(work, found, user_uuid, limits)
    return None


async def _first_guess(work: Work, row: ExperimentRow, fixed: Configuration) -> SuggestionRow | None:
    """Store the guess with the fixed values as a suggestion, on the first ask of an experiment with contexts."""
    if (
        row.candidates is not None
        or not row.has_contexts
        or row.n_observations
        or await has_event(work, row.exp_uuid, "suggestion_created")
    ):
        return None
    values = {name: fixed.get(name, covariate.guess) for name, covariate in row.space.items()}
    covars = {name: value for name, value in values.items() if is_active(row.space, name, values)}
    if not is_feasible(row.space, row.constraints, covars):
        return None
    guess = guess_row(row, covars, seq=row.last_seq + 1, now=row.changed_at, fixed=fixed, fixed_key=key_of(fixed))
    announced = {**guess.to_wire().model_dump(mode="json"), "superseded": []}
    await record(work, row, [("suggestion_created", announced)], {}, insert_suggestions([guess]))
    return guess
