"""The connection to the service: authorized calls that are repeated until a reply comes, and done once."""

import logging
import random
import time
from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx2
from pydantic import BaseModel

from autotune.errors import AutotuneError, ConnectionFailedError, UnauthenticatedError, UnavailableError
from autotune.transport.backoff import delay_s
from autotune.transport.exchange import READ_S, exchange
from autotune.transport.loop import BackgroundLoop
from autotune.transport.tokens import TokenSource

R = TypeVar("R", bound=BaseModel)

ENGINE_FAILED = "engine_failed"

logger = logging.getLogger("autotune")


class Connection:
    """The HTTP connections, token and background loop that a client and its experiments share.

    Attributes:
        url: The service's address.
        tokens: The source of access tokens, for HTTP requests and for the stream.
        loop: The loop that runs streams in the background.
        newer_versions: For each version of an observation that this client has replaced, the version that it made.
    """

    def __init__(
        self,
        http: httpx2.Client,
        tokens: TokenSource,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = str(http.base_url).rstrip("/")
        self.tokens = tokens
        self.loop = BackgroundLoop()
        self.newer_versions: dict[tuple[UUID, int], int] = {}
        self._http = http
        self._timeout_s = timeout_s
        self._clock = clock
        self._sleep = sleep

    def get(self, path: str, reply_type: type[R], **query: Any) -> R:
        """Send a GET request, and repeat it until it succeeds or the client's time is over."""
        params = {name: value for name, value in query.items() if value is not None}
        return self._repeat("GET", path, reply_type, params=params)

    def post(self, path: str, reply_type: type[R], body: BaseModel | None = None) -> R:
        """Send a POST request, and repeat it like ``get``. The service does it once, as every repeat has the same key.

        Args:
            path: The path below the service's address.
            reply_type: The type of the reply.
            body: The body of the request. Only fields that were set are sent; a field that was set to None is null.
        """
        return self._repeat("POST", path, reply_type, key=uuid4().hex, **_content(body))

    def post_once(self, path: str, reply_type: type[R], body: BaseModel | None = None) -> R:
        """Send a POST request like ``post``, but without a key and without repeats: a failure is raised at once."""
        return self._authorized("POST", path, reply_type, min(READ_S, self._timeout_s), **_content(body))

    def close(self) -> None:
        """Stop the streams and close the connections."""
        self.loop.close()
        self._http.close()

    def _repeat(self, method: str, path: str, reply_type: type[R], **content: Any) -> R:
        end = self._clock() + self._timeout_s
        unavailable: UnavailableError | None = None
        for attempt in count():
            left_s = max(end - self._clock(), 0.1)
            try:
                return self._authorized(method, path, reply_type, min(READ_S, left_s), **content)
            except (ConnectionFailedError, UnavailableError) as error:
                wait_s = _wait_s(error, attempt)
                unavailable = error if isinstance(error, UnavailableError) else unavailable
                # A repeat would fail again, as the engine would compute with the same observations.
                is_final = isinstance(error, UnavailableError) and error.code == ENGINE_FAILED
                if is_final or self._clock() + wait_s >= end:
                    # The reason that the service gave says more than a timeout of the last repeat.
                    raise unavailable or error from None
                logger.warning("%s; trying again in %.1f s", error, wait_s)
                self._sleep(wait_s)
        raise AssertionError("count() never ends")

    def _authorized(self, method: str, path: str, reply_type: type[R], timeout_s: float, **content: Any) -> R:
        token = self.tokens.access()
        try:
            return exchange(self._http, method, path, reply_type, token=token, timeout_s=timeout_s, **content)
        except UnauthenticatedError:
            # The token may have expired since the last call. The refused request changed nothing, so a repeat is safe.
            renewed = self.tokens.renew(token)
        return exchange(self._http, method, path, reply_type, token=renewed, timeout_s=timeout_s, **content)


def _content(body: BaseModel | None) -> dict[str, Any]:
    return {} if body is None else {"json": body.model_dump(mode="json", exclude_unset=True)}


def _wait_s(error: AutotuneError, attempt: int) -> float:
    asked = getattr(error, "retry_after_s", None)
    return float(asked) if asked is not None else delay_s(attempt, random.random())  # noqa: S311 -- spreads load only
