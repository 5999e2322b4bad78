"""What a judge is shown: what clients sent and were answered, what watchers saw, and the tables at the end.

Only the standard library is imported here and by the judge, as by an auditor from outside. All times are seconds of one
clock, the harness's ``time.time()``, except those inside replies, events and rows.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

AGAIN = {"request_running", "suggestion_pending"}
"""Codes of replies that say nothing of what became of a request but that it has to be sent again."""


@dataclass
class Attempt:
    """One sending of a request; ``status`` is None if no answer came, and ``text`` is the answer's body."""

    replica: int
    began: float
    ended: float
    status: int | None = None
    reply: Any = None
    text: str = ""

    @property
    def is_done(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_refused(self) -> bool:
        """Whether the answer says that nothing was done, and that sending it again would not help."""
        if self.status is None or not 400 <= self.status < 500 or self.status in {401, 408, 429}:
            return False
        return not isinstance(self.reply, dict) or self.reply.get("code") not in AGAIN


@dataclass
class Operation:
    """A request with all its attempts; all have the same key, or there is one attempt and no key."""

    client: int
    kind: str
    exp_uuid: str | None
    sent: dict[str, Any]
    key: str | None = None
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def began(self) -> float:
        return min(attempt.began for attempt in self.attempts)

    @property
    def ended(self) -> float:
        return max(attempt.ended for attempt in self.attempts)

    @property
    def done(self) -> Attempt | None:
        """The attempt whose answer of success came first."""
        return min((one for one in self.attempts if one.is_done), key=lambda one: one.ended, default=None)

    @property
    def refused(self) -> Attempt | None:
        """The answer that refused it for good: no attempt did it, and none may still do so, as each had its answer."""
        if self.done is not None or any(one.status is None for one in self.attempts):
            return None
        return next((one for one in self.attempts if one.is_refused), None)

    @property
    def runs(self) -> list[dict[str, Any]]:
        """The runs of a tell."""
        return self.sent.get("observations") or [self.sent]


@dataclass
class Watched:
    """What one watcher saw, step by step: ``{"after": {exp_uuid: seq}}`` is a connect, ``{"frame": ...}`` a frame.

    ``exp_uuid`` is None for a watcher of all experiments of its user. ``ends`` is where each experiment's log ended
    when all was at rest: the watcher must have come so far.
    """

    name: str
    exp_uuid: str | None
    steps: list[dict[str, Any]] = field(default_factory=list)
    ends: dict[str, int] = field(default_factory=dict)


@dataclass
class Tables:
    """The rows of one experiment at the end."""

    experiment: dict[str, Any]
    events: list[dict[str, Any]] = field(default_factory=list)
    observations: list[dict[str, Any]] = field(default_factory=list)
    versions: list[dict[str, Any]] = field(default_factory=list)
    suggestions: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Fork:
    """A failover to a standby: what was acknowledged after ``lagged_at`` and sent before ``at`` may be lost."""

    lagged_at: float
    at: float


@dataclass
class History:
    """All evidence of one schedule."""

    operations: list[Operation] = field(default_factory=list)
    watchers: list[Watched] = field(default_factory=list)
    tables: dict[str, Tables] = field(default_factory=dict)
    forks: list[Fork] = field(default_factory=list)
    unrested: list[str] = field(default_factory=list)
    """What had not come to rest long after the last fault."""
    ask_wait_s: float = 20.0

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))


def read_history(path: Path) -> History:
    """Read a history that was written to a file, to judge it again."""
    stored = json.loads(path.read_text())
    operations = [
        Operation(**{**one, "attempts": [Attempt(**attempt) for attempt in one["attempts"]]})
        for one in stored["operations"]
    ]
    return History(
        operations=operations,
        watchers=[Watched(**one) for one in stored["watchers"]],
        tables={exp_uuid: Tables(**one) for exp_uuid, one in stored["tables"].items()},
        forks=[Fork(**one) for one in stored["forks"]],
        unrested=stored["unrested"],
        ask_wait_s=stored["ask_wait_s"],
    )
