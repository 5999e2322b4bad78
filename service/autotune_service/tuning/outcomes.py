"""The outcome of a run: its status, and what was measured by the names of the experiment's responses."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from autotune_service.domain.errors import InvalidError
from autotune_wire.observations import Correction, Status, Told
from autotune_wire.problems import FieldProblem, shown
from autotune_wire.responses import Response, primary_of
from autotune_wire.space import listed


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a run; ``response`` is the value of the primary objective, None if that was not measured."""

    status: Status
    response: float | None
    responses: dict[str, float]
    sds: dict[str, float]
    failed_because: str | None = None


def outcome_of(responses: Mapping[str, Response], run: Told, field: str) -> Outcome:
    """Return the outcome of a run, by the names of the experiment's responses.

    Args:
        responses: The experiment's responses by name.
        run: The run.
        field: The field of the body that holds the run's configuration, for the messages.

    Raises:
        InvalidError: If a response is not the experiment's, or is not named although the experiment has several.
    """
    names = list(responses)
    if run.response is not None and len(names) > 1:
        message = f"this experiment has several responses, give them by name in responses: {listed(names)}"
        raise InvalidError.of([FieldProblem(field=beside(field, "response"), message=message, value=run.response)])
    measured = {names[0]: run.response} if run.response is not None else run.responses or {}
    sds = {names[0]: run.sd} if run.sd is not None else run.sds or {}
    unknown = [name for name in measured if name not in responses]
    if unknown:
        raise InvalidError.of([_unknown(name, responses, field) for name in unknown])
    primary, _ = primary_of(responses)
    return Outcome(
        status=run.status,
        response=measured.get(primary),
        responses={name: float(measured[name]) for name in names if name in measured},
        sds={name: float(sds[name]) for name in names if name in sds},
        failed_because=run.failed_because,
    )


def corrected_outcome(responses: Mapping[str, Response], before: Outcome, body: Correction) -> Outcome:
    """Return the outcome of a run after a correction: the responses that the correction does not name stay.

    Args:
        responses: The experiment's responses by name.
        before: The outcome as it is stored.
        body: The correction, which changes the outcome.

    Raises:
        InvalidError: If a response is not the experiment's, or no response is left.
    """
    for name in body.unmeasured:
        if name not in responses:
            raise InvalidError.of([_unknown(name, responses, "covars")])
    told = Outcome("ok", None, {}, {}) if body.outcome is None else outcome_of(responses, body.outcome, "covars")
    if told.status == "failed":
        return told
    kept = [name for name in before.responses if name not in told.responses and name not in body.unmeasured]
    measured = told.responses | {name: before.responses[name] for name in kept}
    if not measured:
        message = "no response would be left: set status to failed, or exclude the observation"
        raise InvalidError.of([FieldProblem(field="responses", message=message)])
    sds = told.sds | {name: before.sds[name] for name in kept if name in before.sds}
    primary, _ = primary_of(responses)
    return replace(
        told,
        response=measured.get(primary),
        responses={name: measured[name] for name in responses if name in measured},
        sds={name: sds[name] for name in responses if name in sds},
    )


def beside(field: str, other: str) -> str:
    """Return the name of another field of the run whose configuration is in ``field``."""
    return field.removesuffix("covars") + other


def _unknown(name: str, responses: Mapping[str, Response], field: str) -> FieldProblem:
    message = f"is not a response of this experiment; the responses are {listed(list(responses))}"
    return FieldProblem(field=beside(field, f"responses.{shown(name)}"), message=message)
