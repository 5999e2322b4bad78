"""Questions to the engine: web processes ask them and wait, a worker claims them and has them computed.

If the worker of a question dies, its claim runs out and another worker claims the question.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from autotune_service.store.database import Work
from autotune_service.store.rows.claims import NOW, claim_of, is_over, seconds_to
from autotune_service.store.rows.engine_use import may_take_reserved, used_lately
from autotune_service.store.statements import Row, Statement
from autotune_service.store.tables import questions

QuestionKind = Literal["suggest", "predict", "insights"]
QuestionState = Literal["waiting", "answered", "failed"]

_WAITING = questions.c.state == sa.literal_column("'waiting'")
# Longer than any request waits, so the request that asked the question has read its reply by then.
_READ_WITHIN = sa.cast(timedelta(minutes=2), sa.Interval)
_KEPT = sa.cast(timedelta(hours=1), sa.Interval)
_FAILED = questions.c.state == sa.literal_column("'failed'")
# A failed question has no claim: until a moment in its column no worker is to try again.
_RETRY_AT = questions.c.claim_until
_IS_DUE_AGAIN = sa.and_(_FAILED, _RETRY_AT.is_not(None), is_over(_RETRY_AT))
_ASKED_FOR = sa.cast(timedelta(seconds=10), sa.Interval)
_ASKED_STILL = sa.cast(timedelta(seconds=6), sa.Interval)
_IS_ASKED = sa.or_(questions.c.asked_until.is_(None), questions.c.asked_until > NOW)  # None: by a service of before
_IS_DROPPED = sa.and_(_WAITING, sa.not_(_IS_ASKED), is_over(questions.c.claim_until))
_FIRST = (used_lately(questions.c.asked_by), questions.c.created_at)
_CLAIM = claim_of(questions.c.question_uuid, _WAITING, _IS_ASKED, first=_FIRST)
_CLAIM_SHORT = claim_of(
    questions.c.question_uuid,
    _WAITING,
    _IS_ASKED,
    sa.not_(questions.c.is_long),
    may_take_reserved(questions.c.asked_by),
    first=_FIRST,
)
_TOUCH = Statement(
    sa.update(questions)
    .where(questions.c.question_uuid == sa.bindparam("of_uuid"), _WAITING, questions.c.asked_until < NOW + _ASKED_STILL)
    .values(asked_until=NOW + _ASKED_FOR)
)
_N_BYTES = sa.func.pg_column_size(questions.c.body) + sa.func.coalesce(sa.func.pg_column_size(questions.c.reply), 0)


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """A question as stored.

    ``data_rev`` of a waiting question is the least revision of the data that its reply must be computed from; later
    it is the revision that the reply was computed from. ``retry_in_s`` is in how many seconds a question on which the
    engine failed is worth another try; None if the engine would fail again. ``is_asked`` says whether somebody waits
    for the reply to a question that waits.
    """

    question_uuid: UUID
    exp_uuid: UUID
    kind: QuestionKind
    body: dict[str, Any]
    data_rev: int
    state: QuestionState
    reply: dict[str, Any] | None
    failure: str | None
    claim_token: UUID | None
    asked_by: UUID | None
    retry_in_s: float | None
    is_asked: bool


async def add_question(
    work: Work,
    exp_uuid: UUID,
    user_uuid: UUID,
    kind: QuestionKind,
    body_key: str,
    body: dict[str, Any],
    data_rev: int,
) -> None:
    """Store a question that waits for a worker, for as long as somebody waits for its reply (``still_asked``).

    If the same question is waiting already, or its reply is from ``data_rev`` or newer data, nothing changes. An older
    reply is dropped, and so is a failure that is worth another try now.
    """
    settled = dict.fromkeys(("reply", "failure", "answered_at", "claim_until"))
    asked = {"asked_by": user_uuid, "asked_until": NOW + _ASKED_FOR}
    values = {"state": "waiting", "data_rev": data_rev, **asked, **settled}
    query = insert(questions).values(
        question_uuid=uuid4(),
        exp_uuid=exp_uuid,
        kind=kind,
        body_key=body_key,
        body=body,
        created_at=NOW,
        **values,
    )
    query = query.on_conflict_do_update(
        index_elements=["exp_uuid", "kind", "body_key"],
        set_={**values, "reply": sa.null(), "created_at": NOW},
        where=sa.and_(sa.not_(_WAITING), sa.or_(questions.c.data_rev < data_rev, _IS_DUE_AGAIN)),
    )
    await work.run(query)


async def get_question(work: Work, exp_uuid: UUID, kind: QuestionKind, body_key: str) -> QuestionRow | None:
    """Find a question by its kind and key, unless the engine failed on it and another try is worth it now."""
    retry_in_s = sa.case((_FAILED, seconds_to(_RETRY_AT))).label("retry_in_s")
    query = sa.select(questions, retry_in_s, _IS_ASKED.label("is_asked")).where(
        questions.c.exp_uuid == exp_uuid,
        questions.c.kind == kind,
        questions.c.body_key == body_key,
        sa.not_(_IS_DUE_AGAIN),
    )
    row = await work.one(query)
    return None if row is None else _question_of(row)


async def still_asked(work: Work, question: QuestionRow) -> None:
    """Keep a question that waits, as somebody still waits for its reply; to be called every few seconds."""
    await work.run(_TOUCH(of_uuid=question.question_uuid))


async def count_waiting(work: Work) -> int:
    """Count the questions that wait for a reply and for which somebody waits, claimed or not."""
    row = await work.one(sa.select(sa.func.count().label("n")).select_from(questions).where(_WAITING, _IS_ASKED))
    return 0 if row is None else int(row["n"])


async def count_waiting_of(work: Work, user_uuid: UUID) -> int:
    """Count the questions of a user that wait for a reply, as ``count_waiting``."""
    of_user = (_WAITING, _IS_ASKED, questions.c.asked_by == user_uuid)
    row = await work.one(sa.select(sa.func.count().label("n")).select_from(questions).where(*of_user))
    return 0 if row is None else int(row["n"])


async def delete_dropped(work: Work, user_uuid: UUID) -> None:
    """Delete the questions of a user that nobody waits for any more and nobody works on."""
    await work.run(sa.delete(questions).where(questions.c.asked_by == user_uuid, _IS_DROPPED))


async def count_reply_bytes(work: Work, user_uuid: UUID) -> int:
    """Count the bytes of a user's questions that have their reply, which is kept for who asks again."""
    of_user = (questions.c.asked_by == user_uuid, sa.not_(_WAITING))
    row = await work.one(sa.select(sa.func.coalesce(sa.func.sum(_N_BYTES), 0).label("n")).where(*of_user))
    return 0 if row is None else int(row["n"])


