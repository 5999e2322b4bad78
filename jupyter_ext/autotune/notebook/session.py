"""What a notebook is busy with: its client, its experiment, the suggestion last asked for."""

from collections.abc import Callable, Mapping
from getpass import getpass
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from autotune.calls.predicting import Configurations
from autotune.client import Client, Experiments, open_client
from autotune.errors import InvalidInputError
from autotune.experiment import Experiment
from autotune.inputs.told import Measured, Run
from autotune.panel.live import Panel
from autotune.running.in_turn import Function, Returned
from autotune.transport.credentials import NO_CREDENTIALS, Credentials, find_credentials, find_url
from autotune.views.insights import Insights
from autotune.views.shown import Best, Observation, Suggestion

MAX_SAME_NAME = 5


class Session:
    """The state behind ``%autotune``, without IPython.

    Args:
        say: Where progress is written.
        ask_name: Asks the user for a name; the password is asked for without an echo.
        ask_secret: Asks for a password.
    """

    def __init__(
        self,
        say: Callable[[str], Any],
        ask_name: Callable[[str], str] = input,
        ask_secret: Callable[[str], str] = getpass,
    ) -> None:
        self._say = say
        self._ask_name = ask_name
        self._ask_secret = ask_secret
        self._client: Client | None = None
        self._experiment: Experiment | None = None
        self._suggestion: Suggestion | None = None
        self._panels: dict[UUID, Panel] = {}

    @property
    def client(self) -> Client:
        """The client; logged in from the environment where that was not done yet."""
        if self._client is None:
            self._client = open_client(find_url(None), find_credentials(None, None, None))
        return self._client

    @property
    def experiment(self) -> Experiment:
        """The experiment in use.

        Raises:
            InvalidInputError: If there is none.
        """
        if self._experiment is None:
            raise InvalidInputError("no experiment in use: make one with `new` or choose one with `use`")
        return self._experiment

    def login(self, url: str | None) -> Client:
        """Log in with the environment's credentials, else with what the user types."""
        address = find_url(url)
        try:
            credentials = find_credentials(None, None, None)
        except InvalidInputError:
            credentials = self._typed_credentials(address)
        client = open_client(address, credentials)
        self.close()
        self._client = client
        return client

    def new(self, name: str, covars: Mapping[str, Any], **options: Any) -> Experiment:
        """Create an experiment and use it; the options are those of ``Client.new``."""
        return self._use(self.client.new(name, covars, **options))

    def list(self) -> Experiments:
        """Give the user's experiments, newest first."""
        return self.client.list()

    def use(self, uuid_or_name: str) -> Experiment:
        """Use the experiment of this uuid, or the only one of this name."""
        try:
            uuid = UUID(uuid_or_name)
        except ValueError:
            return self._use(self._named(uuid_or_name))
        return self._use(self.client.experiment(uuid))

    def ask(self, fixed: Mapping[str, Any] | None = None) -> Suggestion:
        """Give the current suggestion, which the next ``tell`` is about; ``fixed`` holds values that it must have."""
        self._suggestion = self.experiment.ask(fixed=fixed)
        return self._suggestion

    def tell(
        self, response: Measured, configuration: Mapping[str, Any] | None = None, sd: Measured | None = None
    ) -> Observation:
        """Tell what came of the suggestion last asked for, or of another configuration."""
        return self._told(self.experiment.tell(self._run_told(configuration), response, sd=sd))

    def fail(self, configuration: Mapping[str, Any] | None = None) -> Observation:
        """Tell that the suggestion last asked for, or another configuration, gave nothing."""
        return self._told(self.experiment.fail(self._run_told(configuration)))

    def skip(self, reason: str = "") -> Suggestion:
        """Give up the suggestion last asked for, with a reason; the next ``ask`` gives another one."""
        if self._suggestion is None:
            raise InvalidInputError("nothing was asked for: `ask` first")
        abandoned = self.experiment.abandon(self._suggestion, reason)
        self._suggestion = None
        self._refresh()
        return abandoned

    def load(self, data: Any) -> None:
        """Tell runs that were made before: those of a file, a DataFrame or a list of dicts."""
        n_told = len(self.experiment.add_history(data, say=self._say))
        self._suggestion = None
        self._say(f"{n_told} {'run' if n_told == 1 else 'runs'} told\n")
        self._refresh()

    def run(self, function: Function, n: int, fixed: Mapping[str, Any] | None = None) -> Best | None:
        """Ask, run and tell ``n`` times; open panels follow, without one each observation is a line."""
        told = 0

        def watched(configuration: dict[str, Any]) -> Returned:
            self._refresh()
            return function(configuration)

        def on_tell(observation: Observation) -> None:
            nonlocal told
            told += 1
            if self.experiment.exp_uuid not in self._panels:
                self._say(f"{told}/{n}  {observation}\n")
            self._refresh()

        best = self.experiment.run(watched, n, on_tell, fixed=fixed)
        self._suggestion = None
        if told < n and (stopped := self.experiment.stopped) is not None:
            self._say(f"stopped after {told} of {n} runs: {stopped.reason}\n")
        self._save()
        return best

    def predict(self, configurations: Configurations) -> Any:
        """Give what the model expects of configurations, as a table."""
        return self.experiment.predict(configurations)

    def insights(self) -> Insights:
        """Give what the model has learnt."""
        return self.experiment.insights()

    def edit(self, covars: Mapping[str, Any], **options: Any) -> Experiment:
        """Change the space of the experiment in use; the options are those of ``Experiment.edit_space``."""
        self._suggestion = None
        return self.experiment.edit_space(covars, **options)

    def resume(self, *stop: Any) -> Experiment:
        """Go on after a stop, with the stop rules given, or with those there were."""
        return self.experiment.resume(*stop)

    def best(self) -> Best | None:
        """Give the best observation so far."""
        return self.experiment.best

    def history(self) -> Any:
        """Give all observations as a table."""
        return self.experiment.history()

    def panel(self) -> Panel:
        """Give the live panel of the experiment in use; there is one per experiment, however often it is shown."""
        uuid = self.experiment.exp_uuid
        panel = self._panels.get(uuid)
        if panel is None or panel.state.link == "stopped":
            self._panels[uuid] = self.experiment.panel()
        return self._panels[uuid]

    def close(self) -> None:
        """Stop the panels and forget user and experiment."""
        for panel in self._panels.values():
            panel.close()
        if self._client is not None:
            self._client.close()
        self._panels = {}
        self._client = self._experiment = self._suggestion = None

    def _typed_credentials(self, address: str) -> Credentials:
        try:
            username = self._ask_name(f"Mail address at {address}: ")
            return Credentials(username=username, password=SecretStr(self._ask_secret("Password: ")))
        except (EOFError, NotImplementedError):
            # A notebook that runs unattended has nobody to ask.
            raise InvalidInputError(NO_CREDENTIALS) from None

    def _use(self, experiment: Experiment) -> Experiment:
        self._experiment = experiment
        self._suggestion = None
        return experiment

    def _named(self, name: str) -> Experiment:
        found = [experiment for experiment in self.client.list() if experiment.name == name]
        if not found:
            raise InvalidInputError(f"no experiment is named {name!r}")
        if len(found) > 1:
            lines = [f"  {_line(experiment)}" for experiment in found[:MAX_SAME_NAME]]
            more = [f"  and {len(found) - MAX_SAME_NAME} more"] if len(found) > MAX_SAME_NAME else []
            says = f"{len(found)} experiments are named {name!r}; use the uuid of one, newest first:"
            raise InvalidInputError("\n".join([says, *lines, *more]))
        return found[0]

    def _run_told(self, configuration: Mapping[str, Any] | None) -> Run:
        run = self._suggestion if configuration is None else configuration
        if run is None:
            raise InvalidInputError("nothing was asked for: `ask` first, or give the configuration that was run")
        return run

    def _told(self, observation: Observation) -> Observation:
        self._suggestion = None
        self._refresh()
        return observation

    def _refresh(self) -> None:
        panel = self._panels.get(self.experiment.exp_uuid)
        if panel is not None:
            panel.refresh()

    def _save(self) -> None:
        panel = self._panels.get(self.experiment.exp_uuid)
        if panel is not None:
            panel.catch_up()
            panel.refresh()
            panel.save()


def _line(experiment: Experiment) -> str:
    n, created = experiment.n_observations, experiment.time_created
    return f"{experiment.exp_uuid}  made {created:%Y-%m-%d %H:%M} UTC, {n} observation{'' if n == 1 else 's'}"
