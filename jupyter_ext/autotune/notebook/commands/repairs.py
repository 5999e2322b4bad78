"""The commands that put observations right."""

from typing import Any

from IPython.core.error import UsageError

from autotune.notebook.command import Call, Command
from autotune.notebook.commands.rounds import SD, measured
from autotune.notebook.line import Option

_NO_REASON = "no reason given"
_REASON = Option("--reason", "rest", "REASON", "why, for whoever reads the history")
_ID = "ID is a number in the column id of `%autotune history`.\n"


def _undo(call: Call) -> Any:
    return call.session.undo(*([call.python.value(call.left)] if call.left else []))


def _correct(call: Call) -> Any:
    observation_id, left = _split_id(call)
    reason = call.text(_REASON.name) or _NO_REASON
    if left == "failed":
        return call.session.correct(observation_id, reason, failed=True)
    response, configuration, sd = measured(call, left)
    return call.session.correct(observation_id, reason, response=response, covars=configuration, sd=sd)


def _exclude(call: Call) -> Any:
    observation_id, reason = _split_id(call)
    return call.session.exclude(observation_id, call.python.text(reason) or _NO_REASON)


def _restore(call: Call) -> Any:
    observation_id, reason = _split_id(call)
    return call.session.restore(observation_id, call.python.text(reason) or _NO_REASON)


def _split_id(call: Call) -> tuple[int, str]:
    """Split the line into the id of an observation and what follows it."""
    word, _, rest = call.required("the id").partition(" ")
    try:
        return call.whole(word, "the id"), rest.strip()
    except UsageError:
        raise UsageError(f"{word!r} is not the id of an observation\n`%autotune history` shows the ids") from None


COMMANDS = (
    Command("undo", "[N]", "take back the last, or last N, you told", _undo),
    Command(
        "correct",
        "ID RESPONSE [CONFIGURATION]",
        "correct an observation",
        _correct,
        (SD, _REASON),
        f"RESPONSE may be the word failed. {_ID}",
        "variable",
    ),
    Command("exclude", "ID [REASON]", "leave an observation out of the model", _exclude, (), _ID),
    Command("restore", "ID [REASON]", "make an excluded observation count", _restore, (), _ID),
)
