"""The engine's work: claimed by one worker at a time, kept alive by a heartbeat, free again when the worker is gone.

There is no queue to lose a job from: an experiment has work wherever its data are newer than its fit or fewer
suggestions are open than wanted.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import sqlalchemy as sa

from autotune_service.store.claims import NOW, claim_of
from autotune_service.store.database import Work
from autotune_service.store.experiments import ExperimentRow, experiment_of
from autotune_service.store.statements import Statement
from autotune_service.store.tables import experiments, questions

_IS_DUE = sa.and_(
    sa.text("experiments.state = 'active'"),
    experiments.c.stopped.is_(sa.null()),
    sa.or_(experiments.c.data_rev > experiments.c.fit_rev, experiments.c.n_open < experiments.c.n_wanted),
)
_CLAIM = claim_of(
    experiments.c.exp_uuid,
    _IS_DUE,
    sa.or_(experiments.c.retry_at.is_(None), experiments.c.retry_at <= NOW),
    first=experiments.c.fitted_at,
    fitted_at=NOW,
)
_IS_HELD = sa.and_(
    experiments.c.exp_uuid == sa.bindparam("of_uuid"), experiments.c.claim_token == sa.bindparam("of_token")
)
_LOCK = Statement(sa.select(experiments).where(_IS_HELD).with_for_update())
_RELEASE = Statement(
    sa.update(experiments)
    .where(_IS_HELD)
    .values(
        claim_token=None,
        claim_by=None,
        claim_until=None,
        retry_at=NOW + sa.bindparam("retry_in", type_=sa.Interval),  # nothing where that is
    )
)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to commit the next suggestions of one experiment, until another worker takes it over."""

    token: UUID
    experiment: ExperimentRow


async def claim_due_experiment(work: Work, worker: str, claim_for: timedelta) -> Claim | None:
    """Take the experiment with due work that was served longest ago, None where no work is due or all of it is held.

    So an experiment that is told all the time neither keeps others waiting nor is kept waiting by them.
    """
    token = uuid4()
    row = await work.one(_CLAIM(token=token, worker=worker, claim_for=claim_for))
    return None if row is None else Claim(token, experiment_of(row))


async def renew_claim(work: Work, claim: Claim, claim_for: timedelta) -> bool:
    """Hold on to a claim; False where it is lost."""
    query = (
        sa.update(experiments)
        .where(experiments.c.exp_uuid == claim.experiment.exp_uuid, experiments.c.claim_token == claim.token)
        .values(claim_until=NOW + claim_for)
        .returning(experiments.c.exp_uuid)
    )
    return await work.one(query) is not None


async def lock_claimed_experiment(work: Work, claim: Claim) -> ExperimentRow | None:
    """Lock the experiment of a claim; None where the claim is lost."""
    row = await work.one(_LOCK(of_uuid=claim.experiment.exp_uuid, of_token=claim.token))
    return None if row is None else experiment_of(row)


async def release_claim(work: Work, claim: Claim, retry_in: timedelta | None = None) -> None:
    """Give a claim back; with ``retry_in``, nobody takes the work up again before then or the next tell."""
    await work.run(_RELEASE(of_uuid=claim.experiment.exp_uuid, of_token=claim.token, retry_in=retry_in))


async def release_claims_of(work: Work, worker: str) -> None:
    """Give back all that a worker holds, so that others need not wait until its claims run out."""
    free = {"claim_token": None, "claim_by": None, "claim_until": None}
    await work.run(sa.update(experiments).where(experiments.c.claim_by == worker).values(**free))
    await work.run(sa.update(questions).where(questions.c.claim_by == worker).values(**free))


async def count_due(work: Work) -> int:
    """Count the experiments with due work, held by a worker or not."""
    row = await work.one(sa.select(sa.func.count().label("n")).select_from(experiments).where(_IS_DUE))
    return 0 if row is None else int(row["n"])


async def seconds_until_due(work: Work) -> float | None:
    """Tell in how many seconds a claim runs out or a retry is due; None where nothing waits.

    Work that nobody holds is due at once: whoever asked for work and did not get it found its row locked.
    """
    at = sa.func.coalesce(sa.func.greatest(experiments.c.claim_until, experiments.c.retry_at), NOW)
    wait = sa.func.extract("epoch", sa.func.min(at) - NOW)
    row = await work.one(sa.select(sa.cast(wait, sa.Double).label("wait_s")).where(_IS_DUE))
    return None if row is None or row["wait_s"] is None else max(float(row["wait_s"]), 0.0)
