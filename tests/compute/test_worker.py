import asyncio
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

import pytest

from autotune_service.compute.lane import POLL_S, Lane
from autotune_service.compute.pool import EngineError, EngineStartError
from autotune_service.compute.worker import Worker
from autotune_service.domain.errors import EngineFailedError, EngineFailingError
from autotune_service.engine.interface import Run
from autotune_service.live.subscription import subscribe
from autotune_service.store.rows.events import list_events
from autotune_service.tuning.ask import current_suggestion, lease_suggestions
from autotune_service.tuning.conditional import current_conditional
from autotune_service.tuning.experiments import create_experiment, read_experiment
from autotune_service.tuning.questions import insights_question, predict_question, reply_to
from autotune_service.tuning.tell import tell
from autotune_wire.experiments import NewExperiment
from autotune_wire.frames import Event
from autotune_wire.observations import Told
from fake_pool import SECONDS, FakePool
from support import GUESS, SPACE

WITHIN_S = 60


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


async def until_event(store, hub, user_uuid, exp_uuid, kind):
    async with asyncio.timeout(WITHIN_S):
        async for frame in subscribe(store, hub, user_uuid, exp_uuid, 2, store.log.epoch):
            event = Event.model_validate_json(frame.text)
            if event.type == kind:
                return event
    raise AssertionError("the stream ended")


def run(weight, response):
    return Told(covars=GUESS | {"weight": weight}, response=response)


async def test_worker_answers_a_tell_with_a_suggestion(store, hub, worker, user_uuid, exp_uuid):
    await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])
    event = await until_event(store, hub, user_uuid, exp_uuid, "suggestion_created")
    assert event.data["source"] == "sobol"
    assert event.data["data_rev"] == 1


async def test_failed_engine_is_an_event_and_the_loop_goes_on(store, hub, database_url, user_uuid, exp_uuid):
    async with working(store, database_url, FakePool("suggest")):
        await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])
        failed = await until_event(store, hub, user_uuid, exp_uuid, "engine_failed")
        suggested = await until_event(store, hub, user_uuid, exp_uuid, "suggestion_created")
    assert failed.data == {"reason": "NotPSDError: no", "data_rev": 1}
    assert suggested.data["reason"] == "NotPSDError: no"


async def test_engine_that_gives_nothing_is_tried_again_at_the_next_tell(store, hub, database_url, user_uuid, exp_uuid):
    pool = FakePool("suggest", "explore")
    async with working(store, database_url, pool):
        await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])
        await until_event(store, hub, user_uuid, exp_uuid, "engine_failed")
        pool.fails_on.clear()
        await tell(store, user_uuid, exp_uuid, [run(8, 1.0)])
        event = await until_event(store, hub, user_uuid, exp_uuid, "suggestion_created")
    assert event.data["data_rev"] == 2


@pytest.mark.parametrize("ask", [current_suggestion, partial(lease_suggestions, n=1)])
async def test_ask_that_waits_is_told_at_once_that_the_engine_failed_and_what_comes_next(
    store, hub, database_url, user_uuid, exp_uuid, ask
):
    await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])

    async def attempt():
        asked = await ask(store, user_uuid, exp_uuid, 1)
        return asked if asked is not None and asked.suggestions else None

    asking = asyncio.create_task(hub.until(exp_uuid, attempt, WITHIN_S))
    async with working(store, database_url, FakePool("suggest", "explore")):
        with pytest.raises(EngineFailingError, match=r"\(NotPSDError: no\).* in (29|30) s, or as soon as") as caught:
            await asking
        assert caught.value.retry_after_s in {29, 30}
        with pytest.raises(EngineFailedError, match="NotPSDError: no"):  # who comes later is told so too
            await attempt()


async def test_suggestion_says_what_it_was_computed_from(store, hub, database_url, user_uuid, exp_uuid):
    async with working(store, database_url, FakePool(acquisition=0.25)):
        await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])
        data = (await until_event(store, hub, user_uuid, exp_uuid, "suggestion_created")).data
    assert data["predictions"] == {"Response": {"mean": 101.0, "sd": 0.5}}
    assert (data["mean"], data["sd"], data["acquisition"]) == (101.0, 0.5, 0.25)
    assert (data["seed"], data["data_seq"], data["seconds"]) == (1, 4, SECONDS)
    assert data["engine_version"] == version("autotune-bo")
    row = await read_experiment(store, user_uuid, exp_uuid)
    assert (row.best_predicted.covars, row.best_predicted.mean) == (GUESS | {"weight": 101.0}, 2.0)
    assert row.best_predicted.data_rev == 1


