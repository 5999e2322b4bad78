"""Turns: so many requests of a user are worked on at a time, and the user's others wait for theirs.

So what one user sends at once stands in that user's queue, and another user's request finds the process free. While
several users send requests, each has one at a time worked on: every step of a request waits for the steps of all others
that are worked on. A request that waits for the engine stands aside meanwhile.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from uuid import UUID
from weakref import WeakValueDictionary

from autotune_service.domain.errors import TooManyError
from autotune_service.store.shares import ACTING, Shares

_WAIT_S = 60.0
"""How long a request waits for its turn: bulk tells that come together take a while, one after the other."""


class Turns:
    """The requests in flight of all users.

    Args:
        at_once: How many requests of one user are worked on at a time.
        in_flight: How many requests one user may have in flight, those that wait included.
    """

    def __init__(self, at_once: int, in_flight: int) -> None:
        self.shares = Shares(at_once, _WAIT_S, "requests worked on", beside=1)
        self.in_flight = in_flight
        self._n_of: Counter[UUID] = Counter()
        self._pushing: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, user_uuid: UUID) -> AsyncIterator[None]:
        """Do the work of one request of a user in the block, when it is its turn.

        Raises:
            TooManyError: If the user has too many requests in flight, or the turn does not come in time.
        """
        turn = self.begin(user_uuid)
        try:
            await turn.take()
            yield
        finally:
            turn.end()

    async def pace(self, user_uuid: UUID) -> None:
        """Let other users' work go on before the next event is sent to one of the user's websockets.

        While others send requests, all websockets of a user together begin one frame in each round of the event loop.
        No websocket is waited for: one that reads slowly holds up itself alone.
        """
        if self.shares.has_others(user_uuid):
            lock = self._pushing.setdefault(user_uuid, asyncio.Lock())
            async with lock:
                await asyncio.sleep(0)

    def begin(self, user_uuid: UUID) -> "Turn":
        """Count a request of a user as in flight until its turn ends, and let the task act for the user.

        Raises:
            TooManyError: If the user has too many requests in flight.
        """
        if self._n_of[user_uuid] >= self.in_flight:
            raise TooManyError(
                f"you have {self.in_flight} requests in flight here, which is as many as a user may have: send the "
                "next when one is answered"
            )
        self._n_of[user_uuid] += 1
        return Turn(self, user_uuid)

    def ended(self, user_uuid: UUID) -> None:
        """Count a request as no longer in flight."""
        self._n_of[user_uuid] -= 1
        if not self._n_of[user_uuid]:
            del self._n_of[user_uuid]


class Turn:
    """The turn of one request; the task that makes it acts for the user from then on."""

    def __init__(self, turns: Turns, user_uuid: UUID) -> None:
        self._turns = turns
        self._user_uuid = user_uuid
        self._is_taken = False
        self._has_ended = False
        ACTING.set(user_uuid)
        _TURN.set(self)

    async def take(self) -> None:
        """Wait for the turn.

        Raises:
            TooManyError: If it does not come in time.
        """
        if not self._is_taken and not self._has_ended:
            await self._turns.shares.take(self._user_uuid)
            self._is_taken = True

    def stand_aside(self) -> None:
        """Let the user's next request have its turn; a second call changes nothing."""
        if self._is_taken:
            self._is_taken = False
            self._turns.shares.give_back(self._user_uuid)

    def end(self) -> None:
        """Stand aside for good: the request is answered; a second call changes nothing."""
        self.stand_aside()
        if not self._has_ended:
            self._has_ended = True
            self._turns.ended(self._user_uuid)


_TURN: ContextVar[Turn | None] = ContextVar("turn", default=None)


def stand_aside() -> None:
    """Let others of the user have their turn while the current request waits, if it has a turn."""
    turn = _TURN.get()
    if turn is not None:
        turn.stand_aside()


async def turn_again() -> None:
    """Wait for the turn of the current request that stood aside.

    Raises:
        TooManyError: As ``Turn.take``.
    """
    turn = _TURN.get()
    if turn is not None:
        await turn.take()
