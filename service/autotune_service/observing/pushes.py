"""Follows the events that one watcher is sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from autotune_service.observing.metrics import event_pushed
from autotune_service.observing.traces import span


class Pushes:
    """The events of one watcher, counted as live from its coming on, and as replayed before."""

    def __init__(self) -> None:
        self._since = datetime.now(UTC)

    @contextmanager
    def sending(self, at: datetime, traceparent: str | None = None) -> Iterator[None]:
        """Count the event that the block sends, unless the block fails.

        Args:
            at: When the event happened.
            traceparent: The trace in which it did; a replayed event does not go on with one that ended long ago.
        """
        if at < self._since:
            yield
            event_pushed("replayed")
            return
        with span("push", traceparent):
            yield
        event_pushed("live", (datetime.now(UTC) - at).total_seconds())
