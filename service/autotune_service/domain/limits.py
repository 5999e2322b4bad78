"""Limits of the service: a request that goes beyond one is refused, so that a flood of requests is not stored."""

from dataclasses import dataclass

from autotune_wire.observations import MAX_TELL

MAX_PAGE_BYTES = 4 * 2**20
"""A page of a list ends after so many bytes, but has one member at least."""

MAX_REVISION_BYTES = 16 * 2**20
"""Of all revisions of an experiment's space, which the engine and a list of them read together."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a service; each is a setting.

    Args:
        experiments: Most experiments of one user.
        observations: Most observations of one experiment.
        batch: Most observations in one tell.
        waiting: Most requests that wait at a time in one process, and most questions that wait for the engine in all
            processes together.
        waiting_each: Most requests of one user that wait at a time in one process.
        questions_each: Most questions about one user's experiments that wait for the engine.
        stored_bytes: Most bytes of the experiments of one user.
        answers: Most replies that are kept for one user, of requests with an Idempotency-Key.
        answer_bytes: Most bytes of these replies.
        space_revisions: Most revisions of the space of one experiment.
        reports: Most steps that the runs of one experiment report, all runs together.
    """

    experiments: int = 10_000
    observations: int = 100_000
    batch: int = MAX_TELL
    waiting: int = 1000
    waiting_each: int = 250
    questions_each: int = 100
    stored_bytes: int = 2 * 2**30
    answers: int = 1_000_000
    answer_bytes: int = 2**30
    space_revisions: int = 200
    reports: int = 50_000


DEFAULT_LIMITS = Limits()
