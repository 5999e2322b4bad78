"""One experiment: ask what to try, tell what came of it."""

from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import Executor
from types import EllipsisType
from typing import Any, Self

from autotune.ask_tell import AskTell
from autotune.calls.correcting import ObservationVersions, changes_of, correct, versions
from autotune.calls.predicting import Configurations, predict
from autotune.calls.telling import add_runs, to_stderr
from autotune.errors import InvalidInputError
from autotune.inputs.checks import checked
from autotune.inputs.descriptions import Constraints, space_edit
from autotune.inputs.loading import read_runs
from autotune.inputs.told import Measured
from autotune.panel.live import Panel
from autotune.running.in_turn import Function, OnTell, require_count, run_in_turn
from autotune.running.parallel import LEASE_S, crew_of, run_parallel
from autotune.transport.stream import follow
from autotune.values import plain
from autotune.views.insights import Insights
from autotune.views.shown import Best, BestPredicted, Observation, response_name
from autotune.views.spaces import SpaceRevisions
from autotune.views.tables import prediction_table, run_table
from autotune_wire import changes, experiments, paths
from autotune_wire.frames import Event
from autotune_wire.insights import InsightsReply
from autotune_wire.observations import HistoryPage
from autotune_wire.stopping import Stopped, StopRules

PAGE = 1000


