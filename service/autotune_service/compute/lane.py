"""A lane of a worker: the work that is done one at a time, each claimed, computed and committed.

Work is short or long, as its last run, or a try that was cut off, has shown. Where a worker has several lanes, one of
them does short work alone, and only of users for whom no short work is done meanwhile and who are not those that use
the engine most. So whatever one user has the other lanes compute, another user's short work comes next.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from uuid import UUID

from autotune_service.compute.messages import Job, Result
from autotune_service.compute.pool import (
    EngineError,
    EngineOverrunError,
    EngineStartError,
    EngineTimeoutError,
    Pool,
)
from autotune_service.compute.translation import engine_input_of, engine_run_of, reply_of
from autotune_service.domain.errors import UnavailableError
from autotune_service.engine.interface import EngineInput
from autotune_service.observing import logs, metrics
from autotune_service.observing.repeats import Repeats
from autotune_service.observing.traces import span
from autotune_service.store.database import Store
from autotune_service.tuning.claimed_questions import (
    ClaimedQuestion,
    claim_question,
    commit_question_suggestions,
    commit_reply,
    fail_question,
    keep_question,
    put_off_claimed_question,
)
from autotune_service.tuning.fit import (
    ClaimedFit,
    claim_fit,
    commit_fit,
    count_use,
    fail_fit,
    keep_fit,
    next_due,
    put_off_fit,
)
from autotune_service.tuning.new_suggestions import EngineRun

_log = logging.getLogger(__name__)
_REPEATS = Repeats(_log)
CLAIM = timedelta(seconds=15)
POLL_S = 5.0  # the longest delay that a missed notification causes
SOON_S = 0.05  # how long after work falls due, by the database's clock, the worker looks for it
SHORT_S = 4.0
"""How long short work may take."""
_RENEW_S = 5.0
_REPLY_S = 0.001
"""How long a lane rests when it is woken: the reply to the tell that woke it goes first."""
_PAUSE_S = 1.0
_NOT_MINE_S = 0.5
"""How long the lane of short work waits where work is due that it leaves to others."""
_BEHIND_OTHERS_S = 0.5
"""How long a worker whose engine cannot start leaves work to other workers, before it takes the work to say so."""


class Lane:
    """Does the work of one database, one at a time.

    Args:
        worker: The name of the worker, by which it claims.
        store: The database.
        pool: The engine processes.
        has_claimed: Called when the lane has claimed work, as there may be more of it for others.
        is_short: Whether long work is left to other lanes.

    Attributes:
        wake: Set where there may be work.
        is_waiting: Whether the lane has found no work and waits for some.
    """

    def __init__(
        self, worker: str, store: Store, pool: Pool, has_claimed: Callable[[], None], *, is_short: bool
    ) -> None:
        self._worker = worker
        self._store = store
        self._pool = pool
        self._has_claimed = has_claimed
        self._is_short = is_short
        self.wake = asyncio.Event()
        self.is_waiting = False

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self.wake.clear()
            logs.unbind("exp_uuid")
            if self._pool.cannot_start:
                await asyncio.sleep(_BEHIND_OTHERS_S)
            try:
                if not await self._work_once():
                    await self._wait()
                    await asyncio.sleep(_REPLY_S)
            except UnavailableError as error:
                _REPEATS.warning("the worker waits for the database: %s", error.detail)
                await asyncio.sleep(_PAUSE_S)
            except Exception:  # noqa: BLE001 -- the worker's loop must outlive one claim, logged
                _log.exception("the worker failed on claimed work; the work is tried again when its claim runs out")
                await asyncio.sleep(_PAUSE_S)

    async def _work_once(self) -> bool:
        """Work on at most one fit and one question; return whether there was any.

        Fits and questions take turns, so that neither kind waits for all of the other.
        """
        fit = await claim_fit(self._store, self._worker, CLAIM, only_short=self._is_short)
        if fit is not None:
            self._has_claimed()
            logs.bind(exp_uuid=str(fit.experiment.exp_uuid))
            async with self._kept(partial(keep_fit, self._store, fit, CLAIM), fit.experiment.owner_uuid):
                with span("fit", fit.traceparent):
                    await self._fit(fit)
        question = await claim_question(self._store, self._worker, CLAIM, only_short=self._is_short)
        if question is not None:
            self._has_claimed()
            logs.bind(exp_uuid=str(question.row.exp_uuid))
            async with self._kept(partial(keep_question, self._store, question, CLAIM), question.asker_uuid):
                with span(f"question {question.row.kind}"):
                    await self._reply(question)
        return question is not None or fit is not None

    async def _fit(self, fit: ClaimedFit) -> None:
        exp_uuid = fit.experiment.exp_uuid
        # In a thread: with many runs this takes a while, and the requests of others are answered meanwhile.
        given = await asyncio.to_thread(engine_input_of, fit.snapshot, n=fit.n)
        started = time.monotonic()
        try:
            engine_run, failure = await self._suggest(given, exp_uuid)
        except EngineOverrunError:
            await put_off_fit(self._store, fit)
            return
        except EngineError as error:
            is_long = time.monotonic() - started > SHORT_S
            await fail_fit(self._store, fit, str(error), timedelta(seconds=error.retry_in_s), is_long=is_long)
            return
        is_long = time.monotonic() - started > SHORT_S
        if not await commit_fit(self._store, fit, engine_run, failure, is_long=is_long):
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
        except EngineOverrunError:
            await put_off_claimed_question(self._store, question)
            return
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
            EngineOverrunError: As ``_run``.
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
            EngineOverrunError: If the job is no short work, and this lane does nothing else.
            EngineError: As ``Pool.work``.
        """
        started = time.perf_counter()
        outcome: metrics.EngineOutcome = "ok" if job.explore_because is None else "explored"
        try:
            with span(f"engine {job.kind}"):
                result = await self._pool.work(job, SHORT_S if self._is_short else None)
        except EngineOverrunError:
            metrics.engine_ran(job.kind, "put_off", time.perf_counter() - started)
            raise
        except EngineError as error:
            outcome = "timeout" if isinstance(error, EngineTimeoutError) else "failed"
            metrics.engine_ran(job.kind, outcome, time.perf_counter() - started)
            raise
        metrics.engine_ran(job.kind, outcome, time.perf_counter() - started)
        return result

    async def _wait(self) -> None:
        due_in_s = await next_due(self._store, only_short=self._is_short)
        if self._is_short and due_in_s is not None:
            due_in_s = max(due_in_s, _NOT_MINE_S)
        self.is_waiting = True
        try:
            async with asyncio.timeout(POLL_S if due_in_s is None else min(POLL_S, due_in_s + SOON_S)):
                await self.wake.wait()
        except TimeoutError:
            pass
        finally:
            self.is_waiting = False

    @asynccontextmanager
    async def _kept(self, keep: Callable[[], Awaitable[bool]], user_uuid: UUID) -> AsyncIterator[None]:
        """Renew a claim while the block runs, and count its time as the user's use of the engine."""
        counted = time.monotonic()

        async def count() -> None:
            nonlocal counted
            now = time.monotonic()
            seconds, counted = now - counted, now
            await count_use(self._store, user_uuid, seconds)

        heartbeat = asyncio.create_task(_renew(keep, count))
        try:
            yield
        finally:
            heartbeat.cancel()
            await asyncio.wait([heartbeat])  # unlike awaiting it, this lets a cancellation of our own through
        await count()


async def _renew(keep: Callable[[], Awaitable[bool]], count: Callable[[], Awaitable[None]]) -> None:
    is_held = True
    while is_held:
        await asyncio.sleep(_RENEW_S)
        try:
            is_held = await keep()
            await count()
        except UnavailableError as error:
            _log.warning("a claim was not renewed: %s", error.detail)
