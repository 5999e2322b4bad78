"""The engine's side of the loop: claim work that is due, commit what came of it.

The engine itself runs between the two, outside any transaction. What it computed is committed only by whoever still
holds the lease, so one experiment has one fit at a time and a lost worker's result cannot overwrite a newer one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from autotune_service.domain.configuration import is_same
from autotune_service.store.database import Store, Work
from autotune_service.store.events import NewEvent, add_events
from autotune_service.store.experiments import ExperimentRow, update_experiment
from autotune_service.store.leases import (
    Lease,
    claim_due_experiment,
    lock_leased_experiment,
    release_lease,
    renew_lease,
    seconds_until_due,
)
from autotune_service.store.observations import ObservationRow, list_observations
from autotune_service.store.suggestions import (
    LEASED,
    OPEN,
    SUPERSEDED,
    SuggestionRow,
    add_suggestions,
    list_pending,
    update_state,
)
from autotune_wire.base import Configuration
from autotune_wire.suggestions import Source

_MAX_BATCH = 8
"""Suggestions of one engine run. Whoever waits for more gets these first, and other experiments their turn."""


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed experiment with the snapshot that the engine works on."""

    lease: Lease
    observations: list[ObservationRow]
    pending: list[SuggestionRow]
    n: int

    @property
    def experiment(self) -> ExperimentRow:
        """The experiment as it was claimed."""
        return self.lease.experiment


@dataclass(frozen=True, slots=True)
class Proposal:
    """A suggestion before it is stored."""

    covars: Configuration
    source: Source
    reason: str
    mean: float | None
    sd: float | None


async def claim_job(store: Store, worker: str, lease_for: timedelta) -> Job | None:
    """Claim an experiment's due work, with its snapshot; None where none is due.

    New data replace every open suggestion, so then only the leased ones count as pending.
    """
    async with store.work() as work:
        lease = await claim_due_experiment(work, worker, lease_for)
        if lease is None:
            return None
        row = lease.experiment
        has_new_data = row.data_rev > row.fit_rev
        pending = await list_pending(work, row.exp_uuid)
        if has_new_data:
            pending = [one for one in pending if one.state == LEASED]
        n = row.n_wanted if has_new_data else row.n_wanted - row.n_open
        return Job(lease, await list_observations(work, row.exp_uuid), pending, min(n, _MAX_BATCH))


async def keep_job(store: Store, job: Job, lease_for: timedelta) -> bool:
    """Hold on to a job; False where another worker has it."""
    async with store.work() as work:
        return await renew_lease(work, job.lease, lease_for)


async def commit_job(store: Store, job: Job, proposals: Sequence[Proposal], failure: str | None = None) -> bool:
    """Store the suggestions of a job and give its lease back.

    Args:
        store: Where the experiment is.
        job: The job, still leased.
        proposals: What the engine proposes.
        failure: Why the model failed, where the proposals are not the model's.

    Returns:
        False where the lease was lost and nothing was stored.
    """
    now = datetime.now(UTC)
    async with store.work() as work:
        row = await lock_leased_experiment(work, job.lease)
        if row is None:
            return False
        if not row.is_closed:
            await _store(work, job, row, proposals, _failures(job, failure), now)
        await release_lease(work, job.lease)
    return True


async def fail_job(store: Store, job: Job, failure: str, retry_in: timedelta) -> None:
    """Record that the engine gave nothing; the next tell, or the time given, has it tried again."""
    now = datetime.now(UTC)
    async with store.work() as work:
        row = await lock_leased_experiment(work, job.lease)
        if row is None:
            return
        if not row.is_closed:
            await update_experiment(work, row.exp_uuid, {"last_seq": row.last_seq + 1, "n_wanted": 1})
            await add_events(work, row.exp_uuid, row.last_seq + 1, now, _failures(job, failure))
        has_newer_data = row.data_rev > job.experiment.data_rev
        await release_lease(work, job.lease, None if has_newer_data else retry_in)


async def next_due(store: Store) -> float | None:
    """Tell in how many seconds work falls due by itself; None where none will."""
    async with store.work() as work:
        return await seconds_until_due(work)


async def _store(
    work: Work, job: Job, row: ExperimentRow, proposals: Sequence[Proposal], failures: list[NewEvent], now: datetime
) -> None:
    fit_rev = job.experiment.data_rev
    pending = await list_pending(work, row.exp_uuid)
    superseded = [one for one in pending if one.state == OPEN and one.data_rev < fit_rev]
    arrived = await _arrived_since(work, job, pending)
    new = [one for one in proposals if not any(is_same(row.space, one.covars, covars) for covars in arrived)]
    first_seq = row.last_seq + 1
    rows: list[SuggestionRow] = []
    events = list(failures)
    replaced = [str(one.suggestion_uuid) for one in superseded]
    for proposal in new:
        suggestion = _suggestion(job, proposal, first_seq + len(events), now)
        rows.append(suggestion)
        events.append(("suggestion_created", {**suggestion.told().model_dump(mode="json"), "superseded": replaced}))
        replaced = []  # the first one's event names all that they replace
    if superseded:
        await update_state(work, [one.suggestion_uuid for one in superseded], SUPERSEDED)
    if rows:
        await add_suggestions(work, rows)
    values: dict[str, Any] = {
        "fit_rev": fit_rev,
        "n_open": row.n_open - len(superseded) + len(rows),
        "n_wanted": 1,  # whoever still waits for more is woken by these events and raises it again
        "last_seq": row.last_seq + len(events),
        "updated_at": now,
    }
    await update_experiment(work, row.exp_uuid, values)
    if events:
        await add_events(work, row.exp_uuid, first_seq, now, events)


async def _arrived_since(work: Work, job: Job, pending: Sequence[SuggestionRow]) -> list[Configuration]:
    """Give what was told or taken while the engine ran: it could not know, and must not propose the same."""
    known = {one.suggestion_uuid for one in job.pending}
    told = await list_observations(work, job.experiment.exp_uuid, after=job.experiment.last_seq)
    leased = [one.covars for one in pending if one.state == LEASED and one.suggestion_uuid not in known]
    return [row.covars for row in told] + leased


def _suggestion(job: Job, proposal: Proposal, seq: int, now: datetime) -> SuggestionRow:
    return SuggestionRow(
        suggestion_uuid=uuid4(),
        exp_uuid=job.experiment.exp_uuid,
        seq=seq,
        state=OPEN,
        covars=proposal.covars,
        source=proposal.source,
        reason=proposal.reason,
        mean=proposal.mean,
        sd=proposal.sd,
        data_rev=job.experiment.data_rev,
        created_at=now,
    )


def _failures(job: Job, failure: str | None) -> list[NewEvent]:
    if failure is None:
        return []
    return [("engine_failed", {"reason": failure, "data_rev": job.experiment.data_rev})]
