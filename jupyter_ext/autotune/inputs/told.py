"""What is told of a run: built from what a user has at hand, checked before it is sent."""

from collections.abc import Mapping
from typing import Any

from autotune.errors import InvalidInputError
from autotune.inputs.checks import checked
from autotune.values import plain
from autotune.views.shown import Suggestion
from autotune_wire.observations import Told
from autotune_wire.problems import FieldProblem
from autotune_wire.responses import Responses
from autotune_wire.space import listed

Run = Suggestion | Mapping[str, Any]
"""What was run: a suggestion, or a configuration of one's own."""

Measured = float | Mapping[str, float | None]
"""What was measured: a number, or one for each response, None or left out where it was not measured."""

_SUBJECT = "this observation"


def told_run(run: Run, outcome: Measured, responses: Responses, sd: Measured | None = None) -> Told:
    """Build what is told of one run; numpy's numbers become plain ones.

    Args:
        run: What was run.
        outcome: What was measured.
        responses: The experiment's responses.
        sd: The standard deviations of what was measured, in the same form; a number goes with one response.

    Raises:
        InvalidInputError: If something is no finite number, a response is not the experiment's, or the configuration
            holds something else than values.
    """
    return _told(run, outcome_fields(outcome, responses, sd))


def outcome_fields(outcome: Measured, responses: Responses, sd: Measured | None = None) -> dict[str, Any]:
    """Give what was measured by the names that the service has for it; see ``told_run``."""
    measured, deviations = _by_name(outcome), _by_name(sd)
    if measured is None and deviations is None:
        return {"response": _single(outcome, responses)} | ({} if sd is None else {"sd": plain(sd)})
    measured = {next(iter(responses)): _single(outcome, responses)} if measured is None else measured
    deviations = _spread(sd, measured) if deviations is None else deviations
    for field, named in (("responses", measured), ("sds", deviations)):
        _check_names(field, named, responses)
    return {"responses": measured} | ({"sds": deviations} if deviations else {})


def failed_run(run: Run) -> Told:
    """Build what is told of a run that gave no response.

    Raises:
        InvalidInputError: If the configuration holds something else than values.
    """
    return _told(run, {"status": "failed"})


def configuration_of(run: Any) -> Any:
    """Give the configuration of what was run, numpy's numbers made plain; a pandas row is taken as one."""
    if isinstance(run, Suggestion):
        return dict(run.covars)
    row = run.to_dict() if getattr(run, "ndim", None) == 1 and hasattr(run, "to_dict") else run
    return plain(dict(row)) if isinstance(row, Mapping) else row


def _told(run: Run, fields: dict[str, Any]) -> Told:
    if isinstance(run, Suggestion):
        fields["suggestion_uuid"] = run.suggestion_uuid
    with checked(_SUBJECT):
        return Told.model_validate({"covars": configuration_of(run), **fields})


def _by_name(outcome: Measured | None) -> dict[str, Any] | None:
    if not isinstance(outcome, Mapping):
        return None
    return {name: plain(value) for name, value in outcome.items() if value is not None}


def _single(outcome: Any, responses: Responses) -> Any:
    if len(responses) > 1:
        names = ", ".join(f'"{name}": ...' for name in responses)
        raise _refusal("response", f"this experiment has several responses, tell them as {{{names}}}", plain(outcome))
    if outcome is None:
        raise _refusal("response", "is missing; tell a run that gave nothing with fail()", None)
    return plain(outcome)


def _spread(sd: Any, measured: Mapping[str, Any]) -> dict[str, Any]:
    if sd is None:
        return {}
    if len(measured) != 1:
        raise _refusal("sd", "must name the responses, as in {" + '"name": ...' + "}", plain(sd))
    return dict.fromkeys(measured, plain(sd))


def _check_names(field: str, named: Mapping[str, Any], responses: Responses) -> None:
    for name in named:
        if name not in responses:
            raise _refusal(f"{field}.{name}", f"is no response of this experiment; it has {listed(list(responses))}")
    if field == "responses" and not named:
        raise _refusal(field, "is empty; tell a run that gave nothing with fail()")


def _refusal(field: str, message: str, value: Any = None) -> InvalidInputError:
    shown = value if isinstance(value, str | int | float | bool | None) else type(value).__name__
    return InvalidInputError(f"{_SUBJECT} does not fit:", [FieldProblem(field=field, message=message, value=shown)])
