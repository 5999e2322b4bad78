"""How much there may be: what is beyond is refused, so that a flood is answered and not kept."""

from dataclasses import dataclass

from autotune_wire.observations import MAX_TELL


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a service; each is a setting.

    Args:
        experiments: Of one user.
        observations: Of one experiment.
        batch: Observations in one tell.
        waiting: Requests that wait at a time, at one process, and questions that wait for the engine, at all of them.
    """

    experiments: int = 10_000
    observations: int = 100_000
    batch: int = MAX_TELL
    waiting: int = 1000


DEFAULT_LIMITS = Limits()
