"""The websocket of an experiment: its events, replayed and live, and ask and tell on the same socket."""

import asyncio
import logging
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from quart import Blueprint, websocket

from autotune_service.domain.errors import (
    AutotuneError,
    InvalidError,
    MalformedError,
    NotFoundError,
    UnauthenticatedError,
)
from autotune_service.live.subscription import subscribe
from autotune_service.tuning.experiments import read_experiment
from autotune_service.web.calls import ask_new, tell_runs
from autotune_service.web.errors import problem_of
from autotune_service.web.identity import signed_in_on_socket
from autotune_service.web.requests import read_json
from autotune_service.web.services import services
from autotune_wire import paths
from autotune_wire.frames import (
    CLOSE_GOING_AWAY,
    CLOSE_NOT_FOUND,
    CLOSE_UNAUTHENTICATED,
    Answer,
    AskFrame,
    AuthFrame,
    Operation,
    StreamQuery,
)
from autotune_wire.problems import FieldProblem

_log = logging.getLogger(__name__)
_AUTH_WAIT_S = 10.0
_OPERATIONS_AT_A_TIME = 8
_OPERATION: TypeAdapter[Operation] = TypeAdapter(Operation)

blueprint = Blueprint("stream", __name__)


class _ClosedError(Exception):
    """The service ends the socket with a code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@blueprint.websocket(paths.EXPERIMENT_STREAM.replace("{exp_uuid}", "<uuid:exp_uuid>"))
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
        async with asyncio.timeout(_AUTH_WAIT_S):
            frame = AuthFrame.model_validate(_decoded(await websocket.receive()))
    except (TimeoutError, ValueError, MalformedError):
        raise UnauthenticatedError('the first frame must be {"op": "auth", "token": "<access token>"}') from None
    user_uuid = services().accounts.access_tokens.user_of(frame.token)
    if frame.id is not None:
        await websocket.send(Answer(id=frame.id, result={}).model_dump_json())
    return user_uuid


class _Socket:
    """One open socket: events go out while operations come in."""

    def __init__(self, user_uuid: UUID, exp_uuid: UUID) -> None:
        self._user_uuid = user_uuid
        self._exp_uuid = exp_uuid
        self._places = asyncio.Semaphore(_OPERATIONS_AT_A_TIME)
        self._sending = asyncio.Lock()

    async def run(self, after: int) -> None:
        """Serve until the client leaves or the service stops."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._send_events(after))
                tasks.create_task(self._close_with_service())
                while True:
                    message = await websocket.receive()
                    await self._places.acquire()
                    tasks.create_task(self._operate(message))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None  # the first to fail has ended the others

    async def _send_events(self, after: int) -> None:
        own = services()
        async for event in subscribe(own.store, own.hub, self._exp_uuid, after):
            await self._send(event.model_dump_json())

    async def _close_with_service(self) -> None:
        await services().closing.wait()
        raise _ClosedError(CLOSE_GOING_AWAY, "the service restarts: connect again")

    async def _operate(self, message: Any) -> None:
        try:
            answer = await self._answer(message)
            await self._send(answer.model_dump_json(exclude_none=True))
        finally:
            self._places.release()

    async def _answer(self, message: Any) -> Answer:
        frame_id: Any = None
        try:
            decoded = _decoded(message)
            frame_id = decoded.get("id") if isinstance(decoded, dict) else None
            if isinstance(frame_id, bool) or not isinstance(frame_id, int | str):
                frame_id = None
            frame = _OPERATION.validate_python(decoded)
            reply = await self._call(frame)
        except Exception as error:  # noqa: BLE001 -- one bad frame must not end the socket; problem_of logs it
            return Answer(id=frame_id, problem=problem_of(error))
        return Answer(id=frame.id, result=reply)

    async def _call(self, frame: Operation) -> dict[str, Any]:
        if isinstance(frame, AskFrame):
            return (await ask_new(self._user_uuid, self._exp_uuid, frame.n)).model_dump(mode="json")
        return (await tell_runs(self._user_uuid, self._exp_uuid, frame)).model_dump(mode="json")

    async def _send(self, text: str) -> None:
        async with self._sending:
            await websocket.send(text)


def _decoded(message: Any) -> Any:
    # An empty binary frame arrives as None.
    if not isinstance(message, str):
        raise MalformedError("a frame must be JSON text")
    return read_json(message)
