"""The loop that runs a function on an executor: several configurations at a time, each under a lease."""

import logging
import pickle
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from concurrent.futures.process import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

from autotune.ask_tell import AskTell
from autotune.calls.leasing import Heartbeat, ask_of, renew, take
from autotune.errors import (
    AutotuneError,
    ConnectionFailedError,
    InvalidInputError,
    RunFailed,
    ServiceError,
    UnavailableError,
    notes_of,
)
from autotune.inputs.told import Run
from autotune.running.in_turn import STOPPED, Function, OnTell, Returned, require_count, tell_returned
from autotune.views.shown import Observation, Suggestion
from autotune_wire.suggestions import MAX_ASK, Ask

ALREADY_TOLD = "already_told"
LEASE_S = 60.0
WAIT_S = 0.5
"""How long one wait for runs lasts, in seconds: a wait without a limit can miss an interrupt, on Windows always."""
DEFAULT_WORKERS = 4
NOT_BEGUN = "cancelled before it began"
INTERRUPT_S = 5.0
"""How long an interrupt waits for runs at work, in seconds, so that runs that are nearly done are told."""

logger = logging.getLogger("autotune")


@dataclass(frozen=True, slots=True)
class Crew:
    """The workers that run a function, and the leases that they hold.

    Attributes:
        executor: The executor that runs the function.
        n_workers: How many runs are at work at the same time.
        worker: The name under which the suggestions are leased.
        lease_s: How long a lease lasts unless it is renewed, in seconds.
    """

    executor: Executor
    n_workers: int
    worker: str
    lease_s: float


def crew_of(executor: Executor, n_workers: int | None, worker: str | None, lease_s: float) -> Crew:
    """Build a crew; by default with as many workers as the executor has, and a name that no other run has.

    Raises:
        InvalidInputError: If ``executor`` is not an executor, or ``n_workers`` is not a number of at least 1.
    """
    if not callable(getattr(executor, "submit", None)):
        raise InvalidInputError(f"executor must be one of concurrent.futures, not {type(executor).__name__}")
    n = _n_workers(executor) if n_workers is None else require_count("n_workers", n_workers)
    # With a name of its own, a run learns from a renewal that another run has taken its suggestion over.
    return Crew(executor, n, worker or f"run {uuid4().hex[:8]}", lease_s)


def run_parallel(
    experiment: AskTell,
    function: Function,
    n: int,
    on_tell: OnTell | None,
    fixed: Mapping[str, Any] | None,
    crew: Crew,
) -> None:
    """Keep as many runs at work as the crew has workers, until ``n`` runs are told; see ``Experiment.run``."""
    _require_sendable(function, crew.executor)
    ask = ask_of(1, fixed, crew.worker, crew.lease_s)
    _ParallelRun(experiment, function, n, on_tell, crew, ask).run()


