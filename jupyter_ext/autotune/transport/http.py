"""The pools of HTTP connections to the service: one that blocks, one for an event loop."""

from asyncio import Lock as AsyncLock
from contextlib import AbstractAsyncContextManager
from threading import Lock
from typing import Any, Protocol

import httpx2

from autotune.transport.coroutines import BlockingLock
from autotune.transport.forks import renew_after_fork
from autotune.transport.trust import trusted

# Idle connections are closed here before a server closes them. Otherwise a request on a connection that the server has
# just closed would have to be sent again.
_LIMITS = httpx2.Limits(max_connections=20, max_keepalive_connections=5, keepalive_expiry=2.0)
_HEADERS = {"Accept": "application/json"}


def open_http(url: str) -> httpx2.Client:
    """Open a pool of connections to a service."""
    return httpx2.Client(base_url=url, verify=trusted(), limits=_LIMITS, headers=_HEADERS)


def open_async_http(url: str) -> httpx2.AsyncClient:
    """Open a pool of connections to a service, for an event loop."""
    return httpx2.AsyncClient(base_url=url, verify=trusted(), limits=_LIMITS, headers=_HEADERS)


class AnyHttp(Protocol):
    """A pool of connections to one service."""

    @property
    def url(self) -> str:
        """The service's address."""

    async def request(self, method: str, path: str, **content: Any) -> httpx2.Response:
        """Send a request, and return the reply of any status."""

    def new_lock(self) -> AbstractAsyncContextManager[Any]:
        """Make a lock between all that may use the pool at the same time."""


class Http:
    """The pool of a blocking client, opened when it is first needed. A forked child opens a pool of its own.

    Attributes:
        url: The service's address.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._lock = Lock()
        self._pool: httpx2.Client | None = None
        renew_after_fork(self)

    @property
    def pool(self) -> httpx2.Client:
        """The open pool; one that was closed stays closed."""
        with self._lock:
            if self._pool is None:
                self._pool = open_http(self.url)
            return self._pool

    @property
    def is_closed(self) -> bool:
        """Whether the pool was closed."""
        return self._pool is not None and self._pool.is_closed

    async def request(self, method: str, path: str, **content: Any) -> httpx2.Response:
        """Send a request, and return the reply of any status; blocks this thread, and never waits for a loop."""
        return self.pool.request(method, path, **content)

    def new_lock(self) -> BlockingLock:
        """Make a lock between threads."""
        return BlockingLock()

    def close(self) -> None:
        """Close the pool for good."""
        self.pool.close()

    def after_fork(self) -> None:
        """Forget the parent's pool, without a word on its sockets: closing the pool would wait for the pool's lock."""
        self._lock = Lock()
        if not self.is_closed:
            self._pool = None


class AsyncHttp:
    """The pool of an async client, for the event loop that it is opened in.

    Attributes:
        url: The service's address.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._pool = open_async_http(url)

    async def request(self, method: str, path: str, **content: Any) -> httpx2.Response:
        """Send a request, and return the reply of any status; a call that is cancelled gives its connection back."""
        return await self._pool.request(method, path, **content)

    def new_lock(self) -> AsyncLock:
        """Make a lock between the tasks of the event loop."""
        return AsyncLock()

    async def close(self) -> None:
        """Close the pool for good."""
        await self._pool.aclose()
