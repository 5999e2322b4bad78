"""The engine takes turns by user: neither many experiments nor a slow one of one user keep another user waiting."""

import asyncio
from datetime import timedelta

import pytest

from autotune_service.compute.pool import EngineOverrunError
from autotune_service.compute.worker import Worker
from autotune_service.store.rows.due import claim_due_experiment, put_off_claimed, release_claim
from autotune_service.store.rows.engine_use import add_use
from autotune_service.tuning.ask import current_suggestion
from autotune_service.tuning.experiments import create_experiment, read_experiment
from autotune_service.tuning.questions import predict_question, reply_to
from autotune_service.tuning.tell import tell
from autotune_wire.accounts import Signup
from autotune_wire.experiments import NewExperiment
from autotune_wire.observations import Told
from fake_pool import FakePool
from support import GUESS, PASSWORD, SPACE, running

SECOND = timedelta(seconds=15)


@pytest.fixture
async def users(accounts):
    return [(await accounts.sign_up(Signup(email=f"{name}@example.org", password=PASSWORD))).uuid for name in "ab"]


async def due(store, user_uuid, n=1):
    """Make experiments with work and return their uuids."""
    made = []
    for _ in range(n):
        row = await create_experiment(store, user_uuid, NewExperiment(name="e", covars=SPACE, seed=1))
        await tell(store, user_uuid, row.exp_uuid, [Told(covars=GUESS, response=1.0)])
        made.append(row.exp_uuid)
    return made


async def claim(store, **which):
    async with store.work() as work:
        return await claim_due_experiment(work, "w", SECOND, **which)


async def test_who_used_less_comes_first_however_many_experiments_the_other_has(store, users):
    ada, ben = users
    await due(store, ada, 5)
    [of_ben] = await due(store, ben)
    async with store.work() as work:
        await add_use(work, ada, 30.0)
        await add_use(work, ben, 29.0)
    assert (await claim(store)).experiment.exp_uuid == of_ben
    assert (await claim(store)).experiment.owner_uuid == ada


async def test_what_was_used_long_ago_counts_less(store, users):
    ada, ben = users
    [of_ada], [_] = await due(store, ada), await due(store, ben)
    async with store.work() as work:
        await add_use(work, ada, 30.0)
        await work._connection.execute("UPDATE autotune.engine_use SET counted_at = now() - interval '20 minutes'")
        await add_use(work, ben, 8.0)  # more than a quarter of 30
    assert (await claim(store)).experiment.exp_uuid == of_ada


async def test_short_lane_leaves_long_work_and_users_who_have_work_done_already(store, users):
    ada, ben = users
    await due(store, ada, 2)
    first = await claim(store)
    assert await claim(store, only_short=True) is None  # a's other one waits, the lane stays free
    [of_ben] = await due(store, ben)
    mine = await claim(store, only_short=True)
    assert mine.experiment.exp_uuid == of_ben
    async with store.work() as work:
        await put_off_claimed(work, mine)
        await release_claim(work, first, is_long=False)
    assert (await claim(store, only_short=True)).experiment.owner_uuid == ada
    async with store.work() as work:
        await add_use(work, ada, 5.0)
    assert (await claim(store)).experiment.exp_uuid == of_ben


async def until(ask, *arguments):
    while await ask(*arguments) is None:  # noqa: ASYNC110 -- no listener is at work here that would tell
        await asyncio.sleep(0.02)


class TwoLanes(FakePool):
    """Two processes; the jobs of one user never end where short work is done, nor soon elsewhere."""

    def __init__(self, slow):
        super().__init__()
        self.size = 2
        self._slow = slow
        self.cut_short = 0
        self.slow_begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def work(self, job, within_s=None):
        if job.given.seed == self._slow:
            if within_s is not None:
                self.cut_short += 1
                raise EngineOverrunError
            self.slow_begun.set()
            await self.may_end.wait()
        return await super().work(job)


async def test_slow_job_holds_up_nobody_else_and_is_done(store, database_url, users):
    ada, ben = users
    pool = TwoLanes(slow=9)
    new = NewExperiment(name="slow", covars=SPACE, seed=9)
    slow = (await create_experiment(store, ada, new)).exp_uuid
    async with running(Worker("tests", store, database_url, pool).run()):
        await tell(store, ada, slow, [Told(covars=GUESS, response=1.0)])
        async with asyncio.timeout(10):
            await pool.slow_begun.wait()
            [of_ben] = await due(store, ben)
            await until(current_suggestion, store, ben, of_ben, 1)
            pool.may_end.set()
            await until(current_suggestion, store, ada, slow, 1)


async def test_work_that_is_cut_short_is_done_where_long_work_is(store, database_url, users):
    ada, _ = users
    pool = TwoLanes(slow=9)
    pool.may_end.set()
    made = [(await create_experiment(store, ada, NewExperiment(name="s", covars=SPACE, seed=9))).exp_uuid]
    question = predict_question(await read_experiment(store, ada, made[0]), [GUESS])
    await tell(store, ada, made[0], [Told(covars=GUESS, response=1.0)])
    async with running(Worker("tests", store, database_url, pool).run()):
        async with asyncio.timeout(20):
            await until(reply_to, store, ada, made[0], question, 1)
            await until(current_suggestion, store, ada, made[0], 1)
    async with store.work() as work:
        used = await work._connection.fetchval("SELECT seconds FROM autotune.engine_use WHERE user_uuid = $1", ada)
    assert used > 0


async def test_short_lane_leaves_who_uses_the_engine_most(store, users):
    ada, ben = users
    [of_ada] = await due(store, ada)
    async with store.work() as work:
        await add_use(work, ada, 30.0)
        await add_use(work, ben, 10.0)
    assert await claim(store, only_short=True) is None
    [of_ben] = await due(store, ben)
    assert (await claim(store, only_short=True)).experiment.exp_uuid == of_ben
    assert (await claim(store)).experiment.exp_uuid == of_ada


async def test_short_lane_works_for_who_has_used_little_though_nobody_used_more(store, users):
    ada, _ = users
    [of_ada] = await due(store, ada)
    async with store.work() as work:
        await add_use(work, ada, 4.0)
    assert (await claim(store, only_short=True)).experiment.exp_uuid == of_ada
