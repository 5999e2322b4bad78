"""The state of a notebook: its client, the experiment in use and the suggestions that wait for their results."""

from collections.abc import Callable, Mapping, Sequence
from getpass import getpass
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar
from uuid import UUID

from pydantic import SecretStr

from autotune.calls.correcting import Undone
from autotune.client import Client, Experiments, open_client
from autotune.errors import AutotuneError, InvalidInputError, UnavailableError
from autotune.experiment import Experiment
from autotune.far_off import far_off_values
from autotune.inputs.told import Measured, Run
from autotune.notebook.loop import Loop, Plan
from autotune.notebook.near import did_you_mean
from autotune.notebook.pending import Pending, Suggestions
from autotune.notebook.status import Status, status
from autotune.panel.live import Panel
from autotune.running.in_turn import Function
from autotune.transport.credentials import NO_CREDENTIALS, Credentials, find_credentials, find_url
from autotune.views.bests import Best
from autotune.views.curves import Verdict
from autotune.views.shown import Observation, Suggestion, configuration_text, counted, stopped_text

T = TypeVar("T")

MAX_SAME_NAME = 5
LIST_AGAIN_S = 10.0
LIST_WITHIN_S = 1.0
"""How long the tab key waits for the names of experiments, in seconds."""


class Session:
    """Keeps the state behind ``%autotune`` and runs its commands.

    Args:
        say: Called with each line of progress, to write it.
        ask_name: Asks the user for a name and shows what is typed.
        ask_secret: Asks the user for a password and does not show what is typed.
    """

    def __init__(
        self,
        say: Callable[[str], Any],
        ask_name: Callable[[str], str] = input,
        ask_secret: Callable[[str], str] = getpass,
    ) -> None:
        self.say = say
        self._ask_name = ask_name
        self._ask_secret = ask_secret
        self._client: Client | None = None
        self._experiment: Experiment | None = None
        self._pending = Pending()
        self._panels: dict[UUID, Panel] = {}
        self._cut_off: dict[tuple[UUID, int], int] = {}  # how many runs were told, by experiment and by all runs
        self._names: list[str] = []
        self._listed_at = -LIST_AGAIN_S

    @property
    def client(self) -> Client:
        """The client; the first access logs in with the credentials of the environment, unless ``login`` did."""
        if self._client is None:
            self._client = open_client(find_url(None), find_credentials(None, None, None))
        return self._client

    @property
    def experiment(self) -> Experiment:
        """The experiment in use.

        Raises:
            InvalidInputError: If no experiment is in use.
        """
        if self._experiment is None:
            raise InvalidInputError(
                "no experiment in use\ncreate one with `%autotune new`, or choose one with `%autotune use`"
            )
        return self._experiment

    def login(self, url: str | None) -> Client:
        """Log in with the credentials of the environment, else with a name and password that the user types."""
        address = find_url(url)
        try:
            credentials = find_credentials(None, None, None)
        except InvalidInputError:
            credentials = self._typed_credentials(address)
        client = open_client(address, credentials)
        self.close()
        self._client = client
        return client

    def change_password(self, *, revoke_tokens: bool) -> None:
        """Change the user's password, which the user types: the old one, and the new one twice.

        Raises:
            InvalidInputError: If nobody can type, the two differ, or the service refuses one of them.
        """
        client = self.client
        try:
            old, new, again = (
                self._ask_secret(f"{which}: ") for which in ("Password of now", "New password", "New password again")
            )
        except (EOFError, NotImplementedError):
            raise InvalidInputError(
                "a password is typed, and here is nobody who could type: use client.change_password in a program"
            ) from None
        if new != again:
            raise InvalidInputError("the new password was not typed twice the same: nothing is changed")
        client.change_password(old, new, revoke_tokens=revoke_tokens)

    def new(self, name: str, covars: Any, **options: Any) -> Experiment:
        """Create an experiment and use it; the options are those of ``Client.new``."""
        return self._use(self.client.new(name, covars, say=self.say, **options))

    def list(self) -> Experiments:
        """Fetch the user's experiments, newest first."""
        return self.client.list()

    def use(self, uuid_or_name: str) -> Experiment:
        """Use the experiment with this uuid, or the only experiment with this name."""
        return self._use(self.found(uuid_or_name))

    def found(self, uuid_or_name: str) -> Experiment:
        """Fetch the experiment with this uuid, or the only experiment with this name."""
        try:
            uuid = UUID(uuid_or_name)
        except ValueError:
            return self._named(uuid_or_name)
        return self.client.experiment(uuid)

    def pictures(self) -> dict[str, Callable[..., Any]]:
        """Return the pictures of the experiment in use, by name; each is drawn when it is called."""
        experiment: Any = self.experiment
        plot = experiment.plot  # its methods are found by their names
        return {name: getattr(plot, name) for name in dir(plot) if not name.startswith("_")}

    def known_responses(self) -> Sequence[str]:
        """Return the names of the responses; none while no experiment is in use."""
        return [] if self._experiment is None else list(self._experiment.responses)

    def known_pictures(self) -> Sequence[str]:
        """Return the names of the pictures; none while no experiment is in use."""
        return [] if self._experiment is None else list(self.pictures())

    def ask(self, fixed: Mapping[str, Any] | None = None, n: int | None = None) -> Suggestion | Suggestions:
        """Fetch the current suggestion, which the next ``tell`` is about; with ``n``, take ``n`` suggestions.

        Args:
            fixed: Values that the suggestions must have.
            n: How many suggestions to take. Each gets a number, and nobody else gets these suggestions for a day.
        """
        if n is not None:
            return self._pending.take(self.experiment.ask(n, fixed=fixed))
        suggestion = self.experiment.ask(fixed=fixed)
        self._pending.show(suggestion)
        return suggestion

    def tell(
        self,
        response: Measured,
        configuration: Mapping[str, Any] | None = None,
        sd: Measured | None = None,
        of: int | None = None,
    ) -> Observation:
        """Tell the responses of the suggestion last asked for or taken, or of another configuration.

        Args:
            response: What was measured, as for ``Experiment.tell``.
            configuration: The configuration that was run, if it was not the suggestion.
            sd: The standard deviation of ``response``.
            of: The number of a suggestion that was taken.
        """
        run = self._run_to_tell(configuration, of)
        observation = self._after_tell(self.experiment.tell(run, response, sd=sd))
        predictions = run.predictions if isinstance(run, Suggestion) else {}
        for text in far_off_values(self.experiment, observation, predictions):
            self.say(f"{text}. If it is a slip: %autotune undo\n")
        return observation

    def fail(
        self, configuration: Mapping[str, Any] | None = None, of: int | None = None, reason: str | None = None
    ) -> Observation:
        """Tell that the run of the suggestion last asked for or taken, or of another configuration, failed, and why."""
        return self._after_tell(self.experiment.fail(self._run_to_tell(configuration, of), reason))

    def report(self, step: int, value: float, of: int | None = None) -> Verdict:
        """Report what the run of the suggestion last asked for or taken has come to."""
        suggestion = self._pending.find(of)
        if suggestion is None:
            raise InvalidInputError("there is no suggestion that this run belongs to\nrun `%autotune ask` first")
        verdict = self.experiment.report(suggestion, step, value)
        self._refresh()
        return verdict

    def stop(self, value: Measured | None = None, step: int | None = None, of: int | None = None) -> Observation:
        """Tell that the run of the suggestion last asked for or taken was stopped before its end."""
        return self._after_tell(self.experiment.tell_stopped(self._run_to_tell(None, of), value, step=step))

    def skip(self, reason: str = "", of: int | None = None) -> Suggestion:
        """Give up the suggestion last asked for or taken, with a reason; the next ``ask`` fetches another one."""
        suggestion = self._pending.find(of)
        if suggestion is None:
            raise InvalidInputError("there is no suggestion to skip\nrun `%autotune ask` first")
        abandoned = self.experiment.abandon(suggestion, reason)
        self._end("skipped", suggestion.suggestion_uuid)
        self._refresh()
        return abandoned

    def undo(self, n: int = 1) -> Undone:
        """Take back the newest observations that were told; the next ``tell`` is about their suggestions again."""
        undone = self._changed(lambda: self.experiment.undo(n))
        if len(undone.suggestions) == 1:
            (suggestion,) = undone.suggestions
            number = self._pending.show_again(suggestion)
            which = configuration_text(suggestion.covars, suggestion.units) + (
                "" if number is None else f" (--of {number})"
            )
            self.say(f"the next `%autotune tell` is about this suggestion again: {which}\n")
        elif undone.suggestions:
            self.say(f"these suggestions wait for their results again:\n{self._pending.take(undone.suggestions)}\n")
        return undone

    def correct(self, observation_id: int, reason: str, **changes: Any) -> Observation:
        """Correct the observation with this id; the changes are those of ``Experiment.correct``.

        A value that is given for a run that was stopped early is its last one, which a user may not expect: say so.
        """
        corrected = self._changed(lambda: self.experiment.correct(observation_id, reason=reason, **changes))
        if corrected.stopped_step is not None and changes.get("response") is not None and "stopped" not in changes:
            self.say(
                f"run {observation_id} stays {stopped_text(corrected.stopped_step, corrected.stopped_value)}; with "
                "--whole the response is the final value of a run that was not stopped\n"
            )
        return corrected

    def exclude(self, observation_id: int, reason: str) -> Observation:
        """Exclude the observation with this id from the model and from the search for the best."""
        return self._changed(lambda: self.experiment.exclude(observation_id, reason))

    def restore(self, observation_id: int, reason: str) -> Observation:
        """Make the observation with this id count again."""
        return self._changed(lambda: self.experiment.restore(observation_id, reason))

    def load(self, data: Any, **options: Any) -> None:
        """Tell earlier runs, from a file, a DataFrame or a list of dicts; the options are those of ``add_history``."""
        n_told = len(self.experiment.add_history(data, say=self.say, **options))
        self._pending.forget_current()
        self.say(f"{counted(n_told, 'run')} told\n")
        self._refresh()

    def run(self, function: Function, n: int, **options: Any) -> Best | None:
        """Ask, run and tell ``n`` times; progress shows in the panel, or as a line for each observation without one.

        After an interrupt or an error the same call goes on with the runs that were left.

        Args:
            function: The function that is tuned.
            n: How many runs.
            **options: The other attributes of ``Plan``.
        """
        plan, experiment = Plan(n, **options), self.experiment
        place = (experiment.exp_uuid, n)
        self._pending.forget_current()  # the first run may be about the suggestion last asked for
        is_told = experiment.exp_uuid not in self._panels
        loop = Loop(experiment, plan, self._cut_off.pop(place, 0), self.say, self._refresh, is_told)
        try:
            best = loop.run(function)
        except BaseException:
            if loop.n_told < n:
                self._cut_off[place] = loop.n_told
            raise
        if loop.n_told < n and loop.says_that_it_is_paused():
            self._cut_off[place] = loop.n_told
        self._save()
        return best

    def export(self, path: Path, *, replace: bool = False) -> None:
        """Save the experiment in use to a file; see ``Experiment.export``."""
        file = self.experiment.export(path, replace=replace)
        self.say(f"saved {self.experiment.name} to {file}\n")

    def status(self) -> Status:
        """Collect versions and state, without secrets; a service that is not reached is said to be so."""
        connection = None if self._client is None else self._client.connection
        url = find_url(None) if connection is None else connection.url
        return status(url, connection, self._experiment)

    def known_names(self) -> Sequence[str]:
        """Return the names of the user's experiments, newest first, fetched at most every few seconds.

        A service that is not reached at once offers none: whoever presses the tab key does not want to wait.
        """
        if self._client is None:
            return []
        if monotonic() - self._listed_at > LIST_AGAIN_S:
            self._listed_at = monotonic()
            try:
                self._names = self._client.names(LIST_WITHIN_S)
            except AutotuneError:
                self._names = []
        return self._names

    def edit(self, covars: Mapping[str, Any], **options: Any) -> Experiment:
        """Change the space of the experiment in use; the options are those of ``Experiment.edit_space``."""
        edited = self.experiment.edit_space(covars, **options)
        self._pending.forget()
        return edited

    def add_candidates(self, rows: Any) -> Experiment:
        """Add rows to the list of the experiment in use; see ``Experiment.add_candidates``."""
        changed = self.experiment.add_candidates(rows)
        self._pending.forget_current()
        return changed

    def change_candidates(self, which: Any, *, is_withdrawal: bool) -> Experiment:
        """Withdraw rows of the list of the experiment in use, or restore them; see ``withdraw_candidates``."""
        experiment = self.experiment
        change = experiment.withdraw_candidates if is_withdrawal else experiment.restore_candidates
        changed = change(which)
        self._pending.forget_current()
        return changed

    def close_experiment(self) -> None:
        """Close the experiment in use: it takes no more results and suggests nothing more, until it is reopened."""
        self.experiment.close()
        self._pending.forget()
        self.say(f"closed {self.experiment.name}; `%autotune reopen` opens it again\n")

    def delete(self, name: str | None) -> None:
        """Delete the experiment in use for good.

        Args:
            name: The experiment's name, as a confirmation; None if the user confirmed in another way.

        Raises:
            InvalidInputError: If the experiment in use has another name.
        """
        stored = self.experiment.state()
        if name not in {None, stored.name}:
            raise InvalidInputError(
                f"the experiment in use is named {stored.name!r}, not {name!r}: nothing was deleted\n"
                "choose the experiment to delete with `%autotune use` first"
            )
        self.experiment.delete(stored.name)
        panel = self._panels.pop(stored.exp_uuid, None)
        if panel is not None:
            panel.close()
        self._experiment = None
        self._pending.forget()
        self.say(f"deleted {stored.name} with {counted(stored.n_observations, 'observation')}\n")

    def best(self) -> Best | None:
        """Fetch the best observation so far, and with contexts also the best predicted run in each context."""
        experiment = self.experiment
        best = experiment.best
        if best is None:
            self.say("there is no best run yet: no run has measured the objective and met every threshold\n")
        elif any(covariate.role == "context" for covariate in experiment.covars.values()):
            try:
                best.by_context = experiment.insights().best_by_context
            except UnavailableError as error:
                self.say(f"the best predicted run in each context is not known: {error}\n")
        return best

    def panel(self) -> Panel:
        """Return the live panel of the experiment in use; every call for one experiment returns the same panel.

        A panel that has stopped, as after an error, is replaced by a new one.
        """
        uuid = self.experiment.exp_uuid
        panel = self._panels.get(uuid)
        if panel is None or panel.state.link == "stopped":
            self._panels[uuid] = self.experiment.panel()
        return self._panels[uuid]

    def close(self) -> None:
        """Stop the panels, close the client and forget the experiment in use."""
        for panel in self._panels.values():
            panel.close()
        if self._client is not None:
            self._client.close()
        self._panels = {}
        self._client = self._experiment = None
        self._pending.forget()

    def _typed_credentials(self, address: str) -> Credentials:
        try:
            username = self._ask_name(f"E-mail address for {address}: ")
            return Credentials(username=username, password=SecretStr(self._ask_secret("Password: ")))
        except (EOFError, NotImplementedError):
            # A notebook that runs unattended has no user who could type.
            raise InvalidInputError(NO_CREDENTIALS) from None

    def _use(self, experiment: Experiment) -> Experiment:
        self._experiment = experiment
        self._pending.forget()
        return experiment

    def _named(self, name: str) -> Experiment:
        listed = self.client.list()
        found = [experiment for experiment in listed if experiment.name == name]
        if not found:
            near = did_you_mean(name, [experiment.name for experiment in listed], "`")
            raise InvalidInputError(
                f"you have no experiment named {name!r}{near}\n`%autotune list` shows your experiments"
            )
        if len(found) > 1:
            lines = [
                f"  {experiment.exp_uuid}  created {experiment.time_created:%Y-%m-%d %H:%M} UTC, "
                f"{counted(experiment.n_observations, 'observation')}"
                for experiment in found[:MAX_SAME_NAME]
            ]
            more = [f"  and {len(found) - MAX_SAME_NAME} more"] if len(found) > MAX_SAME_NAME else []
            message = f"{len(found)} experiments are named {name!r}; choose one by its uuid (newest first):"
            raise InvalidInputError("\n".join([message, *lines, *more]))
        return found[0]

    def _run_to_tell(self, configuration: Mapping[str, Any] | None, of: int | None) -> Run:
        if configuration is not None and of is not None:
            raise InvalidInputError("the number of a suggestion and a configuration are given\ngive one of them")
        run = self._pending.find(of) if configuration is None else configuration
        if run is None:
            raise InvalidInputError(
                "there is no suggestion that this run belongs to\nrun `%autotune ask` first, "
                "or give the configuration that was run"
            )
        return run

    def _after_tell(self, observation: Observation) -> Observation:
        self._end("told for", observation.suggestion_uuid)
        for note in observation.notes:
            self.say(f"{note}\n")
        self._refresh()
        return observation

    def _end(self, did: str, suggestion_uuid: UUID | None) -> None:
        taken = self._pending.end(suggestion_uuid)
        if taken is not None:
            self.say(f"{did} {taken}\n")

    def _changed(self, change: Callable[[], T]) -> T:
        """Change observations, and say so if an experiment that had stopped goes on."""
        before = self.experiment.stopped
        changed = change()
        if before is not None and self.experiment.stopped is None:
            self.say(f"the experiment goes on: it had stopped, as {before.reason}\n")
        self._refresh()
        return changed

    def _refresh(self) -> None:
        panel = self._panels.get(self.experiment.exp_uuid)
        if panel is not None:
            panel.refresh()

    def _save(self) -> None:
        panel = self._panels.get(self.experiment.exp_uuid)
        if panel is not None:
            panel.catch_up()
            panel.refresh()
