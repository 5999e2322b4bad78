"""The websockets: an experiment's events, replayed and live, and those of all of a user's experiments."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from quart import Blueprint, websocket

from autotune_service.domain.errors import InvalidError
from autotune_service.live.subscription import Following, reset_of, subscribe
from autotune_service.live.tail import EventFrame
from autotune_service.tuning import leases
from autotune_service.tuning.experiments import read_experiment, show_experiment
from autotune_service.web.blueprints.rules import rule_of
from autotune_service.web.calls import ask_new, tell_runs
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
    ResumeFrame,
    StreamQuery,
    TellFrame,
)
from autotune_wire.observations import TellReply
from autotune_wire.problems import FieldProblem
from autotune_wire.suggestions import AskReply, Leases, Suggestion

_OPERATION: TypeAdapter[Operation] = TypeAdapter(Operation)

blueprint = Blueprint("stream", __name__)


@blueprint.websocket(rule_of(paths.EXPERIMENT_STREAM))
async def stream(exp_uuid: UUID) -> None:
    """Stream an experiment's events after a seq."""
    query = StreamQuery.model_validate(dict(websocket.args))

    async def require(user_uuid: UUID) -> None:
        row = await read_experiment(services().store, user_uuid, exp_uuid)
        if not _is_other_log(query) and query.after > row.last_seq:
            message = f"must not be past the last event, {row.last_seq}"
            raise InvalidError.of([FieldProblem(field="after", message=message, value=query.after)])

    async def serve(user_uuid: UUID) -> None:
        async def call(decoded: Any) -> dict[str, Any]:
            return await _call(user_uuid, exp_uuid, _OPERATION.validate_python(decoded))

        await Socket(call).run(_frames(user_uuid, exp_uuid, query))

    await serve_socket(require, {EPOCH_HEADER: services().epoch}, serve)


@blueprint.websocket(paths.USER_STREAM)
async def stream_all() -> None:
    """Stream the events of all of the user's experiments: first where each stands, then what comes."""

    async def require(_: UUID) -> None:
        return

    async def serve(user_uuid: UUID) -> None:
        following = Following(services().store, services().hub, user_uuid, services().epoch)

        async def call(decoded: Any) -> dict[str, Any]:
            frame = ResumeFrame.model_validate(decoded)
            return {"n_experiments": await following.resume(frame.positions, frame.epoch)}

        await Socket(call).run(following.frames())

    await serve_socket(require, {EPOCH_HEADER: services().epoch}, serve)


def _is_other_log(query: StreamQuery) -> bool:
    """Whether the seqs that the client knows are those of another log: a backup was restored since."""
    return query.epoch is not None and query.epoch != services().epoch


async def _frames(user_uuid: UUID, exp_uuid: UUID, query: StreamQuery) -> AsyncGenerator[EventFrame]:
    own, after = services(), query.after
    if _is_other_log(query):
        row = await show_experiment(own.store, user_uuid, exp_uuid)
        after = row.last_seq
        reset = reset_of(row, own.epoch)
        yield EventFrame(reset.seq, reset.at, reset.model_dump_json())
    async with aclosing(subscribe(own.store, own.hub, exp_uuid, after)) as frames:
        async for frame in frames:
            yield frame


async def _call(user_uuid: UUID, exp_uuid: UUID, frame: Operation) -> dict[str, Any]:
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
    return reply.model_dump(mode="json")
