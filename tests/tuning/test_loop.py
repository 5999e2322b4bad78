"""Ask, tell and fit as transactions on a real database, the engine's part played by the test."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from autotune_service.domain.errors import (
    AlreadyToldError,
    EngineFailingError,
    ExperimentClosedError,
    InvalidError,
    NotFoundError,
)
from autotune_service.store.rows.events import list_events
from autotune_service.tuning.ask import current_suggestion, lease_suggestions, may_take_more
from autotune_service.tuning.experiments import close_experiment, create_experiment, read_experiment
from autotune_service.tuning.fit import claim_fit, commit_fit, fail_fit, keep_fit
from autotune_service.tuning.new_suggestions import EngineRun, NewSuggestion
from autotune_service.tuning.tell import tell
from autotune_wire.experiments import NewExperiment
from autotune_wire.observations import Told
from autotune_wire.suggestions import Predicted
from support import GUESS, SPACE, best_of

LEASE = timedelta(seconds=30)
FAILED = "engine_failed"


@pytest.fixture
async def exp_uuid(store, user_uuid):
    return (await create_experiment(store, user_uuid, NewExperiment(name="loop", covars=SPACE, seed=1))).exp_uuid


def run(weight, response, **more):
    return Told(covars=GUESS | {"weight": weight}, response=response, **more)


def engine_run(*weights):
    predictions = {"Response": Predicted(mean=1.0, sd=0.1)}
    return EngineRun(
        [NewSuggestion(GUESS | {"weight": float(one)}, "model", "because", predictions) for one in weights]
    )


async def types(store, exp_uuid):
    return [event.type for event in await list_events(store, exp_uuid, 0, 1000)]


async def test_new_experiment_offers_its_guess_at_once(store, user_uuid, exp_uuid):
    given = await current_suggestion(store, user_uuid, exp_uuid, 0)
    assert [(one.covars, one.source) for one in given.suggestions] == [(GUESS, "guess")]
    assert await types(store, exp_uuid) == ["experiment_created", "suggestion_created"]


async def test_tell_makes_work_that_one_worker_claims(store, user_uuid, exp_uuid):
    assert await claim_fit(store, "a", LEASE) is None
    await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])
    fit = await claim_fit(store, "a", LEASE)
    assert fit.experiment.exp_uuid == exp_uuid
    assert [one.covars for one in fit.observations] == [GUESS | {"weight": 7.0}]
    assert fit.n == 1
    assert await claim_fit(store, "b", LEASE) is None


async def test_workers_that_claim_together_get_one_job_each(store, user_uuid):
    ids = set()
    for n in range(4):
        new = NewExperiment(name=f"e{n}", covars=SPACE, seed=1)
        ids.add((await create_experiment(store, user_uuid, new)).exp_uuid)
    for one in ids:
        await tell(store, user_uuid, one, [run(7, 1.0)])
    fits = await asyncio.gather(*(claim_fit(store, f"w{n}", LEASE) for n in range(8)))
    # SKIP LOCKED may leave a row to the next round, but never gives it to two.
    claimed = [fit.experiment.exp_uuid for fit in fits if fit is not None]
    while (fit := await claim_fit(store, "late", LEASE)) is not None:
        claimed.append(fit.experiment.exp_uuid)
    assert sorted(claimed) == sorted(ids)


async def test_ask_waits_for_the_fit_of_what_was_told(store, user_uuid, exp_uuid):
    await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])
    assert await current_suggestion(store, user_uuid, exp_uuid, 1) is None
    fit = await claim_fit(store, "a", LEASE)
    assert await commit_fit(store, fit, engine_run(50.0))
    given = await current_suggestion(store, user_uuid, exp_uuid, 1)
    assert given.suggestions[0].covars["weight"] == 50.0
    assert await claim_fit(store, "a", LEASE) is None


async def test_commit_supersedes_what_was_open(store, user_uuid, exp_uuid):
    await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])
    guess = (await current_suggestion(store, user_uuid, exp_uuid, 0)).suggestions[0]
    await commit_fit(store, await claim_fit(store, "a", LEASE), engine_run(50.0))
    event = (await list_events(store, exp_uuid, 0, 100))[-1]
    assert event.data["superseded"] == [str(guess.suggestion_uuid)]


async def test_tell_during_a_fit_causes_another(store, user_uuid, exp_uuid):
    await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])
    fit = await claim_fit(store, "a", LEASE)
    await tell(store, user_uuid, exp_uuid, [run(8, 2.0)])
    await commit_fit(store, fit, engine_run(50.0))
    again = await claim_fit(store, "a", LEASE)
    assert len(again.observations) == 2


async def test_burst_of_tells_is_one_fit(store, user_uuid, exp_uuid):
    await asyncio.gather(*(tell(store, user_uuid, exp_uuid, [run(n, float(n))]) for n in range(10)))
    fit = await claim_fit(store, "a", LEASE)
    assert len(fit.observations) == 10
    await commit_fit(store, fit, engine_run(50.0))
    assert await claim_fit(store, "a", LEASE) is None


async def test_parallel_tells_leave_no_gap_in_the_seqs(store, user_uuid, exp_uuid):
    await asyncio.gather(*(tell(store, user_uuid, exp_uuid, [run(n, float(n))]) for n in range(20)))
    events = await list_events(store, exp_uuid, 0, 1000)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert sum(event.type == "observation_added" for event in events) == 20
    row = await read_experiment(store, user_uuid, exp_uuid)
    assert (row.n_observations, row.best_response, row.last_seq) == (20, 19.0, len(events))


async def test_lost_lease_commits_nothing(store, user_uuid, exp_uuid):
    await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])
    lost = await claim_fit(store, "slow", timedelta(0))
    taken = await claim_fit(store, "quick", LEASE)
    assert not await commit_fit(store, lost, engine_run(50.0))
    assert not await keep_fit(store, lost, LEASE)
    assert await commit_fit(store, taken, engine_run(60.0))
    given = await current_suggestion(store, user_uuid, exp_uuid, 1)
    assert [one.covars["weight"] for one in given.suggestions] == [60.0]


async def test_renewed_lease_is_not_taken_over(store, user_uuid, exp_uuid):
    await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])
    fit = await claim_fit(store, "a", timedelta(0))
    assert await keep_fit(store, fit, LEASE)
    assert await claim_fit(store, "b", LEASE) is None


async def test_proposal_that_was_told_meanwhile_is_dropped(store, user_uuid, exp_uuid):
    (guess,) = (await current_suggestion(store, user_uuid, exp_uuid, 0)).suggestions
    await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])
    fit = await claim_fit(store, "a", LEASE)
    await tell(store, user_uuid, exp_uuid, [run(50, 2.0)])
    await commit_fit(store, fit, engine_run(50.0))
    assert await current_suggestion(store, user_uuid, exp_uuid, 1) is None
    event = (await list_events(store, exp_uuid, 0, 100))[-1]
    assert (event.type, event.data) == ("suggestion_superseded", {"superseded": [str(guess.suggestion_uuid)]})


async def test_failed_job_waits_for_the_next_tell(store, user_uuid, exp_uuid):
    await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])
    await fail_fit(store, await claim_fit(store, "a", LEASE), "no luck", timedelta(minutes=1))
    assert (await types(store, exp_uuid))[-1] == "engine_failed"
    assert await claim_fit(store, "a", LEASE) is None
    await tell(store, user_uuid, exp_uuid, [run(8, 1.0)])
    assert await claim_fit(store, "a", LEASE) is not None


async def test_failed_job_is_an_error_of_asks_until_it_is_tried_again(store, user_uuid, exp_uuid):
    place = (store, user_uuid, exp_uuid)
    await tell(*place, [run(7, 1.0)])
    await fail_fit(store, await claim_fit(store, "a", LEASE), "no luck", timedelta(seconds=20))
    assert await may_take_more(*place, 1, n=9)  # so that the caller looks, and learns why
    for ask in (current_suggestion(*place, 1), lease_suggestions(*place, 1, 1)):
        with pytest.raises(EngineFailingError, match="no luck") as caught:
            await ask
        assert caught.value.retry_after_s == 20
    assert (await current_suggestion(*place, 0)).suggestions  # from older data, if those are enough
    await tell(*place, [run(8, 1.0)])
    assert await current_suggestion(*place, 2) is None
    await fail_fit(store, await claim_fit(store, "a", LEASE), "no luck", timedelta(0))
    assert await current_suggestion(*place, 2) is None


async def test_job_that_fails_again_alike_adds_no_event_but_is_told_to_who_waits(store, hub, user_uuid, exp_uuid):
    await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])
    for reason in ("no luck", "no luck", "no memory"):
        with hub.watch(exp_uuid) as wake:
            await fail_fit(store, await claim_fit(store, "a", LEASE), reason, timedelta(0))
            async with asyncio.timeout(30):
                await wake.wait()
    failed = [event.data["reason"] for event in await list_events(store, exp_uuid, 0, 100) if event.type == FAILED]
    assert failed == ["no luck", "no memory"]


async def test_lease_takes_what_is_open_and_asks_for_the_rest(store, user_uuid, exp_uuid):
    given = await lease_suggestions(store, user_uuid, exp_uuid, 0, 3)
    assert [one.source for one in given.suggestions] == ["guess"]
    fit = await claim_fit(store, "a", LEASE)
    assert fit.n == 3  # the two that are missing, and one that is ready for whoever comes next
    assert [one.covars for one in fit.pending] == [GUESS]
    await commit_fit(store, fit, engine_run(1.0, 2.0, 3.0))
    rest = await lease_suggestions(store, user_uuid, exp_uuid, 0, 2)
    assert [one.covars["weight"] for one in rest.suggestions] == [1.0, 2.0]
    assert (await read_experiment(store, user_uuid, exp_uuid)).n_open == 1


async def test_caller_who_went_away_costs_one_fit_and_no_more(store, user_uuid, exp_uuid):
    await lease_suggestions(store, user_uuid, exp_uuid, 0, 50)
    fit = await claim_fit(store, "a", LEASE)
    await commit_fit(store, fit, engine_run(*range(fit.n)))
    await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])
    assert (await claim_fit(store, "a", LEASE)).n == 1


async def test_parallel_leases_never_share_a_suggestion(store, user_uuid, exp_uuid):
    await lease_suggestions(store, user_uuid, exp_uuid, 0, 5)
    fit = await claim_fit(store, "a", LEASE)
    await commit_fit(store, fit, engine_run(*range(fit.n)))
    taken = await asyncio.gather(*(lease_suggestions(store, user_uuid, exp_uuid, 0, 1) for _ in range(5)))
    uuids = [one.suggestion_uuid for given in taken for one in given.suggestions]
    assert len(uuids) == len(set(uuids)) == 5


async def test_leased_suggestion_stays_pending_through_a_fit(store, user_uuid, exp_uuid):
    await lease_suggestions(store, user_uuid, exp_uuid, 0, 1)
    await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])
    fit = await claim_fit(store, "a", LEASE)
    assert [one.covars for one in fit.pending] == [GUESS]


async def test_tell_links_the_suggestion_with_the_same_configuration(store, user_uuid, exp_uuid):
    guess = (await current_suggestion(store, user_uuid, exp_uuid, 0)).suggestions[0]
    taken = await tell(store, user_uuid, exp_uuid, [Told(covars=GUESS, response=1.0)])
    assert taken.observations[0].suggestion_uuid == guess.suggestion_uuid
    assert (await read_experiment(store, user_uuid, exp_uuid)).n_open == 0


async def test_second_tell_of_a_suggestion_is_refused_with_the_first_value(store, user_uuid, exp_uuid):
    uuid = (await current_suggestion(store, user_uuid, exp_uuid, 0)).suggestions[0].suggestion_uuid
    results = await asyncio.gather(
        *(tell(store, user_uuid, exp_uuid, [run(6.6, value, suggestion_uuid=uuid)]) for value in (1.0, 2.0)),
        return_exceptions=True,
    )
    stored = [best_of(one) for one in results if not isinstance(one, Exception)]
    refused = [one for one in results if isinstance(one, AlreadyToldError)]
    assert len(stored) == len(refused) == 1
    assert str(stored[0]) in refused[0].detail


async def test_late_tell_of_a_superseded_suggestion_is_kept_and_linked(store, user_uuid, exp_uuid):
    guess = (await current_suggestion(store, user_uuid, exp_uuid, 0)).suggestions[0]
    await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])
    await commit_fit(store, await claim_fit(store, "a", LEASE), engine_run(50.0))
    taken = await tell(store, user_uuid, exp_uuid, [run(6.6, 3.0, suggestion_uuid=guess.suggestion_uuid)])
    assert taken.observations[0].suggestion_uuid == guess.suggestion_uuid
    assert best_of(taken) == 3.0


async def test_bulk_tell_is_stored_whole_or_not_at_all(store, user_uuid, exp_uuid):
    with pytest.raises(InvalidError) as caught:
        await tell(store, user_uuid, exp_uuid, [run(7, 1.0), run("heavy", 2.0)])
    assert caught.value.errors[0].field == "observations.1.covars.weight"
    assert (await read_experiment(store, user_uuid, exp_uuid)).n_observations == 0


async def test_unknown_suggestion_is_refused(store, user_uuid, exp_uuid):
    with pytest.raises(InvalidError) as caught:
        await tell(store, user_uuid, exp_uuid, [run(7, 1.0, suggestion_uuid=uuid4())])
    assert caught.value.errors[0].field == "observations.0.suggestion_uuid"


async def test_stranger_sees_no_experiment(store, exp_uuid):
    with pytest.raises(NotFoundError):
        await read_experiment(store, uuid4(), exp_uuid)


async def test_closed_experiment_takes_nothing_and_makes_no_work(store, user_uuid, exp_uuid):
    await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])
    await close_experiment(store, user_uuid, exp_uuid)
    with pytest.raises(ExperimentClosedError):
        await tell(store, user_uuid, exp_uuid, [run(8, 1.0)])
    assert await claim_fit(store, "a", LEASE) is None


async def test_minimizing_experiment_keeps_its_lowest_response(store, user_uuid):
    new = NewExperiment(name="low", covars=SPACE, seed=1, direction="minimize")
    exp_uuid = (await create_experiment(store, user_uuid, new)).exp_uuid
    for n, response in enumerate([3.0, 1.0, 2.0]):
        taken = await tell(store, user_uuid, exp_uuid, [run(n, response)])
    assert best_of(taken) == 1.0


async def test_run_that_names_its_suggestion_is_linked_before_one_that_only_equals_it(store, user_uuid, exp_uuid):
    guess = (await current_suggestion(store, user_uuid, exp_uuid, 0)).suggestions[0]
    twice = [Told(covars=GUESS, response=1.0), run(6.6, 2.0, suggestion_uuid=guess.suggestion_uuid)]
    taken = await tell(store, user_uuid, exp_uuid, twice)
    assert [one.suggestion_uuid for one in taken.observations] == [None, guess.suggestion_uuid]


async def test_large_ask_is_computed_in_steps(store, user_uuid, exp_uuid):
    await lease_suggestions(store, user_uuid, exp_uuid, 0, 100)
    fit = await claim_fit(store, "a", LEASE)
    assert 1 < fit.n < 20


async def test_tell_forgets_what_a_caller_wanted_who_went_away(store, user_uuid, exp_uuid):
    await lease_suggestions(store, user_uuid, exp_uuid, 0, 100)
    await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])
    assert (await claim_fit(store, "a", LEASE)).n == 1


async def test_failure_on_an_experiment_closed_meanwhile_is_no_event(store, user_uuid, exp_uuid):
    await tell(store, user_uuid, exp_uuid, [run(7, 1.0)])
    fit = await claim_fit(store, "a", LEASE)
    await close_experiment(store, user_uuid, exp_uuid)
    await fail_fit(store, fit, "no luck", LEASE)
    assert (await types(store, exp_uuid))[-1] == "experiment_closed"
