"""The state that the live panel shows, computed event by event: no I/O, no clock."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from autotune.panel.progress import Progress, progress_of, with_point
from autotune.panel.reports import Reports, with_end, with_report
from autotune_pictures.parts.dominance import gains_of
from autotune_wire.base import Value
from autotune_wire.experiments import Best, Direction
from autotune_wire.frames import Event
from autotune_wire.responses import (
    AnyObjective,
    Objective,
    Responses,
    breaks_threshold,
    lacks_threshold,
    objectives_of,
    primary_of,
)
from autotune_wire.suggestions import Source, Suggestion

Link = Literal["connecting", "live", "reconnecting", "stopped"]


@dataclass(frozen=True)
class Dot:
    """One observation in the picture.

    Attributes:
        response: The primary objective; None where the run did not measure it.
        source: The source of the suggestion that was run; None for a configuration of the user's own.
        is_failed: Whether the run failed and gave no response.
        is_broken: Whether the run breaks a threshold, and so cannot be the best.
        is_open: Whether the run left a response with a threshold unmeasured and breaks no other; it cannot be the best.
        is_stopped: Whether the run was stopped early, so that it has no final value.
        is_excluded: Whether the observation is excluded; an excluded one keeps its number and is not drawn.
        measured: All measured responses, by name.
        uuid: The uuid of the observation; empty where only its ``seq`` is known, as of runs before the panel opened.
        seq: The seq of the event that announced the observation.
        covars: What was run; empty where that is not known.
    """

    response: float | None
    source: Source | None
    is_failed: bool = False
    is_broken: bool = False
    is_open: bool = False
    is_stopped: bool = False
    is_excluded: bool = False
    measured: Mapping[str, float] = field(default_factory=dict)
    uuid: str = ""
    seq: int = 0
    covars: Mapping[str, Value] = field(default_factory=dict)

    @property
    def counted(self) -> Mapping[str, float] | None:
        """All measured responses; None if the run cannot be among the best."""
        return None if self.is_failed or self.is_out else self.measured

    @property
    def is_out(self) -> bool:
        """Whether the run is excluded, was stopped early, or does not meet every threshold."""
        return self.is_broken or self.is_open or self.is_stopped or self.is_excluded


@dataclass(frozen=True)
class Change:
    """A change of the space.

    Attributes:
        n_before: The number of observations before the change.
        changes: A text for each change.
    """

    n_before: int
    changes: tuple[str, ...]


@dataclass(frozen=True)
class PanelState:
    """Everything the panel draws.

    Attributes:
        name: The name of the experiment.
        direction: Whether a higher or a lower response is better, where ``responses`` is empty.
        responses: The responses with their goals, by name; empty stands for a single response.
        units: The units of the covariates that have one, by name.
        is_closed: Whether the experiment is closed.
        dots: The observations, oldest first.
        best: The best observation so far; None where no observation counts.
        progress: The Pareto front as it grew; with one objective there is none.
        changes: The changes of the space, oldest first.
        reports: What the newest runs reported while they were under way.
        stopped: The reason of the stop rule that was met, empty where none was met.
        paused: The reason of the pause, empty where nobody said why; None while the experiment is not paused.
        waiting: Open suggestions, which nobody has leased, oldest first.
        taken: Suggestions that a worker has leased and not told yet.
        link: Whether the connection to the stream of events stands.
        link_at: Since when the link is as it is; None before the first connection.
        as_of: The last time at which this state was known to be the present one; None before the first contact.
        lost_seq: The seq of the last event before the connection was lost; None if it was never lost.
        n_missed: How many events came late, after the connection was lost and found again.
        trouble: The last error of the engine or the stream; the next suggestion clears it.
        last_seq: The seq of the last event in this state.
    """

    name: str
    direction: Direction
    responses: Responses = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    is_closed: bool = False
    dots: tuple[Dot, ...] = ()
    best: Best | None = None
    progress: Progress = field(default_factory=Progress)
    changes: tuple[Change, ...] = ()
    reports: Reports = field(default_factory=Reports)
    stopped: str = ""
    paused: str | None = None
    waiting: Mapping[UUID, Suggestion] = field(default_factory=dict)
    taken: Mapping[UUID, Suggestion] = field(default_factory=dict)
    link: Link = "connecting"
    link_at: datetime | None = None
    as_of: datetime | None = None
    lost_seq: int | None = None
    n_missed: int = 0
    trouble: str = ""
    last_seq: int = 0

    @property
    def objectives(self) -> Mapping[str, AnyObjective]:
        """The responses that are maximized, minimized or brought to a target, by name."""
        return objectives_of(self.responses)

    @property
    def primary(self) -> AnyObjective:
        """The first objective."""
        return primary_of(self.responses)[1] if self.responses else Objective(goal=self.direction)

    @property
    def has_front(self) -> bool:
        """Whether there are several objectives, so that a Pareto front is shown instead of one best run."""
        return len(self.objectives) > 1

    @property
    def best_measured(self) -> Mapping[str, float]:
        """All measured responses of the best run, by name; empty where they are not known."""
        if self.best is None:
            return {}
        uuid = str(self.best.observation_uuid)
        # An event that names the best observation does not have all its responses.
        return self.best.responses or next((dot.measured for dot in self.dots if dot.uuid == uuid), {})

    @property
    def suggestion(self) -> Suggestion | None:
        """The current suggestion: the newest open one, else the newest leased one; None if the experiment is closed."""
        for suggestions in (self.waiting, self.taken):
            if suggestions and not self.is_closed:
                return list(suggestions.values())[-1]
        return None


def with_event(state: PanelState, event: Event) -> PanelState:
    """Return the state after an event; an event of an unknown type only changes ``last_seq``."""
    change = _CHANGES.get(event.type)
    changed = state if change is None else change(state, event.data)
    return replace(changed, last_seq=event.seq)


def with_link(state: PanelState, is_live: bool, at: datetime) -> PanelState:
    """Return the state after the connection opened or was lost; a connection that never opened stays ``connecting``."""
    if state.link == "stopped":
        return state
    if is_live:
        return replace(state, link="live", link_at=at, as_of=at, n_missed=0)
    if state.link == "live":
        return replace(state, link="reconnecting", link_at=at, as_of=at, lost_seq=state.last_seq)
    return state


def caught_up(state: PanelState) -> PanelState:
    """Return the state once the events that were missed while the connection was lost have come."""
    return state if state.lost_seq is None else replace(state, n_missed=state.last_seq - state.lost_seq, lost_seq=None)


def stopped(state: PanelState, at: datetime, trouble: str = "") -> PanelState:
    """Return the state of a panel that is not followed any more, for good."""
    if state.link == "stopped":
        return state
    as_of = at if state.link == "live" else state.as_of
    return replace(state, link="stopped", link_at=at, as_of=as_of, trouble=trouble or state.trouble)


def _suggested(state: PanelState, data: dict[str, Any]) -> PanelState:
    suggestion = Suggestion.model_validate(data)
    waiting = {**_not_replaced(state, data), suggestion.suggestion_uuid: suggestion}
    return replace(state, waiting=waiting, trouble="")


def _leased(state: PanelState, data: dict[str, Any]) -> PanelState:
    uuid = UUID(data["suggestion_uuid"])
    suggestion = state.waiting.get(uuid)
    if suggestion is None:
        return state
    return replace(state, waiting=_without(state.waiting, uuid), taken={**state.taken, uuid: suggestion})


def _expired(state: PanelState, data: dict[str, Any]) -> PanelState:
    uuid = UUID(data["suggestion_uuid"])
    suggestion = state.taken.get(uuid)
    ended = _ended(state, uuid)
    if suggestion is None or data["state"] != "open":
        return ended
    return replace(ended, waiting={**ended.waiting, uuid: suggestion})


def _abandoned(state: PanelState, data: dict[str, Any]) -> PanelState:
    return _ended(state, UUID(data["suggestion_uuid"]))


def _superseded(state: PanelState, data: dict[str, Any]) -> PanelState:
    return replace(state, waiting=_not_replaced(state, data))


def _ended(state: PanelState, uuid: UUID | None) -> PanelState:
    reports = with_end(state.reports, uuid, is_stopped=False)
    return replace(state, waiting=_without(state.waiting, uuid), taken=_without(state.taken, uuid), reports=reports)


def _observed(state: PanelState, data: dict[str, Any]) -> PanelState:
    uuid = UUID(data["suggestion_uuid"]) if data.get("suggestion_uuid") else None
    suggestion = None if uuid is None else state.waiting.get(uuid) or state.taken.get(uuid)
    dot = _dot(state, data, suggestion.source if suggestion else None)
    progress = state.progress
    point = gains_of(state.objectives, dot.counted) if state.has_front and dot.counted is not None else None
    if point is not None:
        progress = with_point(progress, len(state.dots) + 1, point)
    observed = replace(state, dots=(*state.dots, dot), progress=progress)
    return replace(_ended(observed, uuid), reports=with_end(state.reports, uuid, is_stopped=dot.is_stopped))


def _reported(state: PanelState, data: dict[str, Any]) -> PanelState:
    return replace(state, reports=with_report(state.reports, data))


def _corrected(state: PanelState, data: dict[str, Any]) -> PanelState:
    uuid, best = data["observation_uuid"], state.best
    dots = tuple(_dot(state, data, dot.source) if _is_of(dot, data) else dot for dot in state.dots)
    if best is not None and str(best.observation_uuid) == uuid:
        # Where the response of the best observation stays, no ``best_changed`` follows: its configuration is read here.
        best = best.model_copy(update={"covars": data["covars"], "responses": data.get("responses", {})})
    progress = progress_of((dot.counted for dot in dots), state.objectives) if state.has_front else state.progress
    return replace(state, dots=dots, best=best, progress=progress)


def _is_of(dot: Dot, data: dict[str, Any]) -> bool:
    return bool(dot.uuid == data["observation_uuid"] if dot.uuid else dot.seq == data["seq"])


def _dot(state: PanelState, data: dict[str, Any], source: Source | None) -> Dot:
    measured, is_stopped = data.get("responses", {}), data.get("stopped_step") is not None
    return Dot(
        response=data["response"],
        source=source,
        is_failed=data.get("status") == "failed",
        is_stopped=is_stopped,
        is_broken=breaks_threshold(state.responses, measured),
        is_open=not is_stopped and lacks_threshold(state.responses, measured),
        is_excluded=data.get("is_excluded", False),
        measured=measured,
        uuid=data["observation_uuid"],
        seq=data.get("seq", 0),
        covars=data["covars"],
    )


def _best_changed(state: PanelState, data: dict[str, Any]) -> PanelState:
    # After a correction there may be no best observation.
    return replace(state, best=None if data["response"] is None else Best.model_validate(data))


def _space_changed(state: PanelState, data: dict[str, Any]) -> PanelState:
    change = Change(len(state.dots), tuple(map(str, data.get("changes", []))))
    covars = data.get("covars", {})
    units = {name: covariate["unit"] for name, covariate in covars.items() if covariate.get("unit")}
    return replace(state, waiting=_not_replaced(state, data), changes=(*state.changes, change), units=units)


def _stopped(state: PanelState, data: dict[str, Any]) -> PanelState:
    return replace(state, stopped=f"{data['reason']} ({data['rule']})")


def _paused(state: PanelState, data: dict[str, Any]) -> PanelState:
    return replace(state, paused=data["reason"] or "")


def _unpaused(state: PanelState, _data: dict[str, Any]) -> PanelState:
    return replace(state, paused=None)


def _resumed(state: PanelState, _data: dict[str, Any]) -> PanelState:
    return replace(state, stopped="")


def _failed(state: PanelState, data: dict[str, Any]) -> PanelState:
    return replace(state, trouble=f"The engine failed: {data['reason']}")


def _closed(state: PanelState, _data: dict[str, Any]) -> PanelState:
    # Its suggestions stay, and are offered again once it is reopened; a pause ends with it.
    return replace(state, is_closed=True, paused=None)


def _reopened(state: PanelState, _data: dict[str, Any]) -> PanelState:
    return replace(state, is_closed=False)


def _renamed(state: PanelState, data: dict[str, Any]) -> PanelState:
    return replace(state, name=data["name"])


def _not_replaced(state: PanelState, data: dict[str, Any]) -> dict[UUID, Suggestion]:
    replaced = {UUID(uuid) for uuid in data.get("superseded", [])}
    return {uuid: suggestion for uuid, suggestion in state.waiting.items() if uuid not in replaced}


def _without(suggestions: Mapping[UUID, Suggestion], gone: UUID | None) -> dict[UUID, Suggestion]:
    return {uuid: suggestion for uuid, suggestion in suggestions.items() if uuid != gone}


_CHANGES: dict[str, Callable[[PanelState, dict[str, Any]], PanelState]] = {
    "suggestion_created": _suggested,
    "suggestion_leased": _leased,
    "suggestion_expired": _expired,
    "suggestion_abandoned": _abandoned,
    "suggestion_superseded": _superseded,
    "reported": _reported,
    "observation_added": _observed,
    "observation_corrected": _corrected,
    "best_changed": _best_changed,
    "engine_failed": _failed,
    "space_changed": _space_changed,
    "candidates_changed": _superseded,
    "stop_rule_fired": _stopped,
    "experiment_resumed": _resumed,
    "experiment_paused": _paused,
    "pause_ended": _unpaused,
    "experiment_closed": _closed,
    "experiment_reopened": _reopened,
    "experiment_renamed": _renamed,
}
