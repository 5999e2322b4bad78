"""The engine's side of the questions: claim one that waits, store what came of it.

As with the experiments' own work, the engine runs between the two, outside any transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from autotune_service.store.database import Store, Work
from autotune_service.store.events import NewEvent, record, wake_watchers
from autotune_service.store.experiments import ExperimentRow, get_experiment_for_worker
from autotune_service.store.questions import (
    QuestionRow,
    claim_waiting_question,
    delete_question,
    renew_question,
    update_reply,
)
from autotune_service.store.suggestions import list_pending, replace_suggestions
from autotune_service.tuning.fit import MAX_BATCH
from autotune_service.tuning.new_suggestions import (
    EngineRun,
    best_predicted_of,
    created_events,
    still_new,
    suggestion_rows,
)
from autotune_service.tuning.questions import key_of
from autotune_service.tuning.snapshot import Snapshot, read_snapshot
from autotune_wire.base import Configuration


@dataclass(frozen=True, slots=True)
class ClaimedQuestion:
    """A claimed question with the snapshot that the engine works on."""

    row: QuestionRow
    snapshot: Snapshot

    @property
    def fixed(self) -> Configuration:
        """The values that suggestions must have; of a question of the kind suggest."""
        fixed: Configuration = self.row.body["fixed"]
        return fixed

    @property
    def n(self) -> int:
        """How many suggestions are wanted; of a question of the kind suggest."""
        return min(int(self.row.body["n"]), MAX_BATCH)

    @property
    def configurations(self) -> list[Configuration]:
        """What is to be predicted; empty but for a question of the kind predict."""
        return list(self.row.body.get("configurations", []))


async def claim_question(store: Store, worker: str, claim_for: timedelta) -> ClaimedQuestion | None:
    """Claim the question that has waited longest, with its snapshot; None where none waits."""
    async with store.work() as work:
        question = await claim_waiting_question(work, worker, claim_for)
    if question is None:
        return None
    # In a transaction of its own: whoever asks locks the experiment first and its question second.
    async with store.work() as work:
        row = await get_experiment_for_worker(work, question.exp_uuid)
        return None if row is None else ClaimedQuestion(question, await read_snapshot(work, row))


async def keep_question(store: Store, question: ClaimedQuestion, claim_for: timedelta) -> bool:
    """Hold on to a question; False where another worker has it."""
    async with store.work() as work:
        return await renew_question(work, question.row, claim_for)


async def commit_reply(store: Store, question: ClaimedQuestion, reply: dict[str, Any]) -> bool:
    """Store an reply and wake whoever waits for it; False where the question was lost."""
    return await _settle(store, question, reply, None)


async def fail_question(store: Store, question: ClaimedQuestion, failure: str) -> bool:
    """Record why there is no reply and wake whoever waits for it; False where the question was lost."""
    return await _settle(store, question, None, failure)


async def commit_question_suggestions(
    store: Store, question: ClaimedQuestion, engine_run: EngineRun, failure: str | None = None
) -> bool:
    """Store the suggestions that an ask with fixed values waits for.

    Args:
        question: The question, still claimed.
        engine_run: What the engine gave.
        failure: Why the model failed, where the suggestions are not the model's.

    Returns:
        False where the question was lost and nothing was stored.
    """
    now = datetime.now(UTC)
    async with store.work() as work:
        row = await get_experiment_for_worker(work, question.row.exp_uuid, lock=True)
        if row is None or not await delete_question(work, question.row):
            return False
        wake_watchers(work, row.exp_uuid, row.owner_uuid, row.last_seq)
        if not row.is_closed and row.stopped is None:
            await _store(work, question, row, engine_run, failure, now)
    return True


async def _settle(store: Store, question: ClaimedQuestion, reply: dict[str, Any] | None, failure: str | None) -> bool:
    async with store.work() as work:
        is_stored = await update_reply(work, question.row, question.snapshot.data_rev, reply, failure)
        row = question.snapshot.experiment
        wake_watchers(work, row.exp_uuid, row.owner_uuid, row.last_seq)
    return is_stored


async def _store(
    work: Work, question: ClaimedQuestion, row: ExperimentRow, engine_run: EngineRun, failure: str | None, now: datetime
) -> None:
    pending = await list_pending(work, row.exp_uuid)
    # Those for anybody are the fit's to replace.
    superseded = [
        one
        for one in pending
        if one.is_open and one.fixed_key is not None and one.data_rev < question.snapshot.data_rev
    ]
    kept = [one for one in pending if not one.is_open or one.data_rev >= question.snapshot.data_rev]
    new = await still_new(work, question.snapshot, row, engine_run.suggestions, kept)
    failures = _failures(question, failure)
    first_seq = row.last_seq + 1 + len(failures)
    rows = suggestion_rows(question.snapshot, engine_run, new, first_seq, now, question.fixed, key_of(question.fixed))
    events = [*failures, *created_events(rows, superseded)]
    if events:
        values = best_predicted_of(row, engine_run, question.snapshot.data_rev)
        await record(work, row, now, events, values, *replace_suggestions(superseded, rows))


def _failures(question: ClaimedQuestion, failure: str | None) -> Sequence[NewEvent]:
    if failure is None:
        return []
    return [("engine_failed", {"reason": failure, "data_rev": question.snapshot.data_rev})]
