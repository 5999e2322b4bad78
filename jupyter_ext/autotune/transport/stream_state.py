"""The state of a stream from one connection to the next: no I/O, no clock, no randomness."""

from autotune.errors import StreamGapError
from autotune.transport.backoff import MOST_REFUSED, delay_s
from autotune_wire.frames import Event

RESET = "reset"
HEALTHY_S = 5.0
"""A connection that was open for this long, in seconds, was a good one; later failures are counted anew."""


class StreamState:
    """The position in an experiment's events, and the failures since the last good connection.

    Attributes:
        last_seq: The seq of the last event taken; the next connection resumes after this seq.
        epoch: The epoch of the event log that ``last_seq`` belongs to; None before the first connection.
    """

    def __init__(self, after: int) -> None:
        self.last_seq = after
        self.epoch: str | None = None
        self._n_failures = 0
        self._n_refused = 0
        self._is_fresh = False

    def opened(self, epoch: str | None) -> None:
        """Record that a connection opened, and the epoch of the service's event log; None if the service sent no epoch.

        A new epoch replaces a known one only when a ``reset`` event is taken.
        """
        if self.epoch is None:
            self.epoch = epoch

    def take(self, event: Event) -> bool:
        """Record an event, and return whether the event is new. Duplicates are normal.

        A ``reset`` event means that the service has another log by now, as after a backup was restored or a standby
        took over: the next seq follows the reset's own.

        Raises:
            StreamGapError: If events between the last one and this one are missing.
        """
        if event.type == RESET:
            self.last_seq, self.epoch = event.seq, event.data.get("epoch")
            return True
        if event.seq <= self.last_seq:
            return False
        if event.seq > self.last_seq + 1:
            raise StreamGapError(f"event {event.seq} came after {self.last_seq}: events are missing in between")
        self.last_seq = event.seq
        self._recover()
        return True

    def lost(self, lived_s: float, fraction: float) -> float:
        """Record that a connection ended or failed to open, and return the seconds to wait before the next one.

        Args:
            lived_s: How long the connection was open, in seconds; 0 if it was never opened.
            fraction: A random number in [0, 1).
        """
        if lived_s >= HEALTHY_S:
            self._recover()
        self._n_failures += 1
        return delay_s(self._n_failures - 1, fraction)

    def refused(self, lived_s: float, *, has_ended: bool = False) -> bool:
        """Record that a token was refused, and return whether to go on.

        Args:
            lived_s: How long the connection was open before, in seconds. After a long connection the stream always goes
                on, as tokens normally expire during a stream.
            has_ended: Whether the service closed the connection because the session has ended; another session is
                opened once.
        """
        if lived_s >= HEALTHY_S:
            self._recover()
        self._n_refused += 1
        return self._n_refused <= (1 if has_ended else MOST_REFUSED)

    def wants_token(self) -> bool:
        """Return whether another token is to be fetched after one was refused; a fresh one is tried a second time."""
        was_fresh, self._is_fresh = self._is_fresh, False
        return not was_fresh

    def renewed(self) -> None:
        """Record that another token was fetched."""
        self._is_fresh = True

    def _recover(self) -> None:
        self._n_failures = 0
        self._n_refused = 0
        self._is_fresh = False
