"""The state of the panel when it opens: from an overview of the experiment, which is fetched faster than its events."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from autotune.ask_tell import AskTell
from autotune.calls.reporting import read_curves
from autotune.panel.front import MAX_ROWS
from autotune.panel.progress import progress_of
from autotune.panel.reports import MAX_CURVES, reports_of
from autotune.panel.state import Change, Dot, PanelState
from autotune.transport.coroutines import result_of
from autotune_wire import paths
from autotune_wire.experiments import Experiment
from autotune_wire.observations import HistoryPage
from autotune_wire.overviews import Overview
from autotune_wire.responses import breaks_threshold, lacks_threshold, primary_of, thresholds_of
from autotune_wire.space import units_of


def newest_seq(experiment: AskTell) -> int:
    """Fetch the seq of the experiment's newest event."""
    path = paths.EXPERIMENT.format(exp_uuid=experiment.exp_uuid)
    return experiment.connection.get(path, Experiment).last_seq


def opened(experiment: AskTell, now: Callable[[], datetime]) -> PanelState:
    """Fetch the experiment as it stands, as the state after the last of its events.

    Raises:
        NotFoundError: If the experiment does not exist, or the service is of a version that has no overviews.
    """
    at = now()
    path = paths.EXPERIMENT_OVERVIEW.format(exp_uuid=experiment.exp_uuid)
    state = replace(state_of(experiment.connection.get(path, Overview)), as_of=at)
    if experiment.early_stop is not None:
        curves = result_of(read_curves(experiment.connection, experiment.exp_uuid, MAX_CURVES))
        state = replace(state, reports=reports_of(curves))
    front = state.progress.front
    if not front:
        return state
    best = sorted(front, key=lambda numbered: numbered[1], reverse=True)[:MAX_ROWS]
    return _with_covars(experiment, state, {number for number, _ in [*best, front[-1]]})


def state_of(overview: Overview) -> PanelState:
    """Return the state of the panel that an overview describes."""
    seen = overview.experiment
    dots = _dots(overview)
    pending = {suggestion.suggestion_uuid: suggestion for suggestion in overview.suggestions}
    state = PanelState(
        seen.name,
        seen.direction,
        seen.responses,
        units_of(seen.covars),
        is_closed=seen.state == "closed",
        dots=dots,
        best=seen.best,
        changes=tuple(
            Change(bisect_left(overview.seqs, change.seq), tuple(change.changes)) for change in overview.changes
        ),
        stopped="" if seen.stopped is None else f"{seen.stopped.reason} ({seen.stopped.rule})",
        paused=None if seen.paused is None else seen.paused.reason or "",
        waiting={uuid: suggestion for uuid, suggestion in pending.items() if suggestion.state == "open"},
        taken={uuid: suggestion for uuid, suggestion in pending.items() if suggestion.state == "leased"},
        last_seq=seen.last_seq,
    )
    if state.has_front:
        state = replace(state, progress=progress_of((dot.counted for dot in dots), state.objectives))
    return state


def _dots(overview: Overview) -> tuple[Dot, ...]:
    responses = overview.experiment.responses
    primary, _ = primary_of(responses)
    excluded, failed, modelled = set(overview.excluded), set(overview.failed), set(overview.modelled)
    stopped = set(overview.stopped)
    columns, has_thresholds = overview.responses, bool(thresholds_of(responses))
    dots = []
    for place, seq in enumerate(overview.seqs):
        measured = {name: value for name, column in columns.items() if (value := column[place]) is not None}
        dots.append(
            Dot(
                response=measured.get(primary),
                source="model" if place + 1 in modelled else None,
                is_failed=place + 1 in failed,
                is_stopped=place + 1 in stopped,
                is_broken=has_thresholds and breaks_threshold(responses, measured),
                is_open=has_thresholds and place + 1 not in stopped and lacks_threshold(responses, measured),
                is_excluded=place + 1 in excluded,
                measured=measured,
                seq=seq,
            )
        )
    return tuple(dots)


def _with_covars(experiment: AskTell, state: PanelState, numbers: Iterable[int]) -> PanelState:
    """Return the state with the configurations of some runs, which an overview leaves out."""
    path = paths.EXPERIMENT_HISTORY.format(exp_uuid=experiment.exp_uuid)
    dots = list(state.dots)
    for number in numbers:
        for found in experiment.connection.get(path, HistoryPage, number=number).observations:
            dots[number - 1] = replace(dots[number - 1], covars=found.covars, uuid=str(found.observation_uuid))
    return replace(state, dots=tuple(dots))
