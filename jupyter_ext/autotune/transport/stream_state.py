"""What a stream knows between two connections: no I/O, no clock, no randomness."""

from autotune.errors import StreamGapError
from autotune.transport.backoff import delay_s
from autotune_wire.frames import Event

RESET = "reset"
HEALTHY_S = 5.0
"""A connection that lived as long was a good one: what comes after it is a new trouble, not the old one."""


class StreamState:
    """The position in an experiment's events, and the trouble since the last good connection.

    Attributes:
        last_seq: The seq of the last event taken; the next connection resumes after it.
        epoch: The log that it is of, None before the first connection.
    """

    def __init__(self, after: int) -> None:
        self.last_seq = after
        self.epoch: str | None = None
        self._n_failures = 0
        self._is_renewed = False

    def opened(self, epoch: str | None) -> None:
        """Note that a connection opened, and which log the service has; None where it does not say.

        Another log than before stays unknown until its ``reset`` is taken.
        """
        if self.epoch is None:
            self.epoch = epoch

    def take(self, event: Event) -> bool:
        """Decide whether an event is new; one that was taken before is a duplicate, which is normal.

        After a ``reset`` the seqs count on from its own: the service was restored from a backup.

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
        """Note that a connection ended, or never began, and give the seconds to wait before the next one.

        Args:
            lived_s: How long it was open; 0 where it was not.
            fraction: A random number in [0, 1).
        """
        if lived_s >= HEALTHY_S:
            self._recover()
        self._n_failures += 1
        return delay_s(self._n_failures - 1, fraction)

    def may_renew(self, lived_s: float) -> bool:
        """Tell whether another token is worth a try after one was refused: once per trouble.

        Args:
            lived_s: How long the connection was open before; a token that ends during a stream is normal.
        """
        return lived_s >= HEALTHY_S or not self._is_renewed

    def renewed(self) -> None:
        """Note that another token was fetched."""
        self._is_renewed = True

    def _recover(self) -> None:
        self._n_failures = 0
        self._is_renewed = False
