"""The pool of HTTP connections to the service."""

from threading import Lock

import httpx2

from autotune.transport.forks import renew_after_fork


def open_http(url: str) -> httpx2.Client:
    """Open a pool of connections to a service."""
    # Idle connections are closed here before a server closes them. Otherwise a request on a connection that the server
    # has just closed would have to be sent again.
    limits = httpx2.Limits(max_connections=20, max_keepalive_connections=5, keepalive_expiry=2.0)
    return httpx2.Client(base_url=url, limits=limits, headers={"Accept": "application/json"})


class Http:
    """The pool of connections to one service, opened when it is first needed. A forked child opens a pool of its own.

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

    def close(self) -> None:
        """Close the pool for good."""
        self.pool.close()

    def after_fork(self) -> None:
        """Forget the parent's pool, without a word on its sockets: closing the pool would wait for the pool's lock."""
        self._lock = Lock()
        if not self.is_closed:
            self._pool = None
