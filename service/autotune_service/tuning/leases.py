"""Hold taken suggestions: renew a lease, abandon a suggestion, and offer again what nobody holds any more."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from autotune_service.domain.errors import AlreadyToldError, InvalidError, NotPendingError, UnavailableError
from autotune_service.store.database import Store, Work
from autotune_service.store.events import NewEvent, call_worker, record
from autotune_service.store.experiments import (
    ExperimentRow,
    get_experiment,
    get_experiment_for_worker,
)
from autotune_service.store.suggestions import (
    ABANDONED,
    EXPIRED,
    LEASED,
    OPEN,
    TOLD,
    SuggestionRow,
    get_suggestion,
    list_experiments_with_expired,
    list_expired,
    list_suggestions,
    seconds_until_expiry,
    set_state,
    update_lease,
    update_reopened,
)
from autotune_service.tuning.experiments import require_active
from autotune_service.tuning.once import ALWAYS, Once
from autotune_wire.problems import FieldProblem
from autotune_wire.suggestions import Abandon, Leases, Renew, Suggestion

_AT_ONCE = 100


async def renew(store: Store, user_uuid: UUID, exp_uuid: UUID, body: Renew, once: Once = ALWAYS) -> Leases:
    """Hold on to leased suggestions, for so long from now on.

    It takes no lock on the experiment, so that many workers can renew often. A lease that has ended is renewed too,
    while nobody has noticed.

    Raises:
        NotFoundError: If the user has no such experiment.
        InvalidError: If a suggestion is none of the experiment's.
    """
    async with store.work() as work:
        await once.begin(work)
        await get_experiment(work, exp_uuid, user_uuid)
        await update_lease(work, exp_uuid, body.suggestion_uuids, body.worker, timedelta(seconds=body.lease_s))
        found = await list_suggestions(work, exp_uuid, body.suggestion_uuids)
        _require_known(exp_uuid, body.suggestion_uuids, found)
        lost = [one.suggestion_uuid for one in found if one.state != LEASED or one.lease_by != body.worker]
        held = Leases(suggestions=[one.to_wire() for one in found], lost=lost)
        await once.keep(work, held)
    return held


async def abandon(store: Store, user_uuid: UUID, exp_uuid: UUID, body: Abandon, once: Once = ALWAYS) -> Suggestion:
    """Give up a suggestion, open or leased, that nobody will run; abandoning it again changes nothing.

    Raises:
        NotFoundError: If the user has no such experiment.
        ExperimentClosedError: If it is closed.
        InvalidError: If the suggestion is none of the experiment's.
        AlreadyToldError: If it has its observation.
        NotPendingError: If it was expired or superseded before.
    """
    now = datetime.now(UTC)
    async with store.work() as work:
        await once.begin(work)
        row = await get_experiment(work, exp_uuid, user_uuid, lock=True)
        require_active(row)
        suggestion = await get_suggestion(work, exp_uuid, body.suggestion_uuid)
        if suggestion is None:
            raise _unknown(exp_uuid, [("suggestion_uuid", body.suggestion_uuid)])
        if suggestion.state != ABANDONED:
            _require_pending(suggestion)
            await _abandon(work, row, suggestion, body.reason, now)
        ended = await get_suggestion(work, exp_uuid, body.suggestion_uuid)
        assert ended is not None
        told = ended.to_wire()
        await once.keep(work, told)
    return told


async def expire_leases(store: Store) -> int:
    """End the leases whose time is over, and give how many.

    A suggestion that knows all data is offered again; one that was overtaken by newer data is not. Several workers may
    do this at a time: each lease is ended by one of them.
    """
    async with store.work() as work:
        exp_uuids = await list_experiments_with_expired(work, _AT_ONCE)
    n_ended, failures = 0, []
    for exp_uuid in exp_uuids:
        try:
            n_ended += await _expire(store, exp_uuid)
        except UnavailableError as error:  # its row may be locked; the others' need not be
            failures.append(error)
    if failures:
        raise failures[0]
    return n_ended


async def next_expiry(store: Store) -> float | None:
    """Tell in how many seconds the next lease ends; None where none will."""
    async with store.work() as work:
        return await seconds_until_expiry(work)


async def _abandon(work: Work, row: ExperimentRow, one: SuggestionRow, reason: str, now: datetime) -> None:
    data = {"suggestion_uuid": str(one.suggestion_uuid), "worker": one.lease_by, "reason": reason}
    call_worker(work, row.exp_uuid)
    abandoned = set_state([one.suggestion_uuid], ABANDONED, reason)
    values = {"n_open": row.n_open - one.is_counted}
    await record(work, row, now, [("suggestion_abandoned", data)], values, abandoned)


async def _expire(store: Store, exp_uuid: UUID) -> int:
    now = datetime.now(UTC)
    async with store.work() as work:
        row = await get_experiment_for_worker(work, exp_uuid, lock=True)
        expired = [] if row is None else await list_expired(work, exp_uuid)
        if row is None or not expired:
            return 0
        again = [one for one in expired if not row.is_closed and one.data_rev >= row.data_rev]
        await update_reopened(work, [one.suggestion_uuid for one in again])
        ended = set_state([one.suggestion_uuid for one in expired if one not in again], EXPIRED)
        values = {"n_open": row.n_open + sum(one.fixed_key is None for one in again)}
        events = [_expired_event(one, is_open=one in again) for one in expired]
        await record(work, row, now, events, values, ended)
    return len(expired)


def _expired_event(one: SuggestionRow, *, is_open: bool) -> NewEvent:
    state = OPEN if is_open else EXPIRED
    return "suggestion_expired", {"suggestion_uuid": str(one.suggestion_uuid), "worker": one.lease_by, "state": state}


def _require_pending(suggestion: SuggestionRow) -> None:
    if suggestion.state == TOLD:
        raise AlreadyToldError(f"suggestion {suggestion.suggestion_uuid} has its observation")
    if suggestion.state not in {OPEN, LEASED}:
        raise NotPendingError(f"suggestion {suggestion.suggestion_uuid} is {suggestion.state}")


def _require_known(exp_uuid: UUID, wanted: Sequence[UUID], found: Sequence[SuggestionRow]) -> None:
    known = {one.suggestion_uuid for one in found}
    unknown = [(f"suggestion_uuids.{i}", uuid) for i, uuid in enumerate(wanted) if uuid not in known]
    if unknown:
        raise _unknown(exp_uuid, unknown)


def _unknown(exp_uuid: UUID, fields: Sequence[tuple[str, UUID]]) -> InvalidError:
    message = f"is no suggestion of experiment {exp_uuid}"
    return InvalidError.of([FieldProblem(field=field, message=message, value=str(uuid)) for field, uuid in fields])
