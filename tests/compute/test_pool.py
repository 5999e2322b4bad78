import asyncio

import pytest
from pydantic import TypeAdapter

from autotune_service.compute.messages import Job
from autotune_service.compute.pool import EngineError, EngineProcess, EngineTimeoutError
from autotune_service.engine.interface import EngineInput, Run
from autotune_wire.responses import Objective
from autotune_wire.space import Space
from support import GUESS, SPACE

RESPONSES = {"Response": Objective(goal="maximize")}

space = TypeAdapter(Space).validate_python(SPACE)


def job(n_runs=1, **more):
    runs = [Run(GUESS | {"weight": float(n)}, {"Response": float(n)}) for n in range(n_runs)]
    return Job(given=EngineInput(space=space, responses=RESPONSES, runs=runs, seed=1), **more)


def broken():
    """A problem that only a fault could make: a number that is a text."""
    runs = [Run(GUESS | {"weight": "heavy"}, {"Response": float(n)}) for n in range(8)]
    return Job(given=EngineInput(space=space, responses=RESPONSES, runs=runs, seed=1))


@pytest.fixture(scope="module")
async def process():
    process = EngineProcess()
    await process.warm()
    yield process
    await process.stop()


async def test_process_solves_a_problem(process):
    assert (await process.work(job(), 60)).suggestions[0].source == "sobol"


async def test_process_survives_a_problem_that_fails(process):
    with pytest.raises(EngineError, match=r"Error: "):
        await process.work(broken(), 60)
    assert (await process.work(job(), 60)).suggestions[0].source == "sobol"


async def test_process_explores_where_the_model_failed(process):
    found = await process.work(job(explore_because="no luck"), 60)
    assert "no luck" in found.suggestions[0].reason


async def test_process_that_overruns_its_deadline_is_replaced(process):
    with pytest.raises(EngineError, match="did not finish within"):
        await process.work(job(8), 0.001)
    assert (await process.work(job(), 60)).suggestions[0].source == "sobol"


async def test_process_that_does_not_start_in_time_is_said_to_be_that(monkeypatch):
    monkeypatch.setattr("autotune_service.compute.pool._WARM_UP_S", 0.001)
    with pytest.raises(EngineTimeoutError, match=r"did not start within 0\.001 s"):
        await EngineProcess().work(job(), 60)


async def test_process_that_is_killed_is_replaced(process):
    await process.work(job(), 60)
    process._process.kill()
    with pytest.raises(EngineError, match="ended"):
        await process.work(job(), 60)
    assert (await process.work(job(), 60)).suggestions[0].source == "sobol"


async def test_cancelled_problem_leaves_no_answer_for_the_next(process):
    task = asyncio.create_task(process.work(job(8), 60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await process.work(job(), 60)).suggestions[0].source == "sobol"


async def test_problem_that_comes_while_the_process_warms_up_waits_for_it():
    process = EngineProcess()
    warming = asyncio.create_task(process.warm())
    await asyncio.sleep(0)
    try:
        assert (await process.work(job(), 60)).suggestions[0].source == "sobol"
        await warming
    finally:
        await process.stop()
