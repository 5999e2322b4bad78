"""Corrections of observations: edit, exclude and restore, each with a reason; every version is kept."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from autotune.errors import InvalidInputError
from autotune.inputs.checks import checked
from autotune.inputs.told import Measured, configuration_of, response_fields
from autotune.transport.connection import Connection
from autotune.views.shown import Observation, configuration_text, outcome_texts
from autotune.views.tables import html_table
from autotune_wire import observations as wire
from autotune_wire.paths import EXPERIMENT_OBSERVATION, EXPERIMENT_VERSIONS
from autotune_wire.responses import Responses


class ObservationVersions(list[wire.ObservationVersion]):
    """The versions of an observation, oldest first."""

    def _repr_html_(self) -> str:
        header = ("version", "configuration", "outcome", "why", "when")
        return html_table("Versions of an observation", [_row(version) for version in self], header)

    def __repr__(self) -> str:
        return "\n".join("  ".join(_row(version)) for version in self)


def changes_of(
    responses: Responses,
    response: Measured | None,
    sd: Measured | None,
    covars: Mapping[str, Any] | None,
    failed: bool,
) -> dict[str, Any]:
    """Build the changes of a correction, under the field names of the service.

    Raises:
        InvalidInputError: If there is no change, or the arguments contradict each other.
    """
    changes: dict[str, Any] = {} if covars is None else {"covars": configuration_of(covars)}
    if failed and response is not None:
        raise InvalidInputError("a run that failed has no response: give response or failed")
    if sd is not None and response is None:
        raise InvalidInputError("sd cannot be corrected alone: give the response together with its sd")
    if failed:
        changes["status"] = "failed"
    if response is not None:
        changes |= response_fields(response, responses, sd)
    if not changes:
        raise InvalidInputError("nothing is corrected: give response, covars or failed=True")
    return changes


def correct(
    connection: Connection, exp_uuid: UUID, observation: Observation, reason: str, changes: Mapping[str, Any]
) -> Observation:
    """Store a new version of an observation.

    Args:
        connection: The connection to the service.
        exp_uuid: The experiment.
        observation: The newest version so far.
        reason: Why the observation is corrected.
        changes: The fields that change, under the field names of the service.

    Raises:
        InvalidInputError: If ``observation`` is not an observation, or the reason or a change is not valid.
        VersionConflictError: If somebody else has corrected the observation in the meantime.
    """
    uuid = _required(observation).observation_uuid
    with checked("this correction"):
        body = wire.Correction.model_validate({"version": observation.version, "reason": reason, **changes})
    path = EXPERIMENT_OBSERVATION.format(exp_uuid=exp_uuid, observation_uuid=uuid)
    return Observation(**dict(connection.post(path, wire.Observation, body)))


def versions(connection: Connection, exp_uuid: UUID, observation: Observation) -> ObservationVersions:
    """Fetch the versions of an observation, oldest first."""
    path = EXPERIMENT_VERSIONS.format(exp_uuid=exp_uuid, observation_uuid=_required(observation).observation_uuid)
    return ObservationVersions(connection.get(path, wire.ObservationVersions).versions)


def _required(given: Any) -> wire.Observation:
    if not isinstance(given, wire.Observation):
        kind = type(given).__name__
        raise InvalidInputError(f"give an observation, as tell() and observations() return it, not {kind}")
    return given


def _row(version: wire.ObservationVersion) -> tuple[str, ...]:
    outcome = ", ".join(map(" ".join, outcome_texts(version)))
    when = f"{version.time_created:%Y-%m-%d %H:%M} UTC"
    return f"{version.version}", configuration_text(version.covars), outcome, version.reason or "as told", when
