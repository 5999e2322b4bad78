"""Authorized calls that are repeated until a reply comes, and done once: the same for both clients."""

import logging
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar
from uuid import UUID, uuid4

from pydantic import BaseModel, SecretStr

from autotune.errors import AutotuneError, ConnectionFailedError, UnauthenticatedError, UnavailableError
from autotune.transport.backoff import MOST_REFUSED, delay_s
from autotune.transport.exchange import READ_S, Done, exchange
from autotune.transport.http import AnyHttp
from autotune.transport.tokens import TokenSource

R = TypeVar("R", bound=BaseModel)

ENGINE_FAILED = "engine_failed"
_REFUSED_S = 0.1
_LATE_S = 1.0
"""By how much a try may overrun its time, in seconds, before it counts as one in which the computer slept."""

logger = logging.getLogger("autotune")


class Caller(ABC):
    """The calls of a user to one service, over a pool that blocks or one of an event loop.

    Attributes:
        url: The service's address.
        username: The name of the user who is logged in; empty until the service has said so.
        tokens: The source of access tokens, for HTTP requests and for the stream.
        newer_versions: For each version of an observation that this client has replaced, the version that it made.
    """

    def __init__(
        self, http: AnyHttp, tokens: TokenSource, timeout_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.url = http.url
        self.username = ""
        self.tokens = tokens
        self.newer_versions: dict[tuple[UUID, int], int] = {}
        self._pool = http
        self._timeout_s = timeout_s
        self._clock = clock

    async def fetch(self, path: str, reply_type: type[R], **query: Any) -> R:
        """Send a GET request, and repeat it until it succeeds or the client's time is over."""
        return await self._repeat("GET", path, reply_type, params=_given(query))

    async def fetch_once(self, path: str, reply_type: type[R], timeout_s: float = READ_S, **query: Any) -> R:
        """Send a GET request like ``fetch``, but without repeats: a failure is raised at once."""
        return await self._authorized("GET", path, reply_type, min(timeout_s, self._timeout_s), params=_given(query))

    async def send(self, path: str, reply_type: type[R], body: BaseModel | None = None, *, key: str | None = None) -> R:
        """Send a POST request, and repeat it like ``fetch``. The service does it once: every repeat has the same key.

        Args:
            path: The path below the service's address.
            reply_type: The type of the reply.
            body: The body of the request. Only fields that were set are sent; a field that was set to None is null.
            key: The idempotency key, for a request that another call may have sent; a new one if not given.
        """
        return await self._repeat("POST", path, reply_type, key=key or uuid4().hex, **_content(body))

    async def send_once(
        self, path: str, reply_type: type[R], body: BaseModel | None = None, timeout_s: float = READ_S
    ) -> R:
        """Send a POST request like ``send``, but without a key and without repeats: a failure is raised at once."""
        return await self._authorized("POST", path, reply_type, min(timeout_s, self._timeout_s), **_content(body))

    async def delete(self, path: str) -> None:
        """Send a DELETE request, and repeat it like ``fetch``."""
        await self._repeat("DELETE", path, Done)

    @abstractmethod
    async def access_token(self) -> SecretStr:
        """Return the access token for a stream, without blocking the event loop that reads the stream."""

    @abstractmethod
    async def renewed_token(self, refused: SecretStr) -> SecretStr:
        """Return another access token than the one that was refused, like ``access_token``."""

    @abstractmethod
    async def _wait(self, seconds: float) -> None:
        """Wait before a repeat."""

    async def _repeat(self, method: str, path: str, reply_type: type[R], **content: Any) -> R:
        spent_s, may_wake = 0.0, True
        unavailable: UnavailableError | None = None
        for attempt in count():
            try_s = min(READ_S, max(self._timeout_s - spent_s, 0.1))
            began = self._clock()
            try:
                return await self._authorized(method, path, reply_type, try_s, **content)
            except (ConnectionFailedError, UnavailableError) as error:
                took_s = self._clock() - began
                # The rest of the time the computer was asleep, and the network is only just back.
                spent_s += min(took_s, try_s)
                if may_wake and took_s > try_s + _LATE_S:
                    spent_s, may_wake = min(spent_s, max(self._timeout_s - READ_S, 0.0)), False
                wait_s = _wait_s(error, attempt)
                unavailable = error if isinstance(error, UnavailableError) else unavailable
                # A repeat would fail again, as the engine would compute with the same observations.
                is_final = getattr(error, "code", None) == ENGINE_FAILED
                if is_final or spent_s + wait_s >= self._timeout_s:
                    # The reason that the service gave says more than a timeout of the last repeat.
                    raise unavailable or error from None
                logger.warning("%s; trying again in %.1f s", error, wait_s)
                await self._wait(wait_s)
                spent_s += wait_s
        raise AssertionError("count() never ends")

    async def _authorized(self, method: str, path: str, reply_type: type[R], timeout_s: float, **content: Any) -> R:
        token = await self.tokens.access()
        for n_refused in count(1):
            try:
                return await exchange(self._pool, method, path, reply_type, token=token, timeout_s=timeout_s, **content)
            except UnauthenticatedError:
                if not self.tokens.can_sign_in or n_refused == MOST_REFUSED:
                    raise  # with the service's reason
            # The token may have expired since the last call. The refused request changed nothing, so a repeat is safe.
            if n_refused % 2 == 1:
                token = await self.tokens.renew(token)
            else:
                await self._wait(_REFUSED_S)
        raise AssertionError("count() never ends")


def _given(query: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


def _content(body: BaseModel | None) -> dict[str, Any]:
    return {} if body is None else {"json": body.model_dump(mode="json", exclude_unset=True)}


def _wait_s(error: AutotuneError, attempt: int) -> float:
    asked = getattr(error, "retry_after_s", None)
    return float(asked) if asked is not None else delay_s(attempt, random.random())  # nosec B311 # spreads load only
