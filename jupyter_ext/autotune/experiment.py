"""One experiment and all that can be done with it."""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from concurrent.futures import Executor
from os import PathLike
from pathlib import Path
from types import EllipsisType
from typing import Any, Self

from autotune.ask_tell import AskTell
from autotune.calls.candidates import Which
from autotune.calls.correcting import (
    ObservationVersions,
    Undone,
    changes_of,
    observation_of,
)
from autotune.calls.exporting import TABLE, Document, checked_path, write_table
from autotune.calls.leasing import ask_of
from autotune.calls.noting import note_of
from autotune.calls.predicting import Configurations
from autotune.calls.sharing import share_of, transfer_of, unshare_of
from autotune.calls.telling import to_stderr
from autotune.errors import InvalidInputError
from autotune.inputs.checks import checked
from autotune.inputs.descriptions import Constraints
from autotune.inputs.told import Measured
from autotune.panel.live import Panel
from autotune.pictures.insights import Insights
from autotune.plots import Plots
from autotune.running.holding import LEASE_S
from autotune.running.in_turn import Function, OnTell, failures_of, require_count, run_in_turn
from autotune.running.parallel import crew_of, run_parallel
from autotune.running.progress import progress_of
from autotune.values import plain
from autotune.views.access import Audit, Members
from autotune.views.bests import Best, BestPredicted
from autotune.views.pareto import Pareto
from autotune.views.shown import Observation
from autotune.views.spaces import SpaceRevisions
from autotune_wire import changes, experiments, paths
from autotune_wire.access import SharedRole
from autotune_wire.frames import Event
from autotune_wire.numerals import DecimalSign
from autotune_wire.pausing import Pause, Paused
from autotune_wire.stopping import Stopped, StopRules


