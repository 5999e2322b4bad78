"""Redraws handed from any thread to the kernel's loop, a burst of them as one."""

import asyncio
import contextvars
from collections.abc import Callable
from threading import Lock

PAUSE_S = 0.05
"""Events within it share a redraw: faster than the eye, and a replay of thousands is drawn a few times."""


class Redraw:
    """Draws on the loop and in the context of the cell that made this object.

    ipykernel 7 finds the cell that a message belongs to in a context variable, which other threads do not have
    (ipython/ipykernel#1450); ipykernel 6 does not care.

    Raises:
        RuntimeError: If no loop runs, as in a terminal.
    """

    def __init__(self, draw: Callable[[], None], pause_s: float = PAUSE_S) -> None:
        self._draw = draw
        self._pause_s = pause_s
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._lock = Lock()
        self._is_due = False

    def request(self) -> None:
        """Draw soon; any thread may ask.

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
        # Cleared before drawing: what changes from here on needs another redraw.
        with self._lock:
            self._is_due = False
        self._draw()
