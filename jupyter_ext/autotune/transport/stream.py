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
from websockets.frames import Close

from autotune.errors import (
    AutotuneError,
    ConnectionFailedError,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
    UnexpectedReplyError,
    not_found,
    refusal,
    unauthenticated,
)
from autotune.transport.caller import Caller
from autotune.transport.stream_state import StreamState
from autotune.transport.trust import distrust, trusted
from autotune_wire.frames import (
    CLOSE_DEACTIVATED,
    CLOSE_EXPIRED,
    CLOSE_NOT_FOUND,
    CLOSE_PASSWORD_CHANGED,
    CLOSE_REVOKED,
    CLOSE_ROLE_CHANGED,
    CLOSE_SIGNED_OUT,
    CLOSE_UNAUTHENTICATED,
    EPOCH_HEADER,
    Event,
)
from autotune_wire.paths import EXPERIMENT_STREAM

CLOSE_S = 1.0
"""How long a reader that leaves waits for the service's close frame, which may come after unread events; seconds."""

MAX_FRAME_BYTES = 8 * 2**20
"""The largest frame; an event that announces an experiment of 100 covariates with long options has a few megabytes."""

_ENDED = frozenset({CLOSE_EXPIRED, CLOSE_SIGNED_OUT, CLOSE_REVOKED})
_TO_SIGN_IN_AGAIN = _ENDED | {CLOSE_UNAUTHENTICATED}
_FOR_GOOD = frozenset({CLOSE_PASSWORD_CHANGED, CLOSE_DEACTIVATED})
"""The codes after which the credentials of this client cannot open another session."""

# The library writes the handshake's headers, and so the token, to its logger at level DEBUG.
_library_logger = logging.getLogger("autotune.websocket")
_library_logger.setLevel(logging.INFO)


def _ignore(_is_live: bool) -> None:
    pass


async def follow(
    connection: Caller, exp_uuid: UUID, after: int = 0, on_change: Callable[[bool], None] = _ignore
) -> AsyncGenerator[Event, None]:
    """Yield every event after ``after`` once and in order, across lost connections and restarts of the service.

    Only an error or the reader ends the stream: closing the iterator or cancelling its task closes the connection.

    Args:
        connection: The connection to the service, for its address and token.
        exp_uuid: The experiment.
        after: The seq of the last event already seen.
        on_change: Called with True when a connection opens and with False when it is lost.

    Raises:
        UnauthenticatedError: If the service refuses the token, and another token too; or if the password was changed
            or the account deactivated.
        ForbiddenError: If the token is not for this experiment.
        NotFoundError: If the experiment does not exist, the user has no role on it any more, or ``after`` is past its
            last event.
        CertificateError: If the service's certificate is not trusted.
        StreamGapError: If an event is missing in the stream.
        UnexpectedReplyError: If a frame cannot be read.
    """
    state = StreamState(after)
    lost_role = ""
    while True:
        address = _address(connection.url, exp_uuid, state)
        attempt = _Attempt(connection, address, lost_role)
        try:
            async with attempt:
                state.opened(attempt.epoch)
                on_change(True)
                while True:
                    event = await attempt.receive()
                    if event is not None and state.take(event):
                        yield event
        except (ConnectionFailedError, UnavailableError):
            lost_role = attempt.lost_role
        except UnauthenticatedError:
            if not (attempt.can_sign_in and state.refused(attempt.lived_s(), has_ended=attempt.has_ended)):
                raise
            if state.wants_token() and await attempt.renew_token():
                state.renewed()
                continue
        finally:
            on_change(False)
        await asyncio.sleep(state.lost(attempt.lived_s(), random.random()))  # nosec B311 # spreads load only


