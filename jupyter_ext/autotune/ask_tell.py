"""The two calls that everything else stands on: ask what to try, tell what came of it."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, overload

from autotune.calls.leasing import abandon, ask_of, renew_all, take
from autotune.calls.telling import tell_all, tell_one
from autotune.errors import InvalidInputError
from autotune.inputs.told import Measured, Run, failed_run, told_run
from autotune.transport.connection import Connection
from autotune.views.seen import Seen
from autotune.views.shown import Observation, Suggestion
from autotune_wire import experiments, paths
from autotune_wire.observations import MAX_TELL
from autotune_wire.suggestions import AskReply


class AskTell(Seen):
    """An experiment that suggestions are asked of and observations are told to.

    Attributes:
        connection: The way to the service, shared with the client.
    """

    def __init__(self, connection: Connection, seen: experiments.Experiment) -> None:
        super().__init__(seen)
        self.connection = connection

    @overload
    def ask(self, *, fixed: Mapping[str, Any] | None = None) -> Suggestion: ...
    @overload
    def ask(
        self,
        n: int,
        *,
        fixed: Mapping[str, Any] | None = None,
        worker: str | None = None,
        lease_s: float | None = None,
    ) -> list[Suggestion]: ...
    def ask(
        self,
        n: int | None = None,
        *,
        fixed: Mapping[str, Any] | None = None,
        worker: str | None = None,
        lease_s: float | None = None,
    ) -> Suggestion | list[Suggestion]:
        """Ask what to try next.

        Without ``n`` this shows the current suggestion: asked again before anything is told, it is the same one. With
        ``n`` it takes as many new ones, for as many workers, and nobody else gets them until their leases end.

        Args:
            n: How many to take. Where the engine is slow there may come fewer.
            fixed: Values that the suggestions must have: those of all context covariates, and of others at will.
            worker: A name for whoever runs them.
            lease_s: How long they are held, in seconds; a day where it is not given. A result is taken afterwards too.

        Raises:
            UnavailableError: If the engine is not ready within the client's time.
            ServiceError: If the experiment is closed or has stopped; its ``code`` says which.
        """
        ask = ask_of(n, fixed, worker, lease_s)
        if n is not None:
            return take(self.connection, self.exp_uuid, ask)
        if worker is not None or lease_s is not None:
            raise InvalidInputError("worker and lease_s go with n: only suggestions that are taken have a lease")
        query = json.dumps(ask.fixed) if ask.fixed else None
        return Suggestion(
            **dict(self.connection.get(self._path(paths.EXPERIMENT_ASK), AskReply, fixed=query).suggestions[0])
        )

    def renew(
        self, suggestions: Suggestion | Iterable[Suggestion], *, worker: str | None = None, lease_s: float | None = None
    ) -> list[Suggestion]:
        """Hold on to suggestions that were taken.

        Args:
            suggestions: One or more.
            worker: The name under which they were taken; where none is given, the one that they have themselves.
            lease_s: How long they are held from now on, in seconds; a day where it is not given.

        Returns:
            Those that are lost, as they stand now: told or abandoned, or offered again after their leases ended. What
            comes of them can be told all the same.
        """
        return renew_all(self.connection, self.exp_uuid, suggestions, worker, lease_s)

    def abandon(self, suggestion: Suggestion, reason: str = "") -> Suggestion:
        """Give up a suggestion that will not be run, and give it as it stands then; another one takes its place.

        Raises:
            ServiceError: If it has its observation, or others took its place before; its ``code`` says which.
        """
        return abandon(self.connection, self.exp_uuid, suggestion, reason)

    def tell(self, run: Run, response: Measured, *, sd: Measured | None = None) -> Observation:
        """Tell what came of one run; ``fail`` tells that nothing did.

        Args:
            run: The suggestion that was run, or the configuration where it was another one.
            response: What was measured: a finite number or, where the experiment has several responses, one for each
                in a dict, without those that were not measured.
            sd: The standard deviation of what was measured, where it is known, in the same form; 0 is exact.

        Raises:
            InvalidInputError: If the response is none, or the configuration holds no plain values.
            ServiceError: If the configuration lies outside the experiment's space, or the experiment is closed.
            ConnectionFailedError: If the service stayed away for the client's whole time. However often the tell was
                repeated in that time, it is stored once or not at all.
        """
        return tell_one(self.connection, self.exp_uuid, told_run(run, response, self.responses, sd))

    def fail(self, run: Run) -> Observation:
        """Tell that a run failed: it gave no response, and the model learns where that happens.

        Args:
            run: The suggestion that was run, or the configuration where it was another one.

        Raises:
            InvalidInputError: If the configuration holds no plain values.
            ServiceError: As for ``tell``.
            ConnectionFailedError: As for ``tell``.
        """
        return tell_one(self.connection, self.exp_uuid, failed_run(run))

    def tell_many(self, runs: Iterable[tuple[Run, Measured]]) -> list[Observation]:
        """Tell many runs at once, each as ``(run, response)``: all are stored, or none; at most 1000."""
        told = [told_run(run, response, self.responses) for run, response in runs]
        if not 1 <= len(told) <= MAX_TELL:
            raise InvalidInputError(f"between 1 and {MAX_TELL} runs can be told at once, not {len(told)}")
        return tell_all(self.connection, self.exp_uuid, told)

    def _path(self, path: str) -> str:
        return path.format(exp_uuid=self.exp_uuid)
