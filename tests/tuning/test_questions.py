"""Questions to the engine, on a real database, the engine's part played by the test."""

from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

from autotune_service.domain.errors import EngineFailedError, EngineFailingError, InvalidError, NotFoundError
from autotune_service.tuning.claimed_questions import claim_question, commit_reply, fail_question, keep_question
from autotune_service.tuning.experiments import close_experiment, create_experiment, read_experiment
from autotune_service.tuning.questions import insights_question, predict_question, reply_to
from autotune_service.tuning.tell import tell
from autotune_service.tuning.upkeep import tidy
from autotune_wire.experiments import NewExperiment
from autotune_wire.observations import Told
from support import GUESS, SPACE

LEASE = timedelta(seconds=30)
REPLY = {"b": 1, "a": 2}


@pytest.fixture
async def exp_uuid(store, user_uuid):
    return (await create_experiment(store, user_uuid, NewExperiment(name="q", covars=SPACE, seed=1))).exp_uuid


@pytest.fixture
def ask(store, user_uuid, exp_uuid):
    async def ask(data_rev=0, question=None):
        return await reply_to(store, user_uuid, exp_uuid, question or insights_question(), data_rev)

    return ask


def run(weight):
    return Told(covars=GUESS | {"weight": weight}, response=1.0)


async def count(store):
    async with store.work() as work:
        return (await work.one(sa.text("SELECT count(*) AS n FROM autotune.questions")))["n"]


async def test_question_is_answered_once_for_all_who_ask(store, ask):
    assert [await ask() for _ in range(3)] == [None] * 3
    asked = await claim_question(store, "a", LEASE)
    assert await claim_question(store, "b", LEASE) is None
    assert await commit_reply(store, asked, REPLY)
    found = await ask()
    assert (list(found.reply.items()), found.data_rev) == (list(REPLY.items()), 0)
    assert await claim_question(store, "a", LEASE) is None


async def test_reply_that_does_not_know_the_newest_data_is_asked_for_anew(store, user_uuid, exp_uuid, ask):
    await ask()
    await commit_reply(store, await claim_question(store, "a", LEASE), REPLY)
    await tell(store, user_uuid, exp_uuid, [run(7)])
    assert await ask(1) is None
    asked = await claim_question(store, "a", LEASE)
    assert len(asked.snapshot.observations) == 1
    assert asked.snapshot.experiment.to_wire().best.responses == {"Response": asked.snapshot.observations[0].response}
    await commit_reply(store, asked, REPLY)
    assert (await ask(1)).data_rev == 1


async def test_tell_during_the_computation_leaves_the_reply_good_for_who_asked_before(store, user_uuid, exp_uuid, ask):
    await ask()
    asked = await claim_question(store, "a", LEASE)
    await tell(store, user_uuid, exp_uuid, [run(7)])
    await commit_reply(store, asked, REPLY)
    assert (await ask(0)).data_rev == 0
    assert await ask(1) is None
    assert len((await claim_question(store, "a", LEASE)).snapshot.observations) == 1


async def test_failure_is_told_and_then_tried_again(store, ask):
    await ask()
    assert await fail_question(store, await claim_question(store, "a", LEASE), "no luck")
    with pytest.raises(EngineFailedError, match="no luck"):
        await ask()
    assert await ask() is None
    assert await claim_question(store, "a", LEASE) is not None


async def test_failure_that_is_worth_another_try_later_is_told_until_then(store, ask):
    await ask()
    await fail_question(store, await claim_question(store, "a", LEASE), "no luck", timedelta(seconds=15))
    for _ in range(2):
        with pytest.raises(EngineFailingError, match=r"no luck\): ask again in 15 s"):
            await ask()
    assert await claim_question(store, "a", LEASE) is None


async def test_question_of_a_worker_that_is_gone_is_taken_up(store, ask):
    await ask()
    lost = await claim_question(store, "slow", timedelta(0))
    taken = await claim_question(store, "quick", LEASE)
    assert taken.row.question_uuid == lost.row.question_uuid
    assert not await commit_reply(store, lost, {})
    assert not await keep_question(store, lost, LEASE)
    assert await commit_reply(store, taken, REPLY)


async def test_questions_are_answered_in_the_order_they_were_put(store, user_uuid, exp_uuid, ask):
    row = await read_experiment(store, user_uuid, exp_uuid)
    for weight in (1.0, 2.0, 3.0):
        await ask(question=predict_question(row, [GUESS | {"weight": weight}]))
    claimed = [await claim_question(store, "a", LEASE) for _ in range(3)]
    assert [one.configurations[0]["weight"] for one in claimed] == [1.0, 2.0, 3.0]


async def test_predictions_are_asked_of_checked_configurations(store, user_uuid, exp_uuid):
    row = await read_experiment(store, user_uuid, exp_uuid)
    question = predict_question(row, [{"weight": 7, "v1": 2.0, "color": "red"}])
    assert question.body == {"configurations": [{"v1": 2, "color": "red", "weight": 7.0}]}
    assert predict_question(row, [GUESS | {"v1": 9}]).body == {"configurations": [GUESS | {"v1": 9}]}
    with pytest.raises(InvalidError) as caught:
        predict_question(row, [GUESS, GUESS | {"v1": 9.5}])
    assert caught.value.errors[0].field == "configurations.1.v1"


async def test_old_replies_go_with_the_next_question_after_newer_data(store, user_uuid, exp_uuid, ask):
    row = await read_experiment(store, user_uuid, exp_uuid)
    await ask()
    await commit_reply(store, await claim_question(store, "a", LEASE), REPLY)
    await tell(store, user_uuid, exp_uuid, [run(7)])
    await ask(question=predict_question(row, [GUESS]))
    assert await count(store) == 2  # whoever asked for it may not have read it yet
    await age_replies(store, "3 minutes")
    await ask(question=predict_question(row, [GUESS | {"weight": 1.0}]))
    assert await count(store) == 2


async def test_replies_that_nobody_asked_for_lately_are_tidied_away(store, ask):
    await ask()
    await commit_reply(store, await claim_question(store, "a", LEASE), REPLY)
    await age_replies(store, "59 minutes")
    await tidy(store)
    assert await count(store) == 1
    await age_replies(store, "2 minutes")
    await tidy(store)
    assert await count(store) == 0


async def age_replies(store, by):
    async with store.work() as work:
        await work.run(sa.text(f"UPDATE autotune.questions SET answered_at = answered_at - interval '{by}'"))


async def test_closed_experiment_still_answers(store, user_uuid, exp_uuid, ask):
    await close_experiment(store, user_uuid, exp_uuid)
    await ask()
    await commit_reply(store, await claim_question(store, "a", LEASE), REPLY)
    assert (await ask()).reply == REPLY


async def test_stranger_gets_no_reply(store, user_uuid, exp_uuid, ask):
    await ask()
    await commit_reply(store, await claim_question(store, "a", LEASE), REPLY)
    with pytest.raises(NotFoundError):
        await reply_to(store, uuid4(), exp_uuid, insights_question(), 0)