async def test_engine_is_given_all_that_is_stored(store, hub, database_url, user_uuid):
    light = {"ctype": "linear", "weights": {"weight": 1}, "relation": "<=", "bound": 150}
    responses = {"yield": {"goal": "maximize"}, "heat": {"goal": "<=", "bound": 80}}
    new = NewExperiment(name="w", covars=SPACE, seed=7, responses=responses, constraints=[light])
    exp_uuid = (await create_experiment(store, user_uuid, new)).exp_uuid
    taken = (await lease_suggestions(store, user_uuid, exp_uuid, 0, 1)).suggestions[0]
    told = [
        Told(covars=GUESS | {"weight": 7.0}, responses={"yield": 1.0, "heat": 70.0}, sds={"heat": 1.0}),
        Told(covars=GUESS | {"weight": 8.0}, status="failed"),
    ]
    await tell(store, user_uuid, exp_uuid, told)
    pool = FakePool()
    async with working(store, database_url, pool):
        await until_event(store, hub, user_uuid, exp_uuid, "suggestion_created")
    given = pool.jobs[-1].given
    assert given.runs == [
        Run(GUESS | {"weight": 7.0}, {"yield": 1.0, "heat": 70.0}, {"heat": 1.0}),
        Run(GUESS | {"weight": 8.0}, is_failed=True),
    ]
    assert (given.seed, given.acq_func, given.engine) == (7, "auto", "autotune")
    assert (given.responses, given.constraints) == (new.responses, new.constraints)
    assert given.pending == [taken.covars]


async def answered(store, hub, user_uuid, exp_uuid, question, data_rev=0):
    attempt = partial(reply_to, store, user_uuid, exp_uuid, question, data_rev)
    return await hub.until(exp_uuid, attempt, WITHIN_S)


async def test_worker_answers_questions(store, hub, database_url, user_uuid, exp_uuid):
    await tell(store, user_uuid, exp_uuid, [run(7, 1.0), Told(covars=GUESS, status="failed")])
    question = predict_question(await read_experiment(store, user_uuid, exp_uuid), [GUESS | {"weight": 8.0}])
    pool = FakePool()
    async with working(store, database_url, pool):
        predicted = await answered(store, hub, user_uuid, exp_uuid, question, 2)
        insights = await answered(store, hub, user_uuid, exp_uuid, insights_question(), 2)
        again = await answered(store, hub, user_uuid, exp_uuid, insights_question(), 2)
    assert predicted.reply == {
        "data_rev": 2,
        "predictions": [{"Response": {"mean": 8.0, "sd": 0.5}}],
        "why_not": [None],
    }
    assert insights.reply["leave_one_out"]["Response"][0]["observed"] == 1.0
    assert again.reply == insights.reply
    assert [request.kind for request in pool.jobs].count("insights") == 1


async def test_worker_answers_an_ask_with_fixed_values(store, hub, database_url, user_uuid, exp_uuid):
    pool = FakePool()
    async with working(store, database_url, pool):
        attempt = partial(current_conditional, store, user_uuid, exp_uuid, 0, {"color": "blue"})
        given = await hub.until(exp_uuid, attempt, WITHIN_S)
    assert given.suggestions[0].covars["color"] == "blue"
    assert (pool.jobs[0].given.fixed, pool.jobs[0].given.pending) == ({"color": "blue"}, [GUESS])


async def test_failed_model_leaves_an_ask_with_fixed_values_a_sobol_point(
    store, hub, database_url, user_uuid, exp_uuid
):
    async with working(store, database_url, FakePool("suggest")):
        attempt = partial(current_conditional, store, user_uuid, exp_uuid, 0, {"color": "blue"})
        given = await hub.until(exp_uuid, attempt, WITHIN_S)
    assert (given.suggestions[0].source, given.suggestions[0].reason) == ("sobol", "NotPSDError: no")
    assert "engine_failed" in [event.type for event in await list_events(store, exp_uuid, 0, 10)]


