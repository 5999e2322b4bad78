"""One experiment: ask what to try, tell what came of it."""

import json
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from datetime import datetime
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Self, overload
from uuid import UUID

from autotune.adding import add_runs, to_stderr
from autotune.checks import checked
from autotune.connection import Connection
from autotune.described import Constraints, edited
from autotune.errors import InvalidInputError, RunFailed, ServiceError
from autotune.facts import facts_of, more_facts_of
from autotune.insights import Insights
from autotune.loading import read_runs
from autotune.predicting import Configurations, predict
from autotune.shown import Best, BestPredicted, Observation, Suggestion, response_name
from autotune.spaces import SpaceRevisions
from autotune.stream import follow
from autotune.tables import html_table, prediction_table, run_table
from autotune.telling import tell_all, tell_one
from autotune.told import Outcome, Run, configuration_of, failed_run, told_run
from autotune.values import plain
from autotune_wire import changes, experiments, paths
from autotune_wire.constraints import Constraint
from autotune_wire.frames import Event
from autotune_wire.insights import InsightsReply
from autotune_wire.observations import MAX_TELL, HistoryPage
from autotune_wire.responses import Responses
from autotune_wire.space import Space
from autotune_wire.stopping import Stopped, StopRules
from autotune_wire.suggestions import Ask, AskReply

if TYPE_CHECKING:
    from autotune.panel import Panel

PAGE = 1000
STOPPED = "experiment_stopped"

Result = Outcome | tuple[Outcome, Outcome]
"""What a function that is tuned returns: what was measured, or that with its standard deviation."""


