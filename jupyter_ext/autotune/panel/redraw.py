"""Redraws that any thread requests and the kernel's event loop runs; a burst of requests is one redraw."""

import asyncio
import contextvars
from collections.abc import Callable
from threading import Lock

PAUSE_S = 0.05
"""Seconds in which requests share one redraw: too short to notice, and a replay of thousands is a few redraws."""


class Redraw:
    """Draws on the event loop, and in the context, of the cell that made this object.

    ipykernel 7 reads the cell that a message belongs to from a context variable, which other threads do not have
    (ipython/ipykernel#1450). ipykernel 6 needs no context.

    Args:
        draw: Draws the picture; called on the event loop.
        pause_s: How long to collect requests before a redraw, in seconds.

    Raises:
        RuntimeError: If no event loop runs, as in a terminal.
    """

    def __init__(self, draw: Callable[[], None], pause_s: float = PAUSE_S) -> None:
        self._draw = draw
        self._pause_s = pause_s
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._lock = Lock()
        self._is_due = False

    def request(self) -> None:
        """Request a redraw after the pause; any thread may call this.

        Raises:
            RuntimeError: If the loop is closed.
        """
        with self._lock:
            if self._is_due:
                return
            self._is_due = True
        self._loop.call_soon_threadsafe(self._wait, context=self._context)

    def _wait(self) -> None:
        self._loop.call_later(self._pause_s, self._run)  # in this same context

    def _run(self) -> None:
        # Cleared before the drawing, so that a change during the drawing requests another redraw.
        with self._lock:
            self._is_due = False
        self._draw()
