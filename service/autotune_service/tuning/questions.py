"""Put questions to the engine and read its replies; a question that was asked before has its reply at once."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from autotune_service.domain.configuration import checked_configuration
from autotune_service.domain.errors import BusyError, EngineFailedError
from autotune_service.domain.limits import DEFAULT_LIMITS, Limits
from autotune_service.store.database import Store, Work
from autotune_service.store.events import call_worker
from autotune_service.store.experiments import ExperimentRow, get_experiment
from autotune_service.store.questions import (
    QuestionKind,
    QuestionRow,
    add_question,
    count_waiting,
    delete_old_replies,
    delete_question,
    get_question,
)
from autotune_wire.base import Configuration
from autotune_wire.space import Space


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody wants to know of an experiment; the same question has the same key."""

    kind: QuestionKind
    body: dict[str, Any]

    @property
    def key(self) -> str:
        """The question in short."""
        return key_of(self.body)


@dataclass(frozen=True, slots=True)
class ReplyAtRev:
    """A reply, and the revision of the data that it knows."""

    reply: dict[str, Any]
    data_rev: int


def insights_question() -> Question:
    """Ask what the model has learnt."""
    return Question("insights", {})


def predict_question(
    row: ExperimentRow, configurations: Sequence[Configuration], spaces: Sequence[Space] = ()
) -> Question:
    """Ask what the model expects of configurations.

    Args:
        row: The experiment.
        configurations: Any that could be told: what was run outside today's space is asked about, too.
        spaces: The revisions of its space; none where it has but one.

    Raises:
        InvalidError: If one lies in no revision of the space.
    """
    checked = [
        checked_configuration(row.space, covars, f"configurations.{index}", earlier=spaces)
        for index, covars in enumerate(configurations)
    ]
    return Question("predict", {"configurations": checked})


async def reply_to(
    store: Store,
    user_uuid: UUID,
    exp_uuid: UUID,
    question: Question,
    data_rev: int,
    limits: Limits = DEFAULT_LIMITS,
) -> ReplyAtRev | None:
    """Return the reply to a question; where there is none yet, put the question.

    Args:
        question: The question.
        data_rev: What the reply must know.
        limits: How many questions may wait.

    Returns:
        None while there is no reply.

    Raises:
        NotFoundError: If the user has no such experiment.
        EngineFailedError: If the engine failed on it.
        BusyError: If too many questions wait.
    """
    async with store.work() as work:
        row = await get_experiment(work, exp_uuid, user_uuid)
        found = await get_question(work, exp_uuid, question.kind, question.key)
        is_known = found is not None and found.state != "waiting" and found.data_rev >= data_rev
        if found is None or (found.state != "waiting" and not is_known):
            await require_room_for_question(work, limits)
            await delete_old_replies(work, exp_uuid, row.data_rev)
            await add_question(work, exp_uuid, question.kind, question.key, question.body, row.data_rev)
            call_worker(work, exp_uuid)
        elif is_known and found.state == "failed":
            await delete_question(work, found)  # whoever asks next has it tried again
    if found is None or not is_known:
        return None
    raise_failure(found)
    assert found.reply is not None
    return ReplyAtRev(found.reply, found.data_rev)


async def require_room_for_question(work: Work, limits: Limits) -> None:
    """Refuse another question where the engine has enough of them.

    Raises:
        BusyError: If as many wait as may.
    """
    if await count_waiting(work) >= limits.waiting:
        raise BusyError(f"{limits.waiting} questions wait for the engine: ask again, or have it more processes")


def raise_failure(question: QuestionRow) -> None:
    """Raise the error of a question that failed.

    Raises:
        EngineFailedError: If it failed.
    """
    if question.state == "failed":
        raise EngineFailedError(f"the engine could not answer: {question.failure}")


def key_of(value: Any) -> str:
    """Give a short text that tells one JSON value from another; the order of names makes no difference."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return sha256(text.encode()).hexdigest()
