"""What a new experiment learns from earlier ones: their runs are read once, when it is created."""

from collections.abc import Container, Sequence
from dataclasses import replace
from uuid import UUID

from autotune_service.domain.errors import InvalidError, NotFoundError
from autotune_service.domain.learning import learning_problems
from autotune_service.store.database import Work
from autotune_service.store.rows.earlier import EarlierRun, list_newest_measured
from autotune_service.store.rows.experiments import get_experiment
from autotune_service.store.rows.spaces import list_spaces
from autotune_service.tuning.aside import aside, n_values_of
from autotune_service.tuning.snapshot import backfill_of
from autotune_wire.base import Configuration
from autotune_wire.experiments import NewExperiment
from autotune_wire.learning import MAX_EARLIER_RUNS, EarlierExperiment
from autotune_wire.problems import FieldProblem
from autotune_wire.space import Space, backfilled


async def read_earlier(
    work: Work, user_uuid: UUID, new: NewExperiment
) -> tuple[list[EarlierExperiment], list[EarlierRun]]:
    """Read what the earlier experiments of a new one have measured so far.

    The runs are copied, so that the same data go on to give the same suggestions, whatever becomes of the earlier
    experiments, and of the user's role on them.

    Raises:
        InvalidError: If the user has no such experiment, or the new one cannot learn from it.
    """
    sources, runs = [], []
    for index, exp_uuid in enumerate(new.learn_from):
        field = f"learn_from.{index}"
        try:
            row = await get_experiment(work, exp_uuid, user_uuid)
        except NotFoundError:
            message = "is no experiment of yours, and none that is shared with you"
            raise InvalidError.of([FieldProblem(field=field, message=message, value=str(exp_uuid))]) from None
        responses = set(new.responses_or_default())
        problems = list(learning_problems(f"{field} ({row.name})", new.covars, responses, row.space, row.responses))
        if problems:
            raise InvalidError.of(problems)
        measured = await list_newest_measured(work, exp_uuid, index, MAX_EARLIER_RUNS)
        backfill = backfill_of(await list_spaces(work, exp_uuid))
        size = n_values_of(len(measured), row.space, [])
        found = await aside(size, _kept, measured, row.space, backfill, new.covars, responses)
        sources.append(EarlierExperiment(exp_uuid=exp_uuid, name=row.name, n_runs=len(found), last_seq=row.last_seq))
        runs += found
    return sources, runs


def _kept(
    runs: Sequence[EarlierRun],
    space: Space,
    backfill: Configuration,
    covariates: Container[str],
    responses: Container[str],
) -> list[EarlierRun]:
    """Return those runs that measured any of the responses, with these covariates and responses alone."""
    kept = [
        replace(
            run,
            covars={name: v for name, v in backfilled(space, run.covars, backfill).items() if name in covariates},
            responses={name: value for name, value in run.responses.items() if name in responses},
            sds={name: sd for name, sd in run.sds.items() if name in responses},
        )
        for run in runs
    ]
    return [run for run in kept if run.responses]
