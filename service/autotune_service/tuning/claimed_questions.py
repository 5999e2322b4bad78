"""The worker's side of the questions: claim a waiting question, store its reply or its suggestions.

The engine runs between the two steps, outside any transaction, as it does for a fit.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from autotune_service.domain.stored import key_of
from autotune_service.store.database import Store, Work
from autotune_service.store.rows.events import call_workers, record, wake_watchers
from autotune_service.store.rows.experiments import ExperimentRow, get_experiment_for_worker
from autotune_service.store.rows.questions import (
    QuestionRow,
    claim_waiting_question,
    delete_question,
    put_off_question,
    renew_question,
    update_reply,
)
from autotune_service.store.rows.suggestions import list_pending, replace_suggestions
from autotune_service.tuning.fit import MAX_BATCH
from autotune_service.tuning.new_suggestions import (
    EngineRun,
    best_predicted_of,
    created_events,
    failure_events,
    still_new,
    suggestion_rows,
)
from autotune_service.tuning.snapshot import Snapshot, read_snapshot
from autotune_wire.base import Configuration


@dataclass(frozen=True, slots=True)
class ClaimedQuestion:
    """A claimed question with the snapshot that the engine works on."""

    row: QuestionRow
    snapshot: Snapshot

    @property
    def asker_uuid(self) -> UUID:
        """Who asked; of a question from a service of before, which does not say so, the experiment's owner."""
        return self.row.asked_by or self.snapshot.experiment.owner_uuid

    @property
    def fixed(self) -> Configuration:
        """The values that the suggestions must have; only for a question of the kind suggest."""
        fixed: Configuration = self.row.body["fixed"]
        return fixed

    @property
    def n(self) -> int:
        """How many suggestions to compute; only for a question of the kind suggest."""
        return min(int(self.row.body["n"]), MAX_BATCH)

    @property
    def configurations(self) -> list[Configuration]:
        """The configurations to predict; empty unless the question is of the kind predict."""
        return list(self.row.body.get("configurations", []))


async def claim_question(
    store: Store, worker: str, claim_for: timedelta, *, only_short: bool = False
) -> ClaimedQuestion | None:
    """Claim a question that waits, and read its snapshot; None if no question waits.

    With ``only_short``, the questions that took long when they were tried are left to others.
    """
    async with store.singly() as work:
        question = await claim_waiting_question(work, worker, claim_for, only_short=only_short)
    if question is None:
        return None
    # In a transaction of its own: an ask locks the experiment first and its question second, and the reverse order in
    # one transaction could deadlock with it.
    async with store.work() as work:
        row = await get_experiment_for_worker(work, question.exp_uuid)
        return None if row is None else ClaimedQuestion(question, await read_snapshot(work, row))


async def put_off_claimed_question(store: Store, question: ClaimedQuestion) -> None:
    """Release the claim on a question that takes longer than short work may, for a worker that does long work."""
    async with store.work() as work:
        await put_off_question(work, question.row)
        call_workers(work)


async def keep_question(store: Store, question: ClaimedQuestion, claim_for: timedelta) -> bool:
    """Renew the claim on a question; False if the claim is lost."""
    async with store.work() as work:
        return await renew_question(work, question.row, claim_for)


async def commit_reply(store: Store, question: ClaimedQuestion, reply: dict[str, Any]) -> bool:
    """Store a reply and wake the requests that wait for it; False if the claim is lost."""
    return await _settle(store, question, reply, None, None)


async def fail_question(
    store: Store, question: ClaimedQuestion, failure: str, retry_in: timedelta | None = None
) -> bool:
    """Record why there is no reply and wake the requests that wait for it.

    Args:
        question: The question, still claimed.
        failure: Why there is no reply.
        retry_in: When the question is worth another try; None if the engine would fail again.

    Returns:
        False if the claim is lost; nothing is stored then.
    """
    return await _settle(store, question, None, failure, retry_in)


async def commit_question_suggestions(
    store: Store, question: ClaimedQuestion, engine_run: EngineRun, failure: str | None = None
) -> bool:
    """Store the suggestions that an ask with fixed values waits for, and wake it.

    Args:
        question: The question, still claimed.
        engine_run: The suggestions that the engine computed.
        failure: Why the model failed, if the suggestions were made without it.

    Returns:
        False if the claim is lost; nothing is stored then.
    """
    async with store.work() as work:
        row = await get_experiment_for_worker(work, question.row.exp_uuid, lock=True)
        if row is None or not await delete_question(work, question.row):
            return False
        wake_watchers(work, row.exp_uuid, row.owner_uuid, row.last_seq)
        if row.takes_suggestions:
            await _store(work, question, row, engine_run, failure)
    return True


async def _settle(
    store: Store,
    question: ClaimedQuestion,
    reply: dict[str, Any] | None,
    failure: str | None,
    retry_in: timedelta | None,
) -> bool:
    async with store.work() as work:
        is_stored = await update_reply(work, question.row, question.snapshot.data_rev, reply, failure, retry_in)
        row = question.snapshot.experiment
        wake_watchers(work, row.exp_uuid, row.owner_uuid, row.last_seq)
    return is_stored


async def _store(
    work: Work, question: ClaimedQuestion, row: ExperimentRow, engine_run: EngineRun, failure: str | None
) -> None:
    pending = await list_pending(work, row.exp_uuid)
    outdated = [
        suggestion for suggestion in pending if suggestion.is_open and suggestion.data_rev < question.snapshot.data_rev
    ]
    # The next fit replaces those without fixed values.
    superseded = [suggestion for suggestion in outdated if suggestion.fixed_key is not None]
    kept = [suggestion for suggestion in pending if suggestion not in outdated]
    new = await still_new(work, question.snapshot, row, engine_run.suggestions, kept)
    failures = failure_events(failure, question.snapshot.data_rev)
    first_seq = row.last_seq + 1 + len(failures)
    made_for = (question.fixed, key_of(question.fixed))
    rows = suggestion_rows(question.snapshot, engine_run, new, first_seq, row.changed_at, *made_for)
    events = [*failures, *created_events(rows, superseded)]
    if events:
        values = best_predicted_of(row, engine_run, question.snapshot.data_rev)
        await record(work, row, events, values, *replace_suggestions(superseded, rows))
