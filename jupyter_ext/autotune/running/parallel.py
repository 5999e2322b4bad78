"""The loop that runs a function on an executor: several configurations at a time, each under a lease."""

import logging
from collections.abc import Callable
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from dataclasses import dataclass
from functools import partial

from autotune.ask_tell import AskTell
from autotune.errors import (
    AutotuneError,
    ConnectionFailedError,
    InvalidInputError,
    RunFailed,
    RunStopped,
    ServiceError,
    UnavailableError,
    notes_of,
)
from autotune.inputs.told import Run
from autotune.running.executors import Submit, is_of, n_workers_of, require_sendable, submit_of
from autotune.running.holding import Holding
from autotune.running.in_turn import (
    ALREADY_TOLD,
    HELD_BACK,
    Failures,
    Function,
    OnTell,
    Returned,
    abandon_for,
    explain,
    require_count,
    tell_failure,
    tell_once,
    tell_returned,
    tell_stop,
)
from autotune.running.reporting import Reporting, run_of
from autotune.views.shown import Observation, Suggestion
from autotune_wire.suggestions import MAX_ASK, Ask

WAIT_S = 0.5
"""How long one wait for runs lasts, in seconds: a wait without a limit can miss an interrupt, on Windows always."""
NOT_BEGUN = "cancelled before it began"
INTERRUPT_S = 5.0
"""How long an interrupt waits for runs at work, in seconds, so that runs that are nearly done are told."""

logger = logging.getLogger("autotune")


@dataclass(frozen=True, slots=True)
class Crew:
    """The workers that run a function.

    Attributes:
        executor: The executor that runs the function.
        submit: Hands one run to the executor.
        n_workers: How many runs are at work at the same time.
    """

    executor: Executor
    submit: Submit
    n_workers: int


def crew_of(executor: Executor, n_workers: int | None) -> Crew:
    """Build a crew; by default with as many workers as the executor has.

    Raises:
        InvalidInputError: If ``executor`` is no executor whose futures can be waited for, or ``n_workers`` is not a
            number of at least 1.
    """
    submit = submit_of(executor)
    n = n_workers_of(executor) if n_workers is None else require_count("n_workers", n_workers)
    return Crew(executor, submit, n)


def run_parallel(
    experiment: AskTell,
    function: Function,
    n: int,
    on_tell: OnTell | None,
    ask: Ask,
    crew: Crew,
    failures: Failures = (RunFailed,),
) -> None:
    """Keep as many runs at work as the crew has workers, until ``n`` runs are told; see ``Experiment.run``."""
    require_sendable(function, crew.executor)
    _ParallelRun(experiment, function, n, on_tell, crew, ask, failures).run()


