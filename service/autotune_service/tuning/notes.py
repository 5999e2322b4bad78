"""Write notes and tags on observations: they correct nothing, and no fit follows from them."""

from dataclasses import replace
from uuid import UUID

from autotune_service.domain.errors import NotFoundError
from autotune_service.store.database import Store
from autotune_service.store.rows.events import record
from autotune_service.store.rows.experiments import get_experiment
from autotune_service.store.rows.observations import get_observation, update_note
from autotune_service.tuning.once import ALWAYS, Once
from autotune_wire.observations import NoteEdit, Observation


async def note(
    store: Store, user_uuid: UUID, exp_uuid: UUID, observation_uuid: UUID, body: NoteEdit, once: Once = ALWAYS
) -> Observation:
    """Write the note or the tags of an observation anew; a closed experiment takes notes, too.

    Writing what is there already changes nothing.

    Raises:
        NotFoundError: If the user has no such experiment, or the experiment has no such observation.
    """
    async with store.work() as work:
        await once.begin(work)
        row = await get_experiment(work, exp_uuid, user_uuid, lock=True)
        stored = await get_observation(work, exp_uuid, observation_uuid)
        if stored is None:
            raise NotFoundError(f"experiment {exp_uuid} has no observation {observation_uuid}")
        noted = stored
        if "note" in body.model_fields_set:
            noted = replace(noted, note=body.note or None)
        if "tags" in body.model_fields_set:
            noted = replace(noted, tags=list(dict.fromkeys(body.tags or [])) or None)
        if noted != stored:
            noted = replace(noted, noted_by=user_uuid, noted_at=row.changed_at)
            # The event does not name the user: an export has the whole log.
            data = {"observation_uuid": str(observation_uuid), "note": noted.note, "tags": noted.tags or []}
            await update_note(work, noted)
            await record(work, row, [("observation_noted", data)], {})
        reply = noted.to_wire(row.space)
        await once.keep(work, reply)
    return reply
