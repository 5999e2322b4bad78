"""The client: one user's experiments on one service."""

import builtins
from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import timedelta
from os import PathLike
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID

from pydantic import SecretStr

from autotune.calls.automation import AnyExperiment, drop_token, make_token, read_tokens, token_of, uuids_of
from autotune.calls.of_client import ClientCalls, ExperimentList, check_login
from autotune.calls.sharing import read_audit
from autotune.calls.telling import to_stderr
from autotune.experiment import Experiment
from autotune.groups import Group, Groups
from autotune.inputs.checks import parsed_uuid
from autotune.inputs.descriptions import Constraints, new_experiment
from autotune.neighbours.ax_snapshot import read_ax
from autotune.neighbours.optuna_import import read_study
from autotune.transport.connection import Connection
from autotune.transport.coroutines import result_of
from autotune.transport.credentials import Credentials, find_credentials, find_url, secret
from autotune.transport.http import Http
from autotune.transport.tokens import TokenSource
from autotune.values import plain
from autotune.views.access import Audit, NewToken, Tokens
from autotune_wire.access import TokenInfo
from autotune_wire.experiments import AcqFunc, Direction, EngineName, ModelType
from autotune_wire.paths import AUDIT, AUDIT_ALL
from autotune_wire.reports import EarlyStop, EarlyStopRule
from autotune_wire.stopping import StopRules

TIMEOUT_S = 60.0

T = TypeVar("T")


class Experiments(ExperimentList[Experiment]):
    """Experiments, newest first."""


