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
    stopped_step: int | None = None
    stopped_value: float | None = None


Point = tuple[int, float]
"""A step and the value there."""


def outcome_of(
    responses: Mapping[str, Response], reported: str, run: Told, field: str, last: Point | None = None
) -> Outcome:
    """Return the outcome of a run, by the names of the experiment's responses.

    Args:
        responses: The experiment's responses by name.
        reported: The name of the response that runs report.
        run: The run.
        field: The field of the body that holds the run's configuration, for the messages.
        last: The last point that the run reported, which completes what is told of a run that was stopped.

    Raises:
        InvalidError: If a response is not the experiment's, or is not named although the experiment has several, or
            the last value of a run that was stopped is told nowhere.
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
    stopped_step, stopped_value = None, None
    if run.status == "stopped":
        stopped_step, stopped_value = _stopped(reported, run, measured, field, last)
        measured = {name: value for name, value in measured.items() if name != reported}
        sds = {name: sd for name, sd in sds.items() if name != reported}
    return Outcome(
        status="failed" if run.status == "failed" else "ok",
        response=measured.get(primary),
        responses={name: float(measured[name]) for name in names if name in measured},
        sds={name: float(sds[name]) for name in names if name in sds},
        failed_because=run.failed_because,
        stopped_step=stopped_step,
        stopped_value=stopped_value,
    )


def _stopped(reported: str, run: Told, measured: Mapping[str, float], field: str, last: Point | None) -> Point:
    if last is None and run.stopped_step is None:
        message = "is missing: the run has reported nothing, so give the step at which it was stopped"
        raise InvalidError.of([FieldProblem(field=beside(field, "stopped_step"), message=message)])
    if last is None and reported not in measured:
        message = f"is missing: the run has reported nothing, so give the last value of {shown(reported)}"
        raise InvalidError.of([FieldProblem(field=beside(field, "response"), message=message)])
    step, value = (0, 0.0) if last is None else last
    return step if run.stopped_step is None else run.stopped_step, float(measured.get(reported, value))


def corrected_outcome(responses: Mapping[str, Response], reported: str, before: Outcome, body: Correction) -> Outcome:
    """Return the outcome of a run after a correction: what the correction does not name stays.

    Args:
        responses: The experiment's responses by name.
        reported: The name of the response that runs report.
        before: The outcome as it is stored.
        body: The correction, which changes the outcome.

    Raises:
        InvalidError: If a response is not the experiment's, or no response is left.
    """
    for name in body.unmeasured:
        if name not in responses:
            raise InvalidError.of([_unknown(name, responses, "covars")])
    told, last = Outcome("ok", None, {}, {}), None
    if before.stopped_step is not None and before.stopped_value is not None:
        last = before.stopped_step, before.stopped_value
    is_stopped = last is not None
    if body.stopped_step is not None and reported in before.responses:
        last = body.stopped_step, before.responses[reported]
    if body.outcome is not None:
        stays = is_stopped and body.status is None
        run = body.outcome.model_copy(update={"status": "stopped"}) if stays else body.outcome
        told = outcome_of(responses, reported, run, "covars", last)
    elif last is not None:
        told = replace(told, stopped_step=last[0], stopped_value=last[1])
    if told.status == "failed":
        return told
    kept = [name for name in before.responses if name not in told.responses and name not in body.unmeasured]
    measured = told.responses | {name: before.responses[name] for name in kept}
    if told.stopped_step is not None:
        measured.pop(reported, None)
    elif not measured:
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
