"""Renew the leases of suggestions, abandon suggestions, and end the leases that have run out."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from autotune_service.domain.errors import AlreadyToldError, InvalidError, NotPendingError, UnavailableError
from autotune_service.store.database import Store
from autotune_service.store.rows.events import NewEvent, call_worker, record
from autotune_service.store.rows.experiments import get_experiment, get_experiment_for_worker
from autotune_service.store.rows.suggestions import (
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

_AT_ONCE = 100  # the most overdue leases that one pass looks for


async def renew(store: Store, user_uuid: UUID, exp_uuid: UUID, body: Renew, once: Once = ALWAYS) -> Leases:
    """Renew leases: each lasts ``body.lease_s`` from now on.

    The experiment is not locked, so that many workers can renew often. A lease that has run out is renewed, too, as
    long as ``expire_leases`` has not ended it. The reply lists the suggestions that the worker does not hold as lost.

    Raises:
        NotFoundError: If the user has no such experiment.
        InvalidError: If a suggestion is none of the experiment's.
    """
    async with store.work() as work:
        await once.begin(work)
        await get_experiment(work, exp_uuid, user_uuid)
        await update_lease(work, exp_uuid, body.suggestion_uuids, body.worker, timedelta(seconds=body.lease_s))
        found = await list_suggestions(work, exp_uuid, body.suggestion_uuids)
        known = {suggestion.suggestion_uuid for suggestion in found}
        unknown = [(f"suggestion_uuids.{i}", uuid) for i, uuid in enumerate(body.suggestion_uuids) if uuid not in known]
        if unknown:
            raise _unknown(exp_uuid, unknown)
        lost = [
            suggestion.suggestion_uuid
            for suggestion in found
            if suggestion.state != LEASED or suggestion.lease_by != body.worker
        ]
        leases = Leases(suggestions=[suggestion.to_wire() for suggestion in found], lost=lost)
        await once.keep(work, leases)
    return leases


async def abandon(store: Store, user_uuid: UUID, exp_uuid: UUID, body: Abandon, once: Once = ALWAYS) -> Suggestion:
    """Abandon an open or leased suggestion that nobody will run; abandoning a suggestion again changes nothing.

    Raises:
        NotFoundError: If the user has no such experiment.
        ExperimentClosedError: If the experiment is closed.
        InvalidError: If the suggestion is none of the experiment's.
        AlreadyToldError: If the suggestion has its observation.
        NotPendingError: If the suggestion is expired or superseded.
    """
    async with store.work() as work:
        await once.begin(work)
        row = await get_experiment(work, exp_uuid, user_uuid, lock=True)
        require_active(row)
        suggestion = await get_suggestion(work, exp_uuid, body.suggestion_uuid)
        if suggestion is None:
            raise _unknown(exp_uuid, [("suggestion_uuid", body.suggestion_uuid)])
        if suggestion.state != ABANDONED:
            _require_pending(suggestion)
            data = {"suggestion_uuid": str(body.suggestion_uuid), "worker": suggestion.lease_by, "reason": body.reason}
            data["by"] = str(user_uuid)
            values = {"n_open": row.n_open - suggestion.is_counted}
            change = set_state([body.suggestion_uuid], ABANDONED, body.reason)
            call_worker(work, exp_uuid)
            await record(work, row, [("suggestion_abandoned", data)], values, change)
        stored = await get_suggestion(work, exp_uuid, body.suggestion_uuid)
        assert stored is not None
        abandoned = stored.to_wire()
        await once.keep(work, abandoned)
    return abandoned


async def expire_leases(store: Store) -> int:
    """End the leases that have run out, and return how many.

    A suggestion that knows the newest data is open again; a suggestion that does not is expired. Several workers may
    do this at the same time: each lease is ended by one of them.

    Raises:
        UnavailableError: If the leases of an experiment could not be ended; the leases of the others are ended.
    """
    async with store.work() as work:
        exp_uuids = await list_experiments_with_expired(work, _AT_ONCE)
    n_ended, failures = 0, []
    for exp_uuid in exp_uuids:
        try:
            n_ended += await _expire(store, exp_uuid)
        except UnavailableError as error:  # the row of this experiment may be locked, those of the others need not be
            failures.append(error)
    if failures:
        raise failures[0]
    return n_ended


async def next_expiry(store: Store) -> float | None:
    """Return in how many seconds the next lease runs out; None if none will."""
    async with store.work() as work:
        return await seconds_until_expiry(work)


async def _expire(store: Store, exp_uuid: UUID) -> int:
    async with store.work() as work:
        row = await get_experiment_for_worker(work, exp_uuid, lock=True)
        expired = [] if row is None else await list_expired(work, exp_uuid)
        if row is None or not expired:
            return 0
        again = [suggestion for suggestion in expired if not row.is_closed and suggestion.data_rev >= row.data_rev]
        await update_reopened(work, [suggestion.suggestion_uuid for suggestion in again])
        ended = [suggestion.suggestion_uuid for suggestion in expired if suggestion not in again]
        values = {"n_open": row.n_open + sum(suggestion.fixed_key is None for suggestion in again)}
        events: list[NewEvent] = []
        for suggestion in expired:
            uuid, state = str(suggestion.suggestion_uuid), OPEN if suggestion in again else EXPIRED
            data = {"suggestion_uuid": uuid, "worker": suggestion.lease_by, "state": state}
            events.append(("suggestion_expired", data))
        await record(work, row, events, values, set_state(ended, EXPIRED))
    return len(expired)


def _require_pending(suggestion: SuggestionRow) -> None:
    if suggestion.state == TOLD:
        raise AlreadyToldError(
            f"suggestion {suggestion.suggestion_uuid} has its observation: it cannot be abandoned any more"
        )
    if suggestion.state not in {OPEN, LEASED}:
        raise NotPendingError(
            f"suggestion {suggestion.suggestion_uuid} is {suggestion.state}: it cannot be abandoned any more"
        )


def _unknown(exp_uuid: UUID, fields: Sequence[tuple[str, UUID]]) -> InvalidError:
    message = f"is not a suggestion of experiment {exp_uuid}"
    return InvalidError.of([FieldProblem(field=field, message=message, value=str(uuid)) for field, uuid in fields])
