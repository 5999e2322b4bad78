"""Turns at what takes a processor and much memory: few at a time, fair between addresses, and few who wait."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from autotune_service.domain.errors import TooManyError

_MOST_WAITING = 1000
_AGAIN_S = 2


class Turns:
    """Gives turns to those who wait, by address.

    One address has all turns but one at most, so that a flood from there leaves room for everybody else. The next turn
    goes to the address that has the fewest, and had its last one the longest ago. Of one address the newest comes
    first: whoever has waited longest has most likely given up, and gives up the place when there are too many.

    Args:
        at_a_time: How many turns there are at a time.
        most_waiting: How many requests of one address may wait.
    """

    def __init__(self, at_a_time: int, most_waiting: int = 30) -> None:
        self._free = at_a_time
        self._share = max(at_a_time - 1, 1)
        self._most_waiting = most_waiting
        self._taken: Counter[str] = Counter()
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}  # in the order of their last turn
        self._held: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def turn(self, address: str, within_s: float) -> AsyncIterator[None]:
        """Wait for a turn, and have it while the block runs.

        Raises:
            TooManyError: If no turn comes within that time, or too many of the address wait.
        """
        await self._take(address, within_s)
        try:
            yield
        finally:
            self._free += 1
            self._taken[address] -= 1
            self._taken += Counter()  # drops those that have none
            self._give()

    async def hold(self, address: str, seconds: float) -> None:
        """Wait for some time, among a bounded number of others.

        Raises:
            TooManyError: If too many of the address wait.
        """
        place = self._enter(self._held, address)
        try:
            await asyncio.wait([place], timeout=seconds)
            if place.done():
                place.result()
        finally:
            self._leave(self._held, address, place)

    async def _take(self, address: str, within_s: float) -> None:
        place = self._enter(self._queues, address)
        self._give()
        try:
            await asyncio.wait([place], timeout=within_s)
        except asyncio.CancelledError:
            if place.done() and place.exception() is None:  # it came together with the cancellation
                self._free += 1
                self._taken[address] -= 1
                self._give()
            raise
        finally:
            self._leave(self._queues, address, place)
        if not place.done():
            raise _too_many()
        place.result()

    def _give(self) -> None:
        while self._free > 0:
            able = [address for address in self._queues if self._taken[address] < self._share]
            if not able:
                return
            address = min(able, key=self._taken.__getitem__)  # of equals the first, which had its turn longest ago
            queue = self._queues.pop(address)
            queue.pop().set_result(None)
            if queue:
                self._queues[address] = queue
            self._free -= 1
            self._taken[address] += 1

    def _enter(self, places: dict[str, deque[asyncio.Future[None]]], address: str) -> asyncio.Future[None]:
        queue = places.setdefault(address, deque())
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(place)
        longest = queue if len(queue) > self._most_waiting else None
        if longest is None and sum(map(len, places.values())) > _MOST_WAITING:
            longest = max(places.values(), key=len)
        if longest is not None:
            longest.popleft().set_exception(_too_many())
        return place

    def _leave(self, places: dict[str, deque[asyncio.Future[None]]], address: str, place: asyncio.Future[None]) -> None:
        queue = places.get(address)
        if queue is not None and place in queue:
            queue.remove(place)
        if not queue:
            places.pop(address, None)
        if place.done() and not place.cancelled():
            place.exception()  # else asyncio would log it where nobody waits any more


def _too_many() -> TooManyError:
    return TooManyError("too many sign-ins from your address wait already: try again in a moment", _AGAIN_S)
