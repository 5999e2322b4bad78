"""Ask and tell, shaped for the wire: the same over HTTP and on the websocket."""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from autotune_service.domain.errors import AutotuneError, InvalidError, SuggestionPendingError
from autotune_service.store.suggestions import SuggestionRow
from autotune_service.tuning import ask, tell
from autotune_service.tuning.experiments import read_experiment
from autotune_service.web.services import services
from autotune_wire.observations import RESPONSE_COLUMN, Tell, TellReply
from autotune_wire.problems import FieldProblem
from autotune_wire.suggestions import AskReply
from autotune_wire.tables import column_frame

_RETRY_AFTER_S = 1


async def ask_current(user_uuid: UUID, exp_uuid: UUID) -> AskReply:
    """Give the current suggestion; where the engine is at work on it, wait.

    Raises:
        SuggestionPendingError: If it takes longer than an ask waits.
    """
    own = services()
    row = await read_experiment(own.store, user_uuid, exp_uuid)
    attempt = partial(ask.current_suggestion, own.store, user_uuid, exp_uuid, row.data_rev)
    given = await own.hub.until(exp_uuid, attempt, own.ask_wait_s)
    if given is None:
        raise _pending(own.ask_wait_s)
    return _ask_reply(exp_uuid, given)


async def ask_new(user_uuid: UUID, exp_uuid: UUID, n: int) -> AskReply:
    """Take ``n`` suggestions for the caller alone, or as many as come within the time that an ask waits.

    Raises:
        SuggestionPendingError: If none comes.
    """
    own = services()
    row = await read_experiment(own.store, user_uuid, exp_uuid)
    taken: list[SuggestionRow] = []

    async def attempt() -> ask.Given | None:
        missing = n - len(taken)
        given = await ask.lease_suggestions(own.store, user_uuid, exp_uuid, row.data_rev, missing)
        taken.extend(given.suggestions)
        return given if len(taken) == n else None

    given = None
    try:
        given = await own.hub.until(exp_uuid, attempt, own.ask_wait_s)
    except AutotuneError:
        if not taken:
            raise  # what is taken already is the caller's: it must hear of it
    if not taken:
        raise _pending(own.ask_wait_s)
    return _ask_reply(exp_uuid, ask.Given(taken, row.updated_at if given is None else given.updated_at))


async def tell_runs(user_uuid: UUID, exp_uuid: UUID, body: Tell) -> TellReply:
    """Store what was told and say how the experiment stands.

    Raises:
        AutotuneError: As ``tuning.tell.tell``.
        ValidationError: If a table of the body cannot be read.
    """
    if body.exp_uuid not in {None, exp_uuid}:
        message = f"must be that of the path, {exp_uuid}"
        raise InvalidError.of([FieldProblem(field="exp_uuid", message=message, value=str(body.exp_uuid))])
    taken = await tell.tell(services().store, user_uuid, exp_uuid, body.runs(), body.field_of)
    return TellReply(
        exp_uuid=exp_uuid,
        covars_tell=_text([one.covars for one in taken.observations]),
        response_tell=_text([{RESPONSE_COLUMN: one.response} for one in taken.observations]),
        best_response=_text(column_frame({RESPONSE_COLUMN: taken.best_response})),
        covars_best_response=_text(column_frame(taken.best_covars)),
        covars_sampled_iter=taken.n_observations,
        response_sampled_iter=taken.n_observations,
        time_updated=taken.updated_at,
        observations=taken.observations,
    )


def _ask_reply(exp_uuid: UUID, given: ask.Given) -> AskReply:
    return AskReply(
        exp_uuid=exp_uuid,
        time_updated=given.updated_at,
        covars_next_exp=_text([one.covars for one in given.suggestions]),
        suggestions=[one.told() for one in given.suggestions],
    )


def _text(value: Sequence[Any] | dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _pending(waited_s: float) -> SuggestionPendingError:
    detail = f"the engine has not finished within {waited_s:g} s: ask again; if it never does, no worker may be running"
    return SuggestionPendingError(detail, _RETRY_AFTER_S)
