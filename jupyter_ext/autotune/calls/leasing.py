"""Leases of suggestions: take suggestions for a worker, renew their leases, abandon them."""

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from threading import Event, Lock, Thread
from typing import Any, Self
from uuid import UUID

from autotune.errors import AutotuneError, InvalidInputError
from autotune.inputs.checks import checked
from autotune.inputs.told import configuration_of
from autotune.transport.caller import Caller
from autotune.transport.forks import renew_after_fork
from autotune.values import plain
from autotune.views.shown import Suggestion
from autotune_wire import suggestions as wire
from autotune_wire.paths import EXPERIMENT_ABANDON, EXPERIMENT_ASK, EXPERIMENT_RENEW
from autotune_wire.space import Space

STOP_S = 5.0
"""How long the end of a heartbeat waits for a renewal that is under way, in seconds."""
LOOK_S = 1.0
"""How often a heartbeat that waits looks at the clock, in seconds, so that it notices that the computer slept."""

Send = Callable[[str, type[wire.Leases], wire.Renew], Awaitable[wire.Leases]]
"""A call of a connection that posts one renewal."""

logger = logging.getLogger("autotune")


def ask_of(
    space: Space,
    n: int | None,
    fixed: Mapping[str, Any] | None,
    worker: str | None = None,
    lease_s: float | None = None,
) -> wire.Ask:
    """Build the body of an ask; for an argument that is None, the service's default applies.

    Raises:
        InvalidInputError: If an argument is not valid.
    """
    given = {"n": plain(n), "fixed": configuration_of(fixed, space), "worker": worker, "lease_s": plain(lease_s)}
    with checked("this ask"):
        return wire.Ask.model_validate({name: value for name, value in given.items() if value is not None})


async def take(connection: Caller, exp_uuid: UUID, ask: wire.Ask) -> list[Suggestion]:
    """Take ``ask.n`` suggestions, or as many as come in time; nobody else gets them while their leases last."""
    reply = await connection.send(EXPERIMENT_ASK.format(exp_uuid=exp_uuid), wire.AskReply, ask)
    return [Suggestion(**dict(suggestion)) for suggestion in reply.suggestions]


async def renew(
    send: Send,
    exp_uuid: UUID,
    suggestion_uuids: Sequence[UUID],
    worker: str | None,
    lease_s: float | None,
) -> list[Suggestion]:
    """Renew the leases of suggestions that a worker took.

    Args:
        send: Posts one request.
        exp_uuid: The experiment.
        suggestion_uuids: The suggestions, any number of them.
        worker: The name under which the suggestions were taken; None if they were taken without a name.
        lease_s: How long the leases last from now on, in seconds; None for the service's default.

    Returns:
        The suggestions that the worker holds no longer, as they are stored now.

    Raises:
        InvalidInputError: If ``worker`` or ``lease_s`` is not valid.
    """
    renewed = _renewed(send, exp_uuid, suggestion_uuids, worker, lease_s)
    return [suggestion async for suggestion, is_held in renewed if not is_held]


async def held_still(
    connection: Caller, exp_uuid: UUID, suggestion_uuids: Sequence[UUID], worker: str, lease_s: float
) -> list[Suggestion]:
    """Renew the leases that a worker may still hold, and return the suggestions that it does hold."""
    renewed = _renewed(connection.send, exp_uuid, suggestion_uuids, worker, lease_s)
    return [suggestion async for suggestion, is_held in renewed if is_held]


async def _renewed(
    send: Send,
    exp_uuid: UUID,
    suggestion_uuids: Sequence[UUID],
    worker: str | None,
    lease_s: float | None,
) -> AsyncIterator[tuple[Suggestion, bool]]:
    """Renew leases, and yield each suggestion as it is stored now, and whether the worker holds it."""
    given = {"worker": worker, "lease_s": plain(lease_s)}
    for start in range(0, len(suggestion_uuids), wire.MAX_ASK):
        part = list(suggestion_uuids[start : start + wire.MAX_ASK])
        with checked("this renewal"):
            body = wire.Renew.model_validate(
                {"suggestion_uuids": part, **{name: value for name, value in given.items() if value is not None}}
            )
        reply = await send(EXPERIMENT_RENEW.format(exp_uuid=exp_uuid), wire.Leases, body)
        for suggestion in reply.suggestions:
            yield Suggestion(**dict(suggestion)), suggestion.suggestion_uuid not in reply.lost