class Experiment(AskTell):
    """An experiment on the service.

    ``ask()`` and ``tell()`` make up the loop; ``run()`` runs this loop for a function; ``correct()`` corrects an
    observation.
    """

    @property
    def best(self) -> Best | None:
        """The best observation so far, fetched now; None while no measured observation meets all thresholds.

        With several objectives this is the best observation in the first one. Its ``front`` is that of ``pareto()``,
        for which all observations are fetched.
        """
        return self._do(self._best())

    @property
    def best_predicted(self) -> BestPredicted | None:
        """The configuration with the best predicted response, fetched now; None while no model exists."""
        return self._do(self._best_predicted())

    @property
    def stopped(self) -> Stopped | None:
        """The stop rule that was met, fetched now; None while no stop rule is met."""
        return self._do(self._stopped())

    @property
    def paused(self) -> Paused | None:
        """The pause, fetched now: who paused the experiment, when and why; None while it is not paused."""
        return self._do(self._paused())

    def state(self) -> experiments.Experiment:
        """Fetch the experiment as it stands now."""
        return self._do(self._state())

    def add_history(
        self,
        data: Any,
        *,
        ignore: str | Iterable[str] = (),
        decimal: DecimalSign | None = None,
        again: bool = False,
        say: Callable[[str], Any] | None = to_stderr,
    ) -> list[Observation]:
        """Tell runs that were made before or elsewhere.

        Runs that the experiment has already are not told again: those with the configuration and the outcome of a
        stored observation. So a table that grows can be loaded again and again. The runs are told in parts of 1000, or
        of fewer if the service takes fewer at once.

        Args:
            data: The path of a text file such as CSV (cells separated by commas, semicolons or tabs), a pandas
                DataFrame, or a dict for each run. The columns are those of ``history()``: the covariates and responses,
                and optionally standard deviations (``sd``, with several responses ``NAME sd``), ``status`` (``ok``,
                ``failed`` or empty) and ``excluded`` (true, false or empty). A cell that is empty, ``NaN``, ``N/A`` or
                ``-`` means that the response was not measured or the covariate is not active. Excluded runs are left
                out. Optuna's ``study.trials_dataframe()`` is taken as it is; only trials that are complete or failed
                are told.
            ignore: Columns to leave out. Other columns that are not the experiment's are left out, too, and named.
            decimal: The decimal sign of numbers that come as texts, ``"."`` or ``","``. Needed only if all of them can
                be read with either sign, as ``1,050`` can.
            again: Whether runs that the experiment has already are told as repeats.
            say: Called with a line of text for whatever was left out, after each part, if there are several parts, and
                at the end if runs lie outside the space; None reports nothing.

        Returns:
            The observations that were told.

        Raises:
            InvalidInputError: If a column is missing or a cell is not valid; the message names the line or row and the
                column.
            AutotuneError: If a part was not told; the error's note says which runs are stored.
        """
        return self._do(self._add_history(data, again, say, ignore=ignore, decimal=decimal))

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
        on_error: type[Exception] | tuple[type[Exception], ...] = (),
        progress: bool | None = None,
    ) -> Best | None:
        """Ask, run and tell, until ``n`` new observations are told, failed runs included, or nothing more is suggested.

        Nothing more is suggested once a stop rule is met or somebody pauses the experiment. An error is raised where
        that was so before the first run.

        Each configuration runs under a lease that is renewed while its run is at work, with an ``executor`` several at
        the same time. So the same program may run several times at once: each gets suggestions of its own. If this
        program is killed or interrupted, the same call, started again on this machine, gets its suggestions back at
        once, unless it fixes other values. Others get them when the leases end.

        Args:
            function: Takes a configuration, a dict with a value for every active covariate. The function returns the
                response: a number, a dict of several, or a pair of the response and its standard deviation. The
                function raises ``RunFailed`` if the run gave no response, which teaches the model where runs fail.
                The text of that error is kept as the reason, as of ``fail``.
                Any other error is a mistake and ends the loop: nothing is told of this run, its suggestion is
                abandoned, other runs at work are finished and told, and then the error is raised with a note that says
                how to go on.
            n: How many runs.
            on_tell: Called in this thread with each observation after it is stored.
            fixed: Values that the suggestions must have, as for ``ask``.
            executor: An executor of ``concurrent.futures``, of threads or processes, or one derived from it: Dask's
                ``Client.get_executor()``, ``MPIPoolExecutor`` of mpi4py, loky's executors; or a pool of pebble. The
                executor stays open.
            n_workers: How many configurations run at the same time; if not given, as many as the executor has workers,
                or 4 if the executor does not say.
            worker: The name under which the suggestions are leased; if not given, a name that no other run has.
            lease_s: How long a lease lasts, in seconds; leases are renewed after a third of this time. So long after
                the program was killed on one machine, other machines get its suggestions.
            on_error: A class of exceptions, or a tuple of such classes, that mean that the run failed, as ``RunFailed``
                does.
            progress: Whether the progress is shown on stderr, with rich where that is installed. If not given, it is
                shown in a terminal outside of IPython.

        Returns:
            The best observation of the experiment, as ``best`` returns it; None if no observation counts as best.

        Raises:
            InvalidInputError: If an argument is not valid, such as a function that cannot be sent to another process.
            AutotuneError: If an ask or a tell fails; a note holds what the function returned, if that was not told.
            KeyboardInterrupt: If the notebook is interrupted. The suggestion is offered again. With an executor, runs
                that have not begun are abandoned, and runs at work have five seconds to end and be told. Longer runs
                cannot be stopped: they go on, but what they return is dropped, and their suggestions are offered again.
        """
        n, failures = require_count("n", plain(n)), failures_of(on_error)
        if executor is None and (n_workers is not None or worker is not None):
            raise InvalidInputError("n_workers and worker need an executor")
        ask = ask_of(self.covars, 1, fixed, worker, lease_s)
        with progress_of(self, n, on_tell, progress) as report:
            if executor is None:
                run_in_turn(self, function, n, report, ask, failures)
            else:
                run_parallel(self, function, n, report, ask, crew_of(executor, plain(n_workers)), failures)
        return self.best

    def pareto(self) -> Pareto:
        """Fetch the observations on the Pareto front: no other is as good in every objective and better in one.

        The front is found among the observations, so it needs no model. Shown in a notebook it is a table and a picture
        with the other observations.
        """
        return self._do(self._pareto())

    def observations(self) -> list[Observation]:
        """Fetch all observations, oldest first."""
        return self._do(self._observations())

    def observation(self, observation_id: int) -> Observation:
        """Fetch the observation with this id: 1 for the oldest, as in ``history``.

        Raises:
            InvalidInputError: If the experiment has no observation with this id.
        """
        return self._do(observation_of(self.connection, self.exp_uuid, observation_id))

    def undo(self, n: int = 1) -> Undone:
        """Take back the newest observations that you told and that still count, as if they had not been told.

        Each is excluded, and its suggestion can be told again. ``restore`` makes it count after all.

        Args:
            n: How many observations, 1 to 1000.

        Returns:
            The observations as they are stored now, newest first; ``suggestions`` of this list are their suggestions.

        Raises:
            ServiceError: If fewer observations of yours count.
        """
        return self._do(self._undo(n))

    def correct(
        self,
        observation: Observation | int,
        *,
        reason: str,
        response: Measured | None = None,
        sd: Measured | None = None,
        covars: Mapping[str, Any] | None = None,
        failed: bool = False,
        failed_because: str | None = None,
        stopped: bool | None = None,
        step: int | None = None,
    ) -> Observation:
        """Correct an observation; the former version is kept, and the next suggestion is computed anew.

        Args:
            observation: The observation, in its newest version or in one that this client has corrected since; or its
                id, for the version that is the newest now.
            reason: Why the observation is corrected; the reason is kept with the new version.
            response: What was really measured, as for ``tell``; replaces the responses that it names, and their
                standard deviations. The others stay. None says that one was not measured after all.
            sd: The standard deviation of ``response``.
            covars: The configuration that was really run, with all its values.
            failed: Whether the run gave no response after all.
            failed_because: Why the run failed; only with ``failed``.
            stopped: Whether the run was stopped early after all; if not given, that stays. False goes with
                ``response``, the final one. The response of a run that was stopped is its last value.
            step: The step at which the run was stopped; only with ``stopped``.

        Returns:
            The new version.

        Raises:
            InvalidInputError: If an argument is not valid, or nothing is corrected.
            VersionConflictError: If somebody else has corrected the observation in the meantime; the error's
                ``current`` is the newest version.
            ServiceError: As for ``tell``.
        """
        changes = changes_of(
            self.covars, self.responses, response, sd, covars, failed, failed_because, stopped=stopped, step=step
        )
        return self._do(self._correct(observation, reason, changes))

    def exclude(self, observation: Observation | int, reason: str) -> Observation:
        """Exclude an observation from the model and from the search for the best; takes and raises as ``correct``."""
        return self._do(self._correct(observation, reason, {"is_excluded": True}))

    def restore(self, observation: Observation | int, reason: str) -> Observation:
        """Restore an excluded observation, so that it counts again; takes and raises as ``correct``."""
        return self._do(self._correct(observation, reason, {"is_excluded": False}))

    def note(
        self,
        observation: Observation | int,
        note: str | EllipsisType | None = ...,
        *,
        tags: str | Iterable[str] | EllipsisType | None = ...,
    ) -> Observation:
        """Write a note or tags on an observation. They correct nothing: versions and suggestions stay as they are.

        Args:
            observation: The observation, or its id.
            note: The note, in at most 5000 characters; None or an empty text removes it. If not given, it stays.
            tags: All tags from now on, at most 10 of at most 40 characters each; None removes them. If not given, they
                stay.

        Returns:
            The observation as it is stored now.

        Raises:
            InvalidInputError: If neither is given, or one is not valid.
        """
        return self._do(self._note(observation, note_of(note, tags)))

    def versions(self, observation: Observation | int) -> ObservationVersions:
        """Fetch all versions of an observation, oldest first, each with the reason for the correction."""
        return self._do(self._versions(observation))

    def history(self) -> Any:
        """Fetch all observations as a table, oldest first.

        Returns:
            A pandas DataFrame if pandas is installed, else a list of dicts. The table has ``id``, which ``correct``,
            ``exclude`` and ``restore`` take, a column for each covariate and each response (``Response`` for a single
            response without a name), ``told_by`` and ``time_created``. Columns for standard deviations, ``status``,
            ``failed_because``, ``excluded``, ``outside``, ``note`` and ``tags`` are added if an observation has
            something for them. A covariate that was added later has its backfill value in the
            runs before. ``add_history`` takes this table.
        """
        return self._do(self._history())

    def export(self, path: str | PathLike[str], *, replace: bool = False) -> Path:
        """Save the experiment to a file.

        Args:
            path: The file. One that ends in ``.csv`` gets the table of ``history()``, which ``add_history`` reads; one
                that ends in ``.json`` gets everything that ever happened, for ``POST /experiment/import``.
            replace: Whether a file that exists is replaced.

        Returns:
            The path of the file.

        Raises:
            InvalidInputError: If the file cannot be written; nothing is fetched then.
        """
        file = checked_path(Path(path), replace=replace)
        if file.suffix.lower() == TABLE:
            write_table(file, self.history())
        else:
            document = self.connection.get(self._path(paths.EXPERIMENT_EXPORT), Document)
            file.write_text(document.model_dump_json(), encoding="utf-8")
        return file

    def predict(self, configurations: Configurations) -> Any:
        """Predict the responses of configurations with a model of all observations.

        Args:
            configurations: One configuration or suggestion, several, or a DataFrame with a column per covariate.

        Returns:
            A table like that of ``history``: the covariates, then ``mean`` and ``sd`` (with several responses
            ``NAME mean`` and ``NAME sd``). These cells are empty while there are too few observations for a model. If
            a configuration would not be suggested, the column ``why_not`` says why.

        Raises:
            InvalidInputError: If ``configurations`` holds anything else than configurations.
            ServiceError: If a configuration has a value that no run can have.
        """
        return self._do(self._predict(configurations))

    def insights(self) -> Insights:
        """Fetch what the model has learnt: which covariates matter, how well it predicts, how each response varies."""
        return self._do(self._insights())

    def to_optuna(self, storage: Any = None, study_name: str | None = None) -> Any:
        """Build an Optuna study with all observations, for Optuna's own pictures and dashboard.

        Failed and excluded runs are failed trials, and those that were stopped early are pruned ones. A response to
        match a target is the distance from the target, which is minimized; thresholds are constraints. Values outside
        the space are kept: the distributions are widened.

        Args:
            storage: Where Optuna keeps the study, as for ``optuna.create_study``; in memory if not given.
            study_name: The name of the study; if not given, Optuna makes one.

        Returns:
            The ``optuna.Study``.

        Raises:
            ImportError: If Optuna is not installed.
        """
        return self._do(self._to_optuna(storage, study_name))

    def edit_space(
        self,
        covars: Mapping[str, Any],
        *,
        constraints: Constraints | None = None,
        backfill: Mapping[str, Any] | None = None,
    ) -> Self:
        """Change the space; the observations stay, and the next suggestion is computed anew.

        Args:
            covars: The covariates that change or are new. A covariate that changes needs only the fields that change,
                as in ``{"minutes": {"max": 60}}``. A covariate cannot be removed, and its ``vtype`` cannot change.
            constraints: All constraints from now on, as for ``Client.new``; None leaves the constraints as they are.
            backfill: For each new covariate, the value that all runs so far had.

        Raises:
            InvalidInputError: If an argument is not valid; the message names the field.
            ServiceError: If the runs so far do not allow the change.
        """
        return self._do(self._edit_space(covars, constraints, backfill or {}))

    def candidates(self) -> Any:
        """Fetch the rows of the list that suggestions are taken from, by number.

        Returns:
            A pandas DataFrame where pandas is installed, else a list of dicts, with a row for each candidate: its
            number, the covariates, the details, its state (free, pending, told or withdrawn) and how many runs of it
            count.

        Raises:
            InvalidInputError: If the experiment has no list.
        """
        return self._do(self._candidates())

    def add_candidates(self, rows: Any) -> Self:
        """Add rows at the end of the list; the next suggestion is computed anew.

        Args:
            rows: A DataFrame, a dict for each row, or the path of a CSV file, as for ``Client.new``.

        Raises:
            InvalidInputError: If a row does not fit the space, or the experiment has no list.
        """
        return self._do(self._add_candidates(rows))

    def withdraw_candidates(self, which: Which) -> Self:
        """Withdraw rows of the list, such as an empty bottle: they are not suggested any more.

        What was told of them stays. An open suggestion of such a row is replaced by another one.

        Args:
            which: The number of a row, several numbers, or a dict of values that the rows have, details too:
                ``{"bottle": "A-12"}``.

        Raises:
            InvalidInputError: If the list has no such row.
        """
        return self._do(self._change_candidates(which, is_withdrawal=True))

    def restore_candidates(self, which: Which) -> Self:
        """Bring withdrawn rows of the list back; ``which`` is as for ``withdraw_candidates``.

        Raises:
            InvalidInputError: If the list has no such row, or the row does not fit the space any more.
        """
        return self._do(self._change_candidates(which, is_withdrawal=False))

    def spaces(self) -> SpaceRevisions:
        """Fetch the revisions of the space, oldest first."""
        return self._do(self._spaces())

    def pause(self, reason: str | None = None) -> Self:
        """Pause the experiment: nothing is suggested to anybody until it is resumed, and tells are still taken.

        Suggestions that somebody holds can be told as usual. Pausing an experiment that is paused changes nothing.

        Args:
            reason: Why, in at most 1000 characters, for whoever asks meanwhile.
        """
        with checked("the argument reason"):
            body = Pause.model_validate({"reason": reason})
        return self._do(self._change(paths.EXPERIMENT_PAUSE, body))

    def resume(self, stop: StopRules | Mapping[str, Any] | EllipsisType | None = ...) -> Self:
        """Resume the experiment after it was paused, after a stop rule was met, or both.

        Args:
            stop: The stop rules from now on, as for ``Client.new``; None removes all stop rules. If not given, the stop
                rules stay as they are.
        """
        with checked("the argument stop"):
            body = changes.Resume.model_validate({} if stop is ... else {"stop": plain(stop)})
        return self._do(self._change(paths.EXPERIMENT_RESUME, body))

    def reopen(self) -> Self:
        """Reopen the experiment after it was closed or paused or has stopped; its stop rules stay as they are."""
        return self._do(self._change(paths.EXPERIMENT_REOPEN))

    def rename(self, name: str) -> Self:
        """Rename the experiment; the name need not be unique."""
        with checked("the argument name"):
            body = changes.Rename.model_validate({"name": name})
        return self._do(self._change(paths.EXPERIMENT_RENAME, body))

    def delete(self, name: str) -> None:
        """Delete the experiment for good, with its observations, suggestions and events.

        Args:
            name: The experiment's name, as a confirmation.

        Raises:
            ServiceError: If the experiment has another name; nothing is deleted then.
        """
        with checked("the argument name"):
            body = changes.Delete.model_validate({"name": name})
        return self._do(self._delete(body))

    def members(self) -> Members:
        """Fetch who has which role on the experiment, the owner first."""
        return self._do(self._members())

    def share(self, who: str, role: SharedRole) -> Members:
        """Give a person or a group a role on your experiment, in place of one that they may have.

        Args:
            who: A mail address, which may get its account later, or the name of one of your groups.
            role: ``"viewer"`` sees everything, ``"teller"`` also asks and tells, ``"editor"`` also changes the
                experiment and corrects runs.

        Raises:
            InvalidInputError: If an argument is not valid.
            ForbiddenError: If somebody else owns the experiment.
            ServiceError: If you have no such group, or the address is your own.
        """
        return self._do(self._change_members(paths.EXPERIMENT_SHARE, share_of(who, role)))

    def unshare(self, who: str) -> Members:
        """Take the role of a person or a group away; what they watch closes within seconds.

        Args:
            who: A mail address, or the name of one of your groups.

        Raises:
            ForbiddenError: If somebody else owns the experiment.
            ServiceError: If they have no role.
        """
        return self._do(self._change_members(paths.EXPERIMENT_UNSHARE, unshare_of(who)))

    def transfer(self, email: str) -> Members:
        """Make somebody who has a role on your experiment its owner; you become an editor.

        Raises:
            ForbiddenError: If somebody else owns the experiment.
            ServiceError: If the address has no account, or no role on the experiment.
        """
        return self._do(self._change_members(paths.EXPERIMENT_TRANSFER, transfer_of(email)))

    def audit(self, limit: int = 100) -> Audit:
        """Fetch who has changed the rights on the experiment, newest first, at most ``limit`` entries; for its owner.

        Who told, corrected and noted each run is in ``history()``.

        Raises:
            ForbiddenError: If somebody else owns the experiment.
        """
        return self._do(self._audit(plain(limit)))

    def stream(self, after: int = 0) -> AsyncGenerator[Event, None]:
        """Follow the experiment's events; the former name of ``events``."""
        return self.events(after)

    def panel(self) -> Panel:
        """Return a live picture of the experiment, which a notebook shows and saves as it was drawn last."""
        return Panel(self)

    @property
    def plot(self) -> Plots:
        """The pictures of the experiment, such as ``plot.history()``; each is drawn from what is fetched then."""
        return Plots(self.connection, self.exp_uuid)

    def close(self) -> None:
        """Close the experiment: the service takes no more observations and suggests nothing more."""
        return self._do(self._close())
