"""The live panel: the picture of an experiment in a notebook, redrawn as events arrive."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from threading import Condition
from time import perf_counter

from autotune.ask_tell import AskTell
from autotune.errors import AutotuneError, ConnectionFailedError, NotFoundError, UnavailableError
from autotune.panel.html import panel_html, panel_text
from autotune.panel.opening import newest_seq, opened
from autotune.panel.outlet import Bundle, Outlet
from autotune.panel.state import PanelState, caught_up, stopped, with_event, with_link
from autotune.transport.forks import renew_after_fork
from autotune.transport.stream import follow
from autotune.transport.stream_state import RESET
from autotune_wire.space import units_of

REPLAY_S = 2.0
"""How long a cell waits for the events so far, so that the first picture is not empty."""
PAUSE_S = 0.2
"""Seconds between two redraws at least: events that come faster share one."""
REST = 4
"""After a redraw the panel rests for so many times as long as it took, so that large pictures do not hold up a cell."""
AGAIN_S = 60.0
"""A panel without news is redrawn after this time, in seconds, as its "as of" says by when it is followed."""
CATCH_UP_S = 1.0
"""Events that come in this time after a lost connection was found again are those that were missed, in seconds."""


def _now() -> datetime:
    return datetime.now(UTC)


def _reopened(before: PanelState, state: PanelState) -> PanelState:
    return replace(state, link=before.link, link_at=before.link_at)


class Panel:
    """Follows one experiment in the background, from the first display of the panel until ``close``.

    Events arrive on the client's own event loop. The panel draws there too, so it moves while a cell runs.
    """

    def __init__(self, experiment: AskTell, now: Callable[[], datetime] = _now) -> None:
        self._experiment = experiment
        self._now = now
        self._state = self._blank()
        self._arrived = Condition()
        self._following: Future[None] | None = None
        self._drawing: Future[None] | None = None
        self._is_due: asyncio.Event | None = None
        self._outlet = Outlet(self._after_command)
        renew_after_fork(self)

    @property
    def state(self) -> PanelState:
        """The state of the experiment as far as its events have arrived."""
        return self._state

    def show(self) -> None:
        """Display the panel below the running cell, and follow the experiment from now on."""
        self.start()
        self._outlet.show(self._bundle())

    def start(self) -> None:
        """Start to follow the experiment, unless the panel does already, and wait for what has happened so far."""
        if self._following is None:
            loop = self._experiment.connection.loop
            self._drawing = loop.submit(self._keep_drawn())
            self._following = loop.submit(self._follow())
            self.catch_up()

    def catch_up(self, timeout_s: float = REPLAY_S, seq: int = 0) -> None:
        """Wait until the events that are known to exist have arrived, but no longer than the timeout, in seconds.

        Args:
            timeout_s: The timeout.
            seq: The seq of an event that is known to exist.
        """
        last_seq = max(self._experiment.last_seq, seq)
        with self._arrived:
            self._arrived.wait_for(lambda: self._state.last_seq >= last_seq or self._state.link == "stopped", timeout_s)

    def refresh(self) -> None:
        """Draw the current state; in a cell of a page that does not show the panel, show it there."""
        if self._outlet.is_elsewhere:
            self.show()
        else:
            self._outlet.update(self._bundle())

    def after_fork(self) -> None:
        """Stop drawing in a forked child: the loops that follow and draw are the parent's."""
        self._arrived = Condition()
        self._following = self._drawing = self._is_due = None

    def close(self) -> None:
        """Stop following the experiment; the last picture stays, and says so."""
        for task in (self._following, self._drawing):
            if task is not None:
                task.cancel()
        self._change(partial(stopped, at=self._now()))
        self._outlet.update(self._bundle())
        self._outlet.close()

    def _ipython_display_(self) -> None:
        self.show()

    def _bundle(self) -> Bundle:
        state = self._state
        if state.link == "live":  # else it was the present state for the last time when the connection was lost
            state = replace(state, as_of=self._now())
        return {"text/html": panel_html(state), "text/plain": panel_text(state)}

    def _after_command(self) -> None:
        """Let the output that is saved show what the command changed, also where nothing reads what comes later."""
        if self._state.link == "live" and not self._outlet.is_elsewhere:
            with suppress(AutotuneError):
                self.catch_up(CATCH_UP_S, newest_seq(self._experiment))
        self.refresh()

    async def _follow(self) -> None:
        try:
            while True:
                # Opened anew after a reset too: a backup was restored, and the events so far are of another log.
                state = await self._opened()
                self._change(partial(_reopened, state=state))
                await self._follow_until_reset()
        except AutotuneError as error:
            self._change(partial(stopped, at=self._now(), trouble=str(error)))

    async def _opened(self) -> PanelState:
        while True:
            try:
                return await asyncio.to_thread(opened, self._experiment, self._now)
            except NotFoundError:
                return self._blank()  # a service of before, which tells it by its events
            except (ConnectionFailedError, UnavailableError):
                await asyncio.sleep(PAUSE_S)  # the client has waited for its whole time

    async def _follow_until_reset(self) -> None:
        experiment = self._experiment
        async with aclosing(
            follow(experiment.connection, experiment.exp_uuid, self._state.last_seq, self._link)
        ) as events:
            async for event in events:
                if event.type == RESET:
                    return
                self._change(partial(with_event, event=event))

    def _link(self, is_live: bool) -> None:
        self._change(partial(with_link, is_live=is_live, at=self._now()))
        if is_live:
            asyncio.get_running_loop().call_later(CATCH_UP_S, self._change, caught_up)

    def _blank(self) -> PanelState:
        experiment = self._experiment
        units = units_of(experiment.covars)
        return PanelState(experiment.name, experiment.direction, experiment.responses, units)

    def _change(self, change: Callable[[PanelState], PanelState]) -> None:
        with self._arrived:
            before, self._state = self._state, change(self._state)
            self._arrived.notify_all()
        if self._is_due is not None and self._state != before:
            self._is_due.set()

    async def _keep_drawn(self) -> None:
        """Draw after each change, and every minute while the panel is live."""
        due = self._is_due = asyncio.Event()
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(due.wait(), AGAIN_S if self._state.link == "live" else None)
            await asyncio.sleep(PAUSE_S)
            due.clear()  # before the drawing, so that a change during the drawing causes another one
            began = perf_counter()
            self._outlet.update(self._bundle())
            await asyncio.sleep(REST * (perf_counter() - began))
