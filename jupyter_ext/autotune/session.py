"""What a notebook is busy with: its client, its experiment, the suggestion last asked for."""

from collections.abc import Callable, Mapping
from getpass import getpass
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from autotune.checks import Run
from autotune.client import Client, Experiments, open_client
from autotune.credentials import NO_CREDENTIALS, Credentials, find_credentials, find_url
from autotune.errors import InvalidInputError
from autotune.experiment import Experiment
from autotune.panel import Panel
from autotune.shown import Best, Observation, Suggestion

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

    def ask(self) -> Suggestion:
        """Give the current suggestion, which the next ``tell`` is about."""
        self._suggestion = self.experiment.ask()
        return self._suggestion

    def tell(self, response: Any, configuration: Mapping[str, Any] | None = None) -> Observation:
        """Tell the response to the suggestion last asked for, or to another configuration."""
        run: Run | None = self._suggestion if configuration is None else configuration
        if run is None:
            raise InvalidInputError("nothing was asked for: `ask` first, or give the configuration after the response")
        observation = self.experiment.tell(run, response)
        self._suggestion = None
        self._refresh()
        return observation

    def run(self, function: Callable[[dict[str, Any]], float], n: int) -> Best:
        """Ask, run and tell ``n`` times; open panels follow, without one each observation is a line."""
        told = 0

        def watched(configuration: dict[str, Any]) -> float:
            self._refresh()
            return function(configuration)

        def on_tell(observation: Observation) -> None:
            nonlocal told
            told += 1
            if self.experiment.exp_uuid not in self._panels:
                self._say(f"{told}/{n}  {observation}\n")
            self._refresh()

        best = self.experiment.run(watched, n, on_tell)
        self._save()
        return best

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
            uuids = "\n".join(f"  {experiment.exp_uuid}" for experiment in found[:MAX_SAME_NAME])
            raise InvalidInputError(
                f"{len(found)} experiments are named {name!r}; give the uuid, newest first:\n{uuids}"
            )
        return found[0]

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
