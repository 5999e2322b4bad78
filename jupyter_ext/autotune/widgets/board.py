"""The board of an experiment: what is going on, who holds what, and the last runs, to be corrected in place."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from threading import current_thread, main_thread
from typing import Any

from ipywidgets import HTML

from autotune.errors import AutotuneError, InvalidInputError
from autotune.experiment import Experiment
from autotune.panel.live import Panel
from autotune.running.underway import Underway, unwatch, watch
from autotune.views.facts import state_of
from autotune.views.shown import Observation, counted
from autotune.widgets.board_runs import RunRow, RunTable
from autotune.widgets.board_view import BoardView, board_still, fetch_view, head_html, loop_html, loop_still, open_html
from autotune.widgets.following import Follower
from autotune.widgets.form import Form, lowered, require, row, typed, wrong_field
from autotune.widgets.style import block, styled, title

N_RUNS = 8
MAX_ASKED = 4
"""How many runs are shown beside the last ones at most, as each is fetched by a request of its own."""


class Board(Form):
    """The live panel of an experiment, and below it what can be looked after: suggestions, runs, start and stop.

    The board follows the experiment from its first display, or from ``follow``, until ``close``. What a user is typing
    into the table stays meanwhile. Of the runs it shows the last ones, and older ones by their numbers.

    Args:
        experiment: The experiment.

    Attributes:
        panel: The live panel.
        table: The runs.
    """

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        require(self, Experiment, experiment)
        self.experiment = experiment
        self.panel: Panel = experiment.panel()
        self.table = RunTable(experiment, self._switch)
        self._asked: list[int] = []
        self._view: BoardView | None = None
        self._trouble = ""
        self._follower: Follower[BoardView] | None = None
        self._loop: Underway | None = None
        self._loop_at = datetime.now(UTC)
        self._head, self._progress, self._open = HTML(), HTML(), HTML()
        self._reason = self.field(
            "reason",
            typed("Reason, needed for a correction, an exclusion or a restoration", "", "420px", "misread the scale"),
        )
        self._number = self.field("number", typed("Number of an older run", "", "160px", "17"))
        self.show_run = self.button("Show this run", "show an older run in the table", self._show_run)
        self.enter(self._number, self.show_run)
        self.save = self.button("Save what was typed", "store what was typed over", self._save, is_first=True)
        self.enter(self._reason, self.save)
        self.pause = self.button("Pause", "no suggestions for now; results are still taken", self._pause)
        self.resume = self.button("Resume", "go on after a pause, or after a stop rule was met", self._resume)
        self.stop = self.button("Close the experiment", "no more suggestions, until it is reopened", self._close)
        self.reopen = self.button("Reopen", "go on after it was closed", self._reopen)
        self.look_again = self.button("Look again", "fetch everything now", self._look)
        self.show(
            self._head,
            self._progress,
            row([self.pause, self.resume, self.stop, self.reopen, self.look_again]),
            self._open,
            self.table.widget,
            row([self._number.box, lowered(self.show_run)]),
            row([self._reason.box, lowered(self.save)]),
        )
        self.do(self.look_again, self._look)

    def __repr__(self) -> str:
        state = "not fetched" if self._view is None else self._view.seen.state
        return f"Board({self.experiment.name!r}, {state}, {counted(len(self.rows), 'run')} shown)"

    @property
    def rows(self) -> list[RunRow]:
        """The runs that are shown, newest first."""
        return self.table.rows

    def still(self) -> str:
        """Write the board as HTML that needs no kernel."""
        if self._view is None:
            return styled(title(self.experiment.name, "not fetched yet"))
        return board_still(self._view, self._all_trouble()) + loop_still(self._loop, self._loop_at)

    def close(self) -> None:
        """Follow the experiment no more; what is shown stays."""
        if self._follower is not None:
            self._follower.close()
        unwatch(self.experiment.exp_uuid, self._on_loop)
        self.panel.close()

    def refresh(self) -> None:
        """Show what was fetched last; cells that were typed over stay as they are."""
        view = self._view
        if view is None:
            self._head.value = block(
                title(self.experiment.name, f"Nothing is known of it yet. {self._trouble}".strip())
            )
            return
        self._head.value = head_html(view, self._all_trouble())
        self._open.value = open_html(view)
        state = state_of(view.seen)
        self.stop.disabled, self.reopen.disabled = state == "closed", state != "closed"
        self.pause.disabled, self.resume.disabled = state in {"closed", "paused"}, state not in {"paused", "stopped"}
        self.table.show(view.runs)
        self.save.disabled = not view.runs

    def _all_trouble(self) -> str:
        return self._trouble or self.panel.state.trouble

    def _on_loop(self, underway: Underway) -> None:
        """Show a loop of this process, also while its cell keeps the kernel from drawing anything else."""
        if current_thread() is not main_thread():
            if self._follower is not None:
                self._follower.draw_soon(lambda: self._draw_loop(underway))
            return
        self._draw_loop(underway)

    def _draw_loop(self, underway: Underway) -> None:
        self._loop, self._loop_at = underway, datetime.now(UTC)
        self._progress.value = loop_html(underway)
        self.keeper.keep()

    def _look(self) -> None:
        self._view, self._trouble = self._fetch(), ""

    def _fetch(self) -> BoardView:
        return fetch_view(self.experiment, N_RUNS, self._asked[:])

    def _draw(self, found: BoardView | AutotuneError) -> None:
        if isinstance(found, AutotuneError):
            self._trouble = str(found)
        else:
            self._view, self._trouble = found, ""
        self.refresh()
        self.keeper.keep()

    def _linked(self, is_live: bool) -> None:
        """Show that the service cannot be reached; that it can is shown with what is fetched then."""
        if not is_live:
            self._trouble = f"{datetime.now(UTC):%H:%M} UTC: the service cannot be reached, reconnecting"
            self.refresh()
            self.keeper.keep()

    def _show_run(self) -> str:
        number = self._number.number()
        n_runs = 0 if self._view is None else self._view.seen.n_observations
        if number is None or not number.is_integer() or not 1 <= number <= n_runs:
            raise wrong_field(
                "number", f"must be the number of a run, from 1 to {n_runs}, as history and pictures show it"
            )
        self._asked = [*(one for one in self._asked if one != number), int(number)][-MAX_ASKED:]
        self._number.input.value = ""
        self._look()
        return f"Run {int(number)} is in the table."

    def _pause(self) -> str:
        self.experiment.pause(self._reason.text or None)
        self._reason.input.value = ""
        self._look()
        return "Paused: nothing is suggested until it is resumed, and results are still taken."

    def _resume(self) -> str:
        self.experiment.resume()
        self._look()
        return "Resumed."

    def _close(self) -> str:
        self.experiment.close()
        self._look()
        return "Closed: nothing is lost, and Reopen goes on."

    def _reopen(self) -> str:
        self.experiment.reopen()
        self._look()
        return "Reopened."

    def _save(self) -> str:
        changed = [one for one in self.rows if one.changed]
        if not changed:
            return "Nothing was typed over."
        corrected = [(one, self._correction(one)) for one in changed if one.is_corrected]
        reason = self._given_reason() if corrected else ""
        noted = [(one, one.noted()) for one in changed if one.noted()]
        done: list[str] = []
        for one, correction in corrected:
            with self._said_beside(one, done):
                stored = self.experiment.correct(one.observation, reason=reason, **correction)
                self._take(one, stored, ("covars", "responses"))
            done.append(f"Run {one.number} is corrected.")
        for one, remark in noted:
            with self._said_beside(one, done):
                self._take(one, self.experiment.note(one.observation, **remark), ("noted",))
            done.append(f"Run {one.number} is noted.")
        self._reason.input.value = ""
        self._look()
        said = [f"{counted(len(noted), 'run')} noted."] if noted else []
        if corrected:
            said.insert(0, f"{counted(len(corrected), 'run')} corrected; the next suggestion is computed anew.")
        return " ".join(said)

    @contextmanager
    def _said_beside(self, one: RunRow, done: Sequence[str]) -> Iterator[None]:
        """Say an error of the block in the row that it is about, too, and below what was done before it."""
        try:
            yield
        except AutotuneError as error:
            one.say(str(error))
            for text in done:
                error.add_note(text)
            raise

    def _correction(self, one: RunRow) -> dict[str, Any]:
        try:
            return one.correction()
        except InvalidInputError as error:
            one.say(error.errors[0].message)
            raise InvalidInputError(f"Run {one.number} is not corrected yet: see what is said in its cell.") from None

    def _switch(self, one: RunRow) -> None:
        self.soon(lambda: self.do(one.switch, lambda: self._switched(one)))

    def _switched(self, one: RunRow) -> str:
        is_excluded = one.observation.is_excluded
        change = self.experiment.restore if is_excluded else self.experiment.exclude
        self._take(one, change(one.observation, self._given_reason()))
        self._reason.input.value = ""
        self._look()
        return f"Run {one.number} {'counts again' if is_excluded else 'is excluded'}."

    def _take(self, one: RunRow, stored: Observation, saved: Sequence[str] = ()) -> None:
        """Show a run as it was stored, also if it cannot be fetched again."""
        one.take(stored, saved)
        if self._view is not None:
            self._view.runs[one.number] = stored

    def _given_reason(self) -> str:
        if not self._reason.text:
            raise wrong_field("reason", "the reason is missing: it is kept with the new version of the run")
        return self._reason.text

    def follow(self) -> None:
        """Follow the experiment from now on, unless the board does already; call this inside a cell."""
        if self._follower is None:
            watch(self.experiment.exp_uuid, self._on_loop)
            with suppress(RuntimeError):  # a terminal has no loop that draws later: what is shown stays as it is
                self._follower = Follower(self.experiment, self._fetch, self._draw, link=self._linked)

    def _ipython_display_(self) -> None:
        self.panel.show()
        self.follow()
        super()._ipython_display_()
