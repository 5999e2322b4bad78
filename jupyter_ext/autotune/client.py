"""The client: one user's experiments on one service."""

import builtins
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from autotune.calls.telling import to_stderr
from autotune.experiment import Experiment
from autotune.inputs.checks import parsed_uuid
from autotune.inputs.descriptions import Constraints, new_experiment
from autotune.transport.connection import Connection
from autotune.transport.credentials import Credentials, find_credentials, find_url, secret
from autotune.transport.http import Http
from autotune.transport.tokens import TokenSource
from autotune.values import plain
from autotune.views.tables import html_table
from autotune_wire import experiments
from autotune_wire.accounts import HeaderMe
from autotune_wire.experiments import AcqFunc, Direction, EngineName, ExperimentPage, ModelType
from autotune_wire.paths import AUTH_HEADER_ME, EXPERIMENT, EXPERIMENT_ALL, EXPERIMENT_NEW
from autotune_wire.stopping import StopRules

TIMEOUT_S = 60.0
PAGE = 100


class Experiments(list[Experiment]):
    """Experiments, newest first."""

    def _repr_html_(self) -> str:
        rows = [(experiment.name, *(text for _, text in experiment.facts())) for experiment in self]
        return html_table("Experiments", rows, header=("name", "state", "observations", "best response", "exp_uuid"))


