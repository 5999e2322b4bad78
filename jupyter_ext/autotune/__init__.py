"""AutoTune's client: ask what to try next, from a program or a notebook.

    import autotune

    client = autotune.connect()
    experiment = client.new("brownies", {"minutes": {"vtype": "int", "guess": 30, "min": 20, "max": 50}})
    best = experiment.run(lambda configuration: bake(**configuration), n=20)

``aconnect`` does the same for programs that await. In a notebook, ``%load_ext autotune`` adds the magic ``%autotune``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autotune.asynchronous.client import AsyncClient, aconnect
    from autotune.asynchronous.experiment import AsyncExperiment
    from autotune.client import Client, connect
    from autotune.errors import (
        AutotuneError,
        CertificateError,
        ConnectionFailedError,
        ForbiddenError,
        InvalidInputError,
        NotFoundError,
        RunFailed,
        RunStopped,
        ServiceError,
        StreamGapError,
        UnauthenticatedError,
        UnavailableError,
        UnexpectedReplyError,
        VersionConflictError,
    )
    from autotune.experiment import Experiment
    from autotune.pictures.insights import Insights
    from autotune.pictures.picture import Picture
    from autotune.running.reporting import report
    from autotune.views.bests import Best, BestPredicted
    from autotune.views.curves import Verdict
    from autotune.views.pareto import Pareto
    from autotune.views.shown import Observation, Suggestion

__all__ = [
    "AsyncClient",
    "AsyncExperiment",
    "AutotuneError",
    "Best",
    "BestPredicted",
    "CertificateError",
    "Client",
    "ConnectionFailedError",
    "Experiment",
    "ForbiddenError",
    "Insights",
    "InvalidInputError",
    "NotFoundError",
    "Observation",
    "Pareto",
    "Picture",
    "RunFailed",
    "RunStopped",
    "ServiceError",
    "StreamGapError",
    "Suggestion",
    "UnauthenticatedError",
    "UnavailableError",
    "UnexpectedReplyError",
    "Verdict",
    "VersionConflictError",
    "aconnect",
    "connect",
    "report",
]

_HOMES = {
    "asynchronous.client": ("AsyncClient", "aconnect"),
    "asynchronous.experiment": ("AsyncExperiment",),
    "client": ("Client", "connect"),
    "experiment": ("Experiment",),
    "pictures.insights": ("Insights",),
    "pictures.picture": ("Picture",),
    "running.reporting": ("report",),
    "views.bests": ("Best", "BestPredicted"),
    "views.curves": ("Verdict",),
    "views.pareto": ("Pareto",),
    "views.shown": ("Observation", "Suggestion"),
}
"""Where the public names are; the others are errors."""


def __getattr__(name: str) -> Any:
    # The models of the contract take some tenths of a second to build: a program that imports AutoTune and does not
    # use it, as in one of its commands, does not wait for them.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = next((home for home, names in _HOMES.items() if name in names), "errors")
    found = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: Any) -> None:
    """Register the magic ``%autotune`` with the shell; IPython calls this function for ``%load_ext autotune``."""
    # Imported here, because the client must work without IPython.
    from autotune.notebook.magics import AutotuneMagics

    shell.register_magics(AutotuneMagics)
