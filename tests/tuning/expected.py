"""The rules of one experiment in plain Python: what every use case leaves behind, as the documentation says it.

Nothing here comes from the service. What the service decides by itself, such as uuids, is passed in.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

Configuration = dict[str, Any]
Values = dict[str, float]

MOVES = {
    "open": {"leased", "told", "abandoned", "superseded"},
    "leased": {"open", "told", "abandoned", "expired"},
    "told": {"superseded"},
    "abandoned": {"told"},
    "expired": {"told"},
    "superseded": {"told"},
}
"""The states that a suggestion may have after each state; a suggestion is no longer told where the tell is undone."""


class RefusedError(Exception):
    """The rules forbid it; the message is the code of the error."""


@dataclass
class Suggested:
    """A suggestion; `has_ended` says that its lease has run out and that nobody has noticed yet."""

    uuid: UUID
    covars: Configuration
    data_rev: int
    state: str = "open"
    worker: str | None = None
    has_ended: bool = False


@dataclass(frozen=True)
class Content:
    """What a version of an observation says; `values` is empty for a failed run."""

    covars: Configuration
    values: Values
    is_excluded: bool = False


@dataclass
class Observed:
    """An observation with all its versions, the newest last."""

    uuid: UUID
    suggestion: UUID | None
    versions: list[Content]
    note: str | None = None
    tags: list[str] = field(default_factory=list)

    @property
    def now(self) -> Content:
        """The newest version."""
        return self.versions[-1]


@dataclass
class Space:
    """The covariates and constraints, in wire form, and the backfill values of all covariates that were added."""

    covars: dict[str, dict[str, Any]]
    constraints: list[dict[str, Any]] = field(default_factory=list)
    backfill: Configuration = field(default_factory=dict)

    def filled(self, covars: Configuration) -> Configuration:
        """Return what a configuration of a former space is in this one."""
        return {**self.backfill, **covars}

    def allows(self, covars: Configuration) -> bool:
        """Return whether a configuration may be suggested."""
        is_inside = all(
            covars[name] in c["options"] if c["vtype"] == "cat" else c["min"] <= covars[name] <= c["max"]
            for name, c in self.covars.items()
        )
        return is_inside and covars.keys() == self.covars.keys() and all(map(self._holds(covars), self.constraints))

    @staticmethod
    def _holds(covars: Configuration) -> Any:
        def holds(constraint: dict[str, Any]) -> bool:
            if constraint["ctype"] == "forbidden":
                return any(covars[name] not in values for name, values in constraint["combination"].items())
            return bool(
                sum(weight * covars[name] for name, weight in constraint["weights"].items()) <= constraint["bound"]
            )

        return holds


@dataclass
class Expected:
    """An experiment as it must be.

    Attributes:
        primary: The response that decides which observation is the best.
        is_maximized: Whether a higher value of it is better.
        bounds: For other responses, the most that a run may measure to be the best.
        events: The types of all events, in order: the event at index i has the seq i + 1.
        data_rev: Counts observations, corrections and changes of the space.
        fit_rev: The revision of the data that the newest fit knows.
    """

    primary: str
    is_maximized: bool
    bounds: Values
    space: Space
    name: str = "rules"
    suggestions: list[Suggested] = field(default_factory=list)
    observations: list[Observed] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    data_rev: int = 0
    fit_rev: int = 0
    space_revision: int = 0
    is_closed: bool = False
    is_paused: bool = False

    def suggestion(self, uuid: UUID) -> Suggested:
        """Return a suggestion by its uuid."""
        return next(suggestion for suggestion in self.suggestions if suggestion.uuid == uuid)

    @property
    def open(self) -> list[Suggested]:
        """The open suggestions, oldest first."""
        return [suggestion for suggestion in self.suggestions if suggestion.state == "open"]

    @property
    def pending(self) -> list[Suggested]:
        """The open and leased suggestions, oldest first."""
        return [suggestion for suggestion in self.suggestions if suggestion.state in {"open", "leased"}]

    @property
    def counted(self) -> list[Observed]:
        """The observations that are not excluded, in the order in which they were told."""
        return [observation for observation in self.observations if not observation.now.is_excluded]

    @property
    def best(self) -> tuple[UUID | None, float | None, Configuration | None]:
        """The uuid, the response and the configuration of the best observation; of equal ones the earliest."""
        able = [
            observation
            for observation in self.counted
            if self.primary in observation.now.values
            and all(
                name in observation.now.values and observation.now.values[name] <= bound
                for name, bound in self.bounds.items()
            )
        ]
        if not able:
            return None, None, None
        choose = max if self.is_maximized else min
        best = choose(able, key=lambda observation: observation.now.values[self.primary])  # the first of equal ones
        return best.uuid, best.now.values[self.primary], best.now.covars

    def require_active(self) -> None:
        """Refuse a change of a closed experiment."""
        if self.is_closed:
            raise RefusedError("experiment_closed")

    def ready(self, data_rev: int) -> list[Suggested]:
        """List the suggestions that an ask may get which needs this revision of the data, oldest first."""
        self.require_active()
        if self.is_paused:
            raise RefusedError("experiment_paused")
        return self.open if self.fit_rev >= data_rev else []

    def lease(self, taken: Iterable[Suggested], worker: str) -> None:
        """Lease suggestions to a worker."""
        for suggestion in taken:
            suggestion.state, suggestion.worker, suggestion.has_ended = "leased", worker, False
            self.events.append("suggestion_leased")

    def renew(self, suggestions: Sequence[Suggested], worker: str) -> list[UUID]:
        """Renew leases, and return the suggestions that the worker does not hold."""
        lost = []
        for suggestion in suggestions:
            if suggestion.state == "leased" and suggestion.worker == worker:
                suggestion.has_ended = False
            else:
                lost.append(suggestion.uuid)
        return lost

    def abandon(self, suggestion: Suggested) -> None:
        """Give a suggestion up."""
        self.require_active()
        if suggestion.state == "told":
            raise RefusedError("already_told")
        if suggestion.state in {"expired", "superseded"}:
            raise RefusedError("not_pending")
        if suggestion.state != "abandoned":
            suggestion.state = "abandoned"
            self.events.append("suggestion_abandoned")

    def expire(self) -> int:
        """End the leases that have run out, and return how many."""
        ended = [suggestion for suggestion in self.suggestions if suggestion.state == "leased" and suggestion.has_ended]
        for suggestion in ended:
            is_newest = not self.is_closed and suggestion.data_rev >= self.data_rev
            suggestion.state, suggestion.has_ended = "open" if is_newest else "expired", False
            if is_newest:
                suggestion.worker = None
            self.events.append("suggestion_expired")
        return len(ended)

    def links(self, runs: Sequence[tuple[UUID | None, Configuration]]) -> list[Suggested | None]:
        """Find the suggestion of each run: the one that it names, or the oldest pending one with its configuration."""
        self.require_active()
        named = {uuid for uuid, _ in runs if uuid is not None}
        free = [suggestion for suggestion in self.pending if suggestion.uuid not in named]
        linked: list[Suggested | None] = []
        for uuid, covars in runs:
            if uuid is None:
                found = next((s for s in free if self.space.filled(s.covars) == covars), None)
                free = [suggestion for suggestion in free if suggestion is not found]
            else:
                found = self.suggestion(uuid)
                if found.state == "told" or uuid not in named:
                    raise RefusedError("already_told")
                named.remove(uuid)
            linked.append(found)
        return linked

    def tell(self, told: Sequence[tuple[UUID, Suggested | None, Content]]) -> None:
        """Store runs, each with the uuid of its observation and its suggestion."""
        for uuid, suggestion, content in told:
            before = self.best
            self.observations.append(Observed(uuid, None if suggestion is None else suggestion.uuid, [content]))
            if suggestion is not None:
                suggestion.state = "told"
            self.events.append("observation_added")
            self.data_rev += 1
            self._announce_best(before)

    def correct(self, observation: Observed, version: int, **changes: Any) -> None:
        """Store a new version of an observation, unless it is only to be excluded or to count and does so already."""
        self.require_active()
        if version != len(observation.versions):
            raise RefusedError("version_conflict")
        if changes == {"is_excluded": observation.now.is_excluded}:
            return
        before = self.best
        observation.versions.append(replace(observation.now, **changes))
        self.events.append("observation_corrected")
        self.data_rev += 1
        self._announce_best(before)

    def write(self, observation: Observed, note: str | None, tags: list[str]) -> None:
        """Write a note and tags on an observation, also where the experiment is closed."""
        if (note, tags) != (observation.note, observation.tags):
            observation.note, observation.tags = note, tags
            self.events.append("observation_noted")

    def undo(self, n: int) -> list[Observed]:
        """Exclude the newest observations that count, free their suggestions, and return them, newest first."""
        self.require_active()
        taken_back = self.counted[::-1][:n]
        if len(taken_back) < n:
            raise RefusedError("nothing_to_undo")
        before = self.best
        freed = [observation.suggestion for observation in taken_back if observation.suggestion is not None]
        for observation in taken_back:
            observation.versions.append(replace(observation.now, is_excluded=True))
            observation.suggestion = None
            self.events.append("observation_corrected")
        for uuid in freed:
            self.suggestion(uuid).state = "superseded"
        self.events += ["suggestion_superseded"] * bool(freed)
        self.data_rev += 1
        self._announce_best(before)
        return taken_back

    def edit(self, covars: dict[str, dict[str, Any]], constraints: list[dict[str, Any]], added: Configuration) -> None:
        """Change the space; an edit that changes nothing leaves all as it is."""
        self.require_active()
        if covars == self.space.covars and constraints == self.space.constraints:
            return
        self.space = Space(covars, constraints, self.space.backfill | added)
        self.space_revision += 1
        for suggestion in self.open:
            suggestion.state = "superseded"
        self.events.append("space_changed")
        self.data_rev += 1

    def commit(self, data_rev: int, new: Sequence[Suggested]) -> None:
        """Store the suggestions of a fit; they replace the open ones that know less."""
        replaced = [suggestion for suggestion in self.open if suggestion.data_rev < data_rev]
        for suggestion in replaced:
            suggestion.state = "superseded"
        self.suggestions.extend(new)
        self.events += ["suggestion_created"] * len(new) or ["suggestion_superseded"] * bool(replaced)
        self.fit_rev = max(self.fit_rev, data_rev)

    def close(self) -> None:
        """Close the experiment."""
        self.require_active()
        self.is_closed, self.is_paused = True, False
        self.events.append("experiment_closed")

    def reopen(self) -> None:
        """Reopen the experiment."""
        self.events += ["experiment_reopened"] * self.is_closed + ["pause_ended"] * self.is_paused
        self.is_closed = self.is_paused = False

    def pause(self) -> None:
        """Pause the experiment."""
        self.require_active()
        self.events += ["experiment_paused"] * (not self.is_paused)
        self.is_paused = True

    def resume(self) -> None:
        """Resume the experiment; without a pause that announces the stop rules."""
        self.require_active()
        self.events.append("pause_ended" if self.is_paused else "experiment_resumed")
        self.is_paused = False

    def rename(self, name: str) -> None:
        """Give the experiment another name."""
        self.events += ["experiment_renamed"] * (name != self.name)
        self.name = name

    def moved(self, uuids: Mapping[UUID, UUID]) -> None:
        """Take the uuids of a copy."""
        for suggestion in self.suggestions:
            suggestion.uuid = uuids[suggestion.uuid]
        for observation in self.observations:
            observation.uuid = uuids[observation.uuid]
            observation.suggestion = None if observation.suggestion is None else uuids[observation.suggestion]

    def _announce_best(self, before: tuple[Any, ...]) -> None:
        if self.best != before:
            self.events.append("best_changed")