class Experiment:
    """An experiment on the service.

    ``ask()`` and ``tell()`` are the loop; ``run()`` is the loop for a function. Everything else looks on.

    Attributes:
        connection: The way to the service, shared with the client.
    """

    def __init__(self, connection: Connection, told: experiments.Experiment) -> None:
        self.connection = connection
        self._seen = told

    @property
    def exp_uuid(self) -> UUID:
        """The name that the service gave."""
        return self._seen.exp_uuid

    @property
    def name(self) -> str:
        """The name that the user gave."""
        return self._seen.name

    @property
    def covars(self) -> Space:
        """The covariates by name."""
        return self._seen.covars

    @property
    def constraints(self) -> list[Constraint]:
        """What every suggestion meets."""
        return self._seen.constraints

    @property
    def responses(self) -> Responses:
        """What is measured, by name, with what is wanted of it."""
        return self._seen.responses

    @property
    def direction(self) -> experiments.Direction:
        """Whether more of the first objective is better, or less."""
        return self._seen.direction

    @property
    def last_seq(self) -> int:
        """The seq of the newest event that the service has told of, as of the last look."""
        return self._seen.last_seq

    @property
    def n_observations(self) -> int:
        """How many runs were told, as of the last look."""
        return self._seen.n_observations

    @property
    def time_created(self) -> datetime:
        """When the experiment was made, in UTC."""
        return self._seen.time_created

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

    @overload
    def ask(self, *, fixed: Mapping[str, Any] | None = None) -> Suggestion: ...
    @overload
    def ask(self, n: int, *, fixed: Mapping[str, Any] | None = None) -> list[Suggestion]: ...
    def ask(self, n: int | None = None, *, fixed: Mapping[str, Any] | None = None) -> Suggestion | list[Suggestion]:
        """Ask what to try next.

        Without ``n`` this shows the current suggestion: asked again before anything is told, it is the same one. With
        ``n`` it takes as many new ones, for as many workers, and nobody else gets them.

        Args:
            n: How many to take.
            fixed: Values that the suggestions must have: those of all context covariates, and of others at will.

        Raises:
            UnavailableError: If the engine is not ready within the client's time.
            ServiceError: If the experiment is closed or has stopped; its ``code`` says which.
        """
        path, given = self._path(paths.EXPERIMENT_ASK), {"n": plain(n), "fixed": configuration_of(fixed)}
        with checked("this ask"):
            body = Ask.model_validate({name: value for name, value in given.items() if value is not None})
        if n is None:
            query = json.dumps(body.fixed) if body.fixed else None
            return Suggestion(**dict(self.connection.get(path, AskReply, fixed=query).suggestions[0]))
        # An ask that is refused as not ready has leased nothing.
        reply = self.connection.post(path, AskReply, body, is_safe=True)
        return [Suggestion(**dict(suggestion)) for suggestion in reply.suggestions]

    def tell(self, run: Run, response: Outcome, *, sd: Outcome | None = None) -> Observation:
        """Tell what came of one run; ``fail`` tells that nothing did.

        Args:
            run: The suggestion that was run, or the configuration where it was another one.
            response: What was measured: a finite number or, where the experiment has several responses, one for each
                in a dict, without those that were not measured.
            sd: The standard deviation of what was measured, where it is known, in the same form; 0 is exact.

        Raises:
            InvalidInputError: If the response is none, or the configuration holds no plain values.
            ServiceError: If the configuration lies outside the experiment's space, or the experiment is closed.
            ConnectionFailedError: If the service went away; ``is_sent`` says whether the observation may be stored. A
                tell of a suggestion is repeated before that, as it can be stored only once.
        """
        told = told_run(run, response, self.responses, sd)
        return tell_one(self.connection, self.exp_uuid, told, self.observations)

    def fail(self, run: Run) -> Observation:
        """Tell that a run failed: it gave no response, and the model learns where that happens.

        Args:
            run: The suggestion that was run, or the configuration where it was another one.

        Raises:
            InvalidInputError: If the configuration holds no plain values.
            ServiceError: As for ``tell``.
            ConnectionFailedError: As for ``tell``.
        """
        return tell_one(self.connection, self.exp_uuid, failed_run(run), self.observations)

    def tell_many(self, runs: Iterable[tuple[Run, Outcome]]) -> list[Observation]:
        """Tell many runs at once, each as ``(run, response)``: all are stored, or none; at most 1000."""
        told = [told_run(run, response, self.responses) for run, response in runs]
        if not 1 <= len(told) <= MAX_TELL:
            raise InvalidInputError(f"between 1 and {MAX_TELL} runs can be told at once, not {len(told)}")
        return tell_all(self.connection, self.exp_uuid, told)

    def add_history(self, data: Any, *, say: Callable[[str], Any] | None = to_stderr) -> list[Observation]:
        """Tell runs that were made before or elsewhere, one thousand at a time.

        Args:
            data: The path of a CSV or other text file (cells parted by commas, semicolons or tabs), a pandas DataFrame,
                or a dict for each run. Columns are those of ``history()``: covariates and responses, and where there
                are, standard deviations (``sd``, with several responses ``NAME sd``) and ``status`` (``ok``,
                ``failed`` or empty). An empty cell was not measured, or is of a covariate that plays no part.
            say: Where progress is written, if it takes several parts; None for nowhere.

        Raises:
            InvalidInputError: If something does not fit; it names the line or row and the column.
            AutotuneError: If a part was not told; its note says which runs are stored.
        """
        runs = read_runs(data, self.covars, self.responses)
        return add_runs(self.connection, self.exp_uuid, runs, say)

    def run(
        self,
        function: Callable[[dict[str, Any]], Result],
        n: int,
        on_tell: Callable[[Observation], None] | None = None,
        *,
        fixed: Mapping[str, Any] | None = None,
    ) -> Best | None:
        """Ask, run and tell, ``n`` times, or until a stop rule is met.

        Args:
            function: Takes a configuration, a dict with a value for every covariate, and returns the response: a
                number, a dict of several, or a pair of that and its standard deviation. Where a run gives none it
                raises ``RunFailed``. Anything else that it raises ends the loop; what was told before is kept.
            n: How many runs.
            on_tell: Called with each observation after it is stored.
            fixed: As for ``ask``.

        Returns:
            The best observation of the experiment, None where there is none.
        """
        if n < 1:
            raise InvalidInputError(f"n must be at least 1, not {n}")
        for number in range(n):
            try:
                suggestion = self.ask(fixed=fixed)
            except ServiceError as error:
                if error.code != STOPPED or number == 0:
                    raise
                break
            observation = self._run_once(function, suggestion)
            if on_tell is not None:
                on_tell(observation)
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

    def history(self) -> Any:
        """Fetch all observations as a table, oldest first.

        Returns:
            A pandas DataFrame where pandas is installed, else a list of dicts: a column for each covariate and each
            response (``Response`` where it has no other name), those of standard deviations and status where there
            are any, and ``time_created``. ``add_history`` takes it.
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
        body = edited(self.state().covars, covars, constraints, backfill or {})
        # The same change once more changes nothing.
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
        reply = self.connection.post(self._path(paths.EXPERIMENT_RESUME), experiments.Experiment, body, is_safe=True)
        return self._changed(reply)

    def stream(self, after: int = 0) -> AsyncGenerator[Event, None]:
        """Follow the experiment's events: those after the seq ``after``, then each new one as it happens.

        Use it with ``async for``. It reconnects by itself, goes on after the last event it gave, and never ends by
        itself.
        """
        return follow(self.connection, self.exp_uuid, after)

    def panel(self) -> "Panel":
        """Give a live picture of the experiment for a notebook; needs ipywidgets."""
        from autotune.panel import Panel

        return Panel(self)

    def close(self) -> None:
        """Close the experiment: it takes no more observations and suggests nothing more."""
        self._changed(self.connection.post(self._path(paths.EXPERIMENT_CLOSE), experiments.Experiment, is_safe=True))

    def facts(self) -> list[tuple[str, str]]:
        """Give what is known of the experiment without asking the service again, as pairs for a table."""
        return facts_of(self._seen)

    def __repr__(self) -> str:
        facts = ", ".join(f"{label} {text}" for label, text in self.facts())
        return f"Experiment({self.name!r}, {facts})"

    def _repr_html_(self) -> str:
        return html_table(f"Experiment {self.name}", [*self.facts(), *more_facts_of(self._seen)])

    def _run_once(self, function: Callable[[dict[str, Any]], Result], suggestion: Suggestion) -> Observation:
        try:
            result = function(dict(suggestion.covars))
        except RunFailed:
            return self.fail(suggestion)
        if isinstance(result, tuple) and len(result) == 2:
            return self.tell(suggestion, result[0], sd=result[1])
        return self.tell(suggestion, result)

    def _changed(self, told: experiments.Experiment) -> Self:
        self._seen = told
        return self

    def _path(self, path: str) -> str:
        return path.format(exp_uuid=self.exp_uuid)