class Experiment(AskTell):
    """An experiment on the service.

    ``ask()`` and ``tell()`` are the loop, ``run()`` is the loop for a function; ``correct()`` puts right what was told.
    """

    @property
    def best(self) -> Best | None:
        """The best observation so far, fetched; None where none was measured yet, or none meets the thresholds."""
        best = self.state().best
        return None if best is None else Best(**dict(best), name=response_name(self.responses))

    @property
    def best_predicted(self) -> BestPredicted | None:
        """The configuration that the model believes in most, fetched; None while there is no model."""
        best = self.state().best_predicted
        return None if best is None else BestPredicted(**dict(best), name=response_name(self.responses))

    @property
    def stopped(self) -> Stopped | None:
        """The stop rule that was met, fetched; None where none was."""
        return self.state().stopped

    def state(self) -> experiments.Experiment:
        """Fetch the experiment as it stands now."""
        self._seen = self.connection.get(self._path(paths.EXPERIMENT), experiments.Experiment)
        return self._seen

    def add_history(self, data: Any, *, say: Callable[[str], Any] | None = to_stderr) -> list[Observation]:
        """Tell runs that were made before or elsewhere, one thousand at a time, or fewer where the service takes fewer.

        Args:
            data: The path of a CSV or other text file (cells parted by commas, semicolons or tabs), a pandas DataFrame,
                or a dict for each run. Columns are those of ``history()``: covariates and responses, and where there
                are, standard deviations (``sd``, with several responses ``NAME sd``) and ``status`` (``ok``,
                ``failed`` or empty). An empty cell was not measured, or is of a covariate that plays no part. Runs that
                are ``excluded`` (true, false or empty) are left out.
            say: Where progress is written, if it takes several parts; None for nowhere.

        Raises:
            InvalidInputError: If something does not fit; it names the line or row and the column.
            AutotuneError: If a part was not told; its note says which runs are stored.
        """
        runs = read_runs(data, self.covars, self.responses)
        return add_runs(self.connection, self.exp_uuid, runs, say)

    def run(
        self,
        function: Function,
        n: int,
        on_tell: OnTell | None = None,
        *,
        fixed: Mapping[str, Any] | None = None,
        executor: Executor | None = None,
        n_workers: int | None = None,
        worker: str | None = None,
        lease_s: float = LEASE_S,
    ) -> Best | None:
        """Ask, run and tell, until ``n`` new observations are told, failed runs included, or a stop rule is met.

        With an ``executor`` several configurations are run at a time, each under a lease that is renewed while it is at
        work. Should this program end before they do, their leases end too, and the same call made anew, or whoever asks
        first, gets them again.

        Args:
            function: Takes a configuration, a dict with a value for every covariate, and returns the response: a
                number, a dict of several, or a pair of that and its standard deviation. Where a run gives none it
                raises ``RunFailed``. Anything else that it raises ends the loop: without an executor it is raised at
                once and nothing is told of this run; with one the run is told as failed, what else is at work is
                finished and told, and then it is raised. A run whose worker died is not told but abandoned.
            n: How many runs.
            on_tell: Called in this thread with each observation after it is stored.
            fixed: As for ``ask``.
            executor: One of ``concurrent.futures``, of threads or processes, or Dask's ``Client.get_executor()``; it
                stays open.
            n_workers: How many to run at a time; where it is not given, as many as the executor has workers, else 4.
            worker: The name under which they are leased; where none is given, one that no other run has.
            lease_s: How long a lease lasts, in seconds; it is renewed at a third of that.

        Returns:
            The best observation of the experiment, None where there is none.

        Raises:
            InvalidInputError: If something does not fit, such as a function that no other process can get.
            AutotuneError: If an ask or a tell comes to nothing; a note keeps the result that was not told.
            KeyboardInterrupt: If the notebook is interrupted. What an executor has not begun is abandoned. What is at
                work has five seconds to end and be told; it goes on after them, as nothing can stop it, but its result
                is dropped and its suggestion offered again.
        """
        n = require_count("n", plain(n))
        if executor is not None:
            run_parallel(self, function, n, on_tell, fixed, crew_of(executor, plain(n_workers), worker, lease_s))
        elif n_workers is not None or worker is not None:
            raise InvalidInputError("n_workers and worker go with an executor")
        else:
            run_in_turn(self, function, n, on_tell, fixed)
        return self.best

    def observations(self) -> list[Observation]:
        """Fetch all observations, oldest first."""
        found: list[Observation] = []
        after: str | None = None
        while True:
            page = self.connection.get(self._path(paths.EXPERIMENT_HISTORY), HistoryPage, limit=PAGE, after=after)
            found += [Observation(**dict(observation)) for observation in page.observations]
            after = page.next
            if after is None:
                return found

    def correct(
        self,
        observation: Observation,
        *,
        reason: str,
        response: Measured | None = None,
        sd: Measured | None = None,
        covars: Mapping[str, Any] | None = None,
        failed: bool = False,
    ) -> Observation:
        """Put an observation right; the former version is kept, and the next suggestion is computed anew.

        Args:
            observation: As it was given last; only its newest version can be corrected.
            reason: Why; it is kept with it.
            response: What was really measured, as for ``tell``; it replaces all that was measured, and its ``sd``.
            sd: The standard deviation of that.
            covars: The configuration that was really run, with all its values.
            failed: Whether the run gave no response after all.

        Returns:
            The new version.

        Raises:
            InvalidInputError: If something does not fit, or nothing is corrected.
            VersionConflictError: If somebody has corrected it meanwhile; its ``current`` is the newest version.
            ServiceError: As for ``tell``.
        """
        changes = changes_of(self.responses, response, sd, covars, failed)
        return correct(self.connection, self.exp_uuid, observation, reason, changes)

    def exclude(self, observation: Observation, reason: str) -> Observation:
        """Have an observation count no more, neither for the model nor as the best; raises as ``correct``."""
        return correct(self.connection, self.exp_uuid, observation, reason, {"is_excluded": True})

    def restore(self, observation: Observation, reason: str) -> Observation:
        """Have an excluded observation count again; raises as ``correct``."""
        return correct(self.connection, self.exp_uuid, observation, reason, {"is_excluded": False})

    def versions(self, observation: Observation) -> ObservationVersions:
        """Fetch what an observation was and is, oldest version first, with the reasons."""
        return versions(self.connection, self.exp_uuid, observation)

    def history(self) -> Any:
        """Fetch all observations as a table, oldest first.

        Returns:
            A pandas DataFrame where pandas is installed, else a list of dicts: a column for each covariate and each
            response (``Response`` where it has no other name), those of standard deviations and status where there
            are any, ``excluded`` where an observation is, and ``time_created``. ``add_history`` takes it.
        """
        return run_table(self.observations(), self.covars, self.responses)

    def predict(self, configurations: Configurations) -> Any:
        """Ask what the model, with all that was told, expects of configurations.

        Args:
            configurations: One configuration or suggestion, several, or a DataFrame with a column per covariate.

        Returns:
            A table like that of ``history``: the covariates, then ``mean`` and ``sd`` (with several responses
            ``NAME mean`` and ``NAME sd``), which are empty while there are too few data for a model.

        Raises:
            InvalidInputError: If something is no configuration.
            ServiceError: If one lies outside the space.
        """
        found, predictions = predict(self.connection, self._seen, configurations)
        return prediction_table(found, predictions, self.covars, self.responses)

    def insights(self) -> Insights:
        """Fetch what the model has learnt: what matters, how well it foretells, and how the responses run."""
        seen = self.state()
        reply = self.connection.get(self._path(paths.EXPERIMENT_INSIGHTS), InsightsReply)
        return Insights(**dict(reply), name=seen.name, covars=seen.covars, goals=seen.responses)

    def edit_space(
        self,
        covars: Mapping[str, Any],
        *,
        constraints: Constraints | None = None,
        backfill: Mapping[str, Any] | None = None,
    ) -> Self:
        """Change the space; what was told stays, and the next suggestion is computed anew.

        Args:
            covars: The covariates that change or are new; of one that changes it is enough to give what changes, as in
                ``{"minutes": {"max": 60}}``. None can be removed, or change its kind.
            constraints: All constraints from now on, as for ``Client.new``; None leaves them as they are.
            backfill: For each new covariate, the value that all runs so far had.

        Raises:
            InvalidInputError: If something does not fit; it names the field.
            ServiceError: If the runs so far forbid the change.
        """
        body = space_edit(self.state().covars, covars, constraints, backfill or {})
        return self._changed(self.connection.post(self._path(paths.EXPERIMENT_SPACE), experiments.Experiment, body))

    def spaces(self) -> SpaceRevisions:
        """Fetch the revisions of the space, oldest first."""
        reply = self.connection.get(self._path(paths.EXPERIMENT_SPACES), changes.SpaceRevisions)
        return SpaceRevisions(reply.spaces)

    def resume(self, stop: StopRules | Mapping[str, Any] | EllipsisType | None = ...) -> Self:
        """Go on after a stop rule was met.

        Args:
            stop: The stop rules from now on, as for ``Client.new``; None for none. Not given, they stay as they are.
        """
        with checked("these stop rules"):
            body = changes.Resume.model_validate({} if stop is ... else {"stop": plain(stop)})
        reply = self.connection.post(self._path(paths.EXPERIMENT_RESUME), experiments.Experiment, body)
        return self._changed(reply)

    def stream(self, after: int = 0) -> AsyncGenerator[Event, None]:
        """Follow the experiment's events: those after the seq ``after``, then each new one as it happens.

        Use it with ``async for``. It reconnects by itself, goes on after the last event it gave, and never ends by
        itself.
        """
        return follow(self.connection, self.exp_uuid, after)

    def panel(self) -> Panel:
        """Return a live picture of the experiment for a notebook; it needs ipywidgets."""
        return Panel(self)

    def close(self) -> None:
        """Close the experiment: it takes no more observations and suggests nothing more."""
        self._changed(self.connection.post(self._path(paths.EXPERIMENT_CLOSE), experiments.Experiment))

    def _changed(self, seen: experiments.Experiment) -> Self:
        self._seen = seen
        return self
