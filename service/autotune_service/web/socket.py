"""An open websocket: events go out while operations come in, each within bounds."""

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import ExitStack, aclosing, suppress
from typing import Any
from uuid import UUID

import msgspec
import quart.wrappers.base
from pydantic import TypeAdapter
from quart import Websocket, current_app, websocket

from autotune_service.domain.access import Caller
from autotune_service.domain.errors import (
    AutotuneError,
    ForbiddenError,
    InvalidError,
    MalformedError,
    NotFoundError,
    TooManyError,
    UnauthenticatedError,
    UnavailableError,
)
from autotune_service.domain.json_text import read_json
from autotune_service.live.tail import EventFrame
from autotune_service.observing.pushes import Pushes
from autotune_service.observing.traces import span
from autotune_service.web.checking.bodies import SMALL
from autotune_service.web.checking.child import adapter_of
from autotune_service.web.door import check_rule, rule_of_endpoint, rule_of_frames
from autotune_service.web.errors import problem_of
from autotune_service.web.identity import SUBPROTOCOL, caller_of_socket
from autotune_service.web.services import services
from autotune_wire.frames import (
    CLOSE_GOING_AWAY,
    CLOSE_NOT_FOUND,
    CLOSE_ROLE_CHANGED,
    CLOSE_TOO_MUCH,
    CLOSE_TOO_SLOW,
    CLOSE_UNAUTHENTICATED,
    Answer,
    AuthFrame,
    Id,
)

_AUTH_WAIT_S = 5.0
_MAX_FIRST_CHARACTERS = 10_000  # a token and little else
_SEND_S = 10.0
_HELD_S = 1.0
"""How long a peer may take nothing of what is sent; what is behind it waits in the table, not in memory."""
_CLOSE_S = 2.0
_OPERATIONS_AT_A_TIME = 8
MAX_UNANSWERED = 64
"""Frames of a socket that may wait for their answers."""
FRAMES_A_SECOND = 100
"""Frames that a peer may send."""
_RESTARTS = "the service restarts: connect again"
_ID: TypeAdapter[Id] = TypeAdapter(Id)


class _Numbered(msgspec.Struct):
    """What is read of a frame before it is known whether its sender may send it."""

    id: int | str | None = None


_NUMBERED = msgspec.json.Decoder(_Numbered)


class ClosedError(Exception):
    """The service ends the socket with a code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class _NeverRaisedError(Exception):
    """Stands in for an exception that the installed Quart does not have."""


# Quart raises it from 0.23 on, where a websocket is written to or read from after its peer has left. The handler is
# cancelled too, but its other tasks may notice first. Quart 0.22 cancels the handler and has no such class.
PeerLeftError: type[Exception] = getattr(quart.wrappers.base, "ClientDisconnectedError", _NeverRaisedError)


async def serve_socket(
    require: Callable[[Caller], Awaitable[None]],
    headers: Callable[[], dict[str, str]],
    serve: Callable[[Caller], Awaitable[None]],
) -> None:
    """Accept the current websocket if there is room, serve its caller, and close it with the code of what ended that.

    A peer that leaves is no error, and there is nobody left to tell a code.

    Args:
        require: Refuses a caller who must not see what the socket is about, beyond what its route asks for.
        headers: Returns what the handshake is answered with.
        serve: Serves the caller until the client leaves, or an error says with which code to close.

    Raises:
        AutotuneError: If the handshake is refused.
    """
    try:
        with services().room.taken(), ExitStack() as unnamed:
            caller = await caller_of_socket()
            if caller is None:
                unnamed.enter_context(services().room.unnamed())
            else:
                _require_room(caller.user_uuid)
                await _require_rights(caller)
                await require(caller)
            await _serve_accepted(caller, unnamed, require, headers, serve)
    except TooManyError:
        await asyncio.sleep(_HELD_S)  # who tries again at once, and again, would have the service busy with refusals
        raise


async def _require_rights(caller: Caller) -> None:
    rule, arguments = websocket.url_rule, websocket.view_args or {}
    assert rule is not None
    await check_rule(caller, rule_of_endpoint(current_app, rule.endpoint), arguments.get("exp_uuid"))


async def _serve_accepted(
    caller: Caller | None,
    unnamed: ExitStack,
    require: Callable[[Caller], Awaitable[None]],
    headers: Callable[[], dict[str, str]],
    serve: Callable[[Caller], Awaitable[None]],
) -> None:
    try:
        subprotocol = SUBPROTOCOL if SUBPROTOCOL in websocket.requested_subprotocols else None
        await websocket.accept(headers=headers(), subprotocol=subprotocol)
        if caller is None:
            caller = await _caller_of_first_frame()
            unnamed.close()
            await _require_rights(caller)
            await require(caller)
        with _counted(caller.user_uuid):
            await serve(caller)
    except PeerLeftError:
        return
    except ClosedError as closed:
        await _close(closed.code, closed.reason)
    except UnauthenticatedError as error:
        await _close(CLOSE_UNAUTHENTICATED, error.detail)
    except ForbiddenError as error:
        await _close(CLOSE_ROLE_CHANGED, error.detail)
    except (NotFoundError, InvalidError) as error:
        await _close(CLOSE_NOT_FOUND, error.detail)
    except AutotuneError as error:
        await _close(CLOSE_GOING_AWAY, error.detail)


def _require_room(user_uuid: UUID) -> None:
    """Refuse a handshake before it is accepted, which costs less than a socket that is closed at once.

    Raises:
        TooManyError: If the user has as many sockets as one may have.
    """
    limit = services().sockets_per_user
    if services().sockets[user_uuid] >= limit:
        raise TooManyError(f"you have {limit} websockets open here, which is as many as a user may have")


class _counted:  # noqa: N801 -- reads as the context that it is
    """Counts a user's sockets while the block runs, up to as many as one may have."""

    def __init__(self, user_uuid: UUID) -> None:
        self._user_uuid = user_uuid
        self._sockets = services().sockets

    def __enter__(self) -> None:
        limit = services().sockets_per_user
        if self._sockets[self._user_uuid] >= limit:
            raise ClosedError(CLOSE_TOO_MUCH, f"a user may have {limit} sockets at a time here")
        self._sockets[self._user_uuid] += 1

    def __exit__(self, *_: object) -> None:
        self._sockets[self._user_uuid] -= 1
        if not self._sockets[self._user_uuid]:
            del self._sockets[self._user_uuid]