@pytest.mark.parametrize(
    ("kind", "error", "code", "retry_after_s"),
    [
        ("insights", EngineError("NotPSDError: no"), "engine_failed", 1),
        ("insights", EngineStartError("NotPSDError: no", 15.0), "engine_failing", 15),
        ("suggest", EngineError("NotPSDError: no"), "engine_failing", 30),
        ("suggest", EngineStartError("NotPSDError: no", 15.0), "engine_failing", 15),
    ],
)
async def test_engine_that_cannot_answer_says_why_and_when_to_ask_again(
    store, hub, database_url, user_uuid, exp_uuid, kind, error, code, retry_after_s
):
    async with working(store, database_url, FakePool("suggest", "explore", "insights", error=error)):
        if kind == "insights":
            attempt = partial(reply_to, store, user_uuid, exp_uuid, insights_question(), 0)
        else:
            attempt = partial(current_conditional, store, user_uuid, exp_uuid, 0, {"color": "blue"})
        with pytest.raises(EngineFailedError, match="NotPSDError: no") as caught:
            await hub.until(exp_uuid, attempt, WITHIN_S)
    assert caught.value.code == code
    assert retry_after_s - 2 <= caught.value.retry_after_s <= retry_after_s


class MeetingPool(FakePool):
    """Has three processes, and is done with a suggestion only once two of them work on one at a time."""

    def __init__(self):
        super().__init__()
        self.size = 3
        self._met = asyncio.Barrier(2)

    async def work(self, job, within_s=None):
        if job.kind == "suggest":
            async with asyncio.timeout(POLL_S / 2):
                await self._met.wait()
        return await super().work(job, within_s)


async def test_as_many_experiments_at_a_time_as_there_are_processes(store, hub, database_url, user_uuid, exp_uuid):
    other = (await create_experiment(store, user_uuid, NewExperiment(name="v", covars=SPACE, seed=1))).exp_uuid
    async with working(store, database_url, MeetingPool()):
        await asyncio.sleep(0.5)  # all lanes have looked, and wait
        await asyncio.gather(*(tell(store, user_uuid, uuid, [run(7, 1.0)]) for uuid in (exp_uuid, other)))
        for uuid in (exp_uuid, other):
            await until_event(store, hub, user_uuid, uuid, "suggestion_created")


async def test_one_lane_that_waits_is_woken_and_busy_ones_look_again(store, database_url):
    lanes = (worker := Worker("tests", store, database_url, MeetingPool()))._lanes
    for lane in lanes[1:]:
        lane.is_waiting = True
    worker._wake()
    assert [lane.wake.is_set() for lane in lanes] == [True, True, False]


async def test_lane_says_so_once_it_has_claimed_work(store, user_uuid, exp_uuid):
    n_claimed = 0

    def has_claimed():
        nonlocal n_claimed
        n_claimed += 1

    lane = Lane("tests", store, FakePool(), has_claimed, is_short=False)
    assert (await lane._work_once(), n_claimed) == (False, 0)
    await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])
    assert (await lane._work_once(), n_claimed) == (True, 1)
    row = await read_experiment(store, user_uuid, exp_uuid)
    await reply_to(store, user_uuid, exp_uuid, predict_question(row, [GUESS | {"weight": 4.0}]), 0)
    assert (await lane._work_once(), n_claimed) == (True, 2)


async def test_questions_do_not_hold_up_the_fits(store, hub, database_url, user_uuid, exp_uuid):
    row = await read_experiment(store, user_uuid, exp_uuid)
    for weight in range(5):
        await reply_to(store, user_uuid, exp_uuid, predict_question(row, [GUESS | {"weight": float(weight)}]), 0)
    await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])
    pool = FakePool()
    async with working(store, database_url, pool):
        await until_event(store, hub, user_uuid, exp_uuid, "suggestion_created")
        last = predict_question(row, [GUESS | {"weight": 4.0}])
        await answered(store, hub, user_uuid, exp_uuid, last)
    assert [request.kind for request in pool.jobs][:2] == ["suggest", "predict"]
