"""Leases end, are renewed and given up, as transactions on a real database."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from autotune_service.domain.errors import AlreadyToldError, InvalidError, NotPendingError
from autotune_service.store.rows.events import list_events
from autotune_service.tuning.ask import Terms, current_suggestion, lease_suggestions
from autotune_service.tuning.experiments import create_experiment, read_experiment
from autotune_service.tuning.fit import claim_fit, commit_fit
from autotune_service.tuning.leases import abandon, expire_leases, next_expiry, renew
from autotune_service.tuning.new_suggestions import EngineRun, NewSuggestion
from autotune_service.tuning.tell import tell
from autotune_wire.experiments import NewExperiment
from autotune_wire.observations import Told
from autotune_wire.suggestions import Abandon, Renew
from support import GUESS, SPACE

LEASE = timedelta(seconds=30)
ENDED = Terms("robot 1", timedelta(0))
HELD = Terms("robot 1", LEASE)


@pytest.fixture
async def exp_uuid(store, user_uuid):
    return (await create_experiment(store, user_uuid, NewExperiment(name="leases", covars=SPACE, seed=1))).exp_uuid


@pytest.fixture
def take(store, user_uuid, exp_uuid):
    async def take(terms, n=1, data_rev=0):
        return (await lease_suggestions(store, user_uuid, exp_uuid, data_rev, n, terms)).suggestions

    return take


async def last_event(store, exp_uuid):
    return (await list_events(store, exp_uuid, 0, 1000))[-1]


async def told_elsewhere(store, user_uuid, exp_uuid):
    await tell(store, user_uuid, exp_uuid, [Told(covars=GUESS | {"weight": 9.0}, response=1.0)])


async def test_leased_suggestion_tells_who_holds_it_and_until_when(take, store, exp_uuid):
    (one,) = await take(HELD)
    assert (one.state, one.lease_by) == ("leased", "robot 1")
    assert one.lease_until - one.created_at > LEASE
    event = await last_event(store, exp_uuid)
    assert (event.type, event.data["worker"]) == ("suggestion_leased", "robot 1")


async def test_suggestion_whose_lease_has_ended_is_offered_again(take, store, user_uuid, exp_uuid):
    (one,) = await take(ENDED)
    assert await expire_leases(store) == 1
    assert (await read_experiment(store, user_uuid, exp_uuid)).n_open == 1
    event = await last_event(store, exp_uuid)
    assert event.type == "suggestion_expired"
    assert event.data == {"suggestion_uuid": str(one.suggestion_uuid), "worker": "robot 1", "state": "open"}
    (again,) = await take(Terms("robot 2", LEASE))
    assert (again.suggestion_uuid, again.lease_by) == (one.suggestion_uuid, "robot 2")


async def test_suggestion_that_newer_data_overtook_is_not_offered_again(take, store, user_uuid, exp_uuid):
    (one,) = await take(ENDED)
    await told_elsewhere(store, user_uuid, exp_uuid)
    assert await expire_leases(store) == 1
    event = await last_event(store, exp_uuid)
    assert (event.data["suggestion_uuid"], event.data["state"]) == (str(one.suggestion_uuid), "expired")
    assert (await claim_fit(store, "a", LEASE)).pending == []


async def test_workers_that_end_leases_together_end_each_once(take, store, exp_uuid):
    await take(ENDED)
    assert sum(await asyncio.gather(*(expire_leases(store) for _ in range(5)))) == 1
    assert [event.type for event in await list_events(store, exp_uuid, 0, 100)].count("suggestion_expired") == 1


async def test_lease_that_still_runs_is_left_alone(take, store):
    await take(HELD)
    assert await expire_leases(store) == 0
    assert 25 < await next_expiry(store) <= 30


async def test_late_tell_of_an_expired_suggestion_is_kept_and_linked(take, store, user_uuid, exp_uuid):
    (one,) = await take(ENDED)
    await told_elsewhere(store, user_uuid, exp_uuid)
    await expire_leases(store)
    late = await tell(
        store, user_uuid, exp_uuid, [Told(covars=GUESS, response=7.0, suggestion_uuid=one.suggestion_uuid)]
    )
    assert late.observations[0].suggestion_uuid == one.suggestion_uuid


async def test_renewed_lease_runs_on(take, store, user_uuid, exp_uuid):
    (one,) = await take(ENDED)
    leases = await renew(store, user_uuid, exp_uuid, Renew(suggestion_uuids=[one.suggestion_uuid], worker="robot 1"))
    assert (leases.lost, leases.suggestions[0].state) == ([], "leased")
    assert await expire_leases(store) == 0


async def test_lease_of_another_worker_is_not_renewed(take, store, user_uuid, exp_uuid):
    (one,) = await take(ENDED)
    for worker in ("robot 2", None):
        body = Renew(suggestion_uuids=[one.suggestion_uuid], worker=worker)
        assert (await renew(store, user_uuid, exp_uuid, body)).lost == [one.suggestion_uuid]
    assert await expire_leases(store) == 1


async def test_renewal_names_what_is_no_suggestion(take, store, user_uuid, exp_uuid):
    (one,) = await take(HELD)
    with pytest.raises(InvalidError) as caught:
        await renew(store, user_uuid, exp_uuid, Renew(suggestion_uuids=[one.suggestion_uuid, uuid4()]))
    assert [problem.field for problem in caught.value.errors] == ["suggestion_uuids.1"]


async def test_abandoned_suggestion_makes_room_for_another(store, user_uuid, exp_uuid):
    guess = (await current_suggestion(store, user_uuid, exp_uuid, 0)).suggestions[0]
    body = Abandon(suggestion_uuid=guess.suggestion_uuid, reason="no flour")
    told = await abandon(store, user_uuid, exp_uuid, body)
    assert (told.state, told.abandoned_because) == ("abandoned", "no flour")
    event = await last_event(store, exp_uuid)
    assert (event.type, event.data["reason"]) == ("suggestion_abandoned", "no flour")
    fit = await claim_fit(store, "a", LEASE)
    # The same data would have the engine propose the same, so it counts as pending until newer data come.
    assert [one.suggestion_uuid for one in fit.pending] == [guess.suggestion_uuid]
    await commit_fit(store, fit, EngineRun([NewSuggestion(GUESS | {"weight": 50.0}, "model", "because")]))
    await told_elsewhere(store, user_uuid, exp_uuid)
    assert (await claim_fit(store, "a", LEASE)).pending == []


async def test_abandoning_twice_is_abandoning_once(take, store, user_uuid, exp_uuid):
    (one,) = await take(HELD)
    body = Abandon(suggestion_uuid=one.suggestion_uuid)
    assert await abandon(store, user_uuid, exp_uuid, body) == await abandon(store, user_uuid, exp_uuid, body)
    assert (await read_experiment(store, user_uuid, exp_uuid)).n_open == 0


async def test_told_or_expired_suggestion_cannot_be_abandoned(take, store, user_uuid, exp_uuid):
    (one,) = await take(ENDED)
    body = Abandon(suggestion_uuid=one.suggestion_uuid)
    await told_elsewhere(store, user_uuid, exp_uuid)
    await expire_leases(store)
    with pytest.raises(NotPendingError):
        await abandon(store, user_uuid, exp_uuid, body)
    await tell(store, user_uuid, exp_uuid, [Told(covars=GUESS, response=1.0, suggestion_uuid=one.suggestion_uuid)])
    with pytest.raises(AlreadyToldError):
        await abandon(store, user_uuid, exp_uuid, body)


async def test_worker_offers_again_by_itself(take, store, user_uuid, exp_uuid, worker, hub):
    (one,) = await take(Terms("robot 1", timedelta(seconds=0.2)))

    async def attempt():
        return await current_suggestion(store, user_uuid, exp_uuid, 0)

    given = await hub.until(exp_uuid, attempt, 20)
    while given.suggestions[0].suggestion_uuid != one.suggestion_uuid:
        given = await hub.until(exp_uuid, attempt, 20)