class Client(ClientCalls[Connection, Experiment, Group]):
    """A logged-in user of one service.

    A client may be used from any thread and in forked children. A client or an experiment may also be pickled, as for a
    worker of a process pool. The pickle holds no secrets: in another process, the client logs in with the credentials
    of the environment, which must be the same user's.
    """

    _experiment_type = Experiment
    _group_type = Group

    @property
    def connection(self) -> Connection:
        """The connection to the service, shared with the client's experiments."""
        return self._connection

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
        early_stop: EarlyStopRule | str | EarlyStop | Mapping[str, Any] | None = None,
        candidates: Any = None,
        description: str = "",
        engine: EngineName = "autotune",
        model_type: ModelType = "SingleTaskGP",
        acq_func: AcqFunc = "auto",
        seed: int | None = None,
        learn_from: AnyExperiment | Iterable[AnyExperiment] = (),
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
                ``"descriptors"`` of options without order are numbers that are known of each: a dict such as
                ``{"DMAc": {"polarity": 37.8, "bp": 165}, ...}``, or a DataFrame or the path of a CSV file with a row
                for each option. The options may then be left out: they are those of the table.
                In place of a dict stands a text such as ``"40..120 int step 5 °C"``, ``"1e-5..1e-1 log"`` or
                ``"red|blue"``, a list of options, or a distribution as scikit-learn's ``param_distributions`` and
                Optuna have them. In place of all of them stands a DataFrame of past runs, whose columns other than the
                responses become covariates over their own ranges; ``add_history`` then tells the runs.
            guess: The first value to try, for covariates whose descriptions name none or another one. By default that
                is the middle of the range, or the first option; middles that break a linear constraint, such as the
                sum of a mixture, move until they meet it.
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
            early_stop: The rule that stops runs early which report their values (``report``): ``"median"`` or
                ``"successive_halving"``, or a dict such as ``{"rule": "median", "min_steps": 3, "min_runs": 5}``, also
                with ``"response"``, the objective that is reported, and for successive halving
                ``"reduction_factor": 4``.
            candidates: A list of rows that every suggestion is one of, such as a plate or a library: a DataFrame, a
                dict for each row, or the path of a CSV file. Columns that are no covariates, such as the number of a
                bottle, are handed through with the suggestions. ``covars`` may then be the names of the columns that
                the model uses, or leave parts of a covariate to its column: ``{"solvent": None, "t": {"unit": "°C"}}``.
            description: A description for people.
            engine: The engine that suggests: ``"autotune"``, or ``"greattunes"``.
            model_type: The surrogate model.
            acq_func: The acquisition function; ``"auto"`` chooses the acquisition function that fits the problem.
            seed: A seed that makes the suggestions repeatable; if not given, the service draws a seed.
            learn_from: Earlier experiments with the same covariates, by their names, and a response in common: one or
                several, each an experiment or its uuid. What they have measured so far is taken over, and counts by a
                weight that the model learns: where they mislead, it goes to nothing. ``insights()`` has the weights.
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
            early_stop=early_stop,
            candidates=candidates,
            description=description,
            engine=engine,
            model_type=model_type,
            acq_func=acq_func,
            seed=plain(seed),
            learn_from=uuids_of(learn_from) or None,
        )
        return self._do(self._new(body, say))

    def from_optuna(
        self,
        study: Any,
        *,
        study_name: str | None = None,
        name: str | None = None,
        say: Callable[[str], Any] | None = to_stderr,
    ) -> Experiment:
        """Create an experiment that goes on from an Optuna study, with its finished trials as observations.

        Trials that are pruned, running or waiting are left out. A parameter that only some trials have is active where
        a choice of theirs says so. Constraints become thresholds.

        Args:
            study: The ``optuna.Study``, or the storage that has it: its URL, such as ``"sqlite:///study.db"``, or an
                object.
            study_name: The name of the study; needed only where the storage has several.
            name: The name of the experiment; if not given, that of the study.
            say: Called with a line of text for what was left out; None reports nothing.

        Raises:
            InvalidInputError: If the study cannot be read as an experiment; the message says why.
            ImportError: If Optuna is not installed.
        """
        body, runs = read_study(study, study_name, name)
        return self._do(self._with_runs(body, runs, say))

    def from_ax(
        self, path: str | PathLike[str], *, name: str | None = None, say: Callable[[str], Any] | None = to_stderr
    ) -> Experiment:
        """Create an experiment that goes on from a JSON snapshot of Ax, with its finished trials as observations.

        Each arm of a trial that is completed or failed becomes an observation, with its standard errors; other trials
        are left out. Ax need not be installed.

        Args:
            path: The file that ``save_to_json_file`` or ``save_experiment`` of Ax wrote.
            name: The name of the experiment; if not given, that of the one in the snapshot.
            say: Called with a line of text for what was left out; None reports nothing.

        Raises:
            InvalidInputError: If the file cannot be read as an experiment; the message says why.
        """
        body, runs = read_ax(path, name)
        return self._do(self._with_runs(body, runs, say))

    def experiment(self, exp_uuid: UUID | str) -> Experiment:
        """Fetch the experiment with this uuid.

        Raises:
            InvalidInputError: If ``exp_uuid`` is not a uuid.
            NotFoundError: If the experiment does not exist or belongs to another user.
        """
        return self._do(self._experiment(parsed_uuid(exp_uuid)))

    def list(self, limit: int | None = None) -> Experiments:
        """Fetch the user's experiments, newest first: all, or the ``limit`` newest."""
        return Experiments(self._do(self._list(limit)))

    def names(self, timeout_s: float) -> builtins.list[str]:
        """Fetch the names of the newest experiments, a page of them; not repeated, and within ``timeout_s`` seconds."""
        return self._do(self._names(timeout_s))

    def tokens(self) -> Tokens:
        """Fetch your tokens for automation, newest first, without their secrets."""
        return self._do(read_tokens(self._connection))

    def new_token(
        self,
        name: str,
        scopes: str | Iterable[str],
        *,
        experiments: AnyExperiment | Iterable[AnyExperiment] | None = None,
        expires_in: timedelta | str | None = None,
    ) -> NewToken:
        """Make a token for automation, with which a robot or a script signs in as you: ``connect(token=...)``.

        The service shows its secret this once. What is returned shows it to nobody who looks at your notebook:
        ``.save(FILE)`` writes it to a new file that you alone may read, ``.secret()`` returns it.

        Args:
            name: What the token is for.
            scopes: What it may do, a list or a text with commas: ``"read"``, ``"tell"`` (ask and tell too), ``"write"``
                (change experiments too), ``"admin"`` (share, keep groups and make tokens too).
            experiments: The only experiments that the token is for: an experiment, its uuid, or several; if not given,
                all of yours.
            expires_in: How long the token lasts: a timedelta, or a text such as ``"30d"``, ``"12h"`` or ``"4w"``; if
                not given, until it is revoked.

        Raises:
            InvalidInputError: If an argument is not valid.
            ForbiddenError: If you have signed in with a token that may not make others.
            ConnectionFailedError: If the reply was lost: the token may have been made then, see ``tokens()``.
        """
        return self._do(make_token(self._connection, token_of(name, scopes, experiments, expires_in)))

    def revoke_token(self, token: TokenInfo | UUID | str) -> None:
        """Revoke a token for automation for good; what is open with it is closed within seconds.

        Args:
            token: The token as ``tokens()`` lists it, its uuid, or its name.

        Raises:
            InvalidInputError: If you have no token of this name, or several.
            NotFoundError: If you have no token of this uuid.
        """
        return self._do(drop_token(self._connection, token))

    def groups(self) -> Groups:
        """Fetch the groups that you own or are in."""
        return Groups(self._do(self._groups()))

    def new_group(self, name: str) -> Group:
        """Make a group of people, with whom experiments can be shared as with one person.

        Raises:
            ServiceError: If you have a group of this name.
        """
        return self._do(self._new_group(name))

    def audit(self, limit: int = 100, *, everybody: bool = False) -> Audit:
        """Fetch what you have done that concerns rights and accounts, newest first, and what was done to your account.

        That is sign-ins, also refused ones, passwords, tokens, shares, groups and what was deleted.

        Args:
            limit: How many entries at most.
            everybody: Whether to fetch what all users and the operator have done; for administrators.

        Raises:
            ForbiddenError: If ``everybody`` is set and you are no administrator.
        """
        return self._do(read_audit(self._connection, AUDIT_ALL if everybody else AUDIT, plain(limit)))

    def change_password(self, old: str, new: str, *, revoke_tokens: bool = False) -> None:
        """Change your password; everywhere else you are signed out, and this client goes on.

        Args:
            old: The password of now.
            new: The new one. The service refuses what is short or easy to guess.
            revoke_tokens: Whether your tokens for automation end too, all but one that this client uses. By default
                they go on: robots know no password.

        Raises:
            InvalidInputError: If the new password is too short or too long for any service.
            ServiceError: If the old password is wrong, or the service refuses the new one; no message repeats either.
            ConnectionFailedError: If the reply was lost: the password may have been changed then.
        """
        return self._do(self._change_password(SecretStr(old), SecretStr(new), revoke_tokens=revoke_tokens))

    def log_out(self) -> None:
        """End your session on the service, with all its tokens, and close this client.

        Raises:
            UnauthenticatedError: If the client uses a token for automation, which has no session: revoke it instead.
        """
        self._do(self._end_session())
        self.close()

    def close(self) -> None:
        """Stop the streams and close the connections; the experiments of this client cannot be used any more."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return result_of(coroutine)


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
    ``AUTOTUNE_USERNAME`` and ``AUTOTUNE_PASSWORD``. A service over https has a certificate that this machine trusts, or
    one of the authority in the file that ``AUTOTUNE_CA_FILE`` names.

    Args:
        url: The address of the service; ``http://127.0.0.1:8008`` if the environment has none either.
        token: A token for automation, as ``Client.new_token`` makes it, or an access token.
        username: The name to log in with, in place of a token. Tokens are fetched, and fetched again when they expire.
        password: The password that goes with ``username``.
        timeout_s: How long a call may take in all, in seconds, repeats included.

    Raises:
        InvalidInputError: If there are no credentials, or ``url`` is not an address.
        UnauthenticatedError: If the credentials are wrong or have expired.
        CertificateError: If the service's certificate is not trusted.
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
        result_of(check_login(connection))
        return Client(connection)
    except BaseException:
        connection.close()
        raise
