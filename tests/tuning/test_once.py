"""Requests with a key are done once: the reply is stored with what it is about, or neither is."""

from datetime import timedelta
from uuid import UUID

import pytest

from autotune_service.domain.errors import InvalidError, KeyReusedError, RequestRunningError
from autotune_service.store.rows.experiments import update_experiment
from autotune_service.store.rows.suggestions import update_reopened
from autotune_service.tuning.ask import Terms, lease_suggestions, taken_before
from autotune_service.tuning.experiments import create_experiment, read_experiment
from autotune_service.tuning.leases import expire_leases
from autotune_service.tuning.once import ALWAYS, Once
from autotune_service.tuning.tell import tell
from autotune_service.tuning.upkeep import tidy
from autotune_wire.base import Reply
from autotune_wire.experiments import NewExperiment
from autotune_wire.frames import Positions
from autotune_wire.observations import TellReply, Told
from support import GUESS, SPACE


@pytest.fixture
async def exp_uuid(store, user_uuid):
    return (await create_experiment(store, user_uuid, NewExperiment(name="once", covars=SPACE, seed=1))).exp_uuid


@pytest.fixture
def tell_once(store, user_uuid, exp_uuid):
    async def tell_once(key="k1", body=b"body", weight=7.0):
        once = Once(user_uuid, key, body)
        runs = [Told(covars=GUESS | {"weight": weight}, response=1.0)]
        return await once.reply(TellReply, tell(store, user_uuid, exp_uuid, runs, once=once))

    return tell_once


async def n_observations(store, user_uuid, exp_uuid):
    return (await read_experiment(store, user_uuid, exp_uuid)).n_observations


async def test_repeated_request_gets_the_first_reply_and_does_nothing(tell_once, store, user_uuid, exp_uuid):
    first, second = await tell_once(), await tell_once()
    assert first.model_dump_json() == second.model_dump_json()
    assert await n_observations(store, user_uuid, exp_uuid) == 1


async def test_key_of_another_request_is_refused(tell_once, store, user_uuid, exp_uuid):
    await tell_once()
    with pytest.raises(KeyReusedError):
        await tell_once(body=b"another")
    assert await n_observations(store, user_uuid, exp_uuid) == 1


async def test_request_that_is_at_work_is_not_done_beside_itself(tell_once, store, user_uuid):
    async with store.work() as work:
        await Once(user_uuid, "k1", b"body").begin(work)
        with pytest.raises(RequestRunningError):
            await tell_once()
    assert (await tell_once()).covars_sampled_iter == 1


async def test_refused_request_may_come_again_with_its_key(tell_once):
    with pytest.raises(InvalidError):
        await tell_once(weight="heavy")
    assert (await tell_once(weight=9.0)).covars_sampled_iter == 1


async def test_request_of_another_user_may_have_the_same_key(tell_once, store, user_uuid, accounts):
    await tell_once()
    async with store.work() as work:
        assert await Once(None, "k1", b"x").begin(work) == []


async def test_ask_that_was_cut_off_gives_what_it_had_taken(store, user_uuid, exp_uuid):
    once = Once(user_uuid, "k2", b"ask")
    (taken,) = (await lease_suggestions(store, user_uuid, exp_uuid, 0, 2, Terms(once=once))).suggestions
    again = Terms(once=Once(user_uuid, "k2", b"ask"))
    assert [one.suggestion_uuid for one in await taken_before(store, exp_uuid, again)] == [taken.suggestion_uuid]


async def test_ask_that_was_cut_off_does_not_give_what_another_worker_holds_by_now(store, user_uuid, exp_uuid):
    terms = Terms("robot 1", timedelta(0), Once(user_uuid, "k2", b"ask"))
    await lease_suggestions(store, user_uuid, exp_uuid, 0, 1, terms)
    await expire_leases(store)
    (taken,) = (await lease_suggestions(store, user_uuid, exp_uuid, 0, 1, Terms("robot 2"))).suggestions
    assert taken.lease_by == "robot 2"
    again = Terms("robot 1", timedelta(0), Once(user_uuid, "k2", b"ask"))
    assert await taken_before(store, exp_uuid, again) == []


async def test_ask_that_waits_takes_nothing_once_the_same_ask_has(store, user_uuid, exp_uuid):
    """Both were begun while nothing was open: whoever takes first is the one that is answered."""
    (held,) = (await lease_suggestions(store, user_uuid, exp_uuid, 0, 1)).suggestions
    first, second, other = (Terms(once=Once(user_uuid, "k2", body)) for body in (b"ask", b"ask", b"another"))
    for terms in (first, second, other):
        assert await taken_before(store, exp_uuid, terms) == []
        assert not (await lease_suggestions(store, user_uuid, exp_uuid, 0, 1, terms)).suggestions
    async with store.work() as work:
        await update_reopened(work, [held.suggestion_uuid])
        await update_experiment(work, exp_uuid, {"n_open": 1})
    (taken,) = (await lease_suggestions(store, user_uuid, exp_uuid, 0, 2, first)).suggestions
    assert taken.suggestion_uuid == held.suggestion_uuid
    with pytest.raises(RequestRunningError):
        await lease_suggestions(store, user_uuid, exp_uuid, 0, 1, second)
    with pytest.raises(KeyReusedError):
        await lease_suggestions(store, user_uuid, exp_uuid, 0, 1, other)
    with pytest.raises(RequestRunningError):
        await second.once.keep_alone(store, Reply())


async def test_asks_without_a_key_leave_nothing_behind(store, user_uuid, exp_uuid):
    await lease_suggestions(store, user_uuid, exp_uuid, 0, 1)
    assert ALWAYS._noted is None


async def test_reply_is_the_first_ones_where_both_come_to_the_end(store, user_uuid):
    first, second = Once(user_uuid, "k3", b"ask"), Once(user_uuid, "k3", b"ask")
    for once in (first, second):
        assert await once.begin_alone(store) == []

    async def kept(once, n_experiments):
        reply = Positions(positions={UUID(int=0): n_experiments})
        await once.keep_alone(store, reply)
        return reply

    assert (await first.reply(Positions, kept(first, 1))).positions == {UUID(int=0): 1}
    assert (await second.reply(Positions, kept(second, 2))).positions == {UUID(int=0): 1}


async def test_replies_are_forgotten_after_a_week(tell_once, store, user_uuid, exp_uuid):
    await tell_once()
    await tidy(store)
    await tell_once()
    assert await n_observations(store, user_uuid, exp_uuid) == 1
    async with store.work() as work:
        raw = work._connection
        await raw.execute("UPDATE autotune.answered_requests SET created_at = created_at - interval '7 days 1 minute'")
    await tidy(store)
    await tell_once()
    assert await n_observations(store, user_uuid, exp_uuid) == 2