class Client:
    """A logged-in user of one service.

    A client may be used from any thread and in forked children. A client or an experiment may also be pickled, as for a
    worker of a process pool. The pickle holds no secrets: in another process, the client logs in with the credentials
    of the environment, which must be the same user's.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def connection(self) -> Connection:
        """The connection to the service, shared with the client's experiments."""
        return self._connection

    @property
    def username(self) -> str:
        """The name of the user who is logged in."""
        return self._connection.username

    def new(
        self,
        name: str,
        covars: Any,
        *,
        guess: Mapping[str, Any] | None = None,
        responses: Mapping[str, Any] | None = None,
        direction: Direction | None = None,
        constraints: Constraints = (),
        stop: StopRules | Mapping[str, Any] | None = None,
        description: str = "",
        engine: EngineName = "autotune",
        model_type: ModelType = "SingleTaskGP",
        acq_func: AcqFunc = "auto",
        seed: int | None = None,
        say: Callable[[str], Any] | None = to_stderr,
    ) -> Experiment:
        """Create an experiment.

        Args:
            name: A name for people, which need not be unique.
            covars: The covariates, a dict for each name: ``{"vtype": "int" | "cont", "guess": 3, "min": 1, "max": 9}``
                or ``{"vtype": "cat", "guess": "red", "options": ["red", "blue"]}``. Numbers take ``"step": 2`` or
                ``"log": True`` (ratios matter). Options take ``"ordered": True`` (the options form a scale and may be
                numbers). ``"active_if": {"kernel": "rbf"}`` says when a covariate is active. ``"role": "context"``
                marks a covariate whose value is known when asking, and ``"unit": "°C"`` is shown with the values.
                In place of a dict stands a text such as ``"40..120 int step 5 °C"``, ``"1e-5..1e-1 log"`` or
                ``"red|blue"``, a list of options, or a distribution as scikit-learn's ``param_distributions`` and
                Optuna have them. In place of all of them stands a DataFrame of past runs, whose columns other than the
                responses become covariates over their own ranges; ``add_history`` then tells the runs.
            guess: The first value to try, for covariates whose descriptions name none or another one. By default that
                is the middle of the range, or the first option.
            responses: What is measured, by name; needed for several responses or a response with a name. Each is
                ``"maximize"``, ``"minimize"``, a target to match such as ``"= 7.4"``, a threshold such as
                ``"<= 0.05"``, or a dict such as ``{"goal": "minimize", "reference": 3}``. The first that is no
                threshold is the primary one.
            direction: For a single response without a name: ``"maximize"``, which is the default, or ``"minimize"``.
            constraints: The constraints that every suggestion meets: texts such as ``"a + 2*b <= 1"`` or
                ``"a + b + c == 1"``, and dicts such as ``{"combination": {"solvent": "water", "salt": ["KI", "NaI"]}}``
                for values that must not occur together. In a text a covariate's name may stand as it is, or in quotes:
                ``'"x-1" + x <= 3'``. A text that can be read in two ways is refused with both.
            stop: When to stop suggesting: a dict with one or more of ``budget`` (runs), ``target`` (response),
                ``plateau`` (``{"n_runs": 10, "min_gain": 0.01}``) and ``min_expected_gain``.
            description: A description for people.
            engine: The engine that suggests: ``"autotune"``, or ``"greattunes"``.
            model_type: The surrogate model.
            acq_func: The acquisition function; ``"auto"`` chooses the acquisition function that fits the problem.
            seed: A seed that makes the suggestions repeatable; if not given, the service draws a seed.
            say: Called with a line of text for each covariate that had better be described in another way; None reports
                nothing. The experiment's ``advice`` has these lines, too.

        Raises:
            InvalidInputError: If an argument is not valid; the message names the field.
        """
        body = new_experiment(
            name,
            covars,
            guess=guess,
            responses=responses,
            direction=direction,
            constraints=constraints,
            stop=plain(stop),
            description=description,
            engine=engine,
            model_type=model_type,
            acq_func=acq_func,
            seed=plain(seed),
        )
        experiment = Experiment(self._connection, self._connection.post(EXPERIMENT_NEW, experiments.Experiment, body))
        if say is not None:
            for sentence in experiment.advice:
                say(f"{sentence}\n")
        return experiment

    def experiment(self, exp_uuid: UUID | str) -> Experiment:
        """Fetch the experiment with this uuid.

        Raises:
            InvalidInputError: If ``exp_uuid`` is not a uuid.
            NotFoundError: If the experiment does not exist or belongs to another user.
        """
        path = EXPERIMENT.format(exp_uuid=parsed_uuid(exp_uuid))
        return Experiment(self._connection, self._connection.get(path, experiments.Experiment))

    def list(self, limit: int | None = None) -> Experiments:
        """Fetch the user's experiments, newest first: all, or the ``limit`` newest."""
        found = Experiments()
        after: str | None = None
        while limit is None or len(found) < limit:
            size = PAGE if limit is None else min(PAGE, limit - len(found))
            page = self._connection.get(EXPERIMENT_ALL, ExperimentPage, limit=size, after=after)
            found += [Experiment(self._connection, experiment) for experiment in page.experiments]
            after = page.next
            if after is None:
                break
        return found

    def names(self, timeout_s: float) -> builtins.list[str]:
        """Fetch the names of the newest experiments, a page of them; not repeated, and within ``timeout_s`` seconds."""
        page = self._connection.get_once(EXPERIMENT_ALL, ExperimentPage, timeout_s, limit=PAGE)
        return [experiment.name for experiment in page.experiments]

    def close(self) -> None:
        """Stop the streams and close the connections; the experiments of this client cannot be used any more."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.username} at {self._connection.url})"


def connect(
    url: str | None = None,
    *,
    token: str | None = None,
    username: str | None = None,
    password: str | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Client:
    """Connect to a service, and check that the service is reached and the credentials are valid.

    An argument that is not given is taken from the environment: ``AUTOTUNE_URL``, ``AUTOTUNE_TOKEN``,
    ``AUTOTUNE_USERNAME`` and ``AUTOTUNE_PASSWORD``.

    Args:
        url: The address of the service; ``http://127.0.0.1:8008`` if the environment has none either.
        token: An access token.
        username: The name to log in with, in place of a token. Tokens are fetched, and fetched again when they expire.
        password: The password that goes with ``username``.
        timeout_s: How long a call may take in all, in seconds, repeats included.

    Raises:
        InvalidInputError: If there are no credentials, or ``url`` is not an address.
        UnauthenticatedError: If the credentials are wrong or have expired.
        ConnectionFailedError: If no service is reached.
    """
    wrapped_token, wrapped_password = secret(token), secret(password)
    # Tracebacks that show local variables would show these secrets.
    del token, password
    credentials = find_credentials(wrapped_token, username, wrapped_password)
    return open_client(find_url(url), credentials, timeout_s)


def open_client(url: str, credentials: Credentials, timeout_s: float = TIMEOUT_S) -> Client:
    """Connect with given credentials; see ``connect``."""
    http = Http(url)
    return logged_in(Connection(http, TokenSource(http, credentials), timeout_s))


def logged_in(connection: Connection) -> Client:
    """Check the credentials of a connection and return its client; close the connection if that fails."""
    try:
        connection.username = connection.post_once(AUTH_HEADER_ME, HeaderMe).username
        return Client(connection)
    except BaseException:
        connection.close()
        raise
