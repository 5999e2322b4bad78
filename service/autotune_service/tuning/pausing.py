"""Pause an experiment: no suggestions are computed or leased until somebody resumes it; tells are still taken."""

from typing import Any
from uuid import UUID

from autotune_service.domain.errors import ExperimentPausedError
from autotune_service.store.database import Store
from autotune_service.store.rows.events import NewEvent, record
from autotune_service.store.rows.experiments import ACTIVE, PAUSED, ExperimentRow, get_experiment, get_shown_experiment
from autotune_service.tuning.experiments import require_active
from autotune_service.tuning.once import ALWAYS, Once
from autotune_wire.experiments import Experiment
from autotune_wire.pausing import Pause

_AT = "%Y-%m-%d %H:%M UTC"


async def pause(store: Store, user_uuid: UUID, exp_uuid: UUID, body: Pause, once: Once = ALWAYS) -> Experiment:
    """Pause an experiment; pausing an experiment that is paused changes nothing.

    What the engine computes at this moment is dropped. Suggestions that are open or leased stay as they are.

    Raises:
        NotFoundError: If the user has no such experiment.
        ExperimentClosedError: If the experiment is closed.
    """
    async with store.work() as work:
        await once.begin(work)
        row = await get_experiment(work, exp_uuid, user_uuid, lock=True)
        require_active(row)
        if row.paused is None:
            # The event does not name the user: an export has the whole log.
            paused = {"reason": body.reason, "at": row.changed_at.isoformat()}
            values = {"state": PAUSED, "paused": paused, "paused_by": user_uuid}
            await record(work, row, [("experiment_paused", {"reason": body.reason})], values)
        stored = (await get_shown_experiment(work, exp_uuid, user_uuid)).to_wire()
        await once.keep(work, stored)
    return stored


def pause_ended(row: ExperimentRow) -> tuple[list[NewEvent], dict[str, Any]]:
    """Build the event and the columns that end the pause of an experiment; there is no event if it is not paused."""
    values = {"state": ACTIVE, "paused": None, "paused_by": None}
    return ([] if row.paused is None else [("pause_ended", {})]), values


def require_unpaused(row: ExperimentRow) -> None:
    """Check that an experiment is not paused.

    Raises:
        ExperimentPausedError: If it is.
    """
    if row.paused is not None:
        because = "" if row.paused.reason is None else f" ({row.paused.reason})"
        raise ExperimentPausedError(
            f"experiment {row.exp_uuid} ({row.name}) is paused since {row.paused.at:{_AT}}{because}; "
            "resume it to get suggestions, observations are taken meanwhile"
        )
