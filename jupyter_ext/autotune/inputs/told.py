"""Observations built from what a user gives, and checked before they are sent."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from autotune.errors import InvalidInputError
from autotune.inputs.checks import checked
from autotune.values import plain
from autotune.views.shown import Suggestion
from autotune_wire.observations import Told
from autotune_wire.problems import FieldProblem
from autotune_wire.responses import Responses
from autotune_wire.space import Covariate, Space, listed
from autotune_wire.told_cells import CellError, with_options

Run = Suggestion | Mapping[str, Any]
"""What was run: a suggestion, or a configuration that the user chose."""

Measured = float | Mapping[str, float | None]
"""What was measured: a number, or a dict of numbers by response; an unmeasured response is None or left out."""

_SUBJECT = "this observation"


def told_run(run: Run, response: Measured, space: Space, responses: Responses, sd: Measured | None = None) -> Told:
    """Build the observation of a run that gave a response; numbers of numpy become Python's own.

    Args:
        run: The suggestion or configuration that was run.
        response: The measured number, or a dict of numbers by response.
        space: The experiment's covariates.
        responses: The experiment's responses.
        sd: The standard deviations, in the same form as ``response``; a single number needs a single measured response.

    Raises:
        InvalidInputError: If a response is not a finite number or unknown to the experiment, or a value of the
            configuration is neither a number nor a text.
    """
    return _told(run, space, response_fields(response, responses, sd))


def response_fields(response: Measured, responses: Responses, sd: Measured | None = None) -> dict[str, Any]:
    """Build the fields of an observation that hold responses and standard deviations; see ``told_run``."""
    measured, sds = _by_name(response), _by_name(sd)
    if measured is None and sds is None:
        return {"response": _single(response, responses)} | ({} if sd is None else {"sd": plain(sd)})
    measured = {next(iter(responses)): _single(response, responses)} if measured is None else measured
    sds = _sds_of_number(sd, measured) if sds is None else sds
    for field, named in (("responses", measured), ("sds", sds)):
        _check_names(field, named, responses)
    return {"responses": measured} | ({"sds": sds} if sds else {})


def corrected_fields(response: Measured, responses: Responses, sd: Measured | None = None) -> dict[str, Any]:
    """Build the fields of a correction: as ``response_fields``, but None says that a response was not measured."""
    if not isinstance(response, Mapping):
        return response_fields(response, responses, sd)
    _check_names("responses", response, responses)
    unmeasured = {name: None for name, value in response.items() if value is None}
    if len(unmeasured) == len(response) and sd is None:
        return {"responses": unmeasured}
    fields = response_fields(response, responses, sd)
    return fields | {"responses": fields["responses"] | unmeasured}


def failed_run(run: Run, space: Space, reason: str | None = None) -> Told:
    """Build the observation of a run that failed, without a response; the reason says why it failed.

    Raises:
        InvalidInputError: If a value of the configuration is neither a number nor a text, or the reason is not valid.
    """
    return _told(run, space, {"status": "failed"} | ({} if reason is None else {"failed_because": reason}))


def stopped_run(
    run: Run, response: Measured | None, space: Space, responses: Responses, step: int | None = None
) -> Told:
    """Build the observation of a run that was stopped before its end.

    Args:
        run: The suggestion or configuration that was run.
        response: The last value; None for the last one that the run reported.
        space: The experiment's covariates.
        responses: The experiment's responses.
        step: The step at which the run was stopped; None for the last one that it reported.

    Raises:
        InvalidInputError: As ``told_run``, and if the step is not valid or is missing.
    """
    fields = {} if response is None else response_fields(response, responses)
    fields |= {"status": "stopped"} | ({} if step is None else {"stopped_step": plain(step)})
    return _told(run, space, fields)


def configuration_of(run: Any, space: Mapping[str, Covariate] = MappingProxyType({})) -> Any:
    """Read the configuration of a suggestion, a mapping or a row of a DataFrame; numbers of numpy become Python's own.

    Any other value is returned as it is, for the validation to refuse.

    Args:
        run: What was given.
        space: Covariates; the numbers and truth values that pandas made of their options are replaced by the options.

    Raises:
        InvalidInputError: If a number may stand for several options.
    """
    if isinstance(run, Suggestion):
        return dict(run.covars)
    row = run.to_dict() if getattr(run, "ndim", None) == 1 and hasattr(run, "to_dict") else run
    if not isinstance(row, Mapping):
        return row
    try:
        return with_options(plain(dict(row)), space)
    except CellError as error:
        raise InvalidInputError(f"this configuration is not valid: {error}") from None


def _told(run: Run, space: Space, fields: dict[str, Any]) -> Told:
    if isinstance(run, Suggestion):
        fields["suggestion_uuid"] = run.suggestion_uuid
    covars = configuration_of(run, space)
    with checked(_SUBJECT):
        return Told.model_validate({"covars": covars, **fields})


def _by_name(measured: Measured | None) -> dict[str, Any] | None:
    if not isinstance(measured, Mapping):
        return None
    return {name: plain(value) for name, value in measured.items() if value is not None}


def _single(response: Any, responses: Responses) -> Any:
    if len(responses) > 1:
        names = ", ".join(f'"{name}": ...' for name in responses)
        raise _refusal("response", f"this experiment has several responses, tell them as {{{names}}}", plain(response))
    if response is None:
        raise _refusal("response", "is missing; tell a run that gave no response with fail()", None)
    return plain(response)


def _sds_of_number(sd: Any, measured: Mapping[str, Any]) -> dict[str, Any]:
    if sd is None:
        return {}
    if len(measured) != 1:
        raise _refusal("sd", "must name the responses, as in {" + '"name": ...' + "}", plain(sd))
    return dict.fromkeys(measured, plain(sd))


def _check_names(field: str, named: Mapping[str, Any], responses: Responses) -> None:
    for name in named:
        if name not in responses:
            message = f"is not a response of this experiment; the responses are {listed(list(responses))}"
            raise _refusal(f"{field}.{name}", message)
    if field == "responses" and not named:
        raise _refusal(field, "is empty; tell a run that gave no response with fail()")


def _refusal(field: str, message: str, value: Any = None) -> InvalidInputError:
    shown = value if isinstance(value, str | int | float | bool | None) else type(value).__name__
    return InvalidInputError(f"{_SUBJECT} is not valid:", [FieldProblem(field=field, message=message, value=shown)])
