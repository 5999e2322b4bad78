"""Descriptors: each connection and each open file takes one, and the operating system gives a process only so many.

Watchers stay connected for days. So they get no more than a share of the descriptors, and the rest is kept for
requests, which come and go, and for what the process needs itself.
"""

import logging
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

from autotune_service.domain.errors import TooManySocketsError

_log = logging.getLogger(__name__)
_MOST = 65_536
"""As many as the service can make use of; some programs look at each descriptor that they might have."""
_FOR_FILES = 64
_A_CHILD = 8
_FOR_HTTP = 4  # one in so many
_LIKELY_USERS = 4
_LOG_EVERY_S = 60.0
MAX_UNNAMED = 100
"""Websockets of a process whose users are not known yet, as each has still to send its first frame."""


def raise_limit() -> None:
    """Raise the soft limit of this process's descriptors to the hard limit, or to 65,536 if that is less.

    The soft limit is 1,024 on most machines, for the sake of old programs that cannot bear more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError) as error:  # a system may allow less than it says
            _log.warning("the limit of descriptors, %d, could not be raised to %d: %s", soft, wanted, error)


def descriptor_limit() -> int:
    """Return how many descriptors this process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if soft == resource.RLIM_INFINITY else soft


def most_sockets(limit: int, n_connections: int, n_children: int) -> int:
    """Return how many websockets may be open at a time, so that a quarter of the descriptors is left for requests.

    Args:
        limit: How many descriptors the process may have.
        n_connections: How many connections to the database it may have.
        n_children: How many processes it starts.
    """
    return max(limit - limit // _FOR_HTTP - _FOR_FILES - n_connections - n_children * _A_CHILD, 1)


class SocketRoom:
    """Counts the websockets of the process, and refuses those for which there is no room.

    Args:
        most: How many may be open at a time; None if any number.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._n_open = 0
        self._n_unnamed = 0
        self._n_refused = 0
        self._may_log_at = 0.0

    def warn_if_small(self, sockets_per_user: int) -> None:
        """Log a warning if a few users could take all the room."""
        if self._most is not None and self._most < sockets_per_user * _LIKELY_USERS:
            _log.warning(
                "at most %d websockets can be open at a time, as the process may have %d descriptors, and a user may "
                "have %d: raise the hard limit (ulimit -Hn), or lower AUTOTUNE_SOCKETS_PER_USER",
                self._most,
                descriptor_limit(),
                sockets_per_user,
            )

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take room for one websocket, from its handshake to its end.

        Raises:
            TooManySocketsError: If there is no room.
        """
        if self._most is not None and self._n_open >= self._most:
            self._refuse(self._most)
        self._n_open += 1
        try:
            yield
        finally:
            self._n_open -= 1

    @contextmanager
    def unnamed(self) -> Iterator[None]:
        """Take one of the few places for a websocket that anybody may open, until its user is known.

        Raises:
            TooManySocketsError: If all places are taken.
        """
        if self._n_unnamed >= MAX_UNNAMED:
            raise TooManySocketsError(
                f"{MAX_UNNAMED} websockets wait for their first frame: try again in a few seconds, or send the token "
                "with the handshake"
            )
        self._n_unnamed += 1
        try:
            yield
        finally:
            self._n_unnamed -= 1

    def _refuse(self, most: int) -> None:
        self._n_refused += 1
        if time.monotonic() >= self._may_log_at:
            _log.warning(
                "no room for another websocket: %d are open, and the other descriptors are kept for requests; raise "
                "the hard limit (ulimit -Hn), or start another service (websockets refused since the last such line: "
                "%d)",
                most,
                self._n_refused,
            )
            self._n_refused, self._may_log_at = 0, time.monotonic() + _LOG_EVERY_S
        raise TooManySocketsError(
            f"the service has {most} websockets open, and no descriptors for more: try again in a few seconds"
        )


class AcceptFailures:
    """What an event loop reports where no connection can be accepted: it does so again and again, and is said once.

    The loop itself waits for a second before it tries again.
    """

    def __init__(self) -> None:
        self._may_log_at = 0.0

    def note(self, error: OSError) -> None:
        """Log that connections wait, at most once a minute."""
        if time.monotonic() >= self._may_log_at:
            _log.error(
                "no connection can be accepted (%s): the process may have %d descriptors; raise the hard limit "
                "(ulimit -Hn)",
                error.strerror,
                descriptor_limit(),
            )
            self._may_log_at = time.monotonic() + _LOG_EVERY_S
