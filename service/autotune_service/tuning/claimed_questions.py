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
    claim_question,
    delete_question,
    renew_question,
    update_answer,
)
from autotune_service.store.suggestions import list_pending, replace_suggestions
from autotune_service.tuning.fit import MAX_BATCH
from autotune_service.tuning.new_suggestions import (
    Solved,
    best_predicted_of,
    created_events,
    fresh_proposals,
    suggestion_rows,
)
from autotune_service.tuning.questions import key_of
from autotune_service.tuning.snapshot import Snapshot, read_snapshot
from autotune_wire.base import Configuration


@dataclass(frozen=True, slots=True)
class Asked:
    """A claimed question with the snapshot that the engine works on."""

    question: QuestionRow
    snapshot: Snapshot

    @property
    def fixed(self) -> Configuration:
        """The values that suggestions must have; of a question of the kind suggest."""
        fixed: Configuration = self.question.body["fixed"]
        return fixed

    @property
    def n(self) -> int:
        """How many suggestions are wanted; of a question of the kind suggest."""
        return min(int(self.question.body["n"]), MAX_BATCH)

    @property
    def configurations(self) -> list[Configuration]:
        """What is to be predicted; empty but for a question of the kind predict."""
        return list(self.question.body.get("configurations", []))


async def claim_asked(store: Store, worker: str, lease_for: timedelta) -> Asked | None:
    """Claim the question that has waited longest, with its snapshot; None where none waits."""
    async with store.work() as work:
        question = await claim_question(work, worker, lease_for)
    if question is None:
        return None
    # In a transaction of its own: whoever asks locks the experiment first and its question second.
    async with store.work() as work:
        row = await get_experiment_for_worker(work, question.exp_uuid)
        return None if row is None else Asked(question, await read_snapshot(work, row))


async def keep_asked(store: Store, asked: Asked, lease_for: timedelta) -> bool:
    """Hold on to a question; False where another worker has it."""
    async with store.work() as work:
        return await renew_question(work, asked.question, lease_for)


async def commit_answer(store: Store, asked: Asked, answer: dict[str, Any]) -> bool:
    """Store an answer and wake whoever waits for it; False where the question was lost."""
    return await _settle(store, asked, answer, None)


async def fail_asked(store: Store, asked: Asked, failure: str) -> bool:
    """Record why there is no answer and wake whoever waits for it; False where the question was lost."""
    return await _settle(store, asked, None, failure)


async def commit_asked_suggestions(store: Store, asked: Asked, solved: Solved, failure: str | None = None) -> bool:
    """Store the suggestions that an ask with fixed values waits for.

    Args:
        store: Where the experiment is.
        asked: The question, still claimed.
        solved: What the engine gave.
        failure: Why the model failed, where the proposals are not the model's.

    Returns:
        False where the question was lost and nothing was stored.
    """
    now = datetime.now(UTC)
    async with store.work() as work:
        row = await get_experiment_for_worker(work, asked.question.exp_uuid, lock=True)
        if row is None or not await delete_question(work, asked.question):
            return False
        wake_watchers(work, row.exp_uuid, row.owner_uuid, row.last_seq)
        if not row.is_closed and row.stopped is None:
            await _store(work, asked, row, solved, failure, now)
    return True


async def _settle(store: Store, asked: Asked, answer: dict[str, Any] | None, failure: str | None) -> bool:
    async with store.work() as work:
        is_stored = await update_answer(work, asked.question, asked.snapshot.data_rev, answer, failure)
        row = asked.snapshot.experiment
        wake_watchers(work, row.exp_uuid, row.owner_uuid, row.last_seq)
    return is_stored


async def _store(
    work: Work, asked: Asked, row: ExperimentRow, solved: Solved, failure: str | None, now: datetime
) -> None:
    pending = await list_pending(work, row.exp_uuid)
    # Those for anybody are the fit's to replace.
    superseded = [
        one for one in pending if one.is_open and one.fixed_key is not None and one.data_rev < asked.snapshot.data_rev
    ]
    kept = [one for one in pending if not one.is_open or one.data_rev >= asked.snapshot.data_rev]
    new = await fresh_proposals(work, asked.snapshot, row, solved.proposals, kept)
    failures = _failures(asked, failure)
    first_seq = row.last_seq + 1 + len(failures)
    rows = suggestion_rows(asked.snapshot, solved, new, first_seq, now, asked.fixed, key_of(asked.fixed))
    events = [*failures, *created_events(rows, superseded)]
    if events:
        values = best_predicted_of(row, solved, asked.snapshot.data_rev)
        await record(work, row, now, events, values, *replace_suggestions(superseded, rows))


def _failures(asked: Asked, failure: str | None) -> Sequence[NewEvent]:
    if failure is None:
        return []
    return [("engine_failed", {"reason": failure, "data_rev": asked.snapshot.data_rev})]
