"""The worker: wakes when work falls due, claims it, has it solved and commits the suggestions."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from autotune_service.compute.messages import Request
from autotune_service.compute.pool import EngineError, Pool
from autotune_service.domain.errors import UnavailableError
from autotune_service.engine.problem import Problem, Recommendation
from autotune_service.store.database import Store
from autotune_service.store.events import WORK_CHANNEL
from autotune_service.store.listen import Listener
from autotune_service.tuning.fit import Job, Proposal, claim_job, commit_job, fail_job, keep_job, next_due

_log = logging.getLogger(__name__)
_LEASE = timedelta(seconds=15)
_RENEW_S = 5.0
_POLL_S = 5.0  # NOTIFY only wakes: a missed one costs so long at most
_RETRY = timedelta(seconds=30)
_PAUSE_S = 1.0


class Worker:
    """Serves all experiments of one database, as many at a time as its pool has processes."""

    def __init__(self, name: str, store: Store, url: str, pool: Pool) -> None:
        self._name = name
        self._store = store
        self._pool = pool
        self._wakes = [asyncio.Event() for _ in range(pool.size)]
        self._listener = Listener(url, WORK_CHANNEL, lambda _: self._wake(), self._wake)

    async def run(self) -> None:
        """Work until cancelled; leases that are held then run out and others take the work up."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listener.run())
            tasks.create_task(self._warm())
            for wake in self._wakes:
                tasks.create_task(self._serve(wake))

    def _wake(self) -> None:
        for wake in self._wakes:
            wake.set()

    async def _warm(self) -> None:
        try:
            await self._pool.warm()
            _log.info("engine ready: %s warm process(es)", self._pool.size)
        except Exception:  # noqa: BLE001 -- a process boundary, logged
            _log.exception("the engine could not be loaded; it is tried again with the next problem")

    async def _serve(self, wake: asyncio.Event) -> None:
        while True:
            wake.clear()
            try:
                if not await self._work_once():
                    await self._wait(wake)
            except UnavailableError as error:
                _log.warning("worker waits for the database: %s", error.detail)
                await asyncio.sleep(_PAUSE_S)
            except Exception:  # noqa: BLE001 -- the worker's loop must outlive a job, logged
                _log.exception("worker failed on a job; its lease runs out and it is tried again")
                await asyncio.sleep(_PAUSE_S)

    async def _work_once(self) -> bool:
        job = await claim_job(self._store, self._name, _LEASE)
        if job is None:
            return False
        async with _kept(self._store, job):
            await self._solve(job)
        return True

    async def _solve(self, job: Job) -> None:
        failure: str | None = None
        try:
            proposals = await self._propose(job)
        except EngineError as error:
            failure = str(error)
            _log.warning("engine failed on experiment %s: %s", job.experiment.exp_uuid, failure)
            try:
                proposals = await self._propose(job, explore_because=failure)
            except EngineError as second:
                _log.warning("nor could experiment %s be explored: %s", job.experiment.exp_uuid, second)
                await fail_job(self._store, job, failure, _RETRY)
                return
        if not await commit_job(self._store, job, proposals, failure):
            _log.warning("lease on experiment %s was lost; its suggestions are dropped", job.experiment.exp_uuid)

    async def _propose(self, job: Job, explore_because: str | None = None) -> list[Proposal]:
        solved = await self._pool.solve(Request(problem=_problem(job), explore_because=explore_because))
        return [_proposal(one) for one in solved]

    async def _wait(self, wake: asyncio.Event) -> None:
        due_in_s = await next_due(self._store)
        with suppress(TimeoutError):
            async with asyncio.timeout(_POLL_S if due_in_s is None else min(_POLL_S, due_in_s + 0.05)):
                await wake.wait()


@asynccontextmanager
async def _kept(store: Store, job: Job) -> AsyncIterator[None]:
    """Renew the lease of a job while the block runs."""
    heartbeat = asyncio.create_task(_renew(store, job))
    try:
        yield
    finally:
        heartbeat.cancel()
        await asyncio.wait([heartbeat])  # unlike awaiting it, this lets a cancellation of our own through


async def _renew(store: Store, job: Job) -> None:
    is_held = True
    while is_held:
        await asyncio.sleep(_RENEW_S)
        try:
            is_held = await keep_job(store, job, _LEASE)
        except UnavailableError as error:
            _log.warning("lease on experiment %s not renewed: %s", job.experiment.exp_uuid, error.detail)


def _problem(job: Job) -> Problem:
    row = job.experiment
    return Problem(
        space=row.space,
        direction=row.direction,
        acq_func=row.acq_func,
        seed=row.seed,
        told=[one.covars for one in job.observations],
        responses=[one.response for one in job.observations],
        pending=[one.covars for one in job.pending],
        n=job.n,
    )


def _proposal(one: Recommendation) -> Proposal:
    return Proposal(covars=one.covars, source=one.source, reason=one.reason, mean=one.mean, sd=one.sd)
