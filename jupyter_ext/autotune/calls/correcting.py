"""Corrections of observations: edit, exclude, restore and undo; every version is kept."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from autotune.errors import InvalidInputError
from autotune.inputs.checks import checked
from autotune.inputs.told import Measured, configuration_of, corrected_fields
from autotune.transport.caller import Caller
from autotune.values import plain
from autotune.views.shown import Observation, Suggestion, configuration_text, outcome_texts
from autotune.views.tables import html_table
from autotune_wire import changes
from autotune_wire import observations as wire
from autotune_wire.base import MAX_WHOLE
from autotune_wire.paths import EXPERIMENT_HISTORY, EXPERIMENT_OBSERVATION, EXPERIMENT_UNDO, EXPERIMENT_VERSIONS
from autotune_wire.responses import Responses
from autotune_wire.space import Space


class ObservationVersions(list[wire.ObservationVersion]):
    """The versions of an observation, oldest first."""

    def _repr_html_(self) -> str:
        header = ("version", "configuration", "outcome", "why", "when")
        return html_table("Versions of an observation", [_row(version) for version in self], header)

    def __repr__(self) -> str:
        return "\n".join("  ".join(_row(version)) for version in self)


class Undone(list[Observation]):
    """The observations that were taken back, newest first.

    Attributes:
        suggestions: Their suggestions, each of which can be told again.
    """

    def __init__(self, undone: changes.Undone) -> None:
        super().__init__(Observation(**dict(observation)) for observation in undone.observations)
        self.suggestions = [Suggestion(**dict(suggestion)) for suggestion in undone.suggestions]


def changes_of(
    space: Space,
    responses: Responses,
    response: Measured | None,
    sd: Measured | None,
    covars: Mapping[str, Any] | None,
    failed: bool,
    failed_because: str | None = None,
    stopped: bool | None = None,
    step: int | None = None,
) -> dict[str, Any]:
    """Build the changes of a correction, under the field names of the service.

    Raises:
        InvalidInputError: If there is no change, or the arguments contradict each other.
    """
    changes: dict[str, Any] = {} if covars is None else {"covars": configuration_of(covars, space)}
    if failed and response is not None:
        raise InvalidInputError("a run that failed has no response: give response or failed")
    if failed_because is not None and not failed:
        raise InvalidInputError("failed_because is the reason of a failed run: give it together with failed=True")
    if sd is not None and response is None:
        raise InvalidInputError("sd cannot be corrected alone: give the response together with its sd")
    changes |= _stop_of(stopped, step, has_response=response is not None, failed=failed)
    if failed:
        changes |= {"status": "failed"} | ({} if failed_because is None else {"failed_because": failed_because})
    if response is not None:
        changes |= corrected_fields(response, responses, sd)
    if not changes:
        raise InvalidInputError("nothing is corrected: give response, covars or failed=True")
    return changes


def _stop_of(stopped: bool | None, step: int | None, *, has_response: bool, failed: bool) -> dict[str, Any]:
    """Build the fields of a correction that say whether a run was stopped early; none if that stays."""
    if stopped and (failed or step is None):
        raise InvalidInputError("a run that was stopped early has a step: give it, and leave failed out")
    if step is not None and not stopped:
        raise InvalidInputError("step is the step at which a run was stopped: give it together with stopped=True")
    if stopped is False and not has_response:
        raise InvalidInputError("a run that was not stopped has a final response: give it together with stopped=False")
    if stopped is None:
        return {}
    return {"status": "stopped", "stopped_step": plain(step)} if stopped else {"status": "ok"}


async def observation_of(connection: Caller, exp_uuid: UUID, given: Observation | int) -> Observation:
    """Return an observation as it is given, or fetch the observation with a given id.

    Raises:
        InvalidInputError: If ``given`` is neither an observation nor an id, or the experiment has none with this id.
    """
    number = plain(given)
    if isinstance(number, bool) or not isinstance(number, int):
        return _required(given)
    if 0 < number <= MAX_WHOLE:
        path = EXPERIMENT_HISTORY.format(exp_uuid=exp_uuid)
        page = await connection.fetch(path, wire.HistoryPage, number=number)
        if page.observations:
            return Observation(**dict(page.observations[0]))
    raise InvalidInputError(f"this experiment has no observation with the id {number}; history() shows the ids")


async def undo(connection: Caller, exp_uuid: UUID, n: int) -> Undone:
    """Take back the ``n`` newest observations that this user told and that still count."""
    with checked("the number of observations to undo"):
        body = changes.Undo.model_validate({"n": plain(n)})
    undone = Undone(await connection.send(EXPERIMENT_UNDO.format(exp_uuid=exp_uuid), changes.Undone, body))
    for observation in undone:
        connection.newer_versions[observation.observation_uuid, observation.version - 1] = observation.version
    return undone


async def correct(
    connection: Caller, exp_uuid: UUID, observation: Observation, reason: str, changes: Mapping[str, Any]
) -> Observation:
    """Store a new version of an observation.

    Where this client has replaced the version at hand, the version that it made is corrected: only what somebody else
    has changed is a conflict.

    Args:
        connection: The connection to the service.
        exp_uuid: The experiment.
        observation: The observation, in the newest version or in one that this client has replaced.
        reason: Why the observation is corrected.
        changes: The fields that change, under the field names of the service.

    Raises:
        InvalidInputError: If ``observation`` is not an observation, or the reason or a change is not valid.
        VersionConflictError: If somebody else has corrected the observation in the meantime.
    """
    uuid = _required(observation).observation_uuid
    version = observation.version
    while (uuid, version) in connection.newer_versions:
        version = connection.newer_versions[uuid, version]
    with checked("this correction"):
        body = wire.Correction.model_validate({"version": version, "reason": reason, **changes})
    path = EXPERIMENT_OBSERVATION.format(exp_uuid=exp_uuid, observation_uuid=uuid)
    stored = Observation(**dict(await connection.send(path, wire.Observation, body)))
    if stored.version > version:
        connection.newer_versions[uuid, version] = stored.version
    return stored


async def versions(connection: Caller, exp_uuid: UUID, observation: Observation) -> ObservationVersions:
    """Fetch the versions of an observation, oldest first."""
    path = EXPERIMENT_VERSIONS.format(exp_uuid=exp_uuid, observation_uuid=_required(observation).observation_uuid)
    return ObservationVersions((await connection.fetch(path, wire.ObservationVersions)).versions)


def _required(given: Any) -> Observation:
    if not isinstance(given, Observation):
        kind = type(given).__name__
        raise InvalidInputError(f"give an observation, as tell() and observations() return it, or its id, not {kind}")
    return given


def _row(version: wire.ObservationVersion) -> tuple[str, ...]:
    outcome = ", ".join(map(" ".join, outcome_texts(version)))
    when = f"{version.time_created:%Y-%m-%d %H:%M} UTC"
    return f"{version.version}", configuration_text(version.covars), outcome, version.reason or "as told", when
