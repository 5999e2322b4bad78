"""The loop for a function on an executor: several configurations at a time, each under a lease."""

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
from autotune.running.in_turn import STOPPED, Function, OnTell, Returned, require_count, tell_result
from autotune.views.shown import Observation, Suggestion
from autotune_wire.suggestions import MAX_ASK, Ask

ALREADY_TOLD = "already_told"
LEASE_S = 60.0
WAIT_S = 0.5
"""A wait without an end may miss an interrupt that comes as it begins, and on Windows any."""
DEFAULT_WORKERS = 4
NOT_BEGUN = "cancelled before it began"
INTERRUPT_S = 5.0
"""How long an interrupt waits for what is being run, so that what is nearly done is told."""

logger = logging.getLogger("autotune")


@dataclass(frozen=True, slots=True)
class Crew:
    """Who runs a function, and on which terms.

    Attributes:
        executor: Runs it.
        n_workers: How often at a time.
        worker: The name that the leases have.
        lease_s: How long they last unless renewed.
    """

    executor: Executor
    n_workers: int
    worker: str
    lease_s: float


def crew_of(executor: Executor, n_workers: int | None, worker: str | None, lease_s: float) -> Crew:
    """Complete what was not said: as many at a time as the executor has workers, and a name of its own.

    Raises:
        InvalidInputError: If the executor is none, or the number is.
    """
    if not callable(getattr(executor, "submit", None)):
        raise InvalidInputError(f"executor must be one of concurrent.futures, not {type(executor).__name__}")
    n = _n_workers(executor) if n_workers is None else require_count("n_workers", n_workers)
    # Another name for each run: only so does a renewal tell that someone else has taken the suggestion over.
    return Crew(executor, n, worker or f"run {uuid4().hex[:8]}", lease_s)


def run_parallel(
    experiment: AskTell,
    function: Function,
    n: int,
    on_tell: OnTell | None,
    fixed: Mapping[str, Any] | None,
    crew: Crew,
) -> None:
    """Keep as many runs at work as the crew has workers, until n are told; see ``Experiment.run``."""
    _require_sendable(function, crew.executor)
    ask = ask_of(1, fixed, crew.worker, crew.lease_s)
    _ParallelRun(experiment, function, n, on_tell, crew, ask).run()


class _ParallelRun:
    """One call of ``run``: what is at work, and what has come of it."""

    def __init__(
        self, experiment: AskTell, function: Function, n: int, on_tell: OnTell | None, crew: Crew, ask: Ask
    ) -> None:
        self._experiment = experiment
        self._function = function
        self._n = n
        self._on_tell = on_tell
        self._crew = crew
        self._ask = ask
        # A renewal that fails is not repeated: the next beat comes soon enough.
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
        # Dask takes the same call for the same result, and a response is measured anew each time.
        options = {"pure": False} if _is_of_dask(self._crew.executor) else {}
        future = self._crew.executor.submit(self._function, dict(suggestion.covars), **options)
        self._at_work[future] = suggestion

    def _finish_some(self) -> None:
        # Where the service gave fewer than were asked for, nobody waits before it is asked again.
        timeout_s = 0.0 if self._n_missing() > 0 else WAIT_S
        wait(self._at_work, timeout_s, FIRST_COMPLETED)
        # Of one that others have cancelled, wait() says that it is not done.
        for future in [one for one in self._at_work if one.done()]:
            self._finish(future)

    def _finish(self, future: Future[Returned]) -> None:
        suggestion = self._at_work[future]
        self._heartbeat.let_go(suggestion)
        try:
            observation = self._tell(future, suggestion)
        except KeyboardInterrupt:
            self._cut_off = suggestion  # it stays at work, and is told again on the way out
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
            return self._tell_once(suggestion, partial(tell_result, self._experiment, result=future.result()))
        if isinstance(error, RunFailed):
            return self._tell_once(suggestion, self._experiment.fail)
        if isinstance(error, BrokenExecutor | CancelledError) or not isinstance(error, Exception):
            self._give_up(suggestion, error, f"cut off by {type(error).__name__}")
            return None
        logger.warning("%s failed, and nothing more is begun: %r", suggestion, error)
        self._error = self._error or error
        return self._tell_once(suggestion, self._experiment.fail)

    def _give_up(self, suggestion: Suggestion, error: BaseException, reason: str) -> None:
        # It says nothing of the configuration, so no failure is told.
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
        # Another took it over while the service could not be reached, and was faster: two runs were made.
        return tell(dict(suggestion.covars))

    def _report(self, observation: Observation) -> None:
        if self._on_tell is None:
            return
        try:
            self._on_tell(observation)
        except BaseException:
            self._on_tell = None  # what is still at work is told, and not reported where that does not work
            raise

    def _finish_all(self) -> None:
        """Tell what is at work, after an error that is raised then."""
        self._is_over = True
        while self._at_work:
            try:
                self._finish_some()
            except AutotuneError as error:
                logger.warning("%s", "\n".join([str(error), *notes_of(error)]))

    def _break_off(self) -> None:
        """Cancel what has not begun and tell what has ended, within a bounded time."""
        self._is_over = True
        cancelled = {one for one in self._at_work if one.cancel()}
        _, running = wait(self._at_work.keys() - cancelled, INTERRUPT_S)
        if running:
            says = "%d runs are still at work and will not be told; others get their suggestions within %g s"
            logger.warning(says, len(running), self._crew.lease_s)
        not_begun = [one for one in self._taken if one not in self._at_work.values()]
        ends: list[Callable[[], object]] = [
            *(partial(self._finish, one) for one in self._at_work if one not in running),
            *(partial(self._experiment.abandon, one, NOT_BEGUN) for one in not_begun),
        ]
        for end in ends:
            try:
                end()
            except AutotuneError as error:
                logger.warning("%s", "\n".join([str(error), *notes_of(error)]))
                if isinstance(error, ConnectionFailedError | UnavailableError):
                    return


def _n_workers(executor: Executor) -> int:
    # Neither the pools of Python nor that of Dask tell it by a public name.
    n = getattr(executor, "_max_workers", None)
    if isinstance(n, int):
        return n
    n_cores = getattr(getattr(executor, "_client", None), "ncores", None)
    return (sum(n_cores().values()) if callable(n_cores) else 0) or DEFAULT_WORKERS


def _is_of_dask(executor: Executor) -> bool:
    return any(kind.__module__.partition(".")[0] == "distributed" for kind in type(executor).__mro__)


def _require_sendable(function: Function, executor: Executor) -> None:
    """Refuse a function that cannot be sent to another process; each run would seem to fail."""
    if not isinstance(executor, ProcessPoolExecutor):
        return
    try:
        pickle.dumps(function)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        says = f"the function cannot be sent to another process: {error}; define it at the top of a module"
        raise InvalidInputError(says) from None
