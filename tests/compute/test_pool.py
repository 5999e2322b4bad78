import asyncio
import os
import signal

import psutil
import pytest
from pydantic import TypeAdapter

from autotune_service.compute.messages import RUNS, Job
from autotune_service.compute.pool import EngineError, EngineProcess, EngineStartError, EngineTimeoutError, _messages
from autotune_service.engine.interface import EngineInput, Run
from autotune_service.engine.suggest import explore
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


async def test_process_gets_no_secret_of_the_service(monkeypatch):
    secrets = {
        "AUTOTUNE_DATABASE_URL": "postgresql://a:b@c/d",
        "PGPASSWORD": "b",
        "OTEL_EXPORTER_OTLP_HEADERS": "key=b",
    }
    for name, value in (secrets | {"LD_BIND_NOW": "1"}).items():
        monkeypatch.setenv(name, value)
    process = EngineProcess()
    await process.warm()
    given = psutil.Process(process._process.pid).environ()
    await process.stop()
    assert given["LD_BIND_NOW"] == "1"
    assert not secrets.keys() & given.keys()


async def test_process_solves_a_problem(process):
    assert (await process.work(job(), 60)).suggestions[0].source == "sobol"


async def test_job_with_many_runs_is_sent_in_pieces_and_worked_on_whole(process):
    """How many runs there are decides which Sobol point comes next."""
    whole = job(2500, explore_because="none")
    first, *others = list(_messages(whole))
    assert [len(RUNS.validate_json(runs)) for runs in others] == [1000, 500]
    assert len(Job.model_validate_json(first).given.runs) == 1000
    suggested = (await process.work(whole, 60)).suggestions
    assert [one.covars for one in suggested] == [one.covars for one in explore(whole.given, "none")]


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


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (signal.SIGKILL, r"^the engine process was killed \(SIGKILL\): the machine may be out of memory$"),
        (signal.SIGSEGV, "^the engine process was ended by SIGSEGV$"),
        (signal.SIGRTMIN, f"^the engine process was ended by SIGRTMIN|signal {int(signal.SIGRTMIN)}$"),
    ],
)
async def test_process_that_dies_is_said_to_have_done_so_and_is_replaced(process, number, says):
    await process.work(job(), 60)
    process._process.send_signal(number)
    with pytest.raises(EngineError, match=says):
        await process.work(job(), 60)
    assert (await process.work(job(), 60)).suggestions[0].source == "sobol"


@pytest.fixture
def broken_library(tmp_path, monkeypatch):
    """A library that the engine needs and that the machine cannot load; the call of what is yielded mends it."""
    (tmp_path / "numpy").mkdir()
    broken = "try:\n    raise ImportError('libblas.so: cannot\\nopen')\nexcept ImportError as error:\n"
    (tmp_path / "numpy" / "__init__.py").write_text(f"{broken}    raise ImportError('a page of advice') from error\n")
    with monkeypatch.context() as patched:
        patched.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
        yield patched.undo


async def test_engine_that_cannot_start_is_tried_ever_more_rarely_and_says_why(broken_library, monkeypatch, caplog):
    launched = []
    new_process = EngineProcess._new_process
    monkeypatch.setattr(EngineProcess, "_new_process", staticmethod(lambda: launched.append(1) or new_process()))
    monkeypatch.setattr("autotune_service.compute.pool._PAUSES_S", (0.0, 600.0))
    process = EngineProcess()
    retries_s = []
    for _ in range(4):
        with pytest.raises(
            EngineStartError, match=r"^the engine cannot start: ImportError: libblas.so: cannot open$"
        ) as no:
            await process.work(job(), 60)
        retries_s.append(round(no.value.retry_in_s, -1))
    assert retries_s == [0, 600, 600, 600]
    assert process.cannot_start
    assert len(launched) == 2  # at once a second time, and then not for ten minutes
    assert [record.message for record in caplog.records] == [
        "the engine cannot start: ImportError: libblas.so: cannot open; it is tried again whenever there is work, "
        "at most every 600 s"
    ]
    broken_library()
    process._may_start_at = 0.0
    assert (await process.work(job(), 60)).suggestions[0].source == "sobol"
    assert not process.cannot_start
    await process.stop()


async def test_engine_that_ends_while_it_starts_says_how(monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(EngineStartError, match=r"^the engine cannot start: its process ended with exit status 1: "):
        await EngineProcess().warm()
    monkeypatch.setattr("sys.executable", "/no such program")
    with pytest.raises(EngineStartError, match=r"^the engine cannot start: .*No such file or directory"):
        await EngineProcess().warm()


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
