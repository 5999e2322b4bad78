"""What came of a run, by the names of the experiment's responses."""

from collections.abc import Mapping
from dataclasses import dataclass

from autotune_service.domain.errors import InvalidError
from autotune_wire.observations import Status, Told
from autotune_wire.problems import FieldProblem, shown
from autotune_wire.responses import Response, primary_of
from autotune_wire.space import listed


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured; ``response`` is the primary objective, None where it was not."""

    status: Status
    response: float | None
    responses: dict[str, float]
    sds: dict[str, float]


def outcome_of(responses: Mapping[str, Response], run: Told, field: str) -> Outcome:
    """Give what a run tells, by response.

    Args:
        responses: The experiment's responses by name.
        run: The run.
        field: Where the run's configuration stands in the body, for the messages.

    Raises:
        InvalidError: If a response is not the experiment's, or it has several and the run does not name its own.
    """
    names = list(responses)
    if run.response is not None and len(names) > 1:
        message = f"this experiment has several responses, give them as responses: {listed(names)}"
        raise InvalidError.of([FieldProblem(field=beside(field, "response"), message=message, value=run.response)])
    told = {names[0]: run.response} if run.response is not None else run.responses or {}
    sds = {names[0]: run.sd} if run.sd is not None else run.sds or {}
    unknown = [name for name in told if name not in responses]
    if unknown:
        message = f"is no response of this experiment; it has {listed(names)}"
        raise InvalidError.of(
            [FieldProblem(field=beside(field, f"responses.{shown(name)}"), message=message) for name in unknown]
        )
    primary, _ = primary_of(responses)
    return Outcome(
        status=run.status,
        response=told.get(primary),
        responses={name: float(told[name]) for name in names if name in told},
        sds={name: float(sds[name]) for name in names if name in sds},
    )


def beside(field: str, other: str) -> str:
    """Name another field of the run whose configuration stands in ``field``."""
    return field.removesuffix("covars") + other
