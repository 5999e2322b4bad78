"""The engine's side of the loop: claim work that is due, commit what came of it.

The engine itself runs between the two, outside any transaction. What it computed is committed only by whoever still
holds the claim, so one experiment has one fit at a time and a lost worker's result cannot overwrite a newer one.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from autotune_service.store.database import Store, Work
from autotune_service.store.due import (
    Claim,
    claim_due_experiment,
    lock_claimed_experiment,
    release_claim,
    release_claims_of,
    renew_claim,
    seconds_until_due,
)
from autotune_service.store.events import NewEvent, call_workers, get_traceparent, record
from autotune_service.store.experiments import ExperimentRow
from autotune_service.store.observations import ObservationRow
from autotune_service.store.suggestions import SuggestionRow, list_pending, replace_suggestions
from autotune_service.tuning.new_suggestions import (
    EngineRun,
    best_predicted_of,
    created_events,
    still_new,
    suggestion_rows,
)
from autotune_service.tuning.snapshot import Snapshot, read_snapshot
from autotune_service.tuning.stopping import stopped_by_gain

MAX_BATCH = 8
"""Suggestions of one engine run. Whoever waits for more gets these first, and other experiments their turn."""


@dataclass(frozen=True, slots=True)
class ClaimedFit:
    """A claimed experiment with the snapshot that the engine works on."""

    claim: Claim
    snapshot: Snapshot
    n: int
    traceparent: str | None = None
    """The trace of what made it due."""

    @property
    def experiment(self) -> ExperimentRow:
        """The experiment as it was claimed."""
        return self.snapshot.experiment

    @property
    def observations(self) -> list[ObservationRow]:
        """What was told."""
        return self.snapshot.observations

    @property
    def pending(self) -> list[SuggestionRow]:
        """What is suggested and not told yet."""
        return self.snapshot.pending


async def claim_fit(store: Store, worker: str, claim_for: timedelta) -> ClaimedFit | None:
    """Claim an experiment's due work, with its snapshot; None where none is due."""
    async with store.work() as work:
        claim = await claim_due_experiment(work, worker, claim_for)
        if claim is None:
            return None
        row = claim.experiment
        has_new_data = row.data_rev > row.fit_rev
        n = row.n_wanted if has_new_data else row.n_wanted - row.n_open
        traceparent = await get_traceparent(work, row.exp_uuid, row.last_seq) if has_new_data else None
        return ClaimedFit(claim, await read_snapshot(work, row), min(n, MAX_BATCH), traceparent)


async def keep_fit(store: Store, fit: ClaimedFit, claim_for: timedelta) -> bool:
    """Hold on to a fit; False where another worker has it."""
    async with store.work() as work:
        return await renew_claim(work, fit.claim, claim_for)


async def commit_fit(store: Store, fit: ClaimedFit, engine_run: EngineRun, failure: str | None = None) -> bool:
    """Store the suggestions of a fit and give its claim back.

    Args:
        fit: The fit, still claimed.
        engine_run: What the engine gave.
        failure: Why the model failed, where the suggestions are not the model's.

    Returns:
        False where the claim was lost and nothing was stored.
    """
    now = datetime.now(UTC)
    async with store.work() as work:
        row = await lock_claimed_experiment(work, fit.claim)
        if row is None:
            return False
        if not row.is_closed and row.stopped is None:
            await _store(work, fit, row, engine_run, _failures(fit, failure), now)
        await release_claim(work, fit.claim)
    return True


async def fail_fit(store: Store, fit: ClaimedFit, failure: str, retry_in: timedelta) -> None:
    """Record that the engine gave nothing; the next tell, or the time given, has it tried again."""
    now = datetime.now(UTC)
    async with store.work() as work:
        row = await lock_claimed_experiment(work, fit.claim)
        if row is None:
            return
        if not row.is_closed:
            await record(work, row, now, _failures(fit, failure), {"n_wanted": row.n_ready})
        has_newer_data = row.data_rev > fit.experiment.data_rev
        await release_claim(work, fit.claim, None if has_newer_data else retry_in)


async def hand_back(store: Store, worker: str) -> None:
    """Give back all that a worker holds, when it stops, and call the others."""
    async with store.work() as work:
        await release_claims_of(work, worker)
        call_workers(work)


async def next_due(store: Store) -> float | None:
    """Tell in how many seconds work falls due by itself; None where none will."""
    async with store.work() as work:
        return await seconds_until_due(work)


async def _store(
    work: Work, fit: ClaimedFit, row: ExperimentRow, engine_run: EngineRun, failures: list[NewEvent], now: datetime
) -> None:
    fit_rev = fit.experiment.data_rev
    pending = await list_pending(work, row.exp_uuid)
    superseded = [one for one in pending if one.is_open and one.data_rev < fit_rev]
    kept = [one for one in pending if one not in superseded]
    new = await still_new(work, fit.snapshot, row, engine_run.suggestions, kept)
    rows = suggestion_rows(fit.snapshot, engine_run, new, row.last_seq + 1 + len(failures), now)
    events = failures + created_events(rows, superseded)
    values: dict[str, Any] = {
        "fit_rev": max(row.fit_rev, fit_rev),
        "n_open": row.n_open - sum(one.is_counted for one in superseded) + len(rows),
        "n_wanted": row.n_ready,  # whoever still waits for more is woken by these events and raises it again
    }
    values |= best_predicted_of(row, engine_run, fit_rev)
    stopped = await stopped_by_gain(work, row, new, now)
    if stopped is not None:
        values["stopped"], event = stopped
        events.append(event)
    await record(work, row, now, events, values, *replace_suggestions(superseded, rows))


def _failures(fit: ClaimedFit, failure: str | None) -> list[NewEvent]:
    if failure is None:
        return []
    return [("engine_failed", {"reason": failure, "data_rev": fit.experiment.data_rev})]
