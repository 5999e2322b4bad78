"""Observations put right: edited, left out and taken in again, with a reason; every version is kept."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from autotune.errors import InvalidInputError
from autotune.inputs.checks import checked
from autotune.inputs.told import Measured, configuration_of, outcome_fields
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
        return html_table("Versions of an observation", [_row(one) for one in self], header)

    def __repr__(self) -> str:
        return "\n".join("  ".join(_row(one)) for one in self)


def changes_of(
    responses: Responses,
    response: Measured | None,
    sd: Measured | None,
    covars: Mapping[str, Any] | None,
    failed: bool,
) -> dict[str, Any]:
    """Give what is to be different, by the names that the service has for it.

    Raises:
        InvalidInputError: If nothing is, or something contradicts itself.
    """
    changes: dict[str, Any] = {} if covars is None else {"covars": configuration_of(covars)}
    if failed and response is not None:
        raise InvalidInputError("a run that failed has no response: give response or failed")
    if sd is not None and response is None:
        raise InvalidInputError("a correction replaces all that was measured: give the response together with its sd")
    if failed:
        changes["status"] = "failed"
    if response is not None:
        changes |= outcome_fields(response, responses, sd)
    if not changes:
        raise InvalidInputError("nothing is corrected: give response, covars or failed=True")
    return changes


def correct(
    connection: Connection, exp_uuid: UUID, observation: Observation, reason: str, changes: Mapping[str, Any]
) -> Observation:
    """Store a new version of an observation, which is the one after the version given.

    Raises:
        InvalidInputError: If something does not fit.
        VersionConflictError: If another has corrected it meanwhile.
    """
    uuid = _required(observation).observation_uuid
    with checked("this correction"):
        body = wire.Correction.model_validate({"version": observation.version, "reason": reason, **changes})
    path = EXPERIMENT_OBSERVATION.format(exp_uuid=exp_uuid, observation_uuid=uuid)
    return Observation(**dict(connection.post(path, wire.Observation, body)))


def versions(connection: Connection, exp_uuid: UUID, observation: Observation) -> ObservationVersions:
    """Fetch the versions of an observation."""
    path = EXPERIMENT_VERSIONS.format(exp_uuid=exp_uuid, observation_uuid=_required(observation).observation_uuid)
    return ObservationVersions(connection.get(path, wire.ObservationVersions).versions)


def _required(given: Any) -> wire.Observation:
    if not isinstance(given, wire.Observation):
        what = type(given).__name__
        raise InvalidInputError(f"give an observation, as tell() and observations() give it, not {what}")
    return given


def _row(one: wire.ObservationVersion) -> tuple[str, ...]:
    outcome = ", ".join(map(" ".join, outcome_texts(one)))
    when = f"{one.time_created:%Y-%m-%d %H:%M} UTC"
    return f"{one.version}", configuration_text(one.covars), outcome, one.reason or "as told", when
