"""What the board shows of an experiment: fetched at once, and written as HTML."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from http import HTTPStatus
from typing import NamedTuple

from autotune.errors import NotFoundError, ServiceError
from autotune.experiment import Experiment
from autotune.running.underway import Underway
from autotune.views.candidates import list_text
from autotune.views.facts import facts_of, paused_text, state_of
from autotune.views.shown import Observation, configuration_text, counted, outcome_texts
from autotune.widgets.style import block, styled, table, title
from autotune_wire.experiments import Experiment as Seen
from autotune_wire.observations import HistoryPage
from autotune_wire.overviews import Overview
from autotune_wire.paths import EXPERIMENT_HISTORY, EXPERIMENT_OVERVIEW
from autotune_wire.space import units_of
from autotune_wire.suggestions import Suggestion


class BoardView(NamedTuple):
    """An experiment as it was at one moment.

    Attributes:
        seen: The experiment.
        suggestions: The suggestions that are open or held; None if the service does not list them.
        last_data_seq: The seq of the newest observation; 0 without one.
        runs: The last runs by their numbers, and those that were asked for, newest first.
        at: When this was fetched.
    """

    seen: Seen
    suggestions: Sequence[Suggestion] | None
    last_data_seq: int
    runs: dict[int, Observation]
    at: datetime


def fetch_view(experiment: Experiment, n_runs: int, asked: Iterable[int] = ()) -> BoardView:
    """Fetch what the board shows, with the last ``n_runs`` runs and those that were asked for by their numbers."""
    suggestions: Sequence[Suggestion] | None = None
    try:
        path = EXPERIMENT_OVERVIEW.format(exp_uuid=experiment.exp_uuid)
        overview = experiment.connection.get(path, Overview, newest=0)
        seen, suggestions = overview.experiment, overview.suggestions
    except NotFoundError:
        seen = experiment.state()  # a service of before, which has no overviews
    runs = _last_runs(experiment, seen.n_observations, n_runs)
    older = sorted({*asked} - {*runs}, reverse=True)
    runs |= {number: experiment.observation(number) for number in older}
    last_data_seq = max((run.seq for run in runs.values()), default=0)
    return BoardView(seen, suggestions, last_data_seq, runs, datetime.now(UTC))


def head_html(view: BoardView, trouble: str) -> str:
    """Write the state of the experiment and of the engine."""
    facts = dict(facts_of(view.seen))
    n_runs = counted(view.seen.n_observations, "run")
    stopped = "" if view.seen.stopped is None else f"<div>Stopped: {escape(view.seen.stopped.reason)}</div>"
    if view.seen.paused is not None:
        stopped += f"<div>Paused: {escape(paused_text(view.seen.paused))}</div>"
    engine = escape(engine_text(view, trouble))
    n_runs += "" if view.seen.candidates is None else f"; list of {list_text(view.seen.candidates)}"
    as_of = f"{facts['state']}; {n_runs}; best response {facts['best response']}; as of {view.at:%H:%M:%S} UTC"
    return block(f"{title(view.seen.name, as_of)}{stopped}<div>Engine: {engine}</div>")


def engine_text(view: BoardView, trouble: str) -> str:
    """Write what the engine does, and when it made its last suggestion; a time stays true while nothing is drawn."""
    if trouble:
        return f"not known; {trouble}"
    if state_of(view.seen) != "active":
        return f"at rest: the experiment is {state_of(view.seen)}"
    if view.suggestions is None:
        return "not known: the service is of a version that does not say"
    if not view.suggestions:
        return "computing the next suggestion"
    newest = max(view.suggestions, key=lambda suggestion: suggestion.time_created)
    made_at = newest.time_created.astimezone(UTC)
    at = f"{made_at:%H:%M:%S} UTC" if made_at.date() == view.at.date() else f"{made_at:%H:%M} UTC, {made_at:%d %b %Y}"
    took = "" if newest.seconds is None else f", took {newest.seconds:.2g} s"
    is_behind = newest.data_seq is not None and newest.data_seq < view.last_data_seq
    state = "computing with the newest runs" if is_behind else "up to date"
    return f"{state}; last suggestion at {at}{took}"


def loop_html(underway: Underway | None) -> str:
    """Write the loop of this process as a bar that screen readers read, with its time left; nothing once it is done."""
    if underway is None or not underway.text:
        return ""
    text = escape(underway.text)
    if underway.phase == "stopped":
        return block(f'<div role="status">The loop of this notebook {text}.</div>')
    bar = f'<progress max="{underway.n}" value="{underway.n_told}" aria-label="Runs told by the loop" '
    return block(f'<div>{bar}aria-valuetext="{text}"></progress> {text}</div>')


def loop_still(underway: Underway | None, at: datetime) -> str:
    """Write the loop as a saved notebook may say it for ever: in the past, with the time."""
    if underway is None or not underway.text:
        return ""
    told = f"A loop of this notebook had told {underway.n_told} of {counted(underway.n, 'run')}"
    return block(f"<div>{told} at {at:%H:%M:%S} UTC, {at:%d %b %Y}.</div>")


def open_html(view: BoardView) -> str:
    """Write the suggestions that wait for their outcomes, with who holds each and until when."""
    if view.suggestions is None:
        return ""
    if not view.suggestions:
        return block('<div class="atw-soft">No suggestion is open now.</div>')
    units = units_of(view.seen.covars)
    rows = [
        (configuration_text(suggestion.covars, units), suggestion.source, *_held(suggestion))
        for suggestion in view.suggestions
    ]
    return block(table("Open suggestions", ("values", "from", "held by", "until"), rows))


def board_still(view: BoardView, trouble: str) -> str:
    """Write the board as HTML that needs no kernel."""
    rows: list[tuple[str, ...]] = [
        (str(number), configuration_text(run.covars, units_of(view.seen.covars)), _outcome(run), _noted(run))
        for number, run in view.runs.items()
    ]
    header: tuple[str, ...] = ("run", "values", "outcome", "note and tags")
    if any(run.teller for run in view.runs.values()):
        header += ("told by",)
        rows = [(*row, run.teller or "") for row, run in zip(rows, view.runs.values(), strict=True)]
    runs = block(table("Last runs", header, rows)) if rows else ""
    return f"{styled(head_html(view, trouble))}{open_html(view)}{runs}"


def _last_runs(experiment: Experiment, n_all: int, n_runs: int) -> dict[int, Observation]:
    try:
        path = EXPERIMENT_HISTORY.format(exp_uuid=experiment.exp_uuid)
        page = experiment.connection.get(path, HistoryPage, newest=n_runs)
    except ServiceError as error:
        if error.status != HTTPStatus.UNPROCESSABLE_ENTITY:
            raise
        # A service of before, which does not know the option.
        return {number: experiment.observation(number) for number in range(n_all, max(n_all - n_runs, 0), -1)}
    numbered = list(enumerate(page.observations, start=page.first_number or 1))
    # Who told a run is worth a line where it is not always the user who looks.
    tellers = page.tellers if set(page.tellers.values()) - {experiment.connection.username} else {}
    return {
        number: Observation(**dict(run), teller=tellers.get(run.told_by) if run.told_by else None)
        for number, run in reversed(numbered)
    }


def _held(suggestion: Suggestion) -> tuple[str, str]:
    if suggestion.state != "leased":
        return "nobody", ""
    until = "" if suggestion.lease_until is None else f"{suggestion.lease_until:%Y-%m-%d %H:%M} UTC"
    return suggestion.worker or "a worker without a name", until


def _noted(run: Observation) -> str:
    return " ".join([run.note or "", *(f"[{tag}]" for tag in run.tags)]).strip()


def _outcome(run: Observation) -> str:
    return ", ".join(map(" ".join, outcome_texts(run)))