class Socket:
    """The two directions of one open websocket.

    Args:
        caller: Who opened it.
        exp_uuid: The experiment that it is about, if it is about one.
        shape: Where the type of its frames stands, as ``module:name``.
        call: Does what a frame asks for, and gives its reply.
    """

    def __init__(
        self, caller: Caller, exp_uuid: UUID | None, shape: str, call: Callable[[Any], Awaitable[dict[str, Any]]]
    ) -> None:
        self._caller = caller
        self._exp_uuid = exp_uuid
        self._shape = shape
        self._call = call
        self._websocket: Websocket = websocket._get_current_object()  # type: ignore[attr-defined, unused-ignore]  # looked up once
        assert self._websocket.url_rule is not None
        self._rule = rule_of_frames(current_app, self._websocket.url_rule.endpoint)
        self._n_operations = 0
        self._sending = asyncio.Lock()
        self._began_s = math.inf

    async def run(self, outgoing: AsyncGenerator[EventFrame]) -> None:
        """Send what is given and answer what comes, until the client leaves or the service stops.

        Raises:
            ClosedError: If the service stops, or the client is too slow or sends too much.
            PeerLeftError: If the client has left; or the task is cancelled, whichever comes first.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._send_all(outgoing))
                tasks.create_task(self._close_slow())
                tasks.create_task(self._close_without_rights())
                tasks.create_task(_close_with_service())
                rate = _Rate()
                while True:
                    # Always read on: what is not read gathers in the server's own queue, which has no bound.
                    message = await self._websocket.receive()
                    rate.count()
                    is_large = isinstance(message, str) and len(message) > SMALL
                    if is_large and self._n_operations >= _OPERATIONS_AT_A_TIME:
                        raise ClosedError(CLOSE_TOO_MUCH, f"{_OPERATIONS_AT_A_TIME} frames wait before a large one")
                    if self._n_operations >= MAX_UNANSWERED:
                        raise ClosedError(CLOSE_TOO_MUCH, f"{MAX_UNANSWERED} frames wait for their answer")
                    self._n_operations += 1
                    tasks.create_task(self._operate(message))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None  # the first to fail has ended the others

    async def send(self, text: str) -> None:
        """Send a frame; one at a time, for as long as ``_close_slow`` lets it."""
        async with self._sending:
            self._began_s = asyncio.get_running_loop().time()
            await self._websocket.send(text)
            self._began_s = math.inf

    async def _close_slow(self) -> None:
        """Close where the client takes nothing of a frame for too long.

        Looked at now and then: a deadline for each of some thousand frames a second costs as much as their sending.
        """
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(_SEND_S / 4)
            if clock() - self._began_s >= _SEND_S:
                raise ClosedError(CLOSE_TOO_SLOW, "too slow: connect again after the last event seen")

    async def _close_without_rights(self) -> None:
        user_uuid, exp_uuid = self._caller.user_uuid, self._exp_uuid
        role = None if exp_uuid is None else await services().roles.of(user_uuid, exp_uuid)
        with services().rights.watching(self._caller, exp_uuid, role) as lost:
            raise ClosedError(*await lost)

    async def _send_all(self, outgoing: AsyncGenerator[EventFrame]) -> None:
        pushes = Pushes()
        async with aclosing(outgoing):
            async for frame in outgoing:
                with pushes.sending(frame.at, frame.traceparent):
                    await self.send(frame.text)

    async def _operate(self, message: Any) -> None:
        try:
            answer = await self._answer(message)
            await self.send(answer.model_dump_json(exclude={"problem" if answer.problem is None else "result"}))
        finally:
            self._n_operations -= 1

    async def _answer(self, message: Any) -> Answer:
        frame_id: Id | None = None
        try:
            text = _text(message)
            frame_id = _id_of(text)
            if self._n_operations > _OPERATIONS_AT_A_TIME and len(text) <= SMALL:
                raise UnavailableError(f"at most {_OPERATIONS_AT_A_TIME} operations at a time on one socket", 1)
            await services().sessions.require_alive(self._caller)
            await check_rule(self._caller, self._rule, self._exp_uuid)
            frame = await self._read(text)
            with span("frame"):
                reply = await self._call(frame)
        except Exception as error:  # noqa: BLE001 -- one bad frame must not end the socket; problem_of logs it
            return Answer(id=frame_id, problem=problem_of(error))
        return Answer(id=frame_id, result=reply)

    async def _read(self, text: str) -> Any:
        if len(text) > SMALL:
            return await services().bodies.read(self._shape, text.encode())
        return adapter_of(self._shape).validate_python(read_json(text))


class _Rate:
    """Counts the frames of each second."""

    def __init__(self) -> None:
        self._second, self._n_frames = 0, 0

    def count(self) -> None:
        second = int(asyncio.get_running_loop().time())
        self._n_frames = self._n_frames + 1 if second == self._second else 1
        self._second = second
        if self._n_frames > FRAMES_A_SECOND:
            raise ClosedError(CLOSE_TOO_MUCH, f"more than {FRAMES_A_SECOND} frames in a second")


async def _close(code: int, reason: str) -> None:
    # A peer that reads nothing does not take its farewell either: the kernel ends the connection, see bound_socket.
    with suppress(TimeoutError, PeerLeftError):
        async with asyncio.timeout(_CLOSE_S):
            await websocket.close(code, reason)


async def _close_with_service() -> None:
    await services().hub.closing.wait()
    raise ClosedError(CLOSE_GOING_AWAY, _RESTARTS)


async def _caller_of_first_frame() -> Caller:
    try:
        text = _text(await _first_frame())
        if len(text) > _MAX_FIRST_CHARACTERS:
            raise ValueError
        frame = AuthFrame.model_validate(read_json(text))
    except (TimeoutError, ValueError, MalformedError):
        raise UnauthenticatedError('the first frame must be {"op": "auth", "token": "<access token>"}') from None
    caller = await services().sessions.caller_of_bearer(frame.token)
    if frame.id is not None:
        await websocket.send(Answer(id=frame.id, result={}).model_dump_json())
    return caller


async def _first_frame() -> Any:
    receiving = asyncio.ensure_future(websocket.receive())
    closing = asyncio.ensure_future(services().hub.closing.wait())
    try:
        await asyncio.wait({receiving, closing}, timeout=_AUTH_WAIT_S, return_when=asyncio.FIRST_COMPLETED)
        if receiving.done():
            return receiving.result()
        if closing.done():
            raise ClosedError(CLOSE_GOING_AWAY, _RESTARTS)
        raise TimeoutError
    finally:
        receiving.cancel()
        closing.cancel()


def _id_of(text: str) -> Id | None:
    """Return the id of a frame that nobody has checked yet; all else in it is skipped, which takes next to no time."""
    try:
        return _ID.validate_python(_NUMBERED.decode(text).id)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None


def _text(message: Any) -> str:
    # An empty binary frame arrives as None.
    if not isinstance(message, str):
        raise MalformedError("a frame must be JSON text")
    return message
