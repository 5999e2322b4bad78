"""The loops that are under way in this process: how many runs of each are told, and how long the others will take."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Literal
from uuid import UUID

from autotune.transport.forks import renew_after_fork
from autotune.views.shown import counted

Phase = Literal["at work", "done", "stopped"]


class Underway:
    """One call of ``run``.

    Args:
        n: How many runs the call makes.

    Attributes:
        n_told: How many of them are told.
        phase: Whether the call is at work, has told all its runs, or ended before that.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.n_told = 0
        self.phase: Phase = "at work"
        self._began = self._last_told = monotonic()

    def told(self) -> None:
        """Count a run that was told now."""
        self.n_told += 1
        self._last_told = monotonic()

    @property
    def elapsed_s(self) -> float:
        """The seconds since the call began."""
        return monotonic() - self._began

    @property
    def left_text(self) -> str:
        """How long the other runs take if they take as long as those so far; empty before the first, and at the end."""
        if not self.n_told or self.n_told >= self.n:
            return ""
        left_s = (self._last_told - self._began) / self.n_told * (self.n - self.n_told)
        for unit, length_s in (("h", 3600), ("min", 60)):
            if left_s >= length_s:
                length = left_s / length_s
                return f"about {length:.{0 if length >= 10 else 1}f} {unit} left".replace(".0 ", " ")
        return f"about {left_s:.0f} s left"

    @property
    def text(self) -> str:
        """The state of the call in a few words; empty once all its runs are told."""
        if self.phase == "done":
            return ""
        if self.phase == "stopped":
            return f"stopped after {self.n_told} of {counted(self.n, 'run')}"
        return ", ".join(filter(None, [f"{self.n_told} of {counted(self.n, 'run')} told", self.left_text]))


Watcher = Callable[[Underway], None]


class _Watchers:
    """Who is told of the loops of which experiments; nobody in a forked child, which shares no page with its parent."""

    def __init__(self) -> None:
        self.by_experiment: dict[UUID, list[Watcher]] = {}
        renew_after_fork(self)

    def after_fork(self) -> None:
        self.by_experiment = {}


_watchers = _Watchers()


def watch(exp_uuid: UUID, watcher: Watcher) -> None:
    """Call ``watcher`` whenever a loop of an experiment begins, tells a run or ends, in the thread of that loop."""
    _watchers.by_experiment.setdefault(exp_uuid, []).append(watcher)


def unwatch(exp_uuid: UUID, watcher: Watcher) -> None:
    """Call ``watcher`` no more."""
    watchers = _watchers.by_experiment.get(exp_uuid, [])
    if watcher in watchers:
        watchers.remove(watcher)
    if not watchers:
        _watchers.by_experiment.pop(exp_uuid, None)


@contextmanager
def announced(exp_uuid: UUID, n: int) -> Iterator[tuple[Underway, Callable[[], None]]]:
    """Tell the watchers of an experiment of a loop of ``n`` runs, from its beginning to its end.

    Yields:
        The loop, and what it calls after each run that was told.
    """
    underway = Underway(n)

    def announce() -> None:
        for watcher in list(_watchers.by_experiment.get(exp_uuid, [])):
            watcher(underway)

    def told() -> None:
        underway.told()
        announce()

    announce()
    try:
        yield underway, told
    finally:
        underway.phase = "done" if underway.n_told >= n else "stopped"
        announce()