async def delete_read_replies(work: Work, user_uuid: UUID) -> None:
    """Delete the replies to a user that are more than two minutes old."""
    is_read = questions.c.answered_at < NOW - _READ_WITHIN
    await work.run(sa.delete(questions).where(questions.c.asked_by == user_uuid, sa.not_(_WAITING), is_read))


async def claim_waiting_question(
    work: Work, worker: str, claim_for: timedelta, *, only_short: bool = False
) -> QuestionRow | None:
    """Claim a question that somebody waits for: of the user who used the engine least lately, the one asked first.

    Args:
        work: The transaction.
        worker: Who claims.
        claim_for: How long the claim holds unless it is renewed.
        only_short: Whether to leave the questions that took long when they were tried, and those of users who have
            short work done already.

    Returns:
        The question; None if no question waits or workers hold all that do.
    """
    claim = _CLAIM_SHORT if only_short else _CLAIM
    row = await work.one(claim(token=uuid4(), worker=worker, claim_for=claim_for))
    return None if row is None else _question_of(row)


async def renew_question(work: Work, question: QuestionRow, claim_for: timedelta) -> bool:
    """Prolong the claim on a question; return False if the claim is lost."""
    query = sa.update(questions).where(_is_held(question)).values(claim_until=NOW + claim_for)
    return await work.one(query.returning(questions.c.question_uuid)) is not None


async def update_reply(
    work: Work,
    question: QuestionRow,
    data_rev: int,
    reply: dict[str, Any] | None,
    failure: str | None,
    retry_in: timedelta | None,
) -> bool:
    """Store the reply to a question, or why it failed; return False if the claim is lost."""
    query = (
        sa.update(questions)
        .where(_is_held(question))
        .values(
            state="answered" if failure is None else "failed",
            data_rev=data_rev,
            reply=sa.null() if reply is None else reply,
            failure=failure,
            answered_at=NOW,
            claim_token=None,
            claim_by=None,
            claim_until=None if retry_in is None else NOW + retry_in,
        )
    )
    return await work.one(query.returning(questions.c.question_uuid)) is not None


async def put_off_question(work: Work, question: QuestionRow) -> None:
    """Release the claim on a question that takes long; who does short work alone leaves it from now on."""
    free = {"claim_token": None, "claim_by": None, "claim_until": None}
    await work.run(sa.update(questions).where(_is_held(question)).values(**free, is_long=True))


async def delete_question(work: Work, question: QuestionRow) -> bool:
    """Delete a question; return False if the claim on it is lost or the question was asked anew meanwhile."""
    query = sa.delete(questions).where(_is_held(question)).returning(questions.c.question_uuid)
    return await work.one(query) is not None


async def delete_old_replies(work: Work, exp_uuid: UUID, data_rev: int) -> None:
    """Delete an experiment's replies that are from data older than ``data_rev`` and more than two minutes old."""
    old = sa.and_(questions.c.data_rev < data_rev, questions.c.answered_at < NOW - _READ_WITHIN)
    await work.run(sa.delete(questions).where(questions.c.exp_uuid == exp_uuid, sa.not_(_WAITING), old))


async def delete_unasked_replies(work: Work) -> None:
    """Delete the replies, of any experiment, that are more than an hour old, and the questions nobody waits for."""
    is_old = sa.and_(sa.not_(_WAITING), questions.c.answered_at < NOW - _KEPT)
    await work.run(sa.delete(questions).where(sa.or_(is_old, _IS_DROPPED)))


def _is_held(question: QuestionRow) -> sa.ColumnElement[bool]:
    return sa.and_(
        questions.c.question_uuid == question.question_uuid,
        questions.c.state == question.state,
        questions.c.claim_token.is_not_distinct_from(question.claim_token),
    )


def _question_of(row: Row) -> QuestionRow:
    columns = {"reply": "answer", "claim_token": "lease_token"}  # pragma: allowlist secret -- names of columns
    computed = {"retry_in_s": row.get("retry_in_s"), "is_asked": row.get("is_asked", True)}
    fields = {name: row[columns.get(name, name)] for name in QuestionRow.__slots__ if name not in computed}
    return QuestionRow(**fields, **computed)
