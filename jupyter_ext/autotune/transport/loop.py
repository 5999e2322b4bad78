"""An asyncio loop on a thread of its own, for streams that run while the notebook does other work."""

import asyncio
import atexit
from collections.abc import Coroutine
from concurrent.futures import Future
from threading import Lock, Thread
from typing import Any

from autotune.transport.forks import renew_after_fork

STOP_S = 5.0
"""How long ``close`` waits for the thread to end, in seconds."""


class BackgroundLoop:
    """A loop that starts with the first coroutine and stops with ``close`` or the end of the process.

    The thread is a daemon, so that a kernel that shuts down does not wait for the thread. A forked child has no thread;
    there the loop starts anew with the first coroutine.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
        renew_after_fork(self)

    def submit(self, coroutine: Coroutine[Any, Any, None]) -> "Future[None]":
        """Run a coroutine on the loop; cancelling the future cancels the coroutine."""
        with self._lock:
            if self._loop is None:
                loop = asyncio.new_event_loop()
                self._thread = Thread(target=_run, args=(loop,), name="autotune", daemon=True)
                self._thread.start()
                # Otherwise asyncio writes to stderr at exit that tasks were destroyed while they were pending.
                atexit.register(self.close)
                self._loop = loop
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def close(self) -> None:
        """Cancel the coroutines that run, wait until they end, and stop the thread; may be called twice."""
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is None or thread is None:
            return
        atexit.unregister(self.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(STOP_S)

    def after_fork(self) -> None:
        """Forget the parent's loop and thread: ``close`` in a child must not stop the loop of the parent."""
        self._lock = Lock()
        self._loop = self._thread = None


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
