"""Change the space of a running experiment, and list the revisions of the space."""

import asyncio
from typing import Any
from uuid import UUID

from autotune_service.domain.candidates import check_edit
from autotune_service.domain.errors import TooManyError
from autotune_service.domain.feasibility import check_feasible
from autotune_service.domain.limits import DEFAULT_LIMITS, MAX_REVISION_BYTES, Limits
from autotune_service.domain.models import EngineDemand, check_models
from autotune_service.domain.revision import revised
from autotune_service.domain.stored import stored_constraints, stored_space
from autotune_service.store.database import Store, Work
from autotune_service.store.rows.candidates import list_blocks
from autotune_service.store.rows.events import call_worker, record
from autotune_service.store.rows.experiments import (
    ExperimentRow,
    get_experiment,
    get_shown_experiment,
)
from autotune_service.store.rows.spaces import SpaceRow, add_space, count_space_bytes, list_spaces
from autotune_service.store.rows.suggestions import SUPERSEDED, list_pending, set_state
from autotune_service.tuning.aside import aside, size_of
from autotune_service.tuning.experiments import require_active
from autotune_service.tuning.once import ALWAYS, Once
from autotune_wire.changes import SpaceRevisions
from autotune_wire.constraints import Constraint
from autotune_wire.experiments import Experiment, SpaceEdit

_RETRY_S = 3600  # waiting alone helps nobody here


async def edit_space(
    store: Store,
    user_uuid: UUID,
    exp_uuid: UUID,
    edit: SpaceEdit,
    once: Once = ALWAYS,
    limits: Limits = DEFAULT_LIMITS,
) -> Experiment:
    """Change the space of an experiment; observations stay, open suggestions are computed anew.

    Raises:
        NotFoundError: If the user has no such experiment.
        ExperimentClosedError: If the experiment is closed.
        InvalidError: If the runs so far forbid a change, no configuration meets the constraints, or no engine could
            serve the new space.
        TooManyError: If the space has as many revisions as it may have, or they take too many bytes.
    """
    await once.begin_alone(store)
    async with store.work() as work:
        row = await get_experiment(work, exp_uuid, user_uuid)
    await _revised(row, edit)  # the search for a configuration takes only constraints that fit the space
    await asyncio.to_thread(check_feasible, edit.covars, _constraints(row, edit))
    async with store.work() as work:
        await once.begin(work)
        row = await get_experiment(work, exp_uuid, user_uuid, lock=True)
        require_active(row)
        changes = await _revised(row, edit)
        constraints, size = _constraints(row, edit), _size(row, edit)
        check_models(EngineDemand(row.engine, row.acq_func, edit.covars, row.responses, constraints, row.stop))
        if not changes:
            unchanged = (await get_shown_experiment(work, exp_uuid, user_uuid)).to_wire()
            await once.keep(work, unchanged)
            return unchanged
        if row.candidates is not None:
            await aside(row.candidates.n, check_edit, row.space, edit.covars, await list_blocks(work, exp_uuid))
        await _require_room(work, row, limits)
        revision = SpaceRow(
            exp_uuid=exp_uuid,
            revision=row.space_revision + 1,
            space=edit.covars,
            constraints=constraints,
            backfill=edit.backfill,
            seq=row.last_seq + 1,
            created_at=row.changed_at,
        )
        await add_space(work, revision)
        pending = await list_pending(work, exp_uuid)
        superseded = [suggestion.suggestion_uuid for suggestion in pending if suggestion.is_open]
        shown = await aside(size, revision.to_wire)
        data = await aside(size, shown.model_dump, mode="json", exclude={"seq", "time_created"})
        event = {**data, "changes": changes, "superseded": [str(uuid) for uuid in superseded]}
        call_worker(work, exp_uuid)
        values = await aside(size, _values, revision, row)
        await record(work, row, [("space_changed", event)], values, set_state(superseded, SUPERSEDED))
        edited = await aside(size, (await get_shown_experiment(work, exp_uuid, user_uuid)).to_wire)
        await once.keep(work, edited)
    return edited


async def list_revisions(store: Store, user_uuid: UUID, exp_uuid: UUID) -> SpaceRevisions:
    """List the revisions of an experiment's space, oldest first."""
    async with store.work() as work:
        await get_experiment(work, exp_uuid, user_uuid)
        return SpaceRevisions(spaces=[revision.to_wire() for revision in await list_spaces(work, exp_uuid)])


async def _require_room(work: Work, row: ExperimentRow, limits: Limits) -> None:
    if row.space_revision >= limits.space_revisions:
        raise TooManyError(
            f"the space of this experiment was changed {row.space_revision} times, and a space may be changed "
            f"{limits.space_revisions} times on this service: go on with a new experiment",
            _RETRY_S,
        )
    n_bytes = await count_space_bytes(work, row.exp_uuid)
    if n_bytes > MAX_REVISION_BYTES:
        raise TooManyError(
            f"the revisions of this experiment's space take {n_bytes} bytes, and may take {MAX_REVISION_BYTES}: go on "
            "with a new experiment",
            _RETRY_S,
        )


def _constraints(row: ExperimentRow, edit: SpaceEdit) -> list[Constraint]:
    return row.constraints if edit.constraints is None else edit.constraints


def _size(row: ExperimentRow, edit: SpaceEdit) -> int:
    return size_of(row.space, row.constraints) + size_of(edit.covars, _constraints(row, edit))


async def _revised(row: ExperimentRow, edit: SpaceEdit) -> list[str]:
    return await aside(_size(row, edit), revised, row.space, edit, constraints=row.constraints, responses=row.responses)


def _values(revision: SpaceRow, row: ExperimentRow) -> dict[str, Any]:
    data_rev = row.data_rev + 1  # so that the next suggestion is computed, as after new data
    has_contexts = any(covariate.role == "context" for covariate in revision.space.values())
    return {
        "covars": stored_space(revision.space),
        "constraints": stored_constraints(revision.constraints),
        "space_revision": revision.revision,
        "data_rev": data_rev,
        "fit_rev": data_rev if has_contexts else row.fit_rev,
        "n_open": 0,
        "n_wanted": 0 if has_contexts or not row.has_rows else 1,
        "retry_at": None,
    }
