"""Notes and tags on observations: they correct nothing."""

from collections.abc import Iterable
from types import EllipsisType
from uuid import UUID

from autotune.inputs.checks import checked
from autotune.transport.caller import Caller
from autotune.views.shown import Observation
from autotune_wire import observations as wire
from autotune_wire.paths import EXPERIMENT_NOTE


def note_of(note: str | EllipsisType | None, tags: Iterable[str] | EllipsisType | None) -> wire.NoteEdit:
    """Build what is written on an observation; ``...`` leaves the note or the tags as they are.

    Raises:
        InvalidInputError: If both stay as they are, or one is not valid.
    """
    given: dict[str, object] = {} if note is ... else {"note": note}
    if not isinstance(tags, EllipsisType):
        given["tags"] = [tags] if isinstance(tags, str) else None if tags is None else list(tags)
    with checked("this note"):
        return wire.NoteEdit.model_validate(given)


async def write_note(connection: Caller, exp_uuid: UUID, observation: Observation, body: wire.NoteEdit) -> Observation:
    """Write the note or the tags of an observation anew."""
    path = EXPERIMENT_NOTE.format(exp_uuid=exp_uuid, observation_uuid=observation.observation_uuid)
    return Observation(**dict(await connection.send(path, wire.Observation, body)))
