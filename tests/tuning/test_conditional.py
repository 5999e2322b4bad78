"""Asks with fixed values, on a real database, the engine's part played by the test."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from autotune_service.domain.errors import EngineFailedError, EngineFailingError, InvalidError, NotFoundError
from autotune_service.store.rows.events import list_events
from autotune_service.tuning.ask import current_suggestion, lease_suggestions
from autotune_service.tuning.claimed_questions import (
    claim_question,
    commit_question_suggestions,
    fail_question,
    keep_question,
)
from autotune_service.tuning.conditional import checked_ask, current_conditional, lease_conditional
from autotune_service.tuning.experiments import close_experiment, create_experiment, read_experiment
from autotune_service.tuning.fit import claim_fit, commit_fit
from autotune_service.tuning.new_suggestions import EngineRun, NewSuggestion
from autotune_service.tuning.tell import tell
from autotune_wire.experiments import NewExperiment
from autotune_wire.observations import Told
from autotune_wire.suggestions import Predicted
from support import GUESS, SPACE

LEASE = timedelta(seconds=30)
RED = {"color": "red"}
OVEN = {"oven": {"vtype": "cat", "guess": "a", "options": ["a", "b"], "role": "context"}}
IN_B = {"oven": "b"}


@pytest.fixture
async def exp_uuid(store, user_uuid):
    return (await create_experiment(store, user_uuid, NewExperiment(name="c", covars=SPACE, seed=1))).exp_uuid


@pytest.fixture
async def with_context(store, user_uuid):
    return (await create_experiment(store, user_uuid, NewExperiment(name="c", covars=SPACE | OVEN, seed=1))).exp_uuid


def run(weight, **more):
    return Told(covars=GUESS | {"weight": weight} | more, response=1.0)


def engine_run(*weights, **fixed):
    return EngineRun([NewSuggestion(GUESS | {"weight": float(one)} | fixed, "model", "because") for one in weights])


def weights(given):
    return [one.covars["weight"] for one in given.suggestions]


async def test_ask_with_fixed_values_waits_for_a_suggestion_of_its_own(store, user_uuid, exp_uuid):
    assert await current_conditional(store, user_uuid, exp_uuid, 0, RED) is None
    asked = await claim_question(store, "a", LEASE)
    assert (asked.fixed, asked.n, asked.row.kind) == (RED, 1, "suggest")
    assert await commit_question_suggestions(store, asked, engine_run(50))
    for _ in range(2):
        given = await current_conditional(store, user_uuid, exp_uuid, 0, RED)
        assert weights(given) == [50.0]
    assert given.suggestions[0].fixed == RED
    assert await claim_question(store, "a", LEASE) is None


async def test_suggestion_for_fixed_values_is_nobody_elses(store, user_uuid, exp_uuid):
    await current_conditional(store, user_uuid, exp_uuid, 0, RED)
    await commit_question_suggestions(store, await claim_question(store, "a", LEASE), engine_run(50))
    assert weights(await current_suggestion(store, user_uuid, exp_uuid, 0)) == [6.6]
    assert weights(await lease_suggestions(store, user_uuid, exp_uuid, 0, 2)) == [6.6]
    assert await current_conditional(store, user_uuid, exp_uuid, 0, {"color": "blue"}) is None
    assert (await read_experiment(store, user_uuid, exp_uuid)).n_open == 0


async def test_asks_for_the_same_fixed_values_put_one_question(store, user_uuid, exp_uuid):
    for fixed in ({"color": "red", "v1": 2}, {"v1": 2.0, "color": "red"}):
        await current_conditional(store, user_uuid, exp_uuid, 0, fixed)
    assert await claim_question(store, "a", LEASE) is not None
    assert await claim_question(store, "b", LEASE) is None


async def test_taken_one_is_pending_and_the_rest_is_asked_for(store, user_uuid, exp_uuid):
    assert weights(await lease_conditional(store, user_uuid, exp_uuid, 0, RED, 2)) == []
    asked = await claim_question(store, "a", LEASE)
    assert asked.n == 2
    await commit_question_suggestions(store, asked, engine_run(50))
    assert weights(await lease_conditional(store, user_uuid, exp_uuid, 0, RED, 2)) == [50.0]
    again = await claim_question(store, "a", LEASE)
    assert 50.0 in [one.covars["weight"] for one in again.snapshot.pending]


async def test_newer_data_replace_it(store, user_uuid, exp_uuid):
    await current_conditional(store, user_uuid, exp_uuid, 0, RED)
    await commit_question_suggestions(store, await claim_question(store, "a", LEASE), engine_run(50))
    await tell(store, user_uuid, exp_uuid, [run(7)])
    assert await current_conditional(store, user_uuid, exp_uuid, 1, RED) is None
    asked = await claim_question(store, "a", LEASE)
    assert asked.snapshot.pending == []
    await commit_question_suggestions(store, asked, engine_run(60))
    assert weights(await current_conditional(store, user_uuid, exp_uuid, 1, RED)) == [60.0]
    event = (await list_events(store, exp_uuid, 0, 100))[-1]
    assert len(event.data["superseded"]) == 1


async def test_it_brings_what_is_predicted_best_as_every_run_of_the_engine_does(store, user_uuid, with_context):
    await tell(store, user_uuid, with_context, [run(7, oven="b")])
    await current_conditional(store, user_uuid, with_context, 1, IN_B)
    asked = await claim_question(store, "a", LEASE)
    best = (GUESS | {"weight": 7.0, "oven": "b"}, {"Response": Predicted(mean=0.9, sd=0.1)})
    await commit_question_suggestions(store, asked, replace(engine_run(50, oven="b"), best_predicted=best))
    stored = (await read_experiment(store, user_uuid, with_context)).best_predicted
    assert (stored.covars["weight"], stored.mean, stored.data_rev) == (7.0, 0.9, 1)


async def test_what_an_ask_takes_longer_for_replaces_no_newer_prediction(store, user_uuid, exp_uuid):
    await current_conditional(store, user_uuid, exp_uuid, 0, RED)
    slow = await claim_question(store, "a", LEASE)
    await tell(store, user_uuid, exp_uuid, [run(7)])
    fit = await claim_fit(store, "b", LEASE)
    await commit_fit(
        store, fit, replace(engine_run(60), best_predicted=(GUESS, {"Response": Predicted(mean=2.0, sd=0.1)}))
    )
    await commit_question_suggestions(
        store, slow, replace(engine_run(50), best_predicted=(GUESS, {"Response": Predicted(mean=1.0, sd=0.1)}))
    )
    assert (await read_experiment(store, user_uuid, exp_uuid)).best_predicted.mean == 2.0


async def test_proposal_that_was_told_meanwhile_is_dropped_and_asked_for_again(store, user_uuid, exp_uuid):
    await current_conditional(store, user_uuid, exp_uuid, 0, RED)
    asked = await claim_question(store, "a", LEASE)
    await tell(store, user_uuid, exp_uuid, [run(50)])
    await commit_question_suggestions(store, asked, engine_run(50))
    assert await current_conditional(store, user_uuid, exp_uuid, 0, RED) is None
    assert await claim_question(store, "a", LEASE) is not None


async def test_question_that_another_worker_has_commits_nothing(store, user_uuid, exp_uuid):
    await current_conditional(store, user_uuid, exp_uuid, 0, RED)
    lost = await claim_question(store, "slow", timedelta(0))
    taken = await claim_question(store, "quick", LEASE)
    assert not await commit_question_suggestions(store, lost, engine_run(50))
    assert not await keep_question(store, lost, LEASE)
    assert await keep_question(store, taken, LEASE)
    assert await commit_question_suggestions(store, taken, engine_run(60))
    assert weights(await current_conditional(store, user_uuid, exp_uuid, 0, RED)) == [60.0]


async def test_failure_is_told_once_and_then_tried_again(store, user_uuid, exp_uuid):
    await current_conditional(store, user_uuid, exp_uuid, 0, RED)
    assert await fail_question(store, await claim_question(store, "a", LEASE), "no luck")
    with pytest.raises(EngineFailedError, match="no luck"):
        await current_conditional(store, user_uuid, exp_uuid, 0, RED)
    assert await current_conditional(store, user_uuid, exp_uuid, 0, RED) is None
    assert await claim_question(store, "a", LEASE) is not None


async def test_failure_that_is_worth_another_try_later_is_told_until_then_or_until_newer_data_come(
    store, user_uuid, exp_uuid
):
    place = (store, user_uuid, exp_uuid)
    await current_conditional(*place, 0, RED)
    await fail_question(store, await claim_question(store, "a", LEASE), "no luck", timedelta(seconds=15))
    for ask in (current_conditional(*place, 0, RED), lease_conditional(*place, 0, RED, 1)):
        with pytest.raises(EngineFailingError, match=r"no luck\): ask again in 15 s") as caught:
            await ask
        assert caught.value.retry_after_s == 15
    await tell(*place, [run(7)])
    assert await current_conditional(*place, 1, RED) is None
    await fail_question(store, await claim_question(store, "a", LEASE), "no luck", timedelta(0))
    assert await current_conditional(*place, 1, RED) is None  # the time for another try has come
    assert await claim_question(store, "a", LEASE) is not None


async def test_experiment_that_is_closed_meanwhile_gets_no_suggestion(store, user_uuid, exp_uuid):
    await current_conditional(store, user_uuid, exp_uuid, 0, RED)
    asked = await claim_question(store, "a", LEASE)
    await close_experiment(store, user_uuid, exp_uuid)
    assert await commit_question_suggestions(store, asked, engine_run(50))
    assert (await list_events(store, exp_uuid, 0, 100))[-1].type == "experiment_closed"


async def test_first_ask_of_an_experiment_with_contexts_gets_the_guess_there(store, user_uuid, with_context):
    assert [one.type for one in await list_events(store, with_context, 0, 10)] == ["experiment_created"]
    given = await current_conditional(store, user_uuid, with_context, 0, IN_B)
    assert [(one.covars, one.source) for one in given.suggestions] == [(GUESS | IN_B, "guess")]
    assert [one.seq for one in await list_events(store, with_context, 0, 10)] == [1, 2]
    assert await current_conditional(store, user_uuid, with_context, 0, {"oven": "a"}) is None
    assert await claim_question(store, "a", LEASE) is not None


async def test_experiment_with_contexts_makes_no_work_before_somebody_asks(store, user_uuid, with_context):
    await tell(store, user_uuid, with_context, [run(7, **IN_B)])
    assert await claim_fit(store, "a", LEASE) is None
    assert await current_conditional(store, user_uuid, with_context, 1, IN_B) is None
    await commit_question_suggestions(store, await claim_question(store, "a", LEASE), engine_run(60, **IN_B))
    assert weights(await lease_conditional(store, user_uuid, with_context, 1, IN_B, 1)) == [60.0]
    assert await claim_fit(store, "a", LEASE) is None


async def test_ask_must_give_every_context_and_only_values_of_the_space(store, user_uuid, with_context):
    row = await read_experiment(store, user_uuid, with_context)
    for fixed, field in (({}, "fixed.oven"), ({"oven": "c"}, "fixed.oven"), ({"oven": "a", "x": 1}, "fixed.x")):
        with pytest.raises(InvalidError) as caught:
            await checked_ask(store, row, fixed)
        assert [one.field for one in caught.value.errors] == [field]


async def test_fixed_values_that_no_constraint_leaves_room_for_are_refused(store, user_uuid):
    light = {"ctype": "linear", "weights": {"v1": 100, "weight": 1}, "relation": "<=", "bound": 300}
    new = NewExperiment(name="c", covars=SPACE, constraints=[light])
    made = await create_experiment(store, user_uuid, new)
    row = await read_experiment(store, user_uuid, made.exp_uuid)
    assert await checked_ask(store, row, {"v1": 3}) == {"v1": 3}
    with pytest.raises(InvalidError) as caught:
        await checked_ask(store, row, {"v1": 4})
    assert caught.value.errors[0].field == "constraints.0"


async def test_stranger_cannot_ask(store, exp_uuid):
    with pytest.raises(NotFoundError):
        await current_conditional(store, uuid4(), exp_uuid, 0, RED)
