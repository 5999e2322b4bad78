"""Follows the events that one watcher is sent."""

from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import TracebackType

from autotune_service.observing.metrics import event_pushed
from autotune_service.observing.traces import span


class Pushes:
    """The events of one watcher, counted as live from its coming on, and as replayed before."""

    def __init__(self) -> None:
        self._since = datetime.now(UTC)

    def sending(self, at: datetime, traceparent: str | None = None) -> "_Sending":
        """Count the event that the block sends, unless the block fails.

        Args:
            at: When the event happened.
            traceparent: The trace in which it did; a replayed event does not go on with one that ended long ago.
        """
        is_live = at >= self._since
        return _Sending(at if is_live else None, span("push", traceparent) if is_live and traceparent else None)


class _Sending:
    """One event on its way. A class, as thousands of them a second are made and a generator takes twice as long."""

    __slots__ = ("_live_at", "_span")

    def __init__(self, live_at: datetime | None, traced: AbstractContextManager[object] | None) -> None:
        self._live_at = live_at
        self._span = traced

    def __enter__(self) -> None:
        if self._span is not None:
            self._span.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._span is not None:
            self._span.__exit__(kind, error, where)
        if kind is not None:
            return
        if self._live_at is None:
            event_pushed("replayed")
        else:
            event_pushed("live", (datetime.now(UTC) - self._live_at).total_seconds())
