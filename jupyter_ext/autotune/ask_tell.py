"""The two calls that everything else is built on: ask for suggestions, tell observations."""

import json
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, TypeVar, overload

from autotune.calls.leasing import abandon, ask_of, renew_all
from autotune.calls.of_experiment import ExperimentCalls
from autotune.calls.reporting import report, report_of
from autotune.calls.telling import tell_all, tell_one
from autotune.errors import InvalidInputError
from autotune.inputs.told import Measured, Run, failed_run, stopped_run, told_run
from autotune.transport.connection import Connection
from autotune.transport.coroutines import result_of
from autotune.values import plain
from autotune.views.curves import Verdict
from autotune.views.shown import Observation, Suggestion
from autotune_wire.observations import MAX_TELL

T = TypeVar("T")


class AskTell(ExperimentCalls[Connection]):
    """An experiment, with the calls that ask for suggestions and tell observations."""

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

        Without ``n`` the call returns the current suggestion and takes no lease: asking again before an observation is
        told returns the same suggestion. With ``n`` the call takes ``n`` new suggestions, for as many workers. Nobody
        else gets these suggestions until their leases end.

        Args:
            n: How many suggestions to take, 1 to 100. If the engine is slow, fewer may come.
            fixed: Values that the suggestions must have. All context covariates need a value, which may lie beyond
                their range; other covariates may have one.
            worker: A name for whoever runs the suggestions. A renewal of their leases needs the same name.
            lease_s: How long the leases last, in seconds; a day if not given. A suggestion can also be told after its
                lease has ended.

        Raises:
            UnavailableError: If the engine computes no suggestion within the client's time.
            ServiceError: If the experiment is closed or paused, or has stopped; the error's ``code`` says which.
        """
        ask = ask_of(self.covars, n, fixed, worker, lease_s)
        if n is not None:
            return self._do(self._take(ask))
        if worker is not None or lease_s is not None:
            raise InvalidInputError("worker and lease_s need n: only suggestions that are taken with n have a lease")
        return self._do(self._look(json.dumps(ask.fixed) if ask.fixed else None))

    def renew(
        self, suggestions: Suggestion | Iterable[Suggestion], *, worker: str | None = None, lease_s: float | None = None
    ) -> list[Suggestion]:
        """Renew the leases of suggestions that were taken.

        Args:
            suggestions: One suggestion, or several.
            worker: The name under which the suggestions were taken; if not given, each suggestion's own ``worker``.
            lease_s: How long the leases last from now on, in seconds; a day if not given.

        Returns:
            The suggestions whose leases are lost, as they are stored now: already told or abandoned, or offered again
            after their leases had ended. Observations of these suggestions can be told all the same.
        """
        return self._do(renew_all(self.connection, self.exp_uuid, suggestions, worker, lease_s))

    def abandon(self, suggestion: Suggestion, reason: str = "") -> Suggestion:
        """Abandon a suggestion that will not be run; another suggestion takes its place.

        Returns:
            The suggestion as it is stored now.

        Raises:
            ServiceError: If the suggestion already has an observation, or newer suggestions have replaced it; the
                error's ``code`` says which.
        """
        return self._do(abandon(self.connection, self.exp_uuid, suggestion, reason))

    def tell(self, run: Run, response: Measured, *, sd: Measured | None = None) -> Observation:
        """Tell the response of one run; tell a run that gave no response with ``fail``.

        Args:
            run: The suggestion that was run; if another configuration was run, that configuration. A number may lie
                beyond its range or between two steps: it is stored as measured, and the observation's ``outside`` names
                the covariate.
            response: What was measured: a finite number. If the experiment has several responses, a dict with a number
                for each response that was measured.
            sd: The standard deviation of the response, if known, in the same form as the response; 0 means exact.

        Raises:
            InvalidInputError: If the response is missing or not a finite number, or a value of the configuration is
                neither a number nor a text.
            ServiceError: If the configuration has a value that no run can have, such as an unknown option, or the
                experiment is closed.
            ConnectionFailedError: If the service was not reached for the client's whole time. However often the tell
                was repeated in that time, the observation is stored once or not at all.
        """
        told = told_run(run, response, self.covars, self.responses, sd)
        return self._do(tell_one(self.connection, self.exp_uuid, told))

    def fail(self, run: Run, reason: str | None = None) -> Observation:
        """Tell that a run failed: the run gave no response, and the model learns where runs fail.

        Args:
            run: The suggestion that was run; if another configuration was run, that configuration.
            reason: Why the run failed, in at most 1000 characters, for whoever reads the history.

        Raises:
            InvalidInputError: If a value of the configuration is neither a number nor a text, or the reason is not
                valid.
            ServiceError: As for ``tell``.
            ConnectionFailedError: As for ``tell``.
        """
        return self._do(tell_one(self.connection, self.exp_uuid, failed_run(run, self.covars, reason)))

    def report(self, suggestion: Suggestion, step: int, value: float) -> Verdict:
        """Report what a run under way has come to, and learn whether to stop it.

        The lease of the suggestion is prolonged: a run that reports is at work. The value of a step that was reported
        before is replaced. In a function that ``run`` calls, ``autotune.report(step, value)`` does the same and ends
        the run.

        Args:
            suggestion: The suggestion that is being run.
            step: How far the run has come: a whole number, 0 or more, such as the epoch.
            value: The value there of the response that the experiment compares: a finite number.

        Returns:
            The verdict: true in a condition if the run should be stopped, and ``why``. Without ``early_stop`` the
            experiment stops no run, and keeps what is reported.

        Raises:
            InvalidInputError: If an argument is not valid.
            ServiceError: If the suggestion has its observation already, or reports beyond what the service keeps; the
                error's ``code`` says which.
        """
        return self._do(report(self.connection, self.exp_uuid, report_of(suggestion, step, value)))

    def tell_stopped(self, run: Run, response: Measured | None = None, *, step: int | None = None) -> Observation:
        """Tell that a run was stopped before its end, so that its last value is not its final one.

        The model learns from it what can be learnt, and the run is never the best.

        Args:
            run: The suggestion that was run; if another configuration was run, that configuration.
            response: The last value, as for ``tell``; if not given, the last one that was reported.
            step: The step at which the run was stopped; if not given, the last one that was reported.

        Raises:
            InvalidInputError: If an argument is not valid, or a configuration of your own comes without its step.
            ServiceError: As for ``tell``; also if the value or the step is told nowhere.
            ConnectionFailedError: As for ``tell``.
        """
        told = stopped_run(run, response, self.covars, self.responses, step)
        return self._do(tell_one(self.connection, self.exp_uuid, told))

    def curves(self, newest: int | None = None) -> Any:
        """Fetch what runs reported, as a table.

        Args:
            newest: At most so many runs, those that began to report last; 1000 if not given, which is the most.

        Returns:
            A pandas DataFrame if pandas is installed, else a list of dicts. There is a row for each report: ``run``,
            counted from 1 in the order in which runs first reported, ``step``, the value in a column with the name of
            the response, ``state`` of the run (running, completed, stopped, failed, excluded or ended) and
            ``should_stop``.
        """
        return self._do(self._curves(plain(newest)))

    def tell_many(self, runs: Iterable[tuple[Run, Measured]]) -> list[Observation]:
        """Tell up to 1000 runs at once, each as ``(run, response)``; either all of them are stored, or none."""
        told = [told_run(run, response, self.covars, self.responses) for run, response in runs]
        if not 1 <= len(told) <= MAX_TELL:
            raise InvalidInputError(f"between 1 and {MAX_TELL} runs can be told at once, not {len(told)}")
        return self._do(tell_all(self.connection, self.exp_uuid, told))

    def _do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return result_of(coroutine)
