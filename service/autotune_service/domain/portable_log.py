"""The event log of an imported experiment: its order, the shape of its events and the uuids that they name."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ValidationError

from autotune_service.domain.portable_text import PortableDocument, Records
from autotune_wire.base import Configuration, Reply
from autotune_wire.candidates import CandidateList
from autotune_wire.constraints import Constraint
from autotune_wire.experiments import Experiment
from autotune_wire.frames import EventType
from autotune_wire.observations import Observation
from autotune_wire.portable import PortableEvent
from autotune_wire.problems import FieldProblem, field_problems, shown
from autotune_wire.space import Space
from autotune_wire.suggestions import Suggestion

Kind = Literal["experiment", "suggestion", "observation"]
Names = Mapping[Kind, Mapping[UUID, UUID]]
"""By kind, the uuids that replace others."""

_KINDS: dict[str, Kind] = {
    "exp_uuid": "experiment",
    "suggestion_uuid": "suggestion",
    "superseded": "suggestion",
    "observation_uuid": "observation",
}


class _BestChanged(Reply):
    observation_uuid: UUID | None
    covars: Configuration | None
    response: float | None


class _OfSuggestion(Reply):
    suggestion_uuid: UUID


class _OfObservation(Reply):
    observation_uuid: UUID


class _OfSuggestions(Reply):
    superseded: list[UUID]


class _SpaceChanged(Reply):
    revision: int
    covars: Space
    constraints: list[Constraint]


class _CandidatesChanged(Reply):
    n_added: int
    withdrawn: list[int]
    restored: list[int]
    candidates: CandidateList


_DATA: dict[EventType, type[BaseModel]] = {
    "experiment_created": Experiment,
    "suggestion_created": Suggestion,
    "suggestion_leased": _OfSuggestion,
    "suggestion_expired": _OfSuggestion,
    "suggestion_abandoned": _OfSuggestion,
    "suggestion_superseded": _OfSuggestions,
    "reported": _OfSuggestion,
    "observation_added": Observation,
    "observation_corrected": Observation,
    "observation_noted": _OfObservation,
    "best_changed": _BestChanged,
    "space_changed": _SpaceChanged,
    "candidates_changed": _CandidatesChanged,
}
_NEVER_LOGGED = frozenset({"reset", "experiment_deleted"})


def log_problems(document: PortableDocument) -> Iterator[FieldProblem]:
    """Find gaps in the log, events of a wrong type, data of a wrong shape, and spaces that no event announced."""
    events, last_seq = document.events, document.experiment.last_seq
    if len(events) != last_seq:
        message = f"must be {len(events)}, the number of events"
        yield FieldProblem(field="experiment.last_seq", message=message, value=last_seq)
    n_changes = 0
    for index, event in enumerate(events):
        field = f"events.{index}"
        n_changes += event.type == "space_changed"
        if event.seq != index + 1:
            message = f"must be {index + 1}: events count from 1 without a gap"
            yield FieldProblem(field=f"{field}.seq", message=message, value=event.seq)
        if event.type in _NEVER_LOGGED or (event.type == "experiment_created") != (index == 0):
            message = (
                "must be experiment_created for the first event, and none of experiment_created, reset and "
                "experiment_deleted for the others"
            )
            yield FieldProblem(field=f"{field}.type", message=message, value=event.type)
        yield from _shape_problems(event, f"{field}.data")
    for index, space in enumerate(document.spaces):
        is_announced = space.seq == 1 if index == 0 else announces(events, space.seq, "space_changed")
        if not is_announced:
            message = "must be 1" if index == 0 else "must be the seq of a space_changed event"
            yield FieldProblem(field=f"spaces.{index}.seq", message=message, value=space.seq)
    seqs = [space.seq for space in document.spaces]
    if n_changes != len(seqs) - 1 or seqs != sorted(set(seqs)):
        message = (
            f"must have {n_changes + 1} entries in the order of seq: one for the first space, and one for each "
            "space_changed event"
        )
        yield FieldProblem(field="spaces", message=message)


def renamed(data: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """Replace the uuids in an event's data.

    Args:
        data: The data of an event.
        names: For each uuid of the experiment, its suggestions and its observations, the uuid that replaces it.

    Returns:
        A copy of the data with the other uuids.

    Raises:
        KeyError: If the data name a uuid that ``names`` does not have.
    """
    # The names that users chose are deeper in the data, so every key at this level is the service's own.
    out = {name: _replaced(value, names[_KINDS[name]]) if name in _KINDS else value for name, value in data.items()}
    if isinstance(out.get("best"), dict):
        out["best"] = renamed(out["best"], names)
    return out


def _replaced(value: Any, uuids: Mapping[UUID, UUID]) -> Any:
    if value is None:
        return None
    if isinstance(value, list):
        return [_replaced(element, uuids) for element in value]
    try:
        return str(uuids[UUID(value)])
    except (AttributeError, TypeError, ValueError):
        raise KeyError(value) from None


def reference_problems(document: PortableDocument) -> Iterator[FieldProblem]:
    """Find the events that name an experiment, a suggestion or an observation that the document does not have."""
    names = names_of(document, lambda uuid: uuid)
    for index, event in enumerate(document.events):
        try:
            renamed(event.data, names)
        except KeyError as error:
            message = "names an experiment, a suggestion or an observation that this document does not have"
            yield FieldProblem(field=f"events.{index}.data", message=message, value=shown(str(error.args[0])))


def names_of(document: PortableDocument, new: Callable[[UUID], UUID]) -> Names:
    """Name a new uuid for the experiment, and for each of its suggestions and observations.

    Args:
        document: The document.
        new: Returns the uuid that replaces another.
    """
    exp_uuid = document.experiment.exp_uuid
    return {
        "experiment": {exp_uuid: new(exp_uuid)},
        "suggestion": {
            suggestion.suggestion_uuid: new(suggestion.suggestion_uuid) for suggestion in document.suggestions
        },
        "observation": {
            observation.observation_uuid: new(observation.observation_uuid) for observation in document.observations
        },
    }


def announces(
    events: Records[PortableEvent], seq: int, kind: EventType, key: str | None = None, uuid: UUID | None = None
) -> bool:
    """Return whether the event with a seq is of a kind and, if a key is given, has this uuid there."""
    if seq > len(events) or events[seq - 1].type != kind:
        return False
    return key is None or events[seq - 1].data.get(key) == str(uuid)


def _shape_problems(event: PortableEvent, field: str) -> Iterator[FieldProblem]:
    model = _DATA.get(event.type)
    if model is None:
        return
    try:
        model.model_validate(event.data)
    except ValidationError as error:
        yield from within(field, field_problems(error))


def within(field: str, problems: Sequence[FieldProblem]) -> Iterator[FieldProblem]:
    """Copy problems of a part of the document, with ``field``, the path of the part, before their own paths."""
    for problem in problems:
        path = ".".join(part for part in (field, problem.field) if part)
        yield problem.model_copy(update={"field": path})
