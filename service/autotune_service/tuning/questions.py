"""Put questions to the engine and read the replies; a question that was put before has its reply at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Self
from uuid import UUID

from autotune_service.domain.configuration import checked_run
from autotune_service.domain.errors import BusyError, EngineFailedError, EngineFailingError, TooManyError
from autotune_service.domain.limits import DEFAULT_LIMITS, Limits
from autotune_service.domain.stored import key_of
from autotune_service.store.database import Store, Work
from autotune_service.store.rows.events import call_worker
from autotune_service.store.rows.experiments import ExperimentRow, get_experiment
from autotune_service.store.rows.questions import (
    QuestionKind,
    QuestionRow,
    add_question,
    count_reply_bytes,
    count_waiting,
    count_waiting_of,
    delete_dropped,
    delete_old_replies,
    delete_question,
    delete_read_replies,
    get_question,
    still_asked,
)
from autotune_wire.base import Configuration
from autotune_wire.space import Space

_MOST_REPLY_BYTES = 64 * 2**20
"""Of the replies that are kept for one user, in case the same is asked again."""
_READ_IN_S = 60


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
        TooManyError: If too many questions of the user wait for the engine.
    """
    async with store.work() as work:
        row = await get_experiment(work, exp_uuid, user_uuid)
        found = await get_question(work, exp_uuid, question.kind, question.key)
        is_known = found is not None and found.state != "waiting" and found.data_rev >= data_rev
        if found is None or (found.state != "waiting" and not is_known):
            await require_room_for_question(work, user_uuid, limits)
            await delete_old_replies(work, exp_uuid, row.data_rev)
            await add_question(work, exp_uuid, user_uuid, question.kind, question.key, question.body, row.data_rev)
            call_worker(work, exp_uuid)
        elif found.state == "waiting":
            await wait_on(work, found, user_uuid, limits)
        elif is_known and found.state == "failed" and found.retry_in_s is None:
            await delete_question(work, found)  # so that the next request has the engine try again
    if found is None or not is_known:
        return None
    raise_failure(found)
    assert found.reply is not None
    return ReplyAtRev(found.reply, found.data_rev)


async def wait_on(work: Work, question: QuestionRow, user_uuid: UUID, limits: Limits) -> None:
    """Keep a question that waits, as its user does; one that nobody waited for any more is taken up again.

    Raises:
        BusyError: As ``require_room_for_question``.
        TooManyError: As ``require_room_for_question``.
    """
    if not question.is_asked:
        await require_room_for_question(work, user_uuid, limits)
        call_worker(work, question.exp_uuid)
    await still_asked(work, question)


async def require_room_for_question(work: Work, user_uuid: UUID, limits: Limits) -> None:
    """Check that one more question of a user may wait for the engine.

    Raises:
        BusyError: If as many questions wait as are allowed.
        TooManyError: If as many questions of the user wait as are allowed, or the replies to them take too much room.
    """
    await delete_dropped(work, user_uuid)
    if await count_waiting_of(work, user_uuid) >= limits.questions_each:
        raise TooManyError(
            f"{limits.questions_each} predictions, insights and asks with fixed values of yours wait to be computed, "
            "which is as many as a user may have: ask again when one is answered"
        )
    if await count_reply_bytes(work, user_uuid) > _MOST_REPLY_BYTES:
        await delete_read_replies(work, user_uuid)
        if await count_reply_bytes(work, user_uuid) > _MOST_REPLY_BYTES:
            raise TooManyError(
                f"the replies to your questions of the last two minutes have more than {_MOST_REPLY_BYTES} bytes: "
                "ask again in a minute",
                _READ_IN_S,
            )
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
