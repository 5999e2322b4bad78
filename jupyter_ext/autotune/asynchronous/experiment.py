"""One experiment and all that can be done with it, for programs that await."""

from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar, cast, overload

from autotune.ask_tell import AskTell
from autotune.asynchronous.running import AsyncFunction, run
from autotune.calls.leasing import ask_of
from autotune.calls.of_experiment import ExperimentCalls
from autotune.experiment import Experiment
from autotune.running.holding import LEASE_S
from autotune.running.in_turn import OnTell, failures_of, require_count
from autotune.running.progress import progress_of
from autotune.transport.connection import AsyncConnection
from autotune.transport.coroutines import AwaitedSelf, awaited
from autotune.values import plain
from autotune.views.bests import Best, BestPredicted
from autotune.views.shown import Suggestion
from autotune_wire.pausing import Paused
from autotune_wire.stopping import Stopped

T = TypeVar("T")


class AsyncExperiment(ExperimentCalls[AsyncConnection]):
    """An experiment on the service, with the calls of ``Experiment``, which describes them, to be awaited.

    ``best``, ``best_predicted``, ``stopped`` and ``paused`` are fetched when they are read, so they are awaited, too:
    ``await experiment.best``. A call that is cancelled ends at once. A change that it requested may have been made all
    the same, as the request may have arrived.
    """

    @property
    def best(self) -> Coroutine[Any, Any, Best | None]:
        """The best observation so far, as ``Experiment.best``."""
        return self._best()

    @property
    def best_predicted(self) -> Coroutine[Any, Any, BestPredicted | None]:
        """The configuration with the best predicted response, as ``Experiment.best_predicted``."""
        return self._best_predicted()

    @property
    def stopped(self) -> Coroutine[Any, Any, Stopped | None]:
        """The stop rule that was met, as ``Experiment.stopped``."""
        return self._stopped()

    @property
    def paused(self) -> Coroutine[Any, Any, Paused | None]:
        """The pause, as ``Experiment.paused``."""
        return self._paused()

    @overload
    async def ask(self, *, fixed: Mapping[str, Any] | None = None) -> Suggestion: ...
    @overload
    async def ask(
        self,
        n: int,
        *,
        fixed: Mapping[str, Any] | None = None,
        worker: str | None = None,
        lease_s: float | None = None,
    ) -> list[Suggestion]: ...
    async def ask(self, n: int | None = None, **options: Any) -> Suggestion | list[Suggestion]:
        """Ask what to try next, as ``Experiment.ask``."""
        return await awaited(cast("Any", AskTell.ask))(self, n, **options)  # type: ignore[no-any-return]  # overloads have no ParamSpec

    async def run(
        self,
        function: AsyncFunction,
        n: int,
        on_tell: OnTell | None = None,
        *,
        fixed: Mapping[str, Any] | None = None,
        n_workers: int = 1,
        worker: str | None = None,
        lease_s: float = LEASE_S,
        on_error: type[Exception] | tuple[type[Exception], ...] = (),
        progress: bool | None = None,
    ) -> Best | None:
        """Ask, run and tell, until ``n`` new observations are told, failed runs included, or a stop rule is met.

        Each configuration runs under a lease that is renewed while its run is at work.

        Args:
            function: An async function that takes and returns what the function given to ``Experiment.run`` does, and
                raises the same errors. For a plain function write
                ``lambda configuration: asyncio.to_thread(function, configuration)``.
            n: How many runs.
            on_tell: Called with each observation after it is stored.
            fixed: Values that the suggestions must have, as for ``ask``.
            n_workers: How many configurations run at the same time.
            worker: The name under which the suggestions are leased; if not given, a name that no other run has.
            lease_s: How long a lease lasts, in seconds; leases are renewed after a third of this time.
            on_error: A class of exceptions, or a tuple of such classes, that mean that the run failed, as ``RunFailed``
                does.
            progress: Whether the progress is shown on stderr, with rich where that is installed. If not given, it is
                shown in a terminal outside of IPython.

        Returns:
            The best observation of the experiment; None if no observation counts as best.

        Raises:
            InvalidInputError: If an argument is not valid.
            AutotuneError: If an ask or a tell fails; a note holds what the function returned, if that was not told.
            CancelledError: If the call is cancelled. The runs at work are cancelled and their suggestions offered
                again, for which the service has five seconds.
        """
        ask = ask_of(self.covars, 1, fixed, worker, lease_s)
        n, n_workers = require_count("n", plain(n)), require_count("n_workers", plain(n_workers))
        with progress_of(self, n, on_tell, progress) as report:
            await run(self, function, n, report, ask, n_workers, failures_of(on_error))
        return await self._best()

    state = awaited(Experiment.state)
    renew = awaited(Experiment.renew)
    abandon = awaited(Experiment.abandon)
    tell = awaited(Experiment.tell)
    fail = awaited(Experiment.fail)
    report = awaited(Experiment.report)
    tell_stopped = awaited(Experiment.tell_stopped)
    curves = awaited(Experiment.curves)
    tell_many = awaited(Experiment.tell_many)
    add_history = awaited(Experiment.add_history)
    pareto = awaited(Experiment.pareto)
    observations = awaited(Experiment.observations)
    observation = awaited(Experiment.observation)
    undo = awaited(Experiment.undo)
    correct = awaited(Experiment.correct)
    exclude = awaited(Experiment.exclude)
    restore = awaited(Experiment.restore)
    note = awaited(Experiment.note)
    versions = awaited(Experiment.versions)
    history = awaited(Experiment.history)
    predict = awaited(Experiment.predict)
    insights = awaited(Experiment.insights)
    to_optuna = awaited(Experiment.to_optuna)
    edit_space = AwaitedSelf(Experiment.edit_space)
    candidates = awaited(Experiment.candidates)
    add_candidates = AwaitedSelf(Experiment.add_candidates)
    withdraw_candidates = AwaitedSelf(Experiment.withdraw_candidates)
    restore_candidates = AwaitedSelf(Experiment.restore_candidates)
    spaces = awaited(Experiment.spaces)
    pause = AwaitedSelf(Experiment.pause)
    resume = AwaitedSelf(Experiment.resume)
    reopen = AwaitedSelf(Experiment.reopen)
    rename = AwaitedSelf(Experiment.rename)
    members = awaited(Experiment.members)
    share = awaited(Experiment.share)
    unshare = awaited(Experiment.unshare)
    transfer = awaited(Experiment.transfer)
    audit = awaited(Experiment.audit)
    delete = awaited(Experiment.delete)
    close = awaited(Experiment.close)

    def _do(self, coroutine: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        return coroutine
