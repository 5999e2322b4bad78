"""The commands that show something."""

import inspect
from collections.abc import Callable
from typing import Any

from IPython.core.error import UsageError

from autotune.notebook.command import Call, Command
from autotune.notebook.line import Option, unquoted
from autotune.notebook.near import did_you_mean
from autotune.notebook.session import Session


def _shows(show: Callable[[Session], Any]) -> Callable[[Call], Any]:
    def run(call: Call) -> Any:
        call.nothing()
        return show(call.session)

    return run


def _predict(call: Call) -> Any:
    return call.session.experiment.predict(call.python.value(call.required("what to predict")))


def _show(call: Call) -> Any:
    pictures = call.session.pictures()
    name, *others = call.words(2) or [""]
    if name not in pictures:
        near = did_you_mean(name, pictures) if name else ""
        says = f"there is no picture {name!r}{near}" if name else f"the name of the picture is missing: {call.usage()}"
        raise UsageError(f"{says}\nthe pictures are {', '.join(pictures)}")
    takes = inspect.signature(pictures[name]).parameters
    if bool(others) != ("other" in takes):
        says = "needs the name of another experiment" if "other" in takes else f"takes no {others[0]!r}"
        raise UsageError(f"the picture {name} {says}\n{call.help()}")
    response = call.text("--response")
    if response is not None and "response" not in takes:
        raise UsageError(f"the picture {name} is not about one response\nleave --response out")
    options = {} if response is None else {"response": response}
    return pictures[name](*[call.session.found(call.python.text(unquoted(other))) for other in others], **options)


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
        "show",
        "PICTURE",
        "a picture, such as history or contour",
        _show,
        (Option("--response", "word", "NAME", "the response that it is about, if not the first objective"),),
        "PICTURE is the name of a method of `experiment.plot`, which takes more\n"
        "arguments. `show compare OTHER` takes the name of another experiment.\n",
        "picture",
    ),
    Command(
        "status",
        "",
        "what to paste first in a bug report",
        _shows(Session.status),
        more="It holds no secrets.\n",
    ),
)
