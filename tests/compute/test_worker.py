import asyncio
from contextlib import asynccontextmanager

import pytest

from autotune_service.compute.pool import EngineError, Pool
from autotune_service.compute.worker import Worker
from autotune_service.engine.problem import Recommendation
from autotune_service.live.subscription import subscribe
from autotune_service.tuning.experiments import create_experiment
from autotune_service.tuning.tell import tell
from autotune_wire.experiments import NewExperiment
from autotune_wire.observations import Told
from support import GUESS, SPACE

WITHIN_S = 60


class FailingPool(Pool):
    """Fails as the engine can: on the model, and where asked to also on the exploration."""

    def __init__(self, fails_at_all: bool) -> None:
        super().__init__(1, 1)
        self.fails_at_all = fails_at_all
        self.n_runs = 0

    async def warm(self) -> None:
        pass

    async def solve(self, request):
        self.n_runs += 1
        if request.explore_because is None or self.fails_at_all:
            raise EngineError("NotPSDError: no")
        return [Recommendation(GUESS | {"weight": 9.0}, "sobol", request.explore_because)]


@pytest.fixture
async def exp_uuid(store, user_uuid):
    return (await create_experiment(store, user_uuid, NewExperiment(name="w", covars=SPACE, seed=1))).exp_uuid


@asynccontextmanager
async def working(store, url, pool):
    task = asyncio.create_task(Worker("tests", store, url, pool).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until_event(store, hub, exp_uuid, kind):
    async with asyncio.timeout(WITHIN_S):
        async for event in subscribe(store, hub, exp_uuid, 2):
            if event.type == kind:
                return event
    raise AssertionError("the stream ended")


def run(weight, response):
    return Told(covars=GUESS | {"weight": weight}, response=response)


async def test_worker_answers_a_tell_with_a_suggestion(store, hub, worker, user_uuid, exp_uuid):
    await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])
    event = await until_event(store, hub, exp_uuid, "suggestion_created")
    assert event.data["source"] == "sobol"
    assert event.data["data_rev"] == 1


async def test_failed_engine_is_an_event_and_the_loop_goes_on(store, hub, database_url, user_uuid, exp_uuid):
    async with working(store, database_url, FailingPool(fails_at_all=False)):
        await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])
        failed = await until_event(store, hub, exp_uuid, "engine_failed")
        suggested = await until_event(store, hub, exp_uuid, "suggestion_created")
    assert failed.data == {"reason": "NotPSDError: no", "data_rev": 1}
    assert suggested.data["reason"] == "NotPSDError: no"


async def test_engine_that_gives_nothing_is_tried_again_at_the_next_tell(store, hub, database_url, user_uuid, exp_uuid):
    pool = FailingPool(fails_at_all=True)
    async with working(store, database_url, pool):
        await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])
        await until_event(store, hub, exp_uuid, "engine_failed")
        pool.fails_at_all = False
        await tell(store, user_uuid, exp_uuid, [run(8, 1.0)])
        event = await until_event(store, hub, exp_uuid, "suggestion_created")
    assert event.data["data_rev"] == 2
