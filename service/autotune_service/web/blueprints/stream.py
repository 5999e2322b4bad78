"""The websockets: an experiment's events, replayed and live, and those of all of a user's experiments."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from uuid import UUID

from quart import Blueprint, websocket

from autotune_service.domain.access import Caller
from autotune_service.domain.errors import InvalidError
from autotune_service.live.subscription import Following, subscribe
from autotune_service.live.tail import EventFrame
from autotune_service.store.shares import ACTING
from autotune_service.tuning import leases, report
from autotune_service.tuning.experiments import read_position
from autotune_service.web.blueprints.rules import rule_of
from autotune_service.web.calls import ask_new, tell_runs
from autotune_service.web.door import frames_need, needs
from autotune_service.web.once import once_of_frame
from autotune_service.web.services import services
from autotune_service.web.socket import Socket, serve_socket
from autotune_wire import paths
from autotune_wire.base import Reply
from autotune_wire.frames import (
    EPOCH_HEADER,
    AbandonFrame,
    AskFrame,
    Operation,
    RenewFrame,
    ReportFrame,
    ResumeFrame,
    StreamQuery,
    TellFrame,
)
from autotune_wire.observations import TellReply
from autotune_wire.problems import FieldProblem
from autotune_wire.reports import Verdict
from autotune_wire.suggestions import AskReply, Leases, Suggestion

_OPERATION = "autotune_wire.frames:Operation"
_RESUME = "autotune_wire.frames:ResumeFrame"

blueprint = Blueprint("stream", __name__)


@blueprint.websocket(rule_of(paths.EXPERIMENT_STREAM))
@needs("read", "viewer")
@frames_need("tell", "teller")
async def stream(exp_uuid: UUID) -> None:
    """Stream an experiment's events after a seq."""
    query = StreamQuery.model_validate(dict(websocket.args))
    own, known = services(), query.epoch

    def headers() -> dict[str, str]:
        nonlocal known
        known = known or own.store.log.epoch  # a client that names no log takes the one it is told of for its own
        return {EPOCH_HEADER: own.store.log.epoch}

    async def require(caller: Caller) -> None:
        nonlocal known
        user_uuid = caller.user_uuid
        last_seq, epoch = await read_position(own.store, user_uuid, exp_uuid)
        if known not in {None, epoch}:
            await own.hub.look()  # the client may know of a new log before this process does
            last_seq, epoch = await read_position(own.store, user_uuid, exp_uuid)
        known = known or epoch
        if known == epoch and query.after > last_seq:
            message = f"must not be past the last event, {last_seq}"
            raise InvalidError.of([FieldProblem(field="after", message=message, value=query.after)])

    async def serve(caller: Caller) -> None:
        ACTING.set(caller.user_uuid)

        async def call(frame: Operation) -> dict[str, Any]:
            return await _call(caller.user_uuid, exp_uuid, frame)

        assert known is not None  # headers has run
        frames = subscribe(own.store, own.hub, caller.user_uuid, exp_uuid, query.after, known)
        await Socket(caller, exp_uuid, _OPERATION, call).run(_paced(caller.user_uuid, frames))

    await serve_socket(require, headers, serve)


@blueprint.websocket(paths.USER_STREAM)
@needs("read")
@frames_need("read")
async def stream_all() -> None:
    """Stream the events of all of the user's experiments: first where each stands, then what comes."""
    own, told = services(), ""

    def headers() -> dict[str, str]:
        nonlocal told
        told = own.store.log.epoch
        return {EPOCH_HEADER: told}

    async def require(_: Caller) -> None:
        return

    async def serve(caller: Caller) -> None:
        ACTING.set(caller.user_uuid)
        following = Following(own.store, own.hub, caller.user_uuid, told)

        async def call(frame: ResumeFrame) -> dict[str, Any]:
            return {"n_experiments": await following.resume(frame.positions, frame.epoch)}

        await Socket(caller, None, _RESUME, call).run(_paced(caller.user_uuid, following.frames()))

    await serve_socket(require, headers, serve)


async def _paced(user_uuid: UUID, frames: AsyncGenerator[EventFrame]) -> AsyncGenerator[EventFrame]:
    """Yield frames no faster than the turns of others allow."""
    turns = services().turns
    async with aclosing(frames):
        async for frame in frames:
            await turns.pace(user_uuid)
            yield frame


async def _call(user_uuid: UUID, exp_uuid: UUID, frame: Operation) -> dict[str, Any]:
    async with services().turns.turn(user_uuid):
        if isinstance(frame, AskFrame | TellFrame | ReportFrame):
            await services().stored.require_room(services().store, user_uuid, exp_uuid)
        return await _operate(user_uuid, exp_uuid, frame)


async def _operate(user_uuid: UUID, exp_uuid: UUID, frame: Operation) -> dict[str, Any]:
    store, place = services().store, (user_uuid, exp_uuid)
    once = once_of_frame(*place, frame)
    reply: Reply
    match frame:
        case AskFrame():
            reply = await once.reply(AskReply, ask_new(*place, frame, once))
        case TellFrame():
            reply = await once.reply(TellReply, tell_runs(*place, frame, once))
        case RenewFrame():
            reply = await once.reply(Leases, leases.renew(store, *place, frame, once))
        case AbandonFrame():
            reply = await once.reply(Suggestion, leases.abandon(store, *place, frame, once))
        case ReportFrame():
            reporting = report.report(store, *place, frame, once, services().limits)
            reply = await once.reply(Verdict, reporting)
    return reply.model_dump(mode="json")
