"""Create an experiment, read it, list them, close one."""

import secrets
from datetime import UTC, datetime
from uuid import UUID, uuid4

from autotune_service.domain.configuration import guess_of
from autotune_service.domain.errors import ExperimentClosedError, InvalidError
from autotune_service.store.database import Store
from autotune_service.store.events import add_events
from autotune_service.store.experiments import (
    ExperimentRow,
    add_experiment,
    get_experiment,
    list_experiments,
    update_experiment,
)
from autotune_service.store.observations import list_observations
from autotune_service.store.suggestions import OPEN, SuggestionRow, add_suggestions
from autotune_wire.experiments import Experiment, ExperimentPage, NewExperiment, PageQuery
from autotune_wire.observations import HistoryPage
from autotune_wire.problems import FieldProblem

_GUESS_REASON = "the guess that the experiment was described with"


async def create_experiment(store: Store, user_uuid: UUID, new: NewExperiment) -> Experiment:
    """Store an experiment and its first suggestion, the guess."""
    now = datetime.now(UTC)
    exp_uuid = uuid4()
    values = {
        "exp_uuid": exp_uuid,
        "owner_uuid": user_uuid,
        "name": new.name,
        "description": new.description,
        "covars": {name: covariate.model_dump(mode="json") for name, covariate in new.covars.items()},
        "model_type": new.model_type,
        "acq_func": new.acq_func,
        "direction": new.direction,
        "seed": secrets.randbelow(2**31) if new.seed is None else new.seed,
        "state": "active",
        "created_at": now,
        "updated_at": now,
        "last_seq": 2,
        "n_observations": 0,
        "data_rev": 0,
        "fit_rev": 0,
        "n_open": 1,
        "n_wanted": 1,
    }
    guess = SuggestionRow(
        suggestion_uuid=uuid4(),
        exp_uuid=exp_uuid,
        seq=2,
        state=OPEN,
        covars=guess_of(new.covars),
        source="guess",
        reason=_GUESS_REASON,
        mean=None,
        sd=None,
        data_rev=0,
        created_at=now,
    )
    async with store.work() as work:
        told = (await add_experiment(work, values)).told()
        await add_suggestions(work, [guess])
        await add_events(
            work,
            exp_uuid,
            1,
            now,
            [
                ("experiment_created", told.model_dump(mode="json")),
                ("suggestion_created", {**guess.told().model_dump(mode="json"), "superseded": []}),
            ],
        )
    return told


async def read_experiment(store: Store, user_uuid: UUID, exp_uuid: UUID) -> ExperimentRow:
    """Give a user's experiment as it stands."""
    async with store.work() as work:
        return await get_experiment(work, exp_uuid, user_uuid)


async def list_page(store: Store, user_uuid: UUID, query: PageQuery) -> ExperimentPage:
    """Give a page of a user's experiments, newest first."""
    before = _cursor(query.after)
    async with store.work() as work:
        rows = await list_experiments(work, user_uuid, before, query.limit + 1)
    page = rows[: query.limit]
    return ExperimentPage(
        experiments=[row.told() for row in page], next=str(page[-1].number) if len(rows) > len(page) else None
    )


async def history_page(store: Store, user_uuid: UUID, exp_uuid: UUID, query: PageQuery) -> HistoryPage:
    """Give a page of an experiment's observations, oldest first."""
    after = _cursor(query.after) or 0
    async with store.work() as work:
        await get_experiment(work, exp_uuid, user_uuid)
        rows = await list_observations(work, exp_uuid, after, query.limit + 1)
    page = rows[: query.limit]
    return HistoryPage(
        observations=[row.told() for row in page], next=str(page[-1].seq) if len(rows) > len(page) else None
    )


async def close_experiment(store: Store, user_uuid: UUID, exp_uuid: UUID) -> Experiment:
    """Close an experiment: it keeps its data and takes nothing more."""
    now = datetime.now(UTC)
    async with store.work() as work:
        row = await get_experiment(work, exp_uuid, user_uuid, lock=True)
        require_active(row)
        await update_experiment(work, exp_uuid, {"state": "closed", "last_seq": row.last_seq + 1, "updated_at": now})
        await add_events(work, exp_uuid, row.last_seq + 1, now, [("experiment_closed", {})])
        return (await get_experiment(work, exp_uuid, user_uuid)).told()


def require_active(row: ExperimentRow) -> None:
    """Refuse what a closed experiment does not take.

    Raises:
        ExperimentClosedError: If it is closed.
    """
    if row.is_closed:
        raise ExperimentClosedError(f"experiment {row.exp_uuid} ({row.name}) is closed")


def _cursor(after: str | None) -> int | None:
    if after is None:
        return None
    if not after.isascii() or not after.isdigit() or len(after) > 18:
        raise InvalidError.of([FieldProblem(field="after", message="must be the `next` of a page", value=after)])
    return int(after)
