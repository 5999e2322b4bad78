"""The commands that put observations right."""

from typing import Any

from IPython.core.error import UsageError

from autotune.notebook.command import Call, Command
from autotune.notebook.line import Option
from autotune.notebook.results import REASON, SD, measured_of, reason_of, run_of, sd_of

_NO_REASON = "no reason given"
_TAGS = Option("--tags", "rest", "TAG, ...", "all tags from now on, with commas between")
_WHOLE = Option("--whole", "nothing", "", "the run was not stopped early: RESPONSE is its final value")
_STOPPED = Option("--stopped", "word", "STEP", "it was stopped early at this step: RESPONSE is its last value")
_ID = "ID is a number in the column id of `%autotune history`.\n"


def _undo(call: Call) -> Any:
    return call.session.undo(*([call.python.value(call.left)] if call.left else []))


def _correct(call: Call) -> Any:
    observation_id, left = _split_id(call)
    first, _, why = left.partition(" ")
    stop = _stop_of(call)
    if first == "failed":
        if stop:
            raise UsageError(f"a run that failed has no value: leave {_WHOLE.name} and {_STOPPED.name} out")
        because = call.python.text(why) or None
        reason = call.text(REASON.name) or because or _NO_REASON
        return call.session.correct(observation_id, reason, failed=True, failed_because=because)
    response, rest = measured_of(call, left)
    configuration, why = run_of(call, rest)
    reason = reason_of(call, why) or _NO_REASON
    return call.session.correct(observation_id, reason, response=response, covars=configuration, sd=sd_of(call), **stop)


def _stop_of(call: Call) -> dict[str, Any]:
    """Return the changes that say whether a run was stopped early; none if that stays."""
    step = call.count(_STOPPED.name, "the step")
    if step is None:
        return {"stopped": False} if call.has(_WHOLE.name) else {}
    if call.has(_WHOLE.name):
        raise UsageError(f"a run was either stopped early or not: give {_WHOLE.name} or {_STOPPED.name}")
    return {"stopped": True, "step": step}


def _exclude(call: Call) -> Any:
    observation_id, reason = _split_id(call)
    return call.session.exclude(observation_id, call.python.text(reason) or _NO_REASON)


def _restore(call: Call) -> Any:
    observation_id, reason = _split_id(call)
    return call.session.restore(observation_id, call.python.text(reason) or _NO_REASON)


def _note(call: Call) -> Any:
    observation_id, note = _split_id(call)
    changes: dict[str, Any] = {"note": call.python.text(note)} if note else {}
    tags = call.text(_TAGS.name)
    if tags is not None:
        changes["tags"] = [tag.strip() for tag in tags.split(",") if tag.strip()]
    if not changes:
        raise call.missing("the note")
    return call.session.experiment.note(observation_id, **changes)


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
        "ID RESPONSE [CONFIGURATION] [REASON]",
        "correct an observation",
        _correct,
        (SD, REASON, _WHOLE, _STOPPED),
        "Responses that are not named stay: %autotune correct 5 hardness=95 a slip\n"
        "None removes one. RESPONSE may be the word failed, then REASON says why the\n"
        f"run failed.\n{_ID}",
        "variable",
    ),
    Command("exclude", "ID [REASON]", "leave an observation out of the model", _exclude, (), _ID),
    Command("restore", "ID [REASON]", "make an excluded observation count", _restore, (), _ID),
    Command(
        "note",
        "ID [NOTE]",
        "write a note or tags on an observation",
        _note,
        (_TAGS,),
        'NOTE replaces the note that is there, and "" removes it. A note corrects\n'
        f"nothing: what is suggested stays.\n{_ID}",
    ),
)
