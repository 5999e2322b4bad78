"""The facts that whoever is asked for help needs first: versions, the service, the experiment, the engine's state."""

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from time import monotonic

from autotune.errors import AutotuneError, ServiceError
from autotune.experiment import Experiment
from autotune.transport.connection import Connection
from autotune.transport.coroutines import result_of
from autotune.transport.exchange import exchange
from autotune.transport.http import Http
from autotune.views.facts import state_of
from autotune.views.shown import counted
from autotune_wire.experiments import Experiment as Stored
from autotune_wire.health import Live
from autotune_wire.paths import EXPERIMENT, EXPERIMENT_ASK, HEALTH_LIVE
from autotune_wire.suggestions import AskReply

_PACKAGES = ("ipython", "ipykernel", "ipywidgets", "jupyterlab", "notebook", "pandas")
_WITHIN_S = 3.0
"""How long each question to the service may take, in seconds."""


class Status(list[tuple[str, str]]):
    """Facts, as pairs of a label and a text."""

    def __repr__(self) -> str:
        return "\n".join(f"{label:<12}{text}" for label, text in self)


def status(url: str, connection: Connection | None, experiment: Experiment | None) -> Status:
    """Collect the facts; what is not reached is said to be so, and nothing is repeated.

    Args:
        url: The address of the service.
        connection: The connection, if the user is logged in.
        experiment: The experiment in use, if there is one.
    """
    facts = [("autotune", _versions()), ("service", _service(url))]
    facts.append(("user", "not logged in" if connection is None else connection.username))
    if connection is not None and experiment is not None:
        facts += _experiment(connection, experiment)
    else:
        facts.append(("experiment", "none in use"))
    return Status(facts)


def _versions() -> str:
    found = [f"{version('autotune-bo')}, Python {platform.python_version()}"]
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join([*found, f"{platform.system()} {platform.machine()}"])


def _service(url: str) -> str:
    http, began = Http(url), monotonic()
    try:
        live = result_of(exchange(http, "GET", HEALTH_LIVE, Live, timeout_s=_WITHIN_S))
    except AutotuneError as error:
        return str(error)
    finally:
        http.close()
    about = f"version {live.version or 'unknown'}, {live.mode or 'unknown'} mode"
    return f"{url}, {about}, replied in {1000 * (monotonic() - began):.0f} ms"


def _experiment(connection: Connection, experiment: Experiment) -> Iterator[tuple[str, str]]:
    label = f"{experiment.name!r}, {experiment.exp_uuid}"
    try:
        stored = connection.get_once(EXPERIMENT.format(exp_uuid=experiment.exp_uuid), Stored, timeout_s=_WITHIN_S)
    except AutotuneError as error:
        yield "experiment", f"{label}: {error}"
        return
    runs = counted(stored.n_observations, "observation")
    yield "experiment", f"{label}, {state_of(stored)}, {runs}, event {stored.last_seq}"
    yield "space", f"{counted(len(stored.covars), 'covariate')}, {counted(len(stored.responses), 'response')}"
    yield "engine", f"{stored.engine}, {stored.model_type}, {stored.acq_func}: {_engine(connection, stored)}"


def _engine(connection: Connection, stored: Stored) -> str:
    if state_of(stored) != "active":
        return "not asked, as nothing is suggested"
    if any(covariate.role == "context" for covariate in stored.covars.values()):
        return "not asked, as an ask needs the values of contexts"
    path = EXPERIMENT_ASK.format(exp_uuid=stored.exp_uuid)
    try:
        # This ask takes nothing: it shows the open suggestion, or waits for the engine.
        [suggestion, *_] = connection.get_once(path, AskReply, timeout_s=_WITHIN_S).suggestions
    except ServiceError as error:
        return f"{error.detail} ({error.code})"
    except AutotuneError:
        return f"computing: no suggestion within {_WITHIN_S:g} s"
    took = "" if suggestion.seconds is None else f", computed in {suggestion.seconds:.2g} s"
    return f"ready, with a suggestion by {suggestion.source}{took}, at data revision {suggestion.data_rev}"