class _ParallelRun:
    """One call of ``Experiment.run`` with an executor.

    ``_error`` keeps the error that ends the loop until all runs that are still at work are told. ``_cut_off`` is the
    suggestion that was being told when an interrupt came.
    """

    def __init__(
        self, experiment: AskTell, function: Function, n: int, on_tell: OnTell | None, crew: Crew, ask: Ask
    ) -> None:
        self._experiment = experiment
        self._function = function
        self._n = n
        self._on_tell = on_tell
        self._crew = crew
        self._ask = ask
        # post_once: a failed renewal is not repeated, as the next beat of the heartbeat comes soon enough.
        renewing = partial(renew, experiment.connection.post_once, experiment.exp_uuid)
        self._heartbeat = Heartbeat(lambda uuids: renewing(uuids, crew.worker, crew.lease_s), crew.lease_s)
        self._taken: list[Suggestion] = []
        self._at_work: dict[Future[Returned], Suggestion] = {}
        self._n_told = 0
        self._is_over = False
        self._error: BaseException | None = None
        self._cut_off: Suggestion | None = None

    def run(self) -> None:
        with self._heartbeat:
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
            self._finish_all()
            if self._error is not None:
                raise self._error from error
            raise
        if self._error is not None:
            raise self._error

    def _n_missing(self) -> int:
        if self._is_over or self._error is not None:
            return 0
        n_at_work = len(self._at_work)
        return min(self._crew.n_workers - n_at_work, self._n - self._n_told - n_at_work, MAX_ASK)

    def _start_missing(self) -> None:
        n_missing = self._n_missing()
        if n_missing <= 0:
            return
        ask = self._ask.model_copy(update={"n": n_missing})
        try:
            taken = take(self._experiment.connection, self._experiment.exp_uuid, ask)
        except ServiceError as error:
            if error.code != STOPPED or not (self._n_told or self._at_work):
                raise
            self._is_over = True
            return
        self._heartbeat.hold(taken)
        self._taken = taken
        while self._taken:
            self._start(self._taken[0])
            del self._taken[0]

    def _start(self, suggestion: Suggestion) -> None:
        executor = self._crew.executor
        is_of_dask = any(kind.__module__.partition(".")[0] == "distributed" for kind in type(executor).__mro__)
        # Dask would reuse what an earlier call with the same configuration returned, but each run must measure anew.
        options = {"pure": False} if is_of_dask else {}
        future = executor.submit(self._function, dict(suggestion.covars), **options)
        self._at_work[future] = suggestion

    def _finish_some(self) -> None:
        # If the service gave fewer suggestions than were asked for, the next ask follows without a wait.
        timeout_s = 0.0 if self._n_missing() > 0 else WAIT_S
        wait(self._at_work, timeout_s, FIRST_COMPLETED)
        # The return value of wait() is not used: a future that others have cancelled is not among its done futures.
        for future in [future for future in self._at_work if future.done()]:
            self._finish(future)

    def _finish(self, future: Future[Returned]) -> None:
        suggestion = self._at_work[future]
        self._heartbeat.let_go(suggestion)
        try:
            observation = self._tell(future, suggestion)
        except KeyboardInterrupt:
            self._cut_off = suggestion  # the suggestion stays at work, and is told again by _break_off()
            raise
        except Exception:
            del self._at_work[future]
            raise
        del self._at_work[future]
        if observation is not None:
            self._n_told += 1
            self._report(observation)

    def _tell(self, future: Future[Returned], suggestion: Suggestion) -> Observation | None:
        if future.cancelled():
            self._give_up(suggestion, CancelledError(), NOT_BEGUN)
            return None
        error = future.exception()
        if error is None:
            return self._tell_once(suggestion, partial(tell_returned, self._experiment, returned=future.result()))
        if isinstance(error, RunFailed):
            return self._tell_once(suggestion, self._experiment.fail)
        if isinstance(error, BrokenExecutor | CancelledError) or not isinstance(error, Exception):
            self._give_up(suggestion, error, f"cut off by {type(error).__name__}")
            return None
        logger.warning("the run of %s failed, and no further run is begun: %r", suggestion, error)
        self._error = self._error or error
        return self._tell_once(suggestion, self._experiment.fail)

    def _give_up(self, suggestion: Suggestion, error: BaseException, reason: str) -> None:
        # The cause is the worker or the executor, not the configuration, so no failure is told.
        self._error = self._error or error
        self._experiment.abandon(suggestion, reason)

    def _tell_once(self, suggestion: Suggestion, tell: Callable[[Run], Observation]) -> Observation | None:
        try:
            return tell(suggestion)
        except ServiceError as error:
            if error.code != ALREADY_TOLD:
                raise
        if suggestion is self._cut_off:
            return None
        # Another worker took over and told the suggestion while the service was not reached: two runs were made.
        return tell(dict(suggestion.covars))

    def _report(self, observation: Observation) -> None:
        if self._on_tell is None:
            return
        try:
            self._on_tell(observation)
        except BaseException:
            self._on_tell = None  # the runs still at work are told, but no longer reported
            raise

    def _finish_all(self) -> None:
        """Wait for all runs at work and tell them, before an error is raised."""
        self._is_over = True
        while self._at_work:
            try:
                self._finish_some()
            except AutotuneError as error:
                logger.warning("%s", "\n".join([str(error), *notes_of(error)]))

    def _break_off(self) -> None:
        """Cancel runs that have not begun and tell runs that have ended, within a bounded time."""
        self._is_over = True
        cancelled = {future for future in self._at_work if future.cancel()}
        _, running = wait(self._at_work.keys() - cancelled, INTERRUPT_S)
        if running:
            says = "%d runs are still at work and will not be told; their suggestions are offered again within %g s"
            logger.warning(says, len(running), self._crew.lease_s)
        not_begun = [suggestion for suggestion in self._taken if suggestion not in self._at_work.values()]
        steps: list[Callable[[], object]] = [
            *(partial(self._finish, future) for future in self._at_work if future not in running),
            *(partial(self._experiment.abandon, suggestion, NOT_BEGUN) for suggestion in not_begun),
        ]
        for step in steps:
            try:
                step()
            except AutotuneError as error:
                logger.warning("%s", "\n".join([str(error), *notes_of(error)]))
                if isinstance(error, ConnectionFailedError | UnavailableError):
                    return


def _n_workers(executor: Executor) -> int:
    # The executors of Python and of Dask have no public name for the number of their workers.
    n = getattr(executor, "_max_workers", None)
    if isinstance(n, int):
        return n
    n_cores = getattr(getattr(executor, "_client", None), "ncores", None)
    return (sum(n_cores().values()) if callable(n_cores) else 0) or DEFAULT_WORKERS


def _require_sendable(function: Function, executor: Executor) -> None:
    """Check that the function can be sent to another process; otherwise each run would seem to fail."""
    if not isinstance(executor, ProcessPoolExecutor):
        return
    try:
        pickle.dumps(function)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        says = f"the function cannot be sent to another process: {error}; define the function at the top of a module"
        raise InvalidInputError(says) from None
