"""Put questions to the engine and read the replies; a question that was put before has its reply at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Self
from uuid import UUID

from autotune_service.domain.configuration import checked_run
from autotune_service.domain.errors import BusyError, EngineFailedError, EngineFailingError
from autotune_service.domain.limits import DEFAULT_LIMITS, Limits
from autotune_service.domain.stored import key_of
from autotune_service.store.database import Store, Work
from autotune_service.store.rows.events import call_worker
from autotune_service.store.rows.experiments import ExperimentRow, get_experiment
from autotune_service.store.rows.questions import (
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
    """A question about an experiment; equal questions have equal keys.

    Attributes:
        key: The hash of the question's body.
    """

    kind: QuestionKind
    body: dict[str, Any]
    key: str

    @classmethod
    def of(cls, kind: QuestionKind, body: dict[str, Any]) -> Self:
        """Build the question with its key."""
        return cls(kind, body, key_of(body))


@dataclass(frozen=True, slots=True)
class ReplyAtRev:
    """A reply, and the revision of the data that the reply was computed from."""

    reply: dict[str, Any]
    data_rev: int


def insights_question() -> Question:
    """Build the question for the insights into an experiment."""
    return Question.of("insights", {})


def predict_question(
    row: ExperimentRow, configurations: Sequence[Configuration], spaces: Sequence[Space] = ()
) -> Question:
    """Build the question for the predictions of configurations.

    Args:
        row: The experiment.
        configurations: The configurations. Each may lie outside the space, as a run may.
        spaces: The revisions of the experiment's space; may be empty if there is only one.

    Raises:
        InvalidError: If a configuration has a value that no run can have, or that has no place on a logarithmic scale.
    """
    checked = [
        checked_run(row.space, covars, f"configurations.{index}", earlier=spaces, is_modelled=True)
        for index, covars in enumerate(configurations)
    ]
    return Question.of("predict", {"configurations": checked})


async def reply_to(
    store: Store,
    user_uuid: UUID,
    exp_uuid: UUID,
    question: Question,
    data_rev: int,
    limits: Limits = DEFAULT_LIMITS,
) -> ReplyAtRev | None:
    """Return the reply to a question; if there is none yet, put the question.

    Args:
        question: The question.
        data_rev: The reply must be computed from this revision of the data or a newer one.

    Returns:
        The reply, or None while there is none.

    Raises:
        NotFoundError: If the user has no such experiment.
        EngineFailedError: If the engine failed on the question.
        BusyError: If too many questions wait for the engine.
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
        elif is_known and found.state == "failed" and found.retry_in_s is None:
            await delete_question(work, found)  # so that the next request has the engine try again
    if found is None or not is_known:
        return None
    raise_failure(found)
    assert found.reply is not None
    return ReplyAtRev(found.reply, found.data_rev)


async def require_room_for_question(work: Work, limits: Limits) -> None:
    """Check that one more question may wait for the engine.

    Raises:
        BusyError: If as many questions wait as are allowed.
    """
    if await count_waiting(work) >= limits.waiting:
        raise BusyError(
            f"the service is busy: {limits.waiting} predictions, insights and asks with fixed values are waiting to be "
            "computed; try again in a few seconds"
        )


def raise_failure(question: QuestionRow) -> None:
    """Raise the error of a question that failed.

    Raises:
        EngineFailingError: If the question failed, and another try is worth it later.
        EngineFailedError: If the question failed.
    """
    if question.state == "failed" and question.retry_in_s is not None:
        wait_s = max(ceil(question.retry_in_s), 1)
        raise EngineFailingError(f"the engine failed ({question.failure}): ask again in {wait_s} s", wait_s)
    if question.state == "failed":
        raise EngineFailedError(f"the engine failed ({question.failure}): ask again to have it try once more")
