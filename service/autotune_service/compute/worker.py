"""The worker: claims due experiments and waiting questions, has them computed and commits the results."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from uuid import UUID

from autotune_service.compute.messages import Job, Result
from autotune_service.compute.pool import EngineError, EngineStartError, EngineTimeoutError, Pool
from autotune_service.compute.translation import engine_input_of, engine_run_of, reply_of
from autotune_service.domain.errors import UnavailableError
from autotune_service.engine.interface import EngineInput
from autotune_service.observing import logs, metrics
from autotune_service.observing.repeats import Repeats
from autotune_service.observing.traces import span
from autotune_service.store.database import Store
from autotune_service.store.rows.events import WORK_CHANNEL
from autotune_service.store.server.listen import Listener
from autotune_service.tuning.claimed_questions import (
    ClaimedQuestion,
    claim_question,
    commit_question_suggestions,
    commit_reply,
    fail_question,
    keep_question,
)
from autotune_service.tuning.fit import ClaimedFit, claim_fit, commit_fit, fail_fit, hand_back, keep_fit, next_due
from autotune_service.tuning.leases import expire_leases, next_expiry
from autotune_service.tuning.new_suggestions import EngineRun
from autotune_service.tuning.upkeep import tidy

_log = logging.getLogger(__name__)
_REPEATS = Repeats(_log)
_CLAIM = timedelta(seconds=15)
_RENEW_S = 5.0
_POLL_S = 5.0  # the longest delay that a missed notification causes
_SOON_S = 0.05  # how long after work falls due, by the database's clock, the worker looks for it
_PAUSE_S = 1.0
_HAND_BACK_S = 2.0
_BEHIND_OTHERS_S = 0.5
"""How long a worker whose engine cannot start leaves work to other workers, before it takes the work to say so."""
_TIDY_S = 3600.0


class Worker:
    """Works for all experiments of one database, for as many at a time as its pool has processes."""

    def __init__(self, name: str, store: Store, url: str, pool: Pool) -> None:
        self._name = name
        self._store = store
        self._pool = pool
        self._wakes = [asyncio.Event() for _ in range(pool.size)]
        self._listener = Listener(url, WORK_CHANNEL, lambda _: self._wake(), self._wake, store.log)

    async def run(self) -> None:
        """Work until cancelled; the claims are then released, so that other workers take up the work at once."""
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
            _log.warning("the claims could not be released; they run out in %d s", _CLAIM.total_seconds())

    async def _tidy(self) -> None:
        while True:
            try:
                await tidy(self._store)
            except UnavailableError as error:
                _log.warning(
                    "old replies and sessions could not be deleted; the next try is in an hour: %s", error.detail
                )
            except Exception:  # noqa: BLE001 -- the worker must outlive its upkeep, logged
                _log.exception("old replies and sessions could not be deleted; the next try is in an hour")
            await asyncio.sleep(_TIDY_S)

    def _wake(self) -> None:
        for wake in self._wakes:
            wake.set()

    async def _warm(self) -> None:
        try:
            await self._pool.warm()
        except EngineError:
            return  # the pool has logged it, and tries again when there is work
        _log.info("engine ready: %s warm process(es)", self._pool.size)

    async def _expire(self) -> None:
        """End leases as soon as they run out."""
        while True:
            wait_s = _POLL_S
            try:
                metrics.leases_expired(await expire_leases(self._store))
                due_in_s = await next_expiry(self._store)
                wait_s = _POLL_S if due_in_s is None else min(_POLL_S, due_in_s + _SOON_S)
            except UnavailableError as error:
                _REPEATS.warning(
                    "leases that have run out are not ended while the database is not available: %s", error.detail
                )
            except Exception:  # noqa: BLE001 -- the worker's loop must outlive one pass, logged
                _log.exception("leases could not be ended; the worker tries again in %g s", wait_s)
            await asyncio.sleep(wait_s)

    async def _serve(self, wake: asyncio.Event) -> None:
        while True:
            wake.clear()
            logs.unbind("exp_uuid")
            if self._pool.cannot_start:
                await asyncio.sleep(_BEHIND_OTHERS_S)
            try:
                if not await self._work_once():
                    await self._wait(wake)
            except UnavailableError as error:
                _REPEATS.warning("the worker waits for the database: %s", error.detail)
                await asyncio.sleep(_PAUSE_S)
            except Exception:  # noqa: BLE001 -- the worker's loop must outlive one claim, logged
                _log.exception("the worker failed on claimed work; the work is tried again when its claim runs out")
                await asyncio.sleep(_PAUSE_S)

    async def _work_once(self) -> bool:
        """Work on at most one question and one fit; return whether there was any.

        Questions and fits take turns, so that neither kind waits for all of the other.
        """
        question = await claim_question(self._store, self._name, _CLAIM)
        if question is not None:
            logs.bind(exp_uuid=str(question.row.exp_uuid))
            async with _kept(partial(keep_question, self._store, question, _CLAIM)):
                with span(f"question {question.row.kind}"):
                    await self._reply(question)
        fit = await claim_fit(self._store, self._name, _CLAIM)
        if fit is not None:
            logs.bind(exp_uuid=str(fit.experiment.exp_uuid))
            async with _kept(partial(keep_fit, self._store, fit, _CLAIM)):
                with span("fit", fit.traceparent):
                    await self._fit(fit)
        return question is not None or fit is not None

    async def _fit(self, fit: ClaimedFit) -> None:
        exp_uuid = fit.experiment.exp_uuid
        # In a thread: with many runs this takes a while, and the requests of others are answered meanwhile.
        given = await asyncio.to_thread(engine_input_of, fit.snapshot, n=fit.n)
        try:
            engine_run, failure = await self._suggest(given, exp_uuid)
        except EngineError as error:
            await fail_fit(self._store, fit, str(error), timedelta(seconds=error.retry_in_s))
            return
        if not await commit_fit(self._store, fit, engine_run, failure):
            _log.warning("the claim on experiment %s was lost; its suggestions are dropped", exp_uuid)

    async def _reply(self, question: ClaimedQuestion) -> None:
        kind, exp_uuid = question.row.kind, question.row.exp_uuid
        try:
            if kind == "suggest":
                given = await asyncio.to_thread(engine_input_of, question.snapshot, n=question.n, fixed=question.fixed)
                engine_run, failure = await self._suggest(given, exp_uuid)
                is_stored = await commit_question_suggestions(self._store, question, engine_run, failure)
            else:
                given = await asyncio.to_thread(engine_input_of, question.snapshot)
                job = Job(given=given, kind=kind, configurations=question.configurations)
                reply = reply_of(question.snapshot, await self._run(job), question.configurations)
                is_stored = await commit_reply(self._store, question, reply.model_dump(mode="json"))
        except EngineError as error:
            _log.warning("the engine failed on a question about experiment %s: %s", exp_uuid, error)
            # A prediction would fail again, but a suggestion can be made without the model.
            may_succeed = kind == "suggest" or isinstance(error, EngineStartError)
            retry_in = timedelta(seconds=error.retry_in_s) if may_succeed else None
            is_stored = await fail_question(self._store, question, str(error), retry_in)
        if not is_stored:
            _log.warning("the claim on a question about experiment %s was lost; its result is dropped", exp_uuid)

    async def _suggest(self, given: EngineInput, exp_uuid: UUID) -> tuple[EngineRun, str | None]:
        """Compute suggestions with the model, or without the model if it fails.

        Returns:
            The suggestions, and why the model failed; None if it did not fail.

        Raises:
            EngineError: If there are no suggestions without the model either; the message says how the model failed.
        """
        try:
            return engine_run_of(await self._run(Job(given=given))), None
        except EngineError as error:
            failure = str(error)
        try:
            explored = await self._run(Job(given=given, explore_because=failure))
        except EngineError as second:
            _log.warning(
                "the engine failed on experiment %s: %s; without the model it failed too: %s", exp_uuid, failure, second
            )
            raise EngineError(failure, second.retry_in_s) from second
        _log.warning("the engine failed on experiment %s, which gets a Sobol point: %s", exp_uuid, failure)
        return engine_run_of(explored), failure

    async def _run(self, job: Job) -> Result:
        """Send a job to the pool, return its result, and count in the metrics how the job ended.

        Raises:
            EngineError: As ``Pool.work``.
        """
        started = time.perf_counter()
        outcome: metrics.EngineOutcome = "ok" if job.explore_because is None else "explored"
        try:
            with span(f"engine {job.kind}"):
                result = await self._pool.work(job)
        except EngineError as error:
            outcome = "timeout" if isinstance(error, EngineTimeoutError) else "failed"
            metrics.engine_ran(job.kind, outcome, time.perf_counter() - started)
            raise
        metrics.engine_ran(job.kind, outcome, time.perf_counter() - started)
        return result

    async def _wait(self, wake: asyncio.Event) -> None:
        due_in_s = await next_due(self._store)
        with suppress(TimeoutError):
            async with asyncio.timeout(_POLL_S if due_in_s is None else min(_POLL_S, due_in_s + _SOON_S)):
                await wake.wait()


@asynccontextmanager
async def _kept(keep: Callable[[], Awaitable[bool]]) -> AsyncIterator[None]:
    """Renew a claim while the block runs."""
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
            _log.warning("a claim was not renewed: %s", error.detail)
