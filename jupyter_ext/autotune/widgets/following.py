"""Follows an experiment in the background, and draws in the kernel what was fetched after its events."""

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import Generic, TypeVar

from autotune.ask_tell import AskTell
from autotune.errors import AutotuneError, ConnectionFailedError, UnavailableError
from autotune.transport.stream import follow
from autotune_wire.frames import Event

T = TypeVar("T")

PAUSE_S = 0.5
"""Events that come within so many seconds are followed by one fetch and one drawing."""
AGAIN_S = 5.0
"""After how many seconds a fetch that the service did not answer is tried again, though no event came."""


class Follower(Generic[T]):
    """Fetches after each event, on the client's own loop, and draws on the loop of the kernel.

    While a cell runs, the kernel draws nothing: what was fetched last, and that alone, is drawn when the cell ends.
    ipykernel 7 reads the cell that a message belongs to from a context variable, so the drawing takes the context of
    the cell that made this object (ipython/ipykernel#1450).

    Args:
        experiment: The experiment.
        fetch: Fetches what is drawn; called on a thread.
        draw: Draws what was fetched, or the error that ended the following.
        see: Called with each event, on the client's loop, before the fetch that follows it.
        link: Draws whether the service can be reached, each time that this changes.
    """

    def __init__(
        self,
        experiment: AskTell,
        fetch: Callable[[], T],
        draw: Callable[[T | AutotuneError], None],
        see: Callable[[Event], None] | None = None,
        link: Callable[[bool], None] | None = None,
    ) -> None:
        self._experiment = experiment
        self._fetch = fetch
        self._draw = draw
        self._see = see
        self._link = link
        self._found: deque[T | AutotuneError] = deque(maxlen=1)
        self._is_live = True
        self._is_closed = False
        self._kernel = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._due: asyncio.Event | None = None
        loop = experiment.connection.loop
        self._tasks = [loop.submit(self._keep_drawn()), loop.submit(self._follow())]

    def close(self) -> None:
        """Follow no more."""
        self._is_closed = True
        for task in self._tasks:
            task.cancel()

    async def _follow(self) -> None:
        experiment = self._experiment
        try:
            after = experiment.last_seq
            async with aclosing(follow(experiment.connection, experiment.exp_uuid, after, self._linked)) as events:
                async for event in events:
                    if self._see is not None:
                        self._see(event)
                    self._mark()
        except AutotuneError as error:
            self._hand_over(error)

    def _linked(self, is_live: bool) -> None:
        if self._is_closed or is_live == self._is_live:
            return
        self._is_live = is_live
        if self._link is not None:
            link = self._link
            self.draw_soon(lambda: link(is_live))
        if is_live:
            self._mark()  # what is shown may be older than the lost connection

    def _mark(self) -> None:
        assert self._due is not None, "the drawing is submitted first"
        self._due.set()

    async def _keep_drawn(self) -> None:
        due = self._due = asyncio.Event()
        while True:
            await due.wait()
            await asyncio.sleep(PAUSE_S)
            due.clear()  # before the fetch, so that an event during the fetch causes another one
            try:
                found: T | AutotuneError = await asyncio.to_thread(self._fetch)
            except AutotuneError as error:
                found = error
                if isinstance(error, ConnectionFailedError | UnavailableError):
                    asyncio.get_running_loop().call_later(AGAIN_S, due.set)
            self._hand_over(found)

    def _hand_over(self, found: T | AutotuneError) -> None:
        self._found.append(found)
        self.draw_soon(self._draw_newest)

    def _draw_newest(self) -> None:
        if self._found:
            self._draw(self._found.pop())

    def draw_soon(self, draw: Callable[[], None]) -> None:
        """Call ``draw`` on the loop of the kernel; may be called on any thread."""
        with suppress(RuntimeError):  # the kernel's loop is closed: nobody sees a drawing any more
            self._kernel.call_soon_threadsafe(draw, context=self._context)
