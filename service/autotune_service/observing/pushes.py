"""Counts and traces the events that are sent to one watcher."""

from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import TracebackType

from autotune_service.observing.metrics import event_pushed
from autotune_service.observing.traces import span


class Pushes:
    """The events sent to one watcher: live if they happened after it connected, else replayed."""

    def __init__(self) -> None:
        self._since = datetime.now(UTC)

    def sending(self, at: datetime, traceparent: str | None = None) -> "_Sending":
        """Count the event that the block sends, unless the block fails.

        Args:
            at: When the event happened.
            traceparent: The trace of the request that caused the event. A live event continues this trace; a replayed
                event does not, because the trace ended long ago.
        """
        is_live = at >= self._since
        return _Sending(at if is_live else None, span("push", traceparent) if is_live and traceparent else None)


class _Sending:
    """One event that is being sent.

    A class and not a generator, which takes twice as long: thousands of these are made each second.
    """

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
            # The event has the database's time, and the clocks of two machines differ.
            event_pushed("live", max((datetime.now(UTC) - self._live_at).total_seconds(), 0.0))
