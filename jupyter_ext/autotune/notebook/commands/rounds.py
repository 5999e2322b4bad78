"""The commands of a round: ask what to try, and report what came of it."""

from typing import Any

from IPython.core.error import UsageError

from autotune.inputs.typed import typed_number
from autotune.notebook.command import Call, Command
from autotune.notebook.expressions import split_expressions
from autotune.notebook.line import Option

FIXED = Option("--fixed", "rest", "DICT", "values that the suggestion must have")
SD = Option("--sd", "rest", "SD", "the standard deviation of the response")
_OF = Option("--of", "word", "NUMBER", "the suggestion of `ask N` that is meant")
_REASON = Option("--reason", "rest", "REASON", "why it failed, for whoever reads the history")
_RUN = """\
A result belongs to the suggestion of the last `ask`, or to CONFIGURATION, a
dict with a value for each covariate, if something else was run. After `ask N`
it belongs to the first of the N suggestions that waits, or to --of NUMBER.
"""


def _ask(call: Call) -> Any:
    n = call.python.value(call.left) if call.left else None
    return call.session.ask(call.mapping("--fixed", "values"), n)


def _tell(call: Call) -> Any:
    return call.session.tell(*measured(call, call.left), _number(call))


def _fail(call: Call) -> Any:
    configuration = call.python.value(call.left) if call.left else None
    return call.session.fail(configuration, _number(call), call.text(_REASON.name))


def _skip(call: Call) -> Any:
    return call.session.skip(call.python.text(call.left), _number(call))


def measured(call: Call, text: str) -> tuple[Any, Any, Any]:
    """Read a response, the configuration after it and the standard deviation; None for what is not given."""
    if not text:
        raise call.missing("the response")
    word, _, rest = text.partition(" ")
    if typed_number(word) is None:
        response, *others = split_expressions(text)
    else:
        response, others = word, [rest.strip()] if rest.strip() else []
    configuration = call.python.value(others[0]) if others else None
    sd = call.option(SD.name)
    return call.python.number(response), configuration, None if sd is None else call.python.number(sd)


def _number(call: Call) -> int | None:
    try:
        return call.count(_OF.name, "the number of a suggestion")
    except UsageError:
        raise UsageError(
            "--of needs the number of a suggestion that `%autotune ask N` showed\n"
            "leave it out for the suggestion of the last `%autotune ask`"
        ) from None


COMMANDS = (
    Command(
        "ask",
        "[N]",
        "what to try next, or take N suggestions",
        _ask,
        (FIXED,),
        "N suggestions are yours for a day: nobody else gets them.\n",
        "variable",
    ),
    Command(
        "tell",
        "RESPONSE [CONFIGURATION]",
        "report a result: a number or a dict",
        _tell,
        (SD, _OF),
        _RUN,
        "variable",
    ),
    Command("fail", "[CONFIGURATION]", "report that a run gave no result", _fail, (_REASON, _OF), _RUN, "variable"),
    Command("skip", "[REASON]", "give it up, as it will not be run", _skip, (_OF,), _RUN),
)
