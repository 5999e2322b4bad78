"""Corrections of observations: versions, the best, what the engine is given, and who sees it."""

from datetime import timedelta

import pytest

from autotune_service.domain.errors import InvalidError, NotFoundError, VersionConflictError
from autotune_service.store.rows.events import list_events
from autotune_service.tuning.correct import correct, read_versions
from autotune_service.tuning.experiments import create_experiment, read_experiment
from autotune_service.tuning.fit import claim_fit
from autotune_service.tuning.tell import tell
from autotune_wire.experiments import NewExperiment
from autotune_wire.observations import Correction, Told
from support import GUESS, SPACE


@pytest.fixture
async def exp_uuid(store, user_uuid):
    return (await create_experiment(store, user_uuid, NewExperiment(name="slips", covars=SPACE, seed=1))).exp_uuid


@pytest.fixture
async def observed(store, user_uuid, exp_uuid):
    runs = [Told(covars=GUESS | {"weight": float(n)}, response=float(n)) for n in range(3)]
    return (await tell(store, user_uuid, exp_uuid, runs)).observations


@pytest.fixture
def change(store, user_uuid, exp_uuid):
    async def change(one, version=1, **fields):
        body = Correction(version=version, reason="a slip of the pen", **fields)
        return await correct(store, user_uuid, exp_uuid, one.observation_uuid, body)

    return change


async def events_of(store, exp_uuid):
    return await list_events(store, exp_uuid, 0, 1000)


async def test_edited_response_is_what_counts(change, observed, store, user_uuid, exp_uuid):
    told = await change(observed[0], response=10.0, sd=0.5)
    assert (told.version, told.response, told.sds) == (2, 10.0, {"Response": 0.5})
    row = await read_experiment(store, user_uuid, exp_uuid)
    assert (row.best_response, row.best_observation_uuid, row.data_rev) == (10.0, told.observation_uuid, 4)
    fit = await claim_fit(store, "a", timedelta(seconds=9))
    assert [one.response for one in fit.observations] == [10.0, 1.0, 2.0]


async def test_watchers_see_the_correction_and_the_new_best(change, observed, store, exp_uuid):
    await change(observed[2], response=-1.0)
    corrected, best = (await events_of(store, exp_uuid))[-2:]
    assert (corrected.type, corrected.data["response"], corrected.data["reason"]) == (
        "observation_corrected",
        -1.0,
        "a slip of the pen",
    )
    assert (best.type, best.data["response"]) == ("best_changed", 1.0)


async def test_watchers_see_the_corrected_configuration_of_the_best(change, observed, store, exp_uuid):
    await change(observed[2], covars=GUESS | {"weight": 55.0})
    best = (await events_of(store, exp_uuid))[-1]
    assert (best.type, best.data["covars"]["weight"]) == ("best_changed", 55.0)


async def test_excluded_observation_counts_no_more_until_it_is_restored(change, observed, store, user_uuid, exp_uuid):
    await change(observed[2], is_excluded=True)
    assert (await read_experiment(store, user_uuid, exp_uuid)).best_response == 1.0
    await change(observed[2], version=2, is_excluded=False)
    assert (await read_experiment(store, user_uuid, exp_uuid)).best_response == 2.0


async def test_exclusion_of_what_is_excluded_already_and_restoring_what_counts_change_nothing(
    change, observed, store, user_uuid, exp_uuid
):
    kept = await change(observed[0], is_excluded=False)
    excluded = await change(observed[1], is_excluded=True)
    before = await read_experiment(store, user_uuid, exp_uuid)
    assert await change(observed[1], version=2, is_excluded=True) == excluded
    assert (kept.version, excluded.version) == (1, 2)
    assert await read_experiment(store, user_uuid, exp_uuid) == before
    assert [event.type for event in await events_of(store, exp_uuid)].count("observation_corrected") == 1
    with pytest.raises(VersionConflictError):
        await change(observed[1], version=1, is_excluded=True)


async def test_same_value_that_a_user_states_again_is_a_version(change, observed):
    assert (await change(observed[0], response=0.0)).version == 2
    assert (await change(observed[0], version=2, response=0.0, is_excluded=False)).version == 3


async def test_all_excluded_leaves_no_best(change, observed, store, user_uuid, exp_uuid):
    for one in observed:
        await change(one, is_excluded=True)
    assert (await read_experiment(store, user_uuid, exp_uuid)).best_observation_uuid is None
    assert (await events_of(store, exp_uuid))[-1].data["response"] is None


async def test_correction_of_an_older_version_is_refused_with_the_newest(change, observed):
    await change(observed[0], response=5.0)
    with pytest.raises(VersionConflictError) as caught:
        await change(observed[0], response=6.0)
    assert (caught.value.current["version"], caught.value.current["response"]) == (2, 5.0)


async def test_every_version_is_kept(change, observed, store, user_uuid, exp_uuid):
    await change(observed[0], response=5.0)
    await change(observed[0], version=2, status="failed")
    uuid = observed[0].observation_uuid
    versions = (await read_versions(store, user_uuid, exp_uuid, uuid)).versions
    assert [(one.version, one.response, one.status) for one in versions] == [
        (1, 0.0, "ok"),
        (2, 5.0, "ok"),
        (3, None, "failed"),
    ]
    assert [one.reason for one in versions] == [None, "a slip of the pen", "a slip of the pen"]
    seqs = [event.seq for event in await events_of(store, exp_uuid) if event.type == "observation_corrected"]
    assert [one.seq for one in versions] == [observed[0].seq, *seqs]


async def test_observation_that_was_never_corrected_has_one_version(observed, store, user_uuid, exp_uuid):
    uuid = observed[1].observation_uuid
    (only,) = (await read_versions(store, user_uuid, exp_uuid, uuid)).versions
    assert (only.version, only.response, only.reason) == (1, 1.0, None)


async def test_corrected_configuration_must_be_one_that_a_run_can_have(change, observed):
    told = await change(observed[0], covars=GUESS | {"weight": 55.0})
    assert told.covars["weight"] == 55.0
    with pytest.raises(InvalidError) as caught:
        await change(observed[0], version=2, covars=GUESS | {"weight": "heavy"})
    assert caught.value.errors[0].field == "covars.weight"


async def test_observation_of_another_experiment_is_not_found(change, observed, store, user_uuid):
    other = await create_experiment(store, user_uuid, NewExperiment(name="other", covars=SPACE, seed=1))
    body = Correction(version=1, reason="no", response=1.0)
    with pytest.raises(NotFoundError):
        await correct(store, user_uuid, other.exp_uuid, observed[0].observation_uuid, body)


@pytest.mark.parametrize("fields", [{}, {"response": 1.0, "status": "failed"}, {"sd": 0.1}, {"response": float("nan")}])
def test_correction_that_says_nothing_or_contradicts_itself_is_refused(fields):
    with pytest.raises(ValueError, match=r"nothing is corrected|no response|goes with|missing|finite"):
        Correction(version=1, reason="why", **fields)
