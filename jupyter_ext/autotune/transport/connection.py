"""The connections of the two clients to a service: one that blocks, one for an event loop."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Self, TypeVar
from uuid import UUID, uuid4
from weakref import WeakValueDictionary

from pydantic import BaseModel, SecretStr

from autotune.transport.caller import Caller
from autotune.transport.coroutines import result_of
from autotune.transport.exchange import READ_S
from autotune.transport.http import AsyncHttp, Http
from autotune.transport.loop import BackgroundLoop
from autotune.transport.pickled import TokensOfEnvironment, secrets_of
from autotune.transport.tokens import TokenSource

R = TypeVar("R", bound=BaseModel)


class Connection(Caller):
    """The HTTP connections, token and background loop that a blocking client and its experiments share.

    A connection may be used from any thread, in forked children, and in other processes that it is pickled to. Its
    coroutines block instead of waiting for an event loop: ``result_of`` runs them.

    Attributes:
        loop: The loop that runs streams in the background.
    """

    def __init__(
        self,
        http: Http,
        tokens: TokenSource,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(http, tokens, timeout_s, clock)
        self.loop = BackgroundLoop()
        self._http = http
        self._sleep = sleep
        self._id = uuid4()
        _living[self._id] = self

    def get(self, path: str, reply_type: type[R], **query: Any) -> R:
        """Send a GET request as ``fetch`` does."""
        return result_of(self.fetch(path, reply_type, **query))

    def post(self, path: str, reply_type: type[R], body: BaseModel | None = None) -> R:
        """Send a POST request as ``send`` does."""
        return result_of(self.send(path, reply_type, body))

    def get_once(self, path: str, reply_type: type[R], timeout_s: float = READ_S, **query: Any) -> R:
        """Send a GET request as ``fetch_once`` does."""
        return result_of(self.fetch_once(path, reply_type, timeout_s, **query))

    def post_once(self, path: str, reply_type: type[R], body: BaseModel | None = None, timeout_s: float = READ_S) -> R:
        """Send a POST request as ``send_once`` does."""
        return result_of(self.send_once(path, reply_type, body, timeout_s))

    async def access_token(self) -> SecretStr:
        """Return the access token for a stream; a login runs in a thread of its own."""
        return await asyncio.to_thread(lambda: result_of(self.tokens.access()))

    async def renewed_token(self, refused: SecretStr) -> SecretStr:
        """Return another access token than the one that was refused; a login runs in a thread of its own."""
        return await asyncio.to_thread(lambda: result_of(self.tokens.renew(refused)))

    def close(self) -> None:
        """Stop the streams and close the connections."""
        self.loop.close()
        self._http.close()

    @property
    def is_closed(self) -> bool:
        """Whether the connection was closed."""
        return self._http.is_closed

    async def _wait(self, seconds: float) -> None:
        self._sleep(seconds)

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (self.url, self.username, self._timeout_s, self._id)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self


class AsyncConnection(Caller):
    """The HTTP connections and token that an async client and its experiments share, for the loop they are used in."""

    def __init__(
        self, http: AsyncHttp, tokens: TokenSource, timeout_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(http, tokens, timeout_s, clock)
        self._http = http

    async def access_token(self) -> SecretStr:
        """Return the access token for a stream."""
        return await self.tokens.access()

    async def renewed_token(self, refused: SecretStr) -> SecretStr:
        """Return another access token than the one that was refused."""
        return await self.tokens.renew(refused)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("an async client belongs to one event loop and cannot be pickled; pickle one of connect()")


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
