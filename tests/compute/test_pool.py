import asyncio

import pytest
from pydantic import TypeAdapter

from autotune_service.compute.messages import Request
from autotune_service.compute.pool import EngineError, EngineProcess
from autotune_service.engine.problem import Problem
from autotune_wire.space import Space
from support import GUESS, SPACE

space = TypeAdapter(Space).validate_python(SPACE)


def request(told=(GUESS,), responses=(1.0,), **more):
    problem = Problem(
        space=space,
        direction="maximize",
        acq_func="ExpectedImprovement",
        seed=1,
        told=list(told),
        responses=list(responses),
        pending=[],
        n=1,
    )
    return Request(problem=problem, **more)


def broken():
    """A problem that only a fault could make: more configurations than responses."""
    told = [GUESS | {"weight": float(n)} for n in range(8)]
    return request(told, [1.0] * 3)


@pytest.fixture(scope="module")
async def process():
    process = EngineProcess()
    await process.warm()
    yield process
    await process.stop()


async def test_process_solves_a_problem(process):
    assert (await process.solve(request(), 60))[0].source == "sobol"


async def test_process_survives_a_problem_that_fails(process):
    with pytest.raises(EngineError, match=r"Error: "):
        await process.solve(broken(), 60)
    assert (await process.solve(request(), 60))[0].source == "sobol"


async def test_process_explores_where_the_model_failed(process):
    found = await process.solve(request(explore_because="no luck"), 60)
    assert "no luck" in found[0].reason


async def test_process_that_overruns_its_deadline_is_replaced(process):
    told = [GUESS | {"weight": float(n)} for n in range(8)]
    with pytest.raises(EngineError, match="did not finish within"):
        await process.solve(request(told, range(8)), 0.001)
    assert (await process.solve(request(), 60))[0].source == "sobol"


async def test_process_that_is_killed_is_replaced(process):
    await process.solve(request(), 60)
    process._process.kill()
    with pytest.raises(EngineError, match="ended"):
        await process.solve(request(), 60)
    assert (await process.solve(request(), 60))[0].source == "sobol"


async def test_cancelled_problem_leaves_no_answer_for_the_next(process):
    told = [GUESS | {"weight": float(n)} for n in range(8)]
    task = asyncio.create_task(process.solve(request(told, range(8)), 60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await process.solve(request(), 60))[0].source == "sobol"


async def test_problem_that_comes_while_the_process_warms_up_waits_for_it():
    process = EngineProcess()
    warming = asyncio.create_task(process.warm())
    await asyncio.sleep(0)
    try:
        assert (await process.solve(request(), 60))[0].source == "sobol"
        await warming
    finally:
        await process.stop()