async def renew_all(
    connection: Caller, exp_uuid: UUID, given: Any, worker: str | None, lease_s: float | None
) -> list[Suggestion]:
    """Renew one suggestion or several, each under its own ``worker`` if no other name is given; see ``renew``.

    Raises:
        InvalidInputError: If ``given`` holds anything else than suggestions.
    """
    several = [given] if isinstance(given, wire.Suggestion) else given
    if isinstance(several, str | Mapping) or not isinstance(several, Iterable):
        raise InvalidInputError(f"renew takes suggestions, as ask(n) returns them, not {type(given).__name__}")
    held: dict[str | None, list[UUID]] = {}
    for item in list(several):
        suggestion = _required(item, "renew")
        held.setdefault(suggestion.worker if worker is None else worker, []).append(suggestion.suggestion_uuid)
    lost: list[Suggestion] = []
    for name, uuids in held.items():
        lost += await renew(connection.send, exp_uuid, uuids, name, lease_s)
    return lost


async def abandon(connection: Caller, exp_uuid: UUID, suggestion: Any, reason: str) -> Suggestion:
    """Abandon a suggestion that will not be run, and return the suggestion as it is stored then.

    Raises:
        InvalidInputError: If ``suggestion`` is not a suggestion, or the reason is not a text.
    """
    uuid = _required(suggestion, "abandon").suggestion_uuid
    with checked("this reason"):
        body = wire.Abandon.model_validate({"suggestion_uuid": uuid, "reason": reason})
    path = EXPERIMENT_ABANDON.format(exp_uuid=exp_uuid)
    return Suggestion(**dict(await connection.send(path, wire.Suggestion, body)))


class Heartbeat:
    """Renews the leases of suggestions that are being run, from a thread of its own, after each third of a lease.

    The thread is a daemon, so that a kernel that shuts down does not wait for the thread. A forked child has no such
    thread, and renews nothing.

    Args:
        renew: Renews the leases of the given suggestions and returns the suggestions whose leases are lost.
        lease_s: How long each renewal lasts, in seconds.
        clock: Returns the time in seconds; a clock that goes on while the computer sleeps.
    """

    def __init__(
        self,
        renew: Callable[[Sequence[UUID]], Sequence[Suggestion]],
        lease_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._renew = renew
        self._lease_s = lease_s
        self._clock = clock
        self._lock = Lock()
        self._held: set[UUID] = set()
        self._is_over = Event()
        self._thread = Thread(target=self._run, name="autotune-leases", daemon=True)
        renew_after_fork(self)

    def hold(self, suggestions: Iterable[wire.Suggestion]) -> None:
        """Renew the leases of these suggestions from now on."""
        with self._lock:
            self._held.update(suggestion.suggestion_uuid for suggestion in suggestions)

    def holds(self, suggestion: wire.Suggestion) -> bool:
        """Return whether the lease is still renewed: the suggestion was not let go, and no renewal found it lost."""
        with self._lock:
            return suggestion.suggestion_uuid in self._held

    def let_go(self, suggestion: wire.Suggestion) -> None:
        """Stop renewing the lease of this suggestion."""
        with self._lock:
            self._held.discard(suggestion.suggestion_uuid)

    def beat(self) -> bool:
        """Renew all leases once, and return whether the service could do so."""
        with self._lock:
            held = list(self._held)
        try:
            lost = self._renew(held) if held else []
        except AutotuneError as error:
            logger.warning("the leases of %d suggestions were not renewed: %s", len(held), error)
            return False
        for suggestion in lost:
            with self._lock:
                # A suggestion that was told during the renewal is no longer held, so its lease is not lost.
                is_held = suggestion.suggestion_uuid in self._held
                self._held.discard(suggestion.suggestion_uuid)
            if is_held:
                says = "the lease of %s is lost: the suggestion is %s; its observation will be told all the same"
                logger.warning(says, suggestion, suggestion.state)
        return True

    def after_fork(self) -> None:
        """Let go of everything in a forked child: the leases are the parent's."""
        self._lock, self._is_over, self._held = Lock(), Event(), set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._is_over.set()
        self._thread.join(STOP_S)

    def _run(self) -> None:
        is_good = True
        # After a failed renewal the next ones follow sooner, so that several fit in before the leases end.
        while not self._is_over_within(self._lease_s / (3 if is_good else 12)):
            is_good = self.beat()

    def _is_over_within(self, wait_s: float) -> bool:
        """Wait for the end, and return whether it came; the wait is cut short if the computer sleeps meanwhile."""
        # The time that a thread waits does not pass while the computer sleeps, but leases run out in it. The other
        # clock may be set back.
        waited_until, due_at = time.monotonic() + wait_s, self._clock() + wait_s
        while (left_s := min(waited_until - time.monotonic(), due_at - self._clock())) > 0:
            if self._is_over.wait(min(left_s, LOOK_S)):
                return True
        return self._is_over.is_set()


def _required(given: Any, call: str) -> wire.Suggestion:
    if not isinstance(given, wire.Suggestion):
        raise InvalidInputError(f"{call} takes suggestions, as ask() returns them, not {type(given).__name__}")
    return given
