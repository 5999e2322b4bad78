"""The live panel: the picture of an experiment in a notebook, redrawn as events arrive."""

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from threading import Condition
from typing import Any

from autotune.ask_tell import AskTell
from autotune.errors import AutotuneError
from autotune.panel.html import panel_html, panel_text
from autotune.panel.redraw import Redraw
from autotune.panel.state import PanelState, with_event, with_link
from autotune.transport.forks import renew_after_fork
from autotune.transport.stream import follow
from autotune.transport.stream_state import RESET
from autotune_wire.space import units_of

REPLAY_S = 2.0
"""How long a cell waits for the events so far, so that the first picture is not empty."""


class Panel:
    """Follows one experiment in the background, from the first display of the panel until ``close``.

    Events arrive on the client's own event loop and change only ``_state``. Drawing happens on the main thread alone.
    While a cell runs, the kernel processes no redraws, so code that runs long calls ``refresh``.
    """

    def __init__(self, experiment: AskTell) -> None:
        self._experiment = experiment
        self._state = self._blank()
        self._arrived = Condition()
        self._following: Future[None] | None = None
        self._redraw: Redraw | None = None
        self._widget: Any = None
        self._handle: Any = None
        renew_after_fork(self)

    @property
    def state(self) -> PanelState:
        """The state of the experiment as far as its events have arrived."""
        return self._state

    def show(self) -> None:
        """Display the panel below the running cell."""
        from IPython.display import display

        self._handle = display(self, display_id=True)

    def start(self) -> None:
        """Start to follow the experiment, unless the panel does already; must run on the main thread, inside a cell."""
        if self._following is not None:
            return
        from ipywidgets import HTML

        self._widget = HTML()
        try:
            self._redraw = Redraw(self.refresh)
        except RuntimeError:
            self._redraw = None  # a terminal has no loop that draws later: the first picture stays as it is
        self._following = self._experiment.connection.loop.submit(self._follow())
        self.catch_up()
        self.refresh()

    def catch_up(self, timeout_s: float = REPLAY_S) -> None:
        """Wait until the events that are known to exist have arrived, but no longer than the timeout, in seconds."""
        seq = self._experiment.last_seq
        with self._arrived:
            self._arrived.wait_for(lambda: self._state.last_seq >= seq or self._state.link == "stopped", timeout_s)

    def refresh(self) -> None:
        """Draw the current state; must run on the main thread."""
        if self._widget is not None:
            self._widget.value = panel_html(self._state)

    def save(self) -> None:
        """Update the picture that is saved with the notebook, which its readers see without a kernel."""
        if self._handle is not None:
            self._handle.update(self)

    def after_fork(self) -> None:
        """Stop drawing in a forked child: the loops that follow and draw are the parent's."""
        self._arrived = Condition()
        self._following = self._redraw = None

    def close(self) -> None:
        """Stop following the experiment; the last picture stays."""
        if self._following is not None:
            self._following.cancel()
        self._change(lambda state: replace(state, link="stopped"))

    def _repr_mimebundle_(self, **_selection: Any) -> dict[str, Any]:
        self.start()
        return {
            **self._widget._repr_mimebundle_(),
            "text/html": panel_html(self._state),
            "text/plain": panel_text(self._state),
        }

    async def _follow(self) -> None:
        try:
            while True:
                await self._follow_until_reset()
                # A backup was restored: the events so far are of another log. The new log is read from its start.
                self._change(lambda state: replace(self._blank(), link=state.link))
        except AutotuneError as error:
            trouble = str(error)
            self._change(lambda state: replace(state, link="stopped", trouble=trouble))

    async def _follow_until_reset(self) -> None:
        experiment = self._experiment
        async with aclosing(
            follow(experiment.connection, experiment.exp_uuid, self._state.last_seq, self._link)
        ) as events:
            async for event in events:
                if event.type == RESET:
                    return
                self._change(partial(with_event, event=event))

    def _blank(self) -> PanelState:
        experiment = self._experiment
        units = units_of(experiment.covars)
        return PanelState(experiment.name, experiment.direction, experiment.responses, units)

    def _link(self, is_live: bool) -> None:
        self._change(lambda state: with_link(state, is_live))

    def _change(self, change: Callable[[PanelState], PanelState]) -> None:
        with self._arrived:
            self._state = change(self._state)
            self._arrived.notify_all()
        if self._redraw is not None:
            self._redraw.request()