class _Attempt:
    """One connection of a stream, from fetching its token to its end.

    This is not an async generator, because a generator inside ``follow`` could be closed by the event loop while
    ``follow`` closes it too.

    Args:
        connection: The connection to the service.
        address: The address of the stream.
        lost_role: Why the service has closed the connection before, if the user's role on the experiment has changed.
    """

    def __init__(self, connection: Caller, address: str, lost_role: str) -> None:
        self._connection = connection
        self._address = address
        self._token: SecretStr | None = None
        self._socket: ClientConnection | None = None
        self._opened_at: float | None = None
        self._closed_with: Close | None = None
        self._lost_role = lost_role

    async def __aenter__(self) -> Self:
        self._token = await self._connection.access_token()
        try:
            self._socket = await connect(
                self._address,
                additional_headers={"Authorization": f"Bearer {self._token.get_secret_value()}"},
                max_size=MAX_FRAME_BYTES,
                close_timeout=CLOSE_S,
                logger=_library_logger,
                ssl=trusted() if self._address.startswith("wss:") else None,
            )
        except (OSError, InvalidHandshake) as error:
            failure = distrust(self._connection.url, error) or _failure(error)
            if isinstance(failure, NotFoundError) and self._lost_role:
                failure = not_found(f"the service closed the stream: {self._lost_role}")
            raise failure from None  # the cause would hold the handshake, and with it the token
        self._opened_at = time.monotonic()
        return self

    async def __aexit__(self, *_error: object) -> None:
        assert self._socket is not None
        await self._socket.close()

    async def receive(self) -> Event | None:
        """Wait for the next frame and return its event; None if the frame is not an event."""
        assert self._socket is not None
        try:
            return _event(await self._socket.recv())
        except ConnectionClosed as error:
            self._closed_with = error.rcvd
            raise _failure(error) from None

    @property
    def epoch(self) -> str | None:
        """The epoch of the service's event log; None if the service did not send an epoch."""
        assert self._socket is not None
        assert self._socket.response is not None
        return self._socket.response.headers.get(EPOCH_HEADER)

    @property
    def lost_role(self) -> str:
        """Why the service has closed the connection, if the user's role on the experiment has changed; else empty."""
        if self._closed_with is None:
            return self._lost_role if self._opened_at is None else ""
        return self._closed_with.reason if self._closed_with.code == CLOSE_ROLE_CHANGED else ""

    @property
    def has_ended(self) -> bool:
        """Whether the service has closed the connection because the session, or the token, has ended."""
        return self._closed_with is not None and self._closed_with.code in _ENDED

    @property
    def can_sign_in(self) -> bool:
        """Whether the credentials may open another session, now that the service has refused the token."""
        is_for_good = self._closed_with is not None and self._closed_with.code in _FOR_GOOD
        return self._connection.tokens.can_sign_in and not is_for_good

    def lived_s(self) -> float:
        """Return for how long the connection has been open, in seconds; 0 if it was never opened."""
        return 0.0 if self._opened_at is None else time.monotonic() - self._opened_at

    async def renew_token(self) -> bool:
        """Fetch another token for the next attempt, and return whether the service was there to issue one."""
        assert self._token is not None
        try:
            await self._connection.renewed_token(self._token)
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
        # Heartbeats and answers to operations come on the same socket.
        return Event.model_validate(message) if "seq" in message else None
    except (ValueError, TypeError, ValidationError):
        raise UnexpectedReplyError("the stream sent a frame that cannot be read") from None


def _failure(error: Exception) -> AutotuneError:
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
            return ConnectionFailedError(f"the stream was refused with status {status}")
        return refusal(status, bytes(error.response.body))
    if isinstance(error, ConnectionClosed) and error.rcvd is not None:
        if error.rcvd.code in _TO_SIGN_IN_AGAIN | _FOR_GOOD:
            reason = error.rcvd.reason or "the token has expired or is not valid"
            return unauthenticated(f"the service closed the stream: {reason}")
        if error.rcvd.code == CLOSE_NOT_FOUND:
            return not_found("the service closed the stream: no such experiment, or the seq is past its last event")
    return ConnectionFailedError(f"the stream was lost: {type(error).__name__}")
