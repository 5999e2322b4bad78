"""Checks of passwords that are shared by all who send the same address and password at the same time.

A hundred workers that start together sign in with one hash, and a robot that goes on sending an outdated password costs
none: nobody learns anything from a check that was made a moment ago, so it is not made again.
"""

import asyncio
import hmac
import math
import secrets
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from cachetools import TTLCache

from autotune_service.domain.errors import TooManyError, UnauthenticatedError

_T = TypeVar("_T")
_KEPT_S = 60.0
_MOST_KEPT = 10_000


class SameChecks(Generic[_T]):
    """The checks that run, and those that failed within a minute, by a hash of what was sent.

    The hash has a key that only this process knows, and is never stored: a wrong password is often a right one
    somewhere else.

    Args:
        most_repeats: How often a wrong password may be sent within a minute until the sender is told to wait.
    """

    def __init__(self, most_repeats: int) -> None:
        self._most_repeats = most_repeats
        self._key = secrets.token_bytes(32)
        self._running: dict[bytes, asyncio.Task[_T]] = {}
        self._failed: TTLCache[bytes, tuple[str, int]] = TTLCache(_MOST_KEPT, _KEPT_S)

    def name(self, *sent: str) -> bytes:
        """Return the hash of what was sent."""
        return hmac.digest(self._key, "\0".join(sent).encode(), "sha256")

    async def result(self, name: bytes, check: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Return what a check returns, or raise its error; a check of this name that runs already is not made again.

        The check goes on when its caller is cancelled: who hangs up early must not have it for nothing.

        Raises:
            TooManyError: If what was sent is wrong, and was sent too often.
        """
        task = self._running.get(name)
        is_first = task is None
        if task is None:
            task = self._running[name] = asyncio.create_task(check())
            task.add_done_callback(lambda done: self._ended(name, done))
        await asyncio.wait([task])
        if not is_first and isinstance(task.exception(), UnauthenticatedError):
            raise self.repeated(name)
        return task.result()

    def note_failed(self, name: bytes, against: str) -> None:
        """Note that a check has failed against this stored hash of a password."""
        self._failed[name] = against, 1

    def failed_against(self, name: bytes) -> str | None:
        """Return the stored hash that a check failed against within a minute; None if there was no such check."""
        return self._failed.get(name, (None, 0))[0]

    def repeated(self, name: bytes) -> UnauthenticatedError | TooManyError:
        """Count that what was wrong is sent again, and return the error for it."""
        against, n_times = self._failed.get(name, ("", 0))
        self._failed[name] = against, n_times + 1
        if n_times < self._most_repeats:
            return UnauthenticatedError(WRONG)
        detail = f"this password is wrong, and was sent {n_times + 1} times: try again in {math.ceil(_KEPT_S)} s"
        return TooManyError(detail, math.ceil(_KEPT_S))

    def _ended(self, name: bytes, task: asyncio.Task[_T]) -> None:
        del self._running[name]
        if not task.cancelled():
            task.exception()  # else asyncio would log it where all callers have gone


WRONG = "the address or the password is wrong"
"""The same for an unknown address and a wrong password."""
