"""The commands that show something."""

import inspect
from collections.abc import Callable, Collection, Iterator
from typing import Any

from IPython.core.error import UsageError

from autotune.notebook.command import Call, Command
from autotune.notebook.line import Option, words
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
    name, *others = [word.rstrip(",") for word in words(call.left)] or [""]
    if name not in pictures:
        near = did_you_mean(name, pictures) if name else ""
        says = f"there is no picture {name!r}{near}" if name else f"the name of the picture is missing: {call.usage()}"
        raise UsageError(f"{says}\nthe pictures are {', '.join(pictures)}")
    takes = inspect.signature(pictures[name]).parameters
    options = dict(_named(call, name, takes, [call.python.text(other) for other in others]))
    response, at = call.text("--response"), call.mapping("--at", "values")
    if response is not None and "response" not in takes:
        raise UsageError(f"the picture {name} is not about one response\nleave --response out")
    if response is not None and "response" in options:
        raise UsageError(f"the response is given twice, by {others[0]!r} and by --response\ngive it once")
    if at is not None and "at" not in takes:
        raise UsageError(f"the picture {name} has no values that are held\nleave --at out")
    options |= ({} if response is None else {"response": response}) | ({} if at is None else {"at": at})
    return pictures[name](**options)


def _named(call: Call, picture: str, takes: Collection[str], given: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield the arguments of a picture that are given by their place: its covariates, its response, an experiment."""
    if "other" in takes and len(given) != 1:
        raise UsageError(f"the picture {picture} needs the name of another experiment\n{call.help()}")
    if "other" in takes:
        yield "other", call.session.found(given[0])
    elif "shares" in takes and given:
        yield "shares", given
    else:
        names = [name for name in ("x", "y") if name in takes] or [name for name in ("response",) if name in takes]
        if len(given) > len(names):
            raise UsageError(f"the picture {picture} takes no {given[len(names)]!r}\n{call.help()}")
        yield from zip(names, given, strict=False)


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
        "curves",
        "",
        "what runs reported, by run and step",
        _shows(lambda session: session.experiment.curves()),
        more="`%autotune show curves` draws it.\n",
    ),
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
        "PICTURE [NAME ...]",
        "a picture, such as history or contour",
        _show,
        (
            Option("--response", "word", "NAME", "the response that it is about, if not the first objective"),
            Option("--at", "rest", "DICT", "the values of the covariates that the picture does not vary"),
        ),
        "PICTURE is the name of a method of `experiment.plot`. After it comes what the\n"
        "picture is of: two covariates (contour, feasibility), three shares (ternary),\n"
        "another experiment (compare), a response (the others).\n"
        "  %autotune show contour temperature lr --at {'base': 'KOH'}\n",
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
