"""An experiment's events over the websocket, for as long as someone reads them."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Callable
from http import HTTPStatus
from typing import Self
from urllib.parse import urlencode
from uuid import UUID

from pydantic import SecretStr, ValidationError
from pydantic_core import from_json
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from autotune.errors import (
    AutotuneError,
    ConnectionFailedError,
    UnauthenticatedError,
    UnavailableError,
    UnexpectedReplyError,
    not_found,
    refusal,
    unauthenticated,
)
from autotune.transport.connection import Connection
from autotune.transport.stream_state import StreamState
from autotune.transport.tokens import TokenSource
from autotune_wire.frames import CLOSE_NOT_FOUND, CLOSE_UNAUTHENTICATED, EPOCH_HEADER, Event
from autotune_wire.paths import EXPERIMENT_STREAM

CLOSE_S = 1.0
"""How long a stream that is left waits for the service's farewell, which may stand behind events nobody reads."""

MAX_FRAME_BYTES = 8 * 2**20
"""An event that announces an experiment of 100 covariates with long options has a few megabytes."""

# The library writes the handshake's headers, and so the token, to its logger at level DEBUG.
_library_logger = logging.getLogger("autotune.websocket")
_library_logger.setLevel(logging.INFO)


def _ignore(_is_live: bool) -> None:
    pass


async def follow(
    connection: Connection, exp_uuid: UUID, after: int = 0, on_change: Callable[[bool], None] = _ignore
) -> AsyncGenerator[Event, None]:
    """Yield every event after ``after`` once and in order, across lost connections and restarts of the service.

    It ends only by an error or by its reader: closing the iterator or cancelling its task closes the connection.

    Args:
        connection: Where the service is, and the token.
        exp_uuid: The experiment.
        after: The seq of the last event already seen.
        on_change: Called with True when a connection opens and with False when it is lost.

    Raises:
        UnauthenticatedError: If the token does not hold, nor another one.
        NotFoundError: If there is no such experiment.
        StreamGapError: If the service leaves an event out.
    """
    state = StreamState(after)
    while True:
        address = _address(connection.url, exp_uuid, state)
        attempt = _Attempt(connection.tokens, address)
        try:
            async with attempt:
                state.opened(attempt.epoch)
                on_change(True)
                while True:
                    event = await attempt.receive()
                    if event is not None and state.take(event):
                        yield event
        except (ConnectionFailedError, UnavailableError):
            pass
        except UnauthenticatedError:
            if not state.may_renew(attempt.lived_s()):
                raise
            if await attempt.renew_token():
                state.renewed()
                continue
        finally:
            on_change(False)
        await asyncio.sleep(state.lost(attempt.lived_s(), random.random()))  # noqa: S311 -- spreads load only


class _Attempt:
    """One connection, from its token to its end.

    No generator: a second one inside ``follow`` would be closed by the loop while ``follow`` closes it, too.
    """

    def __init__(self, tokens: TokenSource, address: str) -> None:
        self._tokens = tokens
        self._address = address
        self._token: SecretStr | None = None
        self._socket: ClientConnection | None = None
        self._opened_at: float | None = None

    async def __aenter__(self) -> Self:
        self._token = await asyncio.to_thread(self._tokens.access)
        try:
            self._socket = await connect(
                self._address,
                additional_headers={"Authorization": f"Bearer {self._token.get_secret_value()}"},
                max_size=MAX_FRAME_BYTES,
                close_timeout=CLOSE_S,
                logger=_library_logger,
            )
        except (OSError, InvalidHandshake) as error:
            raise _failure(error) from None  # the cause carries the handshake, and with it the token
        self._opened_at = time.monotonic()
        return self

    async def __aexit__(self, *_error: object) -> None:
        assert self._socket is not None
        await self._socket.close()

    async def receive(self) -> Event | None:
        """Wait for the next frame; None where it is no event."""
        assert self._socket is not None
        try:
            return _event(await self._socket.recv())
        except ConnectionClosed as error:
            raise _failure(error) from None

    @property
    def epoch(self) -> str | None:
        """The log that the service has, None where it does not say."""
        assert self._socket is not None
        assert self._socket.response is not None
        return self._socket.response.headers.get(EPOCH_HEADER)

    def lived_s(self) -> float:
        """How long it has been open; 0 where it never was."""
        return 0.0 if self._opened_at is None else time.monotonic() - self._opened_at

    async def renew_token(self) -> bool:
        """Have another token ready for the next attempt; False where the service is not there to give one."""
        assert self._token is not None
        try:
            await asyncio.to_thread(self._tokens.renew, self._token)
        except (ConnectionFailedError, UnavailableError):
            return False
        return True


def _address(url: str, exp_uuid: UUID, state: StreamState) -> str:
    path = EXPERIMENT_STREAM.format(exp_uuid=exp_uuid)
    query = {"after": str(state.last_seq)} | ({} if state.epoch is None else {"epoch": state.epoch})
    return f"ws{url.removeprefix('http')}{path}?{urlencode(query)}"


def _event(frame: str | bytes) -> Event | None:
    try:
        message = from_json(frame)
        # Heartbeats and answers to operations travel on the same socket.
        return Event.model_validate(message) if "seq" in message else None
    except (ValueError, TypeError, ValidationError):
        raise UnexpectedReplyError("the stream sent a frame that is no event") from None


def _failure(error: Exception) -> AutotuneError:
    if isinstance(error, InvalidStatus):
        return _refused_handshake(error)
    if isinstance(error, ConnectionClosed) and error.rcvd is not None:
        if error.rcvd.code == CLOSE_UNAUTHENTICATED:
            return unauthenticated("the service closed the stream: the token has ended or does not hold")
        if error.rcvd.code == CLOSE_NOT_FOUND:
            return not_found("the service closed the stream: there is no such experiment")
    return ConnectionFailedError(f"the stream was lost: {type(error).__name__}")


def _refused_handshake(error: InvalidStatus) -> AutotuneError:
    status = error.response.status_code
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return ConnectionFailedError(f"the stream was refused with status {status}")
    return refusal(status, bytes(error.response.body))
