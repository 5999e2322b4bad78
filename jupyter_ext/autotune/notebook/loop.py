"""The loop of ``%autotune run``: its progress, its patience, and what is said when it ends early."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from autotune.calls.telling import reason_of
from autotune.errors import AutotuneError, RunFailed, RunStopped
from autotune.experiment import Experiment
from autotune.notebook.body import Runnable
from autotune.running.in_turn import Function, Returned, require_count
from autotune.views.bests import Best
from autotune.views.facts import paused_text
from autotune.views.shown import Observation, configuration_text, counted
from autotune_wire.responses import objectives_of
from autotune_wire.space import units_of

_MISTAKES = (NameError, ImportError, AutotuneError)
"""Errors that are never the outcome of a run, whatever ``--on-error`` says, such as a response that is None."""


class Interrupted(KeyboardInterrupt):
    """An interrupt of a command, shown as one line without a traceback; like every interrupt it stops "run all"."""

    def _render_traceback_(self) -> list[str]:
        return [f"Interrupted: {self}"]


class _NothingBetter(Exception):  # noqa: N818 -- ends the loop, and is no error
    """So many runs in a row brought nothing better that the loop ends."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a loop is to do.

    Attributes:
        n: How many runs.
        fixed: Values that the suggestions must have.
        n_parallel: How many runs at the same time, in threads; None for one after the other in this thread.
        patience: After how many runs in a row that brought nothing better the loop ends; None for never.
        tells_failures: Whether an error of the function means that the run failed, so that the loop goes on.
    """

    n: int
    fixed: Mapping[str, Any] | None = None
    n_parallel: int | None = None
    patience: int | None = None
    tells_failures: bool = False

    def __post_init__(self) -> None:
        for name, value in (("n", self.n), ("--parallel", self.n_parallel), ("--patience", self.patience)):
            if value is not None:
                require_count(name, value)


class Loop:
    """One call of ``run`` in a notebook.

    Args:
        experiment: The experiment.
        plan: What to do.
        n_before: How many of the runs were told by a call that was cut off.
        say: Called with each line of progress.
        refresh: Called before and after each run, to draw the panel.
        is_told: Whether each observation is told as a line, as there is no panel that shows it.

    Attributes:
        n_told: How many of the runs are told, those before included.
    """

    def __init__(
        self,
        experiment: Experiment,
        plan: Plan,
        n_before: int,
        say: Callable[[str], Any],
        refresh: Callable[[], None],
        is_told: bool,
    ) -> None:
        self.n_told = n_before
        self._experiment = experiment
        self._plan = plan
        self._say = say
        self._refresh = refresh
        self._is_told = is_told
        self._n_no_better = 0
        self._broken: dict[str, Any] = {}

    def run(self, function: Function) -> Best | None:
        """Run the function; see ``Experiment.run``."""
        plan = self._plan
        if self.n_told:
            self._say(f"going on: {self.n_told} of {plan.n} runs were told before\n")
        try:
            with _threads(plan.n_parallel) as executor:
                return self._experiment.run(
                    lambda configuration: self._one(function, configuration),
                    plan.n - self.n_told,
                    self._on_tell,
                    fixed=plan.fixed,
                    executor=executor,
                    n_workers=plan.n_parallel,
                )
        except _NothingBetter:
            self._say(f"stopped: the last {counted(plan.patience or 0, 'run')} brought nothing better\n")
            return self._experiment.best
        except KeyboardInterrupt:
            raise Interrupted(self._kept("run it again")) from None
        except Exception as error:
            self._explain(error, function)
            raise

    def says_that_it_is_paused(self) -> bool:
        """Say why the loop ended early, if the experiment is paused or has stopped; return whether it is paused."""
        now, so_far = self._experiment.state(), f"after {self.n_told} of {self._plan.n} runs"
        if now.paused is not None:
            self._say(f"paused {so_far}: {paused_text(now.paused)}\n")
            self._say("to go on, run `%autotune resume` and then the same command again\n")
        elif now.stopped is not None:
            self._say(f"stopped {so_far}: {now.stopped.reason}\n")
        return now.paused is not None

    def _one(self, function: Function, configuration: dict[str, Any]) -> Returned:
        if self._plan.n_parallel is None:
            self._refresh()
        try:
            return function(configuration)
        except (RunFailed, RunStopped):
            raise
        except Exception as error:
            if not self._plan.tells_failures or isinstance(error, _MISTAKES):
                self._broken = configuration
                raise
            if not self._is_told:
                self._say(f"failed at {self._text(configuration)}: {type(error).__name__}: {error}\n")
            raise RunFailed(reason_of(error)) from error

    def _on_tell(self, observation: Observation) -> None:
        self.n_told += 1
        if self._is_told:
            self._say(f"{self.n_told}/{self._plan.n}  {observation}\n")
        self._refresh()
        if self._plan.patience is None:
            return
        self._n_no_better = 0 if self._is_better(observation) else self._n_no_better + 1
        if self._n_no_better >= self._plan.patience:
            raise _NothingBetter

    def _is_better(self, observation: Observation) -> bool:
        if len(objectives_of(self._experiment.responses)) > 1:
            return observation.observation_uuid in {run.observation_uuid for run in self._experiment.pareto()}
        best = self._experiment.state().best
        return best is not None and best.observation_uuid == observation.observation_uuid

    def _explain(self, error: Exception, function: Function) -> None:
        if isinstance(function, Runnable) and function.owns(error):
            function.show_alone(error)
            fails = "" if isinstance(error, _MISTAKES) else "; --on-error fail tells such runs as failed"
            lost = f"Nothing is told of this run ({self._text(self._broken)})."
            error.__notes__ = [f"{lost} {self._kept(f'mend {function.subject} and run it again')}{fails}"]
        elif isinstance(error, AutotuneError) and self.n_told:
            error.add_note(self._kept("run it again"))

    def _kept(self, how_to_go_on: str) -> str:
        n_left = self._plan.n - self.n_told
        return f"{self.n_told} of {self._plan.n} runs are told and kept. For the other {n_left} {how_to_go_on}"

    def _text(self, configuration: Mapping[str, Any]) -> str:
        return configuration_text(dict(configuration), units_of(self._experiment.covars))


@contextmanager
def _threads(n: int | None) -> Iterator[Executor | None]:
    """Open as many threads, and leave those behind that are at work when the block is interrupted."""
    if n is None:
        yield None
        return
    executor = ThreadPoolExecutor(n, "autotune run")
    try:
        yield executor
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
