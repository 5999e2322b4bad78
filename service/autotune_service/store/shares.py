"""Shares: of what a process has only so much of, one user may take so much, and waits in the user's own queue for more.

Who acts is known to the task: what is done for a request counts as its user's, however deep in the calls it is done.
"""

import asyncio
import time
from collections import deque
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from uuid import UUID

from autotune_service.domain.errors import TooManyError

ACTING: ContextVar[UUID | None] = ContextVar("acting", default=None)
"""The user for whom the current task works; None if nobody is signed in, and in the worker."""

_LATELY_S = 1.0


@dataclass(slots=True)
class _Held:
    """What one user holds, and who waits for more of it, in the order they came."""

    n: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


class Shares:
    """Places of one kind. Each user may hold a number of them, and those who wait get them in the order they came.

    Args:
        each: How many places one user may hold at a time.
        wait_s: How long to wait for a place, in seconds.
        what: What a place is, in the plural, for the message.
        beside: How many a user gets while others take places too, if that is fewer.
    """

    def __init__(self, each: int, wait_s: float, what: str, beside: int | None = None) -> None:
        self.each = each
        self._wait_s = wait_s
        self._what = what
        self._beside = each if beside is None else min(beside, each)
        self._of: dict[UUID, _Held] = {}
        self._newest: tuple[UUID | None, float] = (None, -_LATELY_S)
        self._other_at = -_LATELY_S
        """When a user took a place who is another one than the newest to take one."""

    async def take(self, user_uuid: UUID | None) -> None:
        """Take one of the user's places, which ``give_back`` frees; nobody's work needs none.

        Raises:
            TooManyError: If none of the user's places becomes free in time.
        """
        if user_uuid is None:
            return
        self._note(user_uuid)
        held = self._of.setdefault(user_uuid, _Held())
        if not held.waiting and held.n < self._most(user_uuid):
            held.n += 1
            return
        given: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        held.waiting.append(given)
        try:
            async with asyncio.timeout(self._wait_s):
                await given
        except BaseException as error:
            if given.done() and not given.cancelled():
                self.give_back(user_uuid)  # it was given in the moment in which the wait ended
            else:
                with suppress(ValueError):  # passed over already, where a place became free just now
                    held.waiting.remove(given)
            if isinstance(error, TimeoutError):
                raise TooManyError(
                    f"you have {self.each} {self._what} at a time here, and none became free within "
                    f"{self._wait_s:g} s: send less at a time"
                ) from None
            raise

    def give_back(self, user_uuid: UUID | None) -> None:
        """Free a place that was taken."""
        if user_uuid is None:
            return
        held = self._of[user_uuid]
        held.n -= 1
        most = self._most(user_uuid)
        while held.waiting and held.n < most:
            given = held.waiting.popleft()
            if not given.done():
                given.set_result(None)
                held.n += 1
        if not held.n and not held.waiting:
            del self._of[user_uuid]

    def _note(self, user_uuid: UUID) -> None:
        newest, at = self._newest
        if newest != user_uuid:
            self._other_at = at
        self._newest = user_uuid, time.monotonic()

    def _most(self, user_uuid: UUID) -> int:
        return self._beside if self.has_others(user_uuid) else self.each

    def has_others(self, user_uuid: UUID) -> bool:
        """Return whether another user than this one took a place within the last second."""
        newest, at = self._newest
        others_at = self._other_at if newest == user_uuid else at
        return time.monotonic() - others_at < _LATELY_S
