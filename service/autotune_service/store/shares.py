"""Shares: of what a process has only so much of, one user may take so much, and waits in the user's own queue for more.

Who acts is known to the task: what is done for a request counts as its user's, however deep in the calls it is done.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from uuid import UUID

from autotune_service.domain.errors import TooManyError

ACTING: ContextVar[UUID | None] = ContextVar("acting", default=None)
"""The user for whom the current task works; None if nobody is signed in, and in the worker."""


class Shares:
    """Places of one kind. Each user may hold a number of them, and those who wait get them in the order they came.

    Args:
        each: How many places one user may hold at a time.
        wait_s: How long to wait for a place, in seconds.
        what: What a place is, in the plural, for the message.
    """

    def __init__(self, each: int, wait_s: float, what: str) -> None:
        self.each = each
        self._wait_s = wait_s
        self._what = what
        self._of: dict[UUID, tuple[asyncio.Semaphore, int]] = {}

    @asynccontextmanager
    async def place(self, user_uuid: UUID | None) -> AsyncIterator[None]:
        """Hold one of the user's places while the block runs; nobody's work needs none.

        Raises:
            TooManyError: If none of the user's places becomes free in time.
        """
        if user_uuid is None:
            yield
            return
        await self.take(user_uuid)
        try:
            yield
        finally:
            self.give_back(user_uuid)

    async def take(self, user_uuid: UUID) -> None:
        """Take one of the user's places; ``give_back`` frees it.

        Raises:
            TooManyError: As ``place``.
        """
        free, n_users = self._of.get(user_uuid) or (asyncio.Semaphore(self.each), 0)
        self._of[user_uuid] = free, n_users + 1
        try:
            async with asyncio.timeout(self._wait_s):
                await free.acquire()
        except BaseException as error:
            self._forget(user_uuid)
            if isinstance(error, TimeoutError):
                raise TooManyError(
                    f"you have {self.each} {self._what} at a time here, and none became free within "
                    f"{self._wait_s:g} s: send less at a time"
                ) from None
            raise

    def give_back(self, user_uuid: UUID) -> None:
        """Free a place that was taken."""
        self._of[user_uuid][0].release()
        self._forget(user_uuid)

    def _forget(self, user_uuid: UUID) -> None:
        free, n_users = self._of[user_uuid]
        if n_users > 1:
            self._of[user_uuid] = free, n_users - 1
        else:
            del self._of[user_uuid]
