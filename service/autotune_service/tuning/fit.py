"""The worker's side of the loop: claim an experiment whose work is due, commit the suggestions.

The engine runs between the two steps, outside any transaction. Only the worker that still holds the claim can commit.
So an experiment has one fit at a time, and the result of a worker that lost its claim cannot overwrite a newer one.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from autotune_service.store.database import Store, Work
from autotune_service.store.rows.due import (
    Claim,
    claim_due_experiment,
    lock_claimed_experiment,
    put_off_claimed,
    release_claim,
    release_claims_of,
    renew_claim,
    seconds_until_due,
)
from autotune_service.store.rows.engine_use import add_use
from autotune_service.store.rows.events import NewEvent, call_workers, get_event, get_traceparent, record, wake_watchers
from autotune_service.store.rows.experiments import ExperimentRow
from autotune_service.store.rows.observations import ObservationRow
from autotune_service.store.rows.suggestions import SuggestionRow, list_pending, replace_suggestions
from autotune_service.tuning.new_suggestions import (
    EngineRun,
    best_predicted_of,
    created_events,
    failure_events,
    still_new,
    suggestion_rows,
)
from autotune_service.tuning.snapshot import Snapshot, read_snapshot
from autotune_service.tuning.stopping import stopped_by_gain

MAX_BATCH = 8
"""The most suggestions of one engine run: more are computed in steps, so that other experiments get their turn."""


@dataclass(frozen=True, slots=True)
class ClaimedFit:
    """A claimed experiment with the snapshot that the engine works on."""

    claim: Claim
    snapshot: Snapshot
    n: int
    traceparent: str | None = None
    """The trace of the request that made the work due."""

    @property
    def experiment(self) -> ExperimentRow:
        """The experiment as it was claimed."""
        return self.snapshot.experiment

    @property
    def observations(self) -> list[ObservationRow]:
        """The observations that count."""
        return self.snapshot.observations

    @property
    def pending(self) -> list[SuggestionRow]:
        """The pending suggestions, as in the snapshot."""
        return self.snapshot.pending


async def claim_fit(store: Store, worker: str, claim_for: timedelta, *, only_short: bool = False) -> ClaimedFit | None:
    """Claim an experiment whose work is due, and read its snapshot; None if no work is due.

    With ``only_short``, the experiments whose last run took long are left to others.
    """
    async with store.work() as work:
        claim = await claim_due_experiment(work, worker, claim_for, only_short=only_short)
        if claim is None:
            return None
        row = claim.experiment
        has_new_data = row.data_rev > row.fit_rev
        n = row.n_wanted if has_new_data else row.n_wanted - row.n_open
        traceparent = await get_traceparent(work, row.exp_uuid, row.last_seq) if has_new_data else None
        return ClaimedFit(claim, await read_snapshot(work, row), min(n, MAX_BATCH), traceparent)


async def keep_fit(store: Store, fit: ClaimedFit, claim_for: timedelta) -> bool:
    """Renew the claim of a fit; False if the claim is lost."""
    async with store.work() as work:
        return await renew_claim(work, fit.claim, claim_for)


async def put_off_fit(store: Store, fit: ClaimedFit) -> None:
    """Release the claim of a fit that takes longer than short work may, for a worker that does long work."""
    async with store.work() as work:
        await put_off_claimed(work, fit.claim)
        call_workers(work)


async def commit_fit(
    store: Store, fit: ClaimedFit, engine_run: EngineRun, failure: str | None = None, *, is_long: bool = False
) -> bool:
    """Store the suggestions of a fit and release its claim.

    Args:
        fit: The fit, still claimed.
        engine_run: The suggestions that the engine computed.
        failure: Why the model failed, if the suggestions were made without it.
        is_long: Whether the fit took longer than short work may.

    Returns:
        False if the claim is lost; nothing is stored then.
    """
    async with store.work() as work:
        row = await lock_claimed_experiment(work, fit.claim)
        if row is None:
            return False
        if row.takes_suggestions:
            await _store(work, fit, row, engine_run, failure_events(failure, fit.experiment.data_rev))
        await release_claim(work, fit.claim, is_long=is_long)
    return True


async def fail_fit(store: Store, fit: ClaimedFit, failure: str, retry_in: timedelta, *, is_long: bool = False) -> None:
    """Record that the engine failed; the next tell, or the end of ``retry_in``, makes the work due again.

    A try that fails like the one before adds no event, or an engine that never works would fill the log.
    """
    async with store.work() as work:
        row = await lock_claimed_experiment(work, fit.claim)
        if row is None:
            return
        if not row.is_closed:
            failures = failure_events(failure, fit.experiment.data_rev)
            if await get_event(work, row.exp_uuid, row.last_seq) in failures:
                failures = []
                wake_watchers(work, row.exp_uuid, row.owner_uuid, row.last_seq)  # asks that wait hear it
            await record(work, row, failures, {"n_wanted": row.n_ready})
        has_newer_data = row.data_rev > fit.experiment.data_rev
        await release_claim(work, fit.claim, None if has_newer_data else retry_in, is_long=is_long)


async def count_use(store: Store, user_uuid: UUID, seconds: float) -> None:
    """Count seconds that an engine process has worked for a user: who used less has the next turn."""
    async with store.singly() as work:
        await add_use(work, user_uuid, seconds)


async def hand_back(store: Store, worker: str) -> None:
    """Release all claims of a worker that stops, and wake the other workers."""
    async with store.work() as work:
        await release_claims_of(work, worker)
        call_workers(work)


async def next_due(store: Store, *, only_short: bool = False) -> float | None:
    """Return in how many seconds work falls due by itself; None if none will.

    With ``only_short``, experiments whose last run took long do not count.
    """
    async with store.singly() as work:
        return await seconds_until_due(work, only_short=only_short)


async def _store(
    work: Work, fit: ClaimedFit, row: ExperimentRow, engine_run: EngineRun, failures: list[NewEvent]
) -> None:
    fit_rev = fit.experiment.data_rev
    pending = await list_pending(work, row.exp_uuid)
    superseded = [suggestion for suggestion in pending if suggestion.is_open and suggestion.data_rev < fit_rev]
    kept = [suggestion for suggestion in pending if suggestion not in superseded]
    new = await still_new(work, fit.snapshot, row, engine_run.suggestions, kept)
    rows = suggestion_rows(fit.snapshot, engine_run, new, row.last_seq + 1 + len(failures), row.changed_at)
    events = failures + created_events(rows, superseded)
    values: dict[str, Any] = {
        "fit_rev": max(row.fit_rev, fit_rev),
        "n_open": row.n_open - sum(suggestion.is_counted for suggestion in superseded) + len(rows),
        "n_wanted": row.n_ready,  # these events wake the requests that still wait for more, which raise it again
    }
    values |= best_predicted_of(row, engine_run, fit_rev)
    stopped = stopped_by_gain(row, new)
    if stopped is not None:
        values["stopped"], event = stopped
        events.append(event)
    await record(work, row, events, values, *replace_suggestions(superseded, rows))
