"""Take back the newest observations that a user told, as if they had not been told; every version is kept."""

from dataclasses import replace
from uuid import UUID

from autotune_service.domain.errors import NothingToUndoError
from autotune_service.store.database import Store
from autotune_service.store.rows.events import NewEvent
from autotune_service.store.rows.experiments import ExperimentRow, get_experiment
from autotune_service.store.rows.observations import (
    ObservationRow,
    insert_taken_back,
    list_newest_of,
    set_taken_back,
)
from autotune_service.store.rows.suggestions import SUPERSEDED, list_suggestions, set_state
from autotune_service.tuning.correct import settle
from autotune_service.tuning.experiments import require_active
from autotune_service.tuning.once import ALWAYS, Once
from autotune_wire.changes import Undo, Undone

REASON = "undone"
"""The reason that is stored with the version of an observation that was taken back."""


async def undo(store: Store, user_uuid: UUID, exp_uuid: UUID, body: Undo, once: Once = ALWAYS) -> Undone:
    """Exclude the newest observations that a user told and that still count, and free their suggestions.

    A freed suggestion can be told again like any other that newer data have replaced. A restored observation is a run
    of its own, because its suggestion may have another observation by then.

    Raises:
        NotFoundError: If the user has no such experiment.
        ExperimentClosedError: If the experiment is closed.
        NothingToUndoError: If fewer observations of the user count.
    """
    async with store.work() as work:
        await once.begin(work)
        row = await get_experiment(work, exp_uuid, user_uuid, lock=True)
        require_active(row)
        before = await list_newest_of(work, exp_uuid, user_uuid, body.n)
        _require_enough(row, before, body.n)
        after = [
            replace(observation, version=observation.version + 1, is_excluded=True, suggestion_uuid=None)
            for observation in before
        ]
        versions = insert_taken_back(
            before, after, first_seq=row.last_seq + 1, at=row.changed_at, reason=REASON, user_uuid=user_uuid
        )
        await work.change(set_taken_back(exp_uuid, after), versions)
        freed = [observation.suggestion_uuid for observation in before if observation.suggestion_uuid is not None]
        more: list[NewEvent] = []
        if freed:
            more.append(("suggestion_superseded", {"superseded": [str(uuid) for uuid in freed]}))
        await settle(work, row, after, REASON, more, set_state(freed, SUPERSEDED))
        undone = Undone(
            observations=[observation.to_wire(row.space) for observation in after],
            suggestions=[suggestion.to_wire() for suggestion in await list_suggestions(work, exp_uuid, freed)],
        )
        await once.keep(work, undone)
    return undone


def _require_enough(row: ExperimentRow, found: list[ObservationRow], n: int) -> None:
    if len(found) >= n:
        return
    yours = f"of your observations in experiment {row.exp_uuid} ({row.name})"
    if found:
        raise NothingToUndoError(f"{len(found)} {yours} still count: undo at most {len(found)}, not {n}")
    raise NothingToUndoError(f"none {yours} counts any more: there is nothing to undo")