class _ParallelRun:
    """One call of ``Experiment.run`` with an executor.

    ``_error`` keeps the error that ends the loop until all runs that are still at work are told, and ``_spoilt`` the
    suggestion whose run raised this error. ``_cut_off`` is the suggestion that was being told when an interrupt came.
    """

    def __init__(
        self,
        experiment: AskTell,
        function: Function,
        n: int,
        on_tell: OnTell | None,
        crew: Crew,
        ask: Ask,
        failures: Failures,
    ) -> None:
        self._experiment = experiment
        self._function = function
        self._n = n
        self._on_tell = on_tell
        self._crew = crew
        self._lease_s = ask.lease_s
        self._failures = failures
        self._holding = Holding(experiment, ask)
        self._taken: list[Suggestion] = []
        self._at_work: dict[Future[Returned], Suggestion] = {}
        self._n_told = 0
        self._is_over = False
        self._error: BaseException | None = None
        self._spoilt: Suggestion | None = None
        self._cut_off: Suggestion | None = None

    def run(self) -> None:
        with self._holding:
            try:
                self._run_all()
            except KeyboardInterrupt:
                self._break_off()
                raise

    def _run_all(self) -> None:
        try:
            self._start_missing()
            while self._at_work:
                self._finish_some()
                self._start_missing()
        except Exception as error:
            self._finish_all(error)
            if self._error is not None:
                raise self._explained(self._error) from error
            raise
        if self._error is not None:
            raise self._explained(self._error)

    def _n_missing(self) -> int:
        if self._is_over or self._error is not None:
            return 0
        n_at_work = len(self._at_work)
        return min(self._crew.n_workers - n_at_work, self._n - self._n_told - n_at_work, MAX_ASK)

    def _start_missing(self) -> None:
        n_missing = self._n_missing()
        if n_missing <= 0:
            return
        try:
            taken = self._holding.take(n_missing)
        except ServiceError as error:
            if error.code not in HELD_BACK or not (self._n_told or self._at_work):
                raise
            self._is_over = True
            return
        self._taken = taken
        while self._taken:
            self._start(self._taken[0])
            del self._taken[0]

    def _start(self, suggestion: Suggestion) -> None:
        future = self._crew.submit(self._reporting(suggestion), dict(suggestion.covars))
        self._at_work[future] = suggestion

    def _reporting(self, suggestion: Suggestion) -> Function:
        # In another process the function needs a connection of its own: that is opened where runs may be stopped.
        if self._experiment.early_stop is None and not isinstance(self._crew.executor, ThreadPoolExecutor):
            return self._function
        return Reporting(self._function, run_of(self._experiment, suggestion, self._lease_s))

    def _finish_some(self) -> None:
        # If the service gave fewer suggestions than were asked for, the next ask follows without a wait.
        timeout_s = 0.0 if self._n_missing() > 0 else WAIT_S
        wait(self._at_work, timeout_s, FIRST_COMPLETED)
        # The return value of wait() is not used: a future that others have cancelled is not among its done futures.
        for future in [future for future in self._at_work if future.done()]:
            self._finish(future)

    def _finish(self, future: Future[Returned]) -> None:
        suggestion = self._at_work[future]
        self._holding.stop_renewing(suggestion)
        try:
            observation = self._tell(future, suggestion)
        except KeyboardInterrupt:
            self._cut_off = suggestion  # the suggestion stays at work, and is told again by _break_off()
            raise
        except Exception as error:
            del self._at_work[future]
            if isinstance(error, InvalidInputError):
                self._holding.let_go(suggestion)  # what the function returned is no response
            raise
        del self._at_work[future]
        self._holding.let_go(suggestion)
        if observation is not None:
            self._n_told += 1
            self._report(observation)

    def _tell(self, future: Future[Returned], suggestion: Suggestion) -> Observation | None:
        if future.cancelled():
            if not self._is_over:
                self._error = self._error or CancelledError("others have cancelled runs of this executor")
            self._experiment.abandon(suggestion, NOT_BEGUN)
            return None
        error = future.exception()
        if error is None:
            return self._tell_once(suggestion, partial(tell_returned, self._experiment, returned=future.result()))
        if isinstance(error, RunStopped):
            return self._tell_once(suggestion, partial(tell_stop, self._experiment, error=error))
        if isinstance(error, self._failures) and not isinstance(error, BrokenExecutor):
            return self._tell_once(suggestion, partial(tell_failure, self._experiment, error=error))
        # Anything else is no outcome of the run: a mistake in the function, or a worker that was lost.
        is_of_function = isinstance(error, Exception) and not isinstance(error, BrokenExecutor | CancelledError)
        if self._error is None:
            self._error = error
            self._spoilt = suggestion if is_of_function else None
            logger.warning("the run of %s ended with an error, and no further run is begun: %r", suggestion, error)
            self._cancel_what_has_not_begun()
        reason = "" if is_of_function else f"cut off by {type(error).__name__}"
        abandon_for(self._experiment, suggestion, error, reason)
        return None

    def _abandon(self, suggestion: Suggestion) -> None:
        self._experiment.abandon(suggestion, NOT_BEGUN)
        self._holding.let_go(suggestion)

    def _cancel_what_has_not_begun(self) -> None:
        # Dask's futures do not say whether their runs have begun.
        if not is_of(self._crew.executor, "distributed"):
            for future in self._at_work:
                if not future.running():
                    future.cancel()

    def _explained(self, error: BaseException) -> BaseException:
        if self._spoilt is not None:
            explain(error, self._spoilt, self._n_told)
        return error

    def _tell_once(self, suggestion: Suggestion, tell: Callable[[Run], Observation]) -> Observation | None:
        if suggestion is not self._cut_off:
            return tell_once(suggestion, tell)
        try:
            return tell(suggestion)
        except ServiceError as error:
            if error.code != ALREADY_TOLD:
                raise
        return None  # the interrupt came after the service had stored it

    def _report(self, observation: Observation) -> None:
        if self._on_tell is None:
            return
        try:
            self._on_tell(observation)
        except Exception as error:  # noqa: BLE001 -- raised as soon as the runs at work are told
            self._on_tell = None  # the runs still at work are told, but no longer reported
            self._error = self._error or error
            self._cancel_what_has_not_begun()

    def _finish_all(self, error: Exception) -> None:
        """Wait for all runs at work and tell them, and abandon what has not begun, before an error is raised."""
        self._is_over = True
        self._cancel_what_has_not_begun()
        while self._at_work:
            try:
                self._finish_some()
            except AutotuneError as failed:
                logger.warning("%s", "\n".join([str(failed), *notes_of(failed)]))
        for suggestion in self._taken:
            abandon_for(self._experiment, suggestion, error, NOT_BEGUN)
            self._holding.let_go(suggestion)

    def _break_off(self) -> None:
        """Cancel runs that have not begun and tell runs that have ended, within a bounded time."""
        self._is_over = True
        # A pool of pebble would end a run that has begun.
        cancelled = {future for future in self._at_work if not future.running() and future.cancel()}
        _, running = wait(self._at_work.keys() - cancelled, INTERRUPT_S)
        if running:
            says = "%d runs are still at work and will not be told; their suggestions are offered again within %g s"
            logger.warning(says, len(running), self._lease_s)
        not_begun = [suggestion for suggestion in self._taken if suggestion not in self._at_work.values()]
        steps: list[Callable[[], object]] = [
            *(partial(self._finish, future) for future in self._at_work if future not in running),
            *(partial(self._abandon, suggestion) for suggestion in not_begun),
        ]
        for step in steps:
            try:
                step()
            except AutotuneError as error:
                logger.warning("%s", "\n".join([str(error), *notes_of(error)]))
                if isinstance(error, ConnectionFailedError | UnavailableError):
                    break
        if self._error is not None:
            logger.warning("the loop would also have ended with %r", self._error)
