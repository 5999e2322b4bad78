"""The commands that show something."""

from collections.abc import Callable
from typing import Any

from autotune.notebook.command import Call, Command
from autotune.notebook.session import Session


def _shows(show: Callable[[Session], Any]) -> Callable[[Call], Any]:
    def run(call: Call) -> Any:
        call.nothing()
        return show(call.session)

    return run


def _predict(call: Call) -> Any:
    return call.session.experiment.predict(call.python.value(call.required("what to predict")))


COMMANDS = (
    Command("panel", "", "a live picture of the experiment", _shows(lambda session: session.panel().show())),
    Command(
        "best",
        "",
        "the best observation so far",
        _shows(Session.best),
        more="With several objectives the Pareto front; with contexts also the best\npredicted run in each context.\n",
    ),
    Command("history", "", "all observations, with their ids", _shows(lambda session: session.experiment.history())),
    Command(
        "predict",
        "CONFIGURATIONS",
        "the predicted responses there",
        _predict,
        more="CONFIGURATIONS is a dict, a list of dicts or a DataFrame.\n",
        completes="variable",
    ),
    Command(
        "insights",
        "",
        "what was found and what could be better",
        _shows(lambda session: session.experiment.insights()),
        more="Which covariates matter, how well the model predicts, response curves.\n",
    ),
    Command(
        "status",
        "",
        "what to paste first in a bug report",
        _shows(Session.status),
        more="It holds no secrets.\n",
    ),
)
