"""The connection to the service: authorized calls that are repeated until a reply comes, and done once."""

import logging
import random
import time
from collections.abc import Callable
from itertools import count
from typing import Any, Self, TypeVar
from uuid import UUID, uuid4
from weakref import WeakValueDictionary

from pydantic import BaseModel

from autotune.errors import AutotuneError, ConnectionFailedError, UnauthenticatedError, UnavailableError
from autotune.transport.backoff import delay_s
from autotune.transport.exchange import READ_S, exchange
from autotune.transport.http import Http
from autotune.transport.loop import BackgroundLoop
from autotune.transport.pickled import TokensOfEnvironment, secrets_of
from autotune.transport.tokens import TokenSource

R = TypeVar("R", bound=BaseModel)

ENGINE_FAILED = "engine_failed"
_LATE_S = 1.0
"""By how much a try may overrun its time, in seconds, before it counts as one in which the computer slept."""

logger = logging.getLogger("autotune")


class Connection:
    """The HTTP connections, token and background loop that a client and its experiments share.

    A connection may be used from any thread, in forked children, and in other processes that it is pickled to.

    Attributes:
        url: The service's address.
        username: The name of the user who is logged in; empty until the service has said so.
        tokens: The source of access tokens, for HTTP requests and for the stream.
        loop: The loop that runs streams in the background.
        newer_versions: For each version of an observation that this client has replaced, the version that it made.
    """

    def __init__(
        self,
        http: Http,
        tokens: TokenSource,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = http.url
        self.username = ""
        self.tokens = tokens
        self.loop = BackgroundLoop()
        self.newer_versions: dict[tuple[UUID, int], int] = {}
        self._http = http
        self._timeout_s = timeout_s
        self._clock = clock
        self._sleep = sleep
        self._id = uuid4()
        _living[self._id] = self

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

    def get_once(self, path: str, reply_type: type[R], timeout_s: float = READ_S, **query: Any) -> R:
        """Send a GET request like ``get``, but without repeats: a failure is raised at once."""
        params = {name: value for name, value in query.items() if value is not None}
        return self._authorized("GET", path, reply_type, min(timeout_s, self._timeout_s), params=params)

    def post_once(self, path: str, reply_type: type[R], body: BaseModel | None = None, timeout_s: float = READ_S) -> R:
        """Send a POST request like ``post``, but without a key and without repeats: a failure is raised at once."""
        return self._authorized("POST", path, reply_type, min(timeout_s, self._timeout_s), **_content(body))

    def close(self) -> None:
        """Stop the streams and close the connections."""
        self.loop.close()
        self._http.close()

    @property
    def is_closed(self) -> bool:
        """Whether the connection was closed."""
        return self._http.is_closed

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (self.url, self.username, self._timeout_s, self._id)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def _repeat(self, method: str, path: str, reply_type: type[R], **content: Any) -> R:
        spent_s, may_wake = 0.0, True
        unavailable: UnavailableError | None = None
        for attempt in count():
            try_s = min(READ_S, max(self._timeout_s - spent_s, 0.1))
            began = self._clock()
            try:
                return self._authorized(method, path, reply_type, try_s, **content)
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
                self._sleep(wait_s)
                spent_s += wait_s
        raise AssertionError("count() never ends")

    def _authorized(self, method: str, path: str, reply_type: type[R], timeout_s: float, **content: Any) -> R:
        token = self.tokens.access()
        try:
            return exchange(self._http, method, path, reply_type, token=token, timeout_s=timeout_s, **content)
        except UnauthenticatedError:
            # The token may have expired since the last call. The refused request changed nothing, so a repeat is safe.
            renewed = self.tokens.renew(token)
        return exchange(self._http, method, path, reply_type, token=renewed, timeout_s=timeout_s, **content)


_arrived: dict[tuple[object, ...], Connection] = {}
"""The connections that came to this process in pickles: one for all the tasks that a worker gets, with one login."""
_living: WeakValueDictionary[UUID, Connection] = WeakValueDictionary()
"""The connections of this process, and in a forked child those of its parent too."""


def _unpickled(url: str, username: str, timeout_s: float, pickled_id: UUID) -> Connection:
    own = _living.get(pickled_id)
    if own is not None and not own.is_closed:
        return own
    place = (url, username, timeout_s, *secrets_of())
    connection = _arrived.get(place)
    if connection is None or connection.is_closed:
        http = Http(url)
        connection = _arrived[place] = Connection(http, TokensOfEnvironment(http, username), timeout_s)
        connection.username = username
    return connection


def _content(body: BaseModel | None) -> dict[str, Any]:
    return {} if body is None else {"json": body.model_dump(mode="json", exclude_unset=True)}


def _wait_s(error: AutotuneError, attempt: int) -> float:
    asked = getattr(error, "retry_after_s", None)
    return float(asked) if asked is not None else delay_s(attempt, random.random())  # noqa: S311 -- spreads load only
