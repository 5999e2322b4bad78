"""Suggestions that are held for one worker: taken, renewed, given up."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Event, Lock, Thread
from typing import Any, Self
from uuid import UUID

from autotune.errors import AutotuneError, InvalidInputError
from autotune.inputs.checks import checked
from autotune.inputs.told import configuration_of
from autotune.transport.connection import Connection
from autotune.values import plain
from autotune.views.shown import Suggestion
from autotune_wire import suggestions as wire
from autotune_wire.paths import EXPERIMENT_ABANDON, EXPERIMENT_ASK, EXPERIMENT_RENEW

STOP_S = 5.0
"""How long a heartbeat that stops waits for its last renewal."""

logger = logging.getLogger("autotune")


def ask_of(
    n: int | None, fixed: Mapping[str, Any] | None, worker: str | None = None, lease_s: float | None = None
) -> wire.Ask:
    """Build what is asked for; what is None is left to the service.

    Raises:
        InvalidInputError: If something does not fit.
    """
    given = {"n": plain(n), "fixed": configuration_of(fixed), "worker": worker, "lease_s": plain(lease_s)}
    with checked("this ask"):
        return wire.Ask.model_validate({name: value for name, value in given.items() if value is not None})


def take(connection: Connection, exp_uuid: UUID, ask: wire.Ask) -> list[Suggestion]:
    """Take suggestions that nobody else gets while their leases last: all, or those that came in time."""
    reply = connection.post(EXPERIMENT_ASK.format(exp_uuid=exp_uuid), wire.AskReply, ask)
    return [Suggestion(**dict(suggestion)) for suggestion in reply.suggestions]


def renew(
    send: Callable[[str, type[wire.Leases], wire.Renew], wire.Leases],
    exp_uuid: UUID,
    suggestion_uuids: Sequence[UUID],
    worker: str | None,
    lease_s: float | None,
) -> list[Suggestion]:
    """Hold on to suggestions that a worker took, and give those that it does not hold any more, as they stand now.

    Args:
        send: Posts one request.
        exp_uuid: The experiment.
        suggestion_uuids: Any number of them.
        worker: The name under which they were taken.
        lease_s: How long to hold them from now on; None for as long as the service holds them by itself.
    """
    lost: list[Suggestion] = []
    given = {"worker": worker, "lease_s": plain(lease_s)}
    for start in range(0, len(suggestion_uuids), wire.MAX_ASK):
        part = list(suggestion_uuids[start : start + wire.MAX_ASK])
        with checked("this renewal"):
            body = wire.Renew.model_validate(
                {"suggestion_uuids": part, **{name: value for name, value in given.items() if value is not None}}
            )
        reply = send(EXPERIMENT_RENEW.format(exp_uuid=exp_uuid), wire.Leases, body)
        lost += [Suggestion(**dict(one)) for one in reply.suggestions if one.suggestion_uuid in reply.lost]
    return lost


def renew_all(
    connection: Connection, exp_uuid: UUID, given: Any, worker: str | None, lease_s: float | None
) -> list[Suggestion]:
    """Renew suggestions, each under the name it was taken under where no other is given; see ``renew``.

    Raises:
        InvalidInputError: If something is no suggestion.
    """
    held: dict[str | None, list[UUID]] = {}
    for one in [given] if isinstance(given, wire.Suggestion) else _listed(given):
        required = _required(one, "renew")
        held.setdefault(required.worker if worker is None else worker, []).append(required.suggestion_uuid)
    lost: list[Suggestion] = []
    for name, uuids in held.items():
        lost += renew(connection.post, exp_uuid, uuids, name, lease_s)
    return lost


def abandon(connection: Connection, exp_uuid: UUID, suggestion: Any, reason: str) -> Suggestion:
    """Give up a suggestion that will not be run, and give it as it stands then.

    Raises:
        InvalidInputError: If it is none, or the reason is no text.
    """
    uuid = _required(suggestion, "abandon").suggestion_uuid
    with checked("this reason"):
        body = wire.Abandon.model_validate({"suggestion_uuid": uuid, "reason": reason})
    return Suggestion(**dict(connection.post(EXPERIMENT_ABANDON.format(exp_uuid=exp_uuid), wire.Suggestion, body)))


class Heartbeat:
    """Renews the leases of what is being run, from a thread of its own, at a third of their length.

    The thread is a daemon: a kernel that is told to go does not wait for it.

    Args:
        renew: Renews these leases and gives the suggestions that are lost.
        lease_s: How long each renewal lasts.
    """

    def __init__(self, renew: Callable[[Sequence[UUID]], Sequence[Suggestion]], lease_s: float) -> None:
        self._renew = renew
        self._lease_s = lease_s
        self._lock = Lock()
        self._held: set[UUID] = set()
        self._is_over = Event()
        self._thread = Thread(target=self._run, name="autotune-leases", daemon=True)

    def hold(self, suggestions: Iterable[wire.Suggestion]) -> None:
        """Renew these from now on."""
        with self._lock:
            self._held.update(one.suggestion_uuid for one in suggestions)

    def let_go(self, suggestion: wire.Suggestion) -> None:
        """Renew this one no more."""
        with self._lock:
            self._held.discard(suggestion.suggestion_uuid)

    def beat(self) -> bool:
        """Renew what is held, once; tell whether that came about."""
        with self._lock:
            held = list(self._held)
        try:
            lost = self._renew(held) if held else []
        except AutotuneError as error:
            logger.warning("the leases of %d suggestions were not renewed: %s", len(held), error)
            return False
        for one in lost:
            with self._lock:
                # One that was told meanwhile is not lost.
                is_held = one.suggestion_uuid in self._held
                self._held.discard(one.suggestion_uuid)
            if is_held:
                logger.warning(
                    "the lease of %s is lost: it is %s; its result will be told all the same", one, one.state
                )
        return True

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._is_over.set()
        self._thread.join(STOP_S)

    def _run(self) -> None:
        is_good = True
        # After one that failed there is time for some more before the leases end.
        while not self._is_over.wait(self._lease_s / (3 if is_good else 12)):
            is_good = self.beat()


def _listed(given: Any) -> list[Any]:
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        raise InvalidInputError(f"renew takes suggestions, as ask(n) gives them, not {type(given).__name__}")
    return list(given)


def _required(given: Any, what: str) -> wire.Suggestion:
    if not isinstance(given, wire.Suggestion):
        raise InvalidInputError(f"{what} takes suggestions, as ask() gives them, not {type(given).__name__}")
    return given
