"""The suggestions that a call of ``run`` holds: leased, renewed while they are run, and noted in case it is killed."""

import logging
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Self
from uuid import UUID, uuid4

from autotune.ask_tell import AskTell
from autotune.calls.leasing import Heartbeat, held_still, renew, take
from autotune.errors import AutotuneError, ServiceError
from autotune.running.left_behind import Note
from autotune.transport.coroutines import result_of
from autotune.transport.forks import renew_after_fork
from autotune.views.facts import state_of
from autotune.views.shown import Suggestion
from autotune_wire.experiments import Experiment
from autotune_wire.paths import EXPERIMENT
from autotune_wire.suggestions import Ask

LEASE_S = 60.0
GIVEN_BACK_S = 1.0
"""How long the lease of a suggestion that is given back lasts, in seconds: the shortest that the service grants."""
GIVE_BACK_WITHIN_S = 5.0
"""How long a call that is interrupted waits for the service when it gives suggestions back, in seconds."""

logger = logging.getLogger("autotune")


class Holding:
    """The suggestions that one call of ``run`` holds.

    If an earlier call on this machine was killed or interrupted, the first suggestions are those that the earlier call
    held, all of them, however few are taken at a time. A call that ends with suggestions in hand leaves them to the
    next call, and soon to everybody. A forked child holds nothing.

    Args:
        experiment: The experiment.
        ask: What is asked for. If the ask names no worker, the name is one that no other call has.
    """

    def __init__(self, experiment: AskTell, ask: Ask) -> None:
        self._connection = experiment.connection
        self._exp_uuid = experiment.exp_uuid
        self._ask = ask
        self._note: Note | None = None
        self._held: set[UUID] = set()
        self._left: list[Suggestion] = []  # what an earlier call held, and this call has not handed out yet
        self._heartbeat = Heartbeat(self._renew, ask.lease_s)
        renew_after_fork(self)

    def take(self, n: int) -> list[Suggestion]:
        """Take up to ``n`` suggestions, which nobody else gets while they are held."""
        if self._note is None:
            self._note, left = self._taken_over()
            self._left = self._hold(left)
        elif self._left and not self._takes_runs():
            self._left = []  # the ask says so
        # What was lost while it waited here is somebody else's.
        left = [suggestion for suggestion in self._left if self._heartbeat.holds(suggestion)]
        taken, self._left = left[:n], left[n:]
        if taken:
            return taken
        ask = self._ask.model_copy(update={"n": n, "worker": self._note.worker})
        return self._hold(result_of(take(self._connection, self._exp_uuid, ask)))

    def holds(self, suggestion: Suggestion) -> bool:
        """Return whether the suggestion is held, by this process."""
        return suggestion.suggestion_uuid in self._held

    def stop_renewing(self, suggestion: Suggestion) -> None:
        """Stop renewing the lease of a suggestion that is about to be told: the renewal would miss that lease."""
        self._heartbeat.let_go(suggestion)

    def let_go(self, suggestion: Suggestion) -> None:
        """Stop holding a suggestion that was told or abandoned."""
        self._heartbeat.let_go(suggestion)
        self._held.discard(suggestion.suggestion_uuid)
        self._write()

    def after_fork(self) -> None:
        """Let go of everything in a forked child: the suggestions are the parent's."""
        self._held, self._left = set(), []

    def __enter__(self) -> Self:
        self._heartbeat.__enter__()
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        try:
            self._heartbeat.__exit__()
            # After an error of the service another request would only wait for the same error.
            if self._held and not isinstance(error, AutotuneError):
                self._give_back()
        finally:
            if self._note is not None:
                self._note.close()

    def _takes_runs(self) -> bool:
        seen = self._connection.get(EXPERIMENT.format(exp_uuid=self._exp_uuid), Experiment)
        return state_of(seen) == "active"

    def _taken_over(self) -> tuple[Note, list[Suggestion]]:
        """Find the note that a call left behind, and the suggestions that are still its own; else make a new note."""
        while (note := Note.find(self._exp_uuid, self._ask)) is not None:
            suggestions: list[Suggestion] = []
            try:
                if not self._takes_runs():
                    break  # the ask says so
                uuids = note.suggestion_uuids
                held = held_still(self._connection, self._exp_uuid, uuids, note.worker, self._ask.lease_s)
                suggestions = result_of(held)
                if not suggestions:
                    note.write([])
            except ServiceError as error:
                if error.status != HTTPStatus.UNPROCESSABLE_ENTITY:
                    raise
                note.write([])  # the experiment, restored from a backup, has no such suggestion
            finally:
                if not suggestions:
                    note.close()
            if suggestions:
                return note, suggestions
        # With a name of its own, a call learns from a renewal that another call has taken its suggestion over.
        return Note(self._exp_uuid, self._ask.worker or f"run {uuid4().hex[:8]}", self._ask.fixed), []

    def _hold(self, taken: list[Suggestion]) -> list[Suggestion]:
        self._held.update(suggestion.suggestion_uuid for suggestion in taken)
        self._write()
        self._heartbeat.hold(taken)
        return taken

    def _write(self) -> None:
        if self._note is not None:
            self._note.write(sorted(self._held))

    def _renew(self, suggestion_uuids: Sequence[UUID]) -> list[Suggestion]:
        assert self._note is not None
        # send_once: a failed renewal is not repeated, as the next beat of the heartbeat comes soon enough.
        send = self._connection.send_once
        return result_of(renew(send, self._exp_uuid, suggestion_uuids, self._note.worker, self._ask.lease_s))

    def _give_back(self) -> None:
        assert self._note is not None
        send = partial(self._connection.send_once, timeout_s=GIVE_BACK_WITHIN_S)
        try:
            result_of(renew(send, self._exp_uuid, sorted(self._held), self._note.worker, GIVEN_BACK_S))
        except AutotuneError as error:
            says = "%d suggestions are offered again only when their leases end, within %g s: %s"
            logger.warning(says, len(self._held), self._ask.lease_s, error)
