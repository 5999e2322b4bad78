"""The worker: wakes when work falls due or a question is put, claims it, has it solved and commits the answer."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from uuid import UUID

from autotune_service.compute.answers import answer_of, solved_of
from autotune_service.compute.messages import Answer, Request
from autotune_service.compute.pool import EngineError, EngineTimeoutError, Pool
from autotune_service.compute.translation import problem_of
from autotune_service.domain.errors import UnavailableError
from autotune_service.engine.interface import Problem
from autotune_service.observing import logs, metrics
from autotune_service.observing.traces import span
from autotune_service.store.database import Store
from autotune_service.store.events import WORK_CHANNEL
from autotune_service.store.listen import Listener
from autotune_service.tuning.claimed_questions import (
    Asked,
    claim_asked,
    commit_answer,
    commit_asked_suggestions,
    fail_asked,
    keep_asked,
)
from autotune_service.tuning.fit import Job, claim_job, commit_job, fail_job, hand_back, keep_job, next_due
from autotune_service.tuning.leases import expire_leases, next_expiry
from autotune_service.tuning.new_suggestions import Solved
from autotune_service.tuning.upkeep import tidy

_log = logging.getLogger(__name__)
_LEASE = timedelta(seconds=15)
_RENEW_S = 5.0
_POLL_S = 5.0  # NOTIFY only wakes: a missed one costs so long at most
_SOON_S = 0.05  # after the moment at which something falls due by the database's clock
_RETRY = timedelta(seconds=30)
_PAUSE_S = 1.0
_HAND_BACK_S = 2.0
_TIDY_S = 3600.0


class Worker:
    """Serves all experiments of one database, as many at a time as its pool has processes."""

    def __init__(self, name: str, store: Store, url: str, pool: Pool) -> None:
        self._name = name
        self._store = store
        self._pool = pool
        self._wakes = [asyncio.Event() for _ in range(pool.size)]
        self._listener = Listener(url, WORK_CHANNEL, lambda _: self._wake(), self._wake)

    async def run(self) -> None:
        """Work until cancelled; what is held then is handed back, and others take it up at once."""
        logs.bind(worker=self._name)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listener.run())
                tasks.create_task(self._warm())
                tasks.create_task(self._expire())
                tasks.create_task(self._tidy())
                for wake in self._wakes:
                    tasks.create_task(self._serve(wake))
        finally:
            await self._hand_back()

    async def _hand_back(self) -> None:
        try:
            async with asyncio.timeout(_HAND_BACK_S):
                await hand_back(self._store, self._name)
        except (UnavailableError, TimeoutError):
            _log.warning("leases could not be handed back; they run out in %d s", _LEASE.total_seconds())

    async def _tidy(self) -> None:
        while True:
            try:
                await tidy(self._store)
            except UnavailableError as error:
                _log.warning("what is past its time stays for now: %s", error.detail)
            except Exception:  # noqa: BLE001 -- the worker must outlive its upkeep, logged
                _log.exception("what is past its time stays for now")
            await asyncio.sleep(_TIDY_S)

    def _wake(self) -> None:
        for wake in self._wakes:
            wake.set()

    async def _warm(self) -> None:
        try:
            await self._pool.warm()
            _log.info("engine ready: %s warm process(es)", self._pool.size)
        except Exception:  # noqa: BLE001 -- a process boundary, logged
            _log.exception("the engine could not be loaded; it is tried again with the next problem")

    async def _expire(self) -> None:
        """Offer again the suggestions whose lease has ended, as soon as it has."""
        while True:
            wait_s = _POLL_S
            try:
                metrics.leases_expired(await expire_leases(self._store))
                due_in_s = await next_expiry(self._store)
                wait_s = _POLL_S if due_in_s is None else min(_POLL_S, due_in_s + _SOON_S)
            except UnavailableError as error:
                _log.warning("leases wait for the database: %s", error.detail)
            except Exception:  # noqa: BLE001 -- the worker's loop must outlive one pass, logged
                _log.exception("leases could not be ended; it is tried again")
            await asyncio.sleep(wait_s)

    async def _serve(self, wake: asyncio.Event) -> None:
        while True:
            wake.clear()
            logs.unbind("exp_uuid")
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
        """Do at most one of each kind, so that neither the questions nor the fits wait for all of the other."""
        asked = await claim_asked(self._store, self._name, _LEASE)
        if asked is not None:
            logs.bind(exp_uuid=str(asked.question.exp_uuid))
            async with _kept(partial(keep_asked, self._store, asked, _LEASE)):
                with span(f"answer {asked.question.kind}"):
                    await self._reply(asked)
        job = await claim_job(self._store, self._name, _LEASE)
        if job is not None:
            logs.bind(exp_uuid=str(job.experiment.exp_uuid))
            async with _kept(partial(keep_job, self._store, job, _LEASE)):
                with span("fit", job.traceparent):
                    await self._fit(job)
        return asked is not None or job is not None

    async def _fit(self, job: Job) -> None:
        exp_uuid = job.experiment.exp_uuid
        problem = problem_of(job.snapshot, n=job.n)
        try:
            solved, failure = await self._solve(problem, exp_uuid)
        except EngineError as error:
            await fail_job(self._store, job, str(error), _RETRY)
            return
        if not await commit_job(self._store, job, solved, failure):
            _log.warning("lease on experiment %s was lost; its suggestions are dropped", exp_uuid)

    async def _reply(self, asked: Asked) -> None:
        kind, exp_uuid = asked.question.kind, asked.question.exp_uuid
        try:
            if kind == "suggest":
                problem = problem_of(asked.snapshot, n=asked.n, fixed=asked.fixed)
                is_stored = await commit_asked_suggestions(self._store, asked, *await self._solve(problem, exp_uuid))
            else:
                problem = problem_of(asked.snapshot)
                request = Request(problem=problem, kind=kind, configurations=asked.configurations)
                answer = answer_of(asked.snapshot, await self._run(request))
                is_stored = await commit_answer(self._store, asked, answer.model_dump(mode="json"))
        except EngineError as error:
            _log.warning("the engine could not answer a question on experiment %s: %s", exp_uuid, error)
            is_stored = await fail_asked(self._store, asked, str(error))
        if not is_stored:
            _log.warning("a question on experiment %s was lost; its answer is dropped", exp_uuid)

    async def _solve(self, problem: Problem, exp_uuid: UUID) -> tuple[Solved, str | None]:
        """Have suggestions computed, by the model or, where it fails, without; then say why it failed.

        Raises:
            EngineError: If they cannot be had without the model either; it says how the model failed.
        """
        try:
            return solved_of(await self._run(Request(problem=problem))), None
        except EngineError as error:
            failure = str(error)
            _log.warning("engine failed on experiment %s: %s", exp_uuid, failure)
        try:
            explored = await self._run(Request(problem=problem, explore_because=failure))
        except EngineError as second:
            _log.warning("nor could experiment %s be explored: %s", exp_uuid, second)
            raise EngineError(failure) from second
        return solved_of(explored), failure

    async def _run(self, request: Request) -> Answer:
        """Have the pool solve it, and count how that went.

        Raises:
            EngineError: As ``Pool.solve``.
        """
        started = time.perf_counter()
        outcome: metrics.EngineOutcome = "ok" if request.explore_because is None else "explored"
        try:
            with span(f"engine {request.kind}"):
                answer = await self._pool.solve(request)
        except EngineError as error:
            outcome = "timeout" if isinstance(error, EngineTimeoutError) else "failed"
            metrics.engine_ran(request.kind, outcome, time.perf_counter() - started)
            raise
        metrics.engine_ran(request.kind, outcome, time.perf_counter() - started)
        return answer

    async def _wait(self, wake: asyncio.Event) -> None:
        due_in_s = await next_due(self._store)
        with suppress(TimeoutError):
            async with asyncio.timeout(_POLL_S if due_in_s is None else min(_POLL_S, due_in_s + _SOON_S)):
                await wake.wait()


@asynccontextmanager
async def _kept(keep: Callable[[], Awaitable[bool]]) -> AsyncIterator[None]:
    """Renew a lease while the block runs."""
    heartbeat = asyncio.create_task(_renew(keep))
    try:
        yield
    finally:
        heartbeat.cancel()
        await asyncio.wait([heartbeat])  # unlike awaiting it, this lets a cancellation of our own through


async def _renew(keep: Callable[[], Awaitable[bool]]) -> None:
    is_held = True
    while is_held:
        await asyncio.sleep(_RENEW_S)
        try:
            is_held = await keep()
        except UnavailableError as error:
            _log.warning("a lease was not renewed: %s", error.detail)
