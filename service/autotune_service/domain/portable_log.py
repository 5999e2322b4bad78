"""The log of an experiment that comes from outside: its shape, its order, and what its events name."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ValidationError

from autotune_wire.base import Configuration, Reply
from autotune_wire.constraints import Constraint
from autotune_wire.experiments import Experiment
from autotune_wire.frames import EventType
from autotune_wire.observations import Observation
from autotune_wire.portable import ExperimentExport, PortableEvent
from autotune_wire.problems import FieldProblem, field_problems, shown
from autotune_wire.space import Space
from autotune_wire.suggestions import Suggestion

Kind = Literal["experiment", "suggestion", "observation"]
Names = Mapping[Kind, Mapping[UUID, UUID]]
"""The uuids that stand in the place of others, by what they name."""

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


class _OfSuggestions(Reply):
    superseded: list[UUID]


class _SpaceChanged(Reply):
    revision: int
    covars: Space
    constraints: list[Constraint]


_DATA: dict[EventType, type[BaseModel]] = {
    "experiment_created": Experiment,
    "suggestion_created": Suggestion,
    "suggestion_leased": _OfSuggestion,
    "suggestion_expired": _OfSuggestion,
    "suggestion_abandoned": _OfSuggestion,
    "suggestion_superseded": _OfSuggestions,
    "observation_added": Observation,
    "observation_corrected": Observation,
    "best_changed": _BestChanged,
    "space_changed": _SpaceChanged,
}
_NEVER_LOGGED = "reset"


def log_problems(document: ExperimentExport) -> Iterator[FieldProblem]:
    """Say where the log has a gap, an event that cannot stand there, or data of another shape."""
    events, last_seq = document.events, document.experiment.last_seq
    if len(events) != last_seq:
        yield FieldProblem(field="experiment.last_seq", message=f"must be {len(events)}", value=last_seq)
    for index, event in enumerate(events):
        field = f"events.{index}"
        if event.seq != index + 1:
            yield FieldProblem(field=f"{field}.seq", message=f"must be {index + 1}: without a gap", value=event.seq)
        if event.type == _NEVER_LOGGED or (event.type == "experiment_created") != (index == 0):
            yield FieldProblem(field=f"{field}.type", message="cannot stand here", value=event.type)
        model = _DATA.get(event.type)
        if model is not None:
            yield from _shape(model, event, f"{field}.data")
    for index, space in enumerate(document.spaces):
        is_there = space.seq == 1 if index == 0 else announces(events, space.seq, "space_changed")
        if not is_there:
            yield FieldProblem(field=f"spaces.{index}.seq", message="no event announces it there", value=space.seq)
    n_changes = sum(event.type == "space_changed" for event in events)
    seqs = [space.seq for space in document.spaces]
    if n_changes != len(seqs) - 1 or seqs != sorted(set(seqs)):
        yield FieldProblem(field="spaces", message=f"must be {n_changes + 1}, in the order of their events")


def renamed(data: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """Give an event's data with other uuids in the place of the experiment's own.

    Raises:
        KeyError: If it names something that is not the experiment's.
    """
    # Names that a user chose stand deeper in the data, so that these keys are the service's own.
    out = {name: _other(value, names[_KINDS[name]]) if name in _KINDS else value for name, value in data.items()}
    if isinstance(out.get("best"), dict):
        out["best"] = renamed(out["best"], names)
    return out


def _other(value: Any, names: Mapping[UUID, UUID]) -> Any:
    if value is None:
        return None
    if isinstance(value, list):
        return [_other(one, names) for one in value]
    try:
        return str(names[UUID(value)])
    except (AttributeError, TypeError, ValueError):
        raise KeyError(value) from None


def reference_problems(document: ExperimentExport) -> Iterator[FieldProblem]:
    """Say which events name what is not the experiment's."""
    suggestions, observations = document.suggestions, document.observations
    names: Names = {
        "experiment": {document.experiment.exp_uuid: document.experiment.exp_uuid},
        "suggestion": {one.suggestion_uuid: one.suggestion_uuid for one in suggestions},
        "observation": {one.observation_uuid: one.observation_uuid for one in observations},
    }
    for index, event in enumerate(document.events):
        try:
            renamed(event.data, names)
        except KeyError as error:
            message = "names something that is not this experiment's"
            yield FieldProblem(field=f"events.{index}.data", message=message, value=shown(str(error.args[0])))


def announces(
    events: Sequence[PortableEvent], seq: int, kind: EventType, key: str | None = None, uuid: UUID | None = None
) -> bool:
    """Whether an event of a kind has a seq, and where a key is given, names something by it."""
    if seq > len(events) or events[seq - 1].type != kind:
        return False
    return key is None or events[seq - 1].data.get(key) == str(uuid)


def _shape(model: type[BaseModel], event: PortableEvent, field: str) -> Iterator[FieldProblem]:
    try:
        model.model_validate(event.data)
    except ValidationError as error:
        yield from within(field, field_problems(error))


def within(field: str, problems: Sequence[FieldProblem]) -> Iterator[FieldProblem]:
    """Give problems with their fields counted from further out."""
    for one in problems:
        place = ".".join(part for part in (field, one.field) if part)
        yield one.model_copy(update={"field": place})
