"""From what is stored of an experiment to the problem that the engine is given."""

from autotune_service.domain.configuration import is_feasible
from autotune_service.domain.revision import retired_options
from autotune_service.engine.interface import Problem, Run
from autotune_service.store.observations import ObservationRow
from autotune_service.tuning.snapshot import Snapshot
from autotune_wire.base import Configuration


def problem_of(snapshot: Snapshot, n: int = 1, fixed: Configuration | None = None) -> Problem:
    """Make the engine's problem of a snapshot; its runs are the observations, in their order.

    Args:
        snapshot: The experiment.
        n: How many suggestions are wanted.
        fixed: The values that the suggestions must have.
    """
    row = snapshot.experiment
    runs = [_run(snapshot, one) for one in snapshot.observations]
    pending = [snapshot.in_newest_space(one.covars) for one in snapshot.pending]
    return Problem(
        space=row.space,
        responses=row.responses,
        runs=runs,
        seed=row.seed,
        constraints=row.constraints,
        # One that was taken before the space changed can lie outside it; then nothing like it will be proposed.
        pending=[one for one in pending if is_feasible(row.space, row.constraints, one)],
        fixed=fixed or {},
        retired=retired_options(row.space, snapshot.former_spaces),
        engine=row.engine,
        model_type=row.model_type,
        acq_func=row.acq_func,
        n=n,
    )


def _run(snapshot: Snapshot, one: ObservationRow) -> Run:
    return Run(
        covars=snapshot.in_newest_space(one.covars),
        responses=one.responses,
        sds=one.sds,
        is_failed=one.status == "failed",
    )
