"""Limits of the service: a request that goes beyond one is refused, so that a flood of requests is not stored."""

from dataclasses import dataclass

from autotune_wire.observations import MAX_TELL


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a service; each is a setting.

    Args:
        experiments: Most experiments of one user.
        observations: Most observations of one experiment.
        batch: Most observations in one tell.
        waiting: Most requests that wait at a time in one process, and most questions that wait for the engine in all
            processes together.
    """

    experiments: int = 10_000
    observations: int = 100_000
    batch: int = MAX_TELL
    waiting: int = 1000


DEFAULT_LIMITS = Limits()
