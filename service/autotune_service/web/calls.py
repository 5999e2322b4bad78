"""Ask and tell, shaped for the wire, for HTTP and the websocket alike."""

import asyncio
from datetime import timedelta
from functools import partial
from uuid import UUID

from autotune_service.domain.errors import AutotuneError, InvalidError, SuggestionPendingError, UnavailableError
from autotune_service.store.statements import json_text
from autotune_service.tuning import ask, conditional, tell
from autotune_service.tuning.experiments import read_experiment
from autotune_service.tuning.once import Once
from autotune_service.web.services import services
from autotune_service.web.taking import Taking
from autotune_wire.base import Configuration
from autotune_wire.observations import Tell, TellReply
from autotune_wire.problems import FieldProblem
from autotune_wire.suggestions import Ask, AskReply

_RETRY_AFTER_S = 1


async def ask_current(user_uuid: UUID, exp_uuid: UUID, fixed: Configuration) -> AskReply:
    """Return the current suggestion, or the current one for the fixed values; wait if the engine is still computing it.

    Raises:
        SuggestionPendingError: If the engine takes longer than an ask waits.
    """
    own = services()
    row = await read_experiment(own.store, user_uuid, exp_uuid)
    if fixed or row.has_contexts:
        checked = await conditional.checked_ask(own.store, row, fixed)
        place = (own.store, user_uuid, exp_uuid, row.data_rev)
        attempt = partial(conditional.current_conditional, *place, checked, limits=own.limits)
    else:
        attempt = partial(ask.current_suggestion, own.store, user_uuid, exp_uuid, row.data_rev)
    found = await own.hub.until(exp_uuid, attempt, own.ask_wait_s)
    if found is None and not (fixed or row.has_contexts):
        least = await ask.least_data_rev(own.store, user_uuid, row)
        if least < row.data_rev:
            found = await ask.current_suggestion(own.store, user_uuid, exp_uuid, least)
    if found is None:
        raise pending(own.ask_wait_s)
    return _ask_reply(exp_uuid, found)


async def ask_new(user_uuid: UUID, exp_uuid: UUID, body: Ask, once: Once) -> AskReply:
    """Lease suggestions to the caller: as many as were asked for, or those that come within the time that an ask waits.

    Raises:
        SuggestionPendingError: If no suggestion comes in time.
    """
    own = services()
    terms = ask.Terms(body.worker, timedelta(seconds=body.lease_s), once)
    taken = await ask.taken_before(own.store, exp_uuid, terms)
    row = await read_experiment(own.store, user_uuid, exp_uuid)
    taking = Taking(own, user_uuid, row, body.n, terms, taken)
    try:
        if body.fixed or row.has_contexts:
            await taking.wait_for_fixed(await conditional.checked_ask(own.store, row, body.fixed))
        else:
            await taking.wait_for_open()
    except AutotuneError as error:
        # Suggestions that were taken before the error are leased to the caller, so the reply must name them. But if the
        # database was lost, more may have been taken than is known here. A request with a key is then sent again, and
        # gets all of them.
        if not taken or (once.has_key and type(error) is UnavailableError):
            raise
    if not taken:
        raise pending(own.ask_wait_s)
    reply = _ask_reply(exp_uuid, ask.Asked(taken, taking.updated_at))
    await once.keep_alone(own.store, reply)
    return reply


async def tell_runs(user_uuid: UUID, exp_uuid: UUID, body: Tell, once: Once) -> TellReply:
    """Store the runs that were told, and return how the experiment stands.

    Raises:
        AutotuneError: As ``tuning.tell.tell``.
        ValidationError: If a table of the body cannot be read.
    """
    if body.exp_uuid not in {None, exp_uuid}:
        message = f"must be the uuid in the path, {exp_uuid}"
        raise InvalidError.of([FieldProblem(field="exp_uuid", message=message, value=str(body.exp_uuid))])
    store = services().store
    if body.is_tabular:
        row = await read_experiment(store, user_uuid, exp_uuid)
        runs = await asyncio.to_thread(body.runs, list(row.responses), row.space)
    else:
        runs = body.runs()
    return await tell.tell(store, user_uuid, exp_uuid, runs, body.field_of, once, services().limits)


def pending(waited_s: float) -> SuggestionPendingError:
    """Build the error for an engine that has not finished within the time that a request waits."""
    detail = (
        f"the engine has not finished within {waited_s:g} s: ask again; if it never finishes, check that a worker runs"
    )
    return SuggestionPendingError(detail, _RETRY_AFTER_S)


def _ask_reply(exp_uuid: UUID, found: ask.Asked) -> AskReply:
    return AskReply(
        exp_uuid=exp_uuid,
        time_updated=found.updated_at,
        covars_next_exp=json_text([suggestion.covars for suggestion in found.suggestions]),
        suggestions=[suggestion.to_wire() for suggestion in found.suggestions],
    )
