"""Claims on experiments with work for the engine.

One worker at a time claims an experiment and renews its claim while it works. The claim of a worker that died runs
out, and another worker takes the experiment. No queue can lose work: an experiment has work if its data are newer than
its fit, or if fewer suggestions are open than wanted.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import sqlalchemy as sa

from autotune_service.store.database import Work
from autotune_service.store.rows.claims import NOW, claim_of, is_over
from autotune_service.store.rows.engine_use import may_take_reserved, used_lately
from autotune_service.store.rows.experiments import CHANGED_AT, ExperimentRow, experiment_of
from autotune_service.store.statements import Statement
from autotune_service.store.tables import experiments, questions

_IS_DUE = sa.and_(
    sa.text("experiments.state = 'active'"),
    experiments.c.stopped.is_(sa.null()),
    sa.or_(experiments.c.data_rev > experiments.c.fit_rev, experiments.c.n_open < experiments.c.n_wanted),
)
_WANTED = (_IS_DUE, is_over(experiments.c.retry_at))
_FIRST = (used_lately(experiments.c.owner_uuid), experiments.c.fitted_at)
_CLAIM = claim_of(experiments.c.exp_uuid, *_WANTED, first=_FIRST, fitted_at=NOW)
_CLAIM_SHORT = claim_of(
    experiments.c.exp_uuid,
    *_WANTED,
    sa.not_(experiments.c.is_long),
    may_take_reserved(experiments.c.owner_uuid),
    first=_FIRST,
    fitted_at=NOW,
)
_IS_HELD = sa.and_(
    experiments.c.exp_uuid == sa.bindparam("of_uuid"), experiments.c.claim_token == sa.bindparam("of_token")
)
_LOCK = Statement(sa.select(experiments, CHANGED_AT).where(_IS_HELD).with_for_update())
_RELEASE = Statement(
    sa.update(experiments)
    .where(_IS_HELD)
    .values(
        claim_token=None,
        claim_by=None,
        claim_until=None,
        is_long=sa.bindparam("is_long"),
        retry_at=NOW + sa.bindparam("retry_in", type_=sa.Interval),  # NULL if retry_in is NULL
    )
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's hold on an experiment: the right to commit its next suggestions while ``token`` is the row's."""

    token: UUID
    experiment: ExperimentRow


async def claim_due_experiment(
    work: Work, worker: str, claim_for: timedelta, *, only_short: bool = False
) -> Claim | None:
    """Claim an experiment with work: of the user who has used the engine least lately, the one claimed longest ago.

    This order is fair: neither a user with many experiments, nor an experiment that gets observations all the time,
    keeps another waiting.

    Args:
        work: The transaction.
        worker: Who claims.
        claim_for: How long the claim holds unless it is renewed.
        only_short: Whether to leave the experiments whose last run took long, and those of users who have short work
            done already or use the engine most.

    Returns:
        The claim; None if no experiment has work or other workers hold all that have.
    """
    token = uuid4()
    claim = _CLAIM_SHORT if only_short else _CLAIM
    row = await work.one(claim(token=token, worker=worker, claim_for=claim_for))
    return None if row is None else Claim(token, experiment_of(row))


async def renew_claim(work: Work, claim: Claim, claim_for: timedelta) -> bool:
    """Prolong a claim; return False if another worker has taken the experiment."""
    query = (
        sa.update(experiments)
        .where(experiments.c.exp_uuid == claim.experiment.exp_uuid, experiments.c.claim_token == claim.token)
        .values(claim_until=NOW + claim_for)
        .returning(experiments.c.exp_uuid)
    )
    return await work.one(query) is not None


async def lock_claimed_experiment(work: Work, claim: Claim) -> ExperimentRow | None:
    """Lock the experiment of a claim; return None if another worker has taken it."""
    row = await work.one(_LOCK(of_uuid=claim.experiment.exp_uuid, of_token=claim.token))
    return None if row is None else experiment_of(row)


async def put_off_claimed(work: Work, claim: Claim) -> None:
    """Release the claim on an experiment whose run takes long; who does short work alone leaves it from now on."""
    await work.run(
        sa.update(experiments)
        .where(experiments.c.exp_uuid == claim.experiment.exp_uuid, experiments.c.claim_token == claim.token)
        .values(claim_token=None, claim_by=None, claim_until=None, is_long=True)
    )


async def release_claim(work: Work, claim: Claim, retry_in: timedelta | None = None, *, is_long: bool) -> None:
    """Release a claim; with ``retry_in``, no worker claims the experiment again before that time or the next tell.

    Args:
        work: The transaction.
        claim: The claim.
        retry_in: The time, if there is one.
        is_long: Whether the run took long.
    """
    values = {"retry_in": retry_in, "is_long": is_long}
    await work.run(_RELEASE(of_uuid=claim.experiment.exp_uuid, of_token=claim.token, **values))


async def release_claims_of(work: Work, worker: str) -> None:
    """Release every claim of a worker, so that other workers need not wait until the claims run out."""
    free = {"claim_token": None, "claim_by": None, "claim_until": None}
    await work.run(sa.update(experiments).where(experiments.c.claim_by == worker).values(**free))
    await work.run(sa.update(questions).where(questions.c.claim_by == worker).values(**free))


async def count_due(work: Work) -> int:
    """Count the experiments with work, claimed or not."""
    row = await work.one(sa.select(sa.func.count().label("n")).select_from(experiments).where(_IS_DUE))
    return 0 if row is None else int(row["n"])


async def seconds_until_due(work: Work, *, only_short: bool = False) -> float | None:
    """Return the seconds until a worker can claim an experiment; None if no experiment has work.

    With ``only_short``, experiments whose last run took long do not count. Work that no worker holds counts as 0
    seconds: a worker that did not get such work found its row locked.
    """
    at = sa.func.coalesce(sa.func.greatest(experiments.c.claim_until, experiments.c.retry_at), NOW)
    due = (_IS_DUE, sa.not_(experiments.c.is_long)) if only_short else (_IS_DUE,)
    wait = sa.func.extract("epoch", sa.func.min(at) - NOW)
    row = await work.one(sa.select(sa.cast(wait, sa.Double).label("wait_s")).where(*due))
    return None if row is None or row["wait_s"] is None else max(float(row["wait_s"]), 0.0)
