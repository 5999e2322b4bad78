"""The commands of a round: ask what to try, and report what came of it."""

from typing import Any

from IPython.core.error import UsageError

from autotune.notebook.command import Call, Command
from autotune.notebook.line import Option
from autotune.notebook.results import REASON, SD, measured_of, reason_of, run_of, sd_of

FIXED = Option("--fixed", "rest", "DICT", "values that the suggestion must have")
_OF = Option("--of", "word", "NUMBER", "the suggestion of `ask N` that is meant")
_STEP = Option("--step", "word", "STEP", "the step at which it was stopped, if not the last one reported")
_RUN = """\
A result belongs to the suggestion of the last `ask`, or to CONFIGURATION, a
dict with a value for each covariate, if something else was run. After `ask N`
it belongs to the first of the N suggestions that waits, or to --of NUMBER.
"""


def _ask(call: Call) -> Any:
    n = call.python.value(call.left) if call.left else None
    return call.session.ask(call.mapping("--fixed", "values"), n)


def _tell(call: Call) -> Any:
    response, rest = measured_of(call, call.left)
    configuration = call.python.value(rest) if rest else None
    return call.session.tell(response, configuration, sd_of(call), _number(call))


def _fail(call: Call) -> Any:
    configuration, why = run_of(call, call.left)
    return call.session.fail(configuration, _number(call), reason_of(call, why))


def _report(call: Call) -> Any:
    step, _, written = call.required("the step").partition(" ")
    if not written.strip():
        raise call.missing("the value")
    value = call.python.number(written.strip())
    return call.session.report(call.whole(step, "STEP, the step of the run,"), value, _number(call))


def _stopped(call: Call) -> Any:
    value = call.python.number(call.left) if call.left else None
    return call.session.stop(value, call.count(_STEP.name, "the step"), _number(call))


def _skip(call: Call) -> Any:
    return call.session.skip(call.python.text(call.left), _number(call))


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
        f"{_RUN}Several responses: hardness=95, friability=0.8 or a dict.\n",
        "variable",
    ),
    Command(
        "fail",
        "[CONFIGURATION] [REASON]",
        "report that a run gave no result",
        _fail,
        (REASON, _OF),
        _RUN,
        "variable",
    ),
    Command(
        "report",
        "STEP VALUE",
        "report how a run goes; says when to stop",
        _report,
        (_OF,),
        "STEP is a whole number such as the epoch. The rule is that of\n"
        "`%autotune new --early-stop`. `%autotune curves` shows what was reported.\n",
        "variable",
    ),
    Command(
        "stopped",
        "[VALUE]",
        "report that a run was stopped early",
        _stopped,
        (_STEP, _OF),
        "VALUE is the last one of the run; if not given, the last one reported.\n",
        "variable",
    ),
    Command("skip", "[REASON]", "give it up, as it will not be run", _skip, (_OF,), _RUN),
)
