"""AutoTune's client: ask what to try next, from a program or a notebook.

    import autotune

    client = autotune.connect()
    experiment = client.new("brownies", {"minutes": {"vtype": "int", "guess": 30, "min": 20, "max": 50}})
    best = experiment.run(lambda configuration: bake(**configuration), n=20)

In a notebook, ``%load_ext autotune`` adds the magic ``%autotune``, which does the same.
"""

from typing import Any

from autotune.asynchronous.client import AsyncClient, aconnect
from autotune.asynchronous.experiment import AsyncExperiment
from autotune.client import Client, connect
from autotune.errors import (
    AutotuneError,
    ConnectionFailedError,
    InvalidInputError,
    NotFoundError,
    RunFailed,
    ServiceError,
    StreamGapError,
    UnauthenticatedError,
    UnavailableError,
    UnexpectedReplyError,
    VersionConflictError,
)
from autotune.experiment import Experiment
from autotune.views.bests import Best, BestPredicted
from autotune.views.insights import Insights
from autotune.views.pareto import Pareto
from autotune.views.shown import Observation, Suggestion

__all__ = [
    "AsyncClient",
    "AsyncExperiment",
    "AutotuneError",
    "Best",
    "BestPredicted",
    "Client",
    "ConnectionFailedError",
    "Experiment",
    "Insights",
    "InvalidInputError",
    "NotFoundError",
    "Observation",
    "Pareto",
    "RunFailed",
    "ServiceError",
    "StreamGapError",
    "Suggestion",
    "UnauthenticatedError",
    "UnavailableError",
    "UnexpectedReplyError",
    "VersionConflictError",
    "aconnect",
    "connect",
]


def load_ipython_extension(shell: Any) -> None:
    """Register the magic ``%autotune`` with the shell; IPython calls this function for ``%load_ext autotune``."""
    # Imported here, because the client must work without IPython.
    from autotune.notebook.magics import AutotuneMagics

    shell.register_magics(AutotuneMagics)
