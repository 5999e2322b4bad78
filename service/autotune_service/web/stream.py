"""The websocket of an experiment: its events, replayed and live, and ask and tell on the same socket."""

import asyncio
from contextlib import aclosing
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from quart import Blueprint, websocket

from autotune_service.domain.errors import (
    AutotuneError,
    InvalidError,
    MalformedError,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
)
from autotune_service.live.subscription import subscribe
from autotune_service.tuning import leases
from autotune_service.tuning.experiments import read_experiment
from autotune_service.web.calls import ask_new, tell_runs
from autotune_service.web.errors import problem_of
from autotune_service.web.identity import signed_in_on_socket
from autotune_service.web.once import once_of_frame
from autotune_service.web.requests import read_json
from autotune_service.web.rules import rule_of
from autotune_service.web.services import services
from autotune_wire import paths
from autotune_wire.base import Reply
from autotune_wire.frames import (
    CLOSE_GOING_AWAY,
    CLOSE_NOT_FOUND,
    CLOSE_UNAUTHENTICATED,
    AbandonFrame,
    Answer,
    AskFrame,
    AuthFrame,
    Id,
    Operation,
    RenewFrame,
    StreamQuery,
    TellFrame,
)
from autotune_wire.observations import TellReply
from autotune_wire.problems import FieldProblem
from autotune_wire.suggestions import AskReply, Suggestion

_AUTH_WAIT_S = 10.0
_OPERATIONS_AT_A_TIME = 8
_RESTARTS = "the service restarts: connect again"
_OPERATION: TypeAdapter[Operation] = TypeAdapter(Operation)
_ID: TypeAdapter[Id] = TypeAdapter(Id)

blueprint = Blueprint("stream", __name__)


class _ClosedError(Exception):
    """The service ends the socket with a code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@blueprint.websocket(rule_of(paths.EXPERIMENT_STREAM))
async def stream(exp_uuid: UUID) -> None:
    """Stream an experiment's events after a seq."""
    query = StreamQuery.model_validate(dict(websocket.args))
    user_uuid = await signed_in_on_socket()
    if user_uuid is not None:
        await _require_readable(user_uuid, exp_uuid, query.after)
    await websocket.accept()
    try:
        if user_uuid is None:
            user_uuid = await _user_of_first_frame()
            await _require_readable(user_uuid, exp_uuid, query.after)
        await _Socket(user_uuid, exp_uuid).run(query.after)
    except _ClosedError as closed:
        await websocket.close(closed.code, closed.reason)
    except UnauthenticatedError as error:
        await websocket.close(CLOSE_UNAUTHENTICATED, error.detail)
    except (NotFoundError, InvalidError) as error:
        await websocket.close(CLOSE_NOT_FOUND, error.detail)
    except AutotuneError as error:
        await websocket.close(CLOSE_GOING_AWAY, error.detail)


async def _require_readable(user_uuid: UUID, exp_uuid: UUID, after: int) -> None:
    row = await read_experiment(services().store, user_uuid, exp_uuid)
    if after > row.last_seq:
        message = f"must not be past the last event, {row.last_seq}"
        raise InvalidError.of([FieldProblem(field="after", message=message, value=after)])


async def _user_of_first_frame() -> UUID:
    try:
        frame = AuthFrame.model_validate(_decoded(await _first_frame()))
    except (TimeoutError, ValueError, MalformedError):
        raise UnauthenticatedError('the first frame must be {"op": "auth", "token": "<access token>"}') from None
    user_uuid = (await services().accounts.user_of_token(frame.token)).user_uuid
    if frame.id is not None:
        await websocket.send(Answer(id=frame.id, result={}).model_dump_json())
    return user_uuid


async def _first_frame() -> Any:
    receiving = asyncio.ensure_future(websocket.receive())
    closing = asyncio.ensure_future(services().hub.closing.wait())
    try:
        await asyncio.wait({receiving, closing}, timeout=_AUTH_WAIT_S, return_when=asyncio.FIRST_COMPLETED)
        if receiving.done():
            return receiving.result()
        if closing.done():
            raise _ClosedError(CLOSE_GOING_AWAY, _RESTARTS)
        raise TimeoutError
    finally:
        receiving.cancel()
        closing.cancel()


class _Socket:
    """One open socket: events go out while operations come in."""

    def __init__(self, user_uuid: UUID, exp_uuid: UUID) -> None:
        self._user_uuid = user_uuid
        self._exp_uuid = exp_uuid
        self._n_operations = 0
        self._sending = asyncio.Lock()

    async def run(self, after: int) -> None:
        """Serve until the client leaves or the service stops."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._send_events(after))
                tasks.create_task(self._close_with_service())
                while True:
                    # Always read on: what is not read gathers in the server's own queue, which has no bound.
                    tasks.create_task(self._operate(await websocket.receive()))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None  # the first to fail has ended the others

    async def _send_events(self, after: int) -> None:
        own = services()
        async with aclosing(subscribe(own.store, own.hub, self._exp_uuid, after)) as events:
            async for event in events:
                await self._send(event.model_dump_json())

    async def _close_with_service(self) -> None:
        await services().hub.closing.wait()
        raise _ClosedError(CLOSE_GOING_AWAY, _RESTARTS)

    async def _operate(self, message: Any) -> None:
        self._n_operations += 1
        try:
            answer = await self._answer(message)
            await self._send(answer.model_dump_json(exclude={"problem" if answer.problem is None else "result"}))
        finally:
            self._n_operations -= 1

    async def _answer(self, message: Any) -> Answer:
        frame_id: Id | None = None
        try:
            decoded = _decoded(message)
            frame_id = _id_of(decoded)
            if self._n_operations > _OPERATIONS_AT_A_TIME:
                raise UnavailableError(f"at most {_OPERATIONS_AT_A_TIME} operations at a time on one socket", 1)
            frame = _OPERATION.validate_python(decoded)
            reply = await self._call(frame)
        except Exception as error:  # noqa: BLE001 -- one bad frame must not end the socket; problem_of logs it
            return Answer(id=frame_id, problem=problem_of(error))
        return Answer(id=frame.id, result=reply)

    async def _call(self, frame: Operation) -> dict[str, Any]:
        store, place = services().store, (self._user_uuid, self._exp_uuid)
        once = once_of_frame(*place, frame)
        reply: Reply
        match frame:
            case AskFrame():
                reply = await once.answer(AskReply, ask_new(*place, frame, once))
            case TellFrame():
                reply = await once.answer(TellReply, tell_runs(*place, frame, once))
            case RenewFrame():
                reply = await leases.renew(store, *place, frame)
            case AbandonFrame():
                reply = await once.answer(Suggestion, leases.abandon(store, *place, frame, once))
        return reply.model_dump(mode="json")

    async def _send(self, text: str) -> None:
        async with self._sending:
            await websocket.send(text)


def _id_of(decoded: Any) -> Id | None:
    try:
        return _ID.validate_python(decoded["id"])
    except (TypeError, KeyError, ValidationError):
        return None


def _decoded(message: Any) -> Any:
    # An empty binary frame arrives as None.
    if not isinstance(message, str):
        raise MalformedError("a frame must be JSON text")
    return read_json(message)
