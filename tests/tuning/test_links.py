"""Which suggestion each run of a tell belongs to, on a real database; and what it costs to find out."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from autotune_service.domain.errors import AlreadyToldError, InvalidError
from autotune_service.store.rows.experiments import get_experiment, get_experiment_and_pending
from autotune_service.store.rows.suggestions import LEASED, insert_suggestions, list_pending
from autotune_service.tuning.experiments import create_experiment
from autotune_service.tuning.tell import tell
from autotune_wire.experiments import NewExperiment
from autotune_wire.observations import Told
from raw_database import until_another_waits
from support import GUESS, SPACE


@pytest.fixture
async def exp_uuid(store, user_uuid):
    return (await create_experiment(store, user_uuid, NewExperiment(name="links", covars=SPACE, seed=1))).exp_uuid


@pytest.fixture
def taken(store, exp_uuid):
    """Take n suggestions, each with a weight of its own, without an engine."""

    async def take(n):
        async with store.work() as work:
            (guess,) = await list_pending(work, exp_uuid)
            rows = [
                replace(
                    guess,
                    suggestion_uuid=uuid4(),
                    seq=100 + number,
                    state=LEASED,
                    covars=GUESS | {"weight": number / 2},
                )
                for number in range(n)
            ]
            await work.run(insert_suggestions(rows))
        return rows

    return take


def named(suggestion, response=1.0):
    return Told(covars=suggestion.covars, response=response, suggestion_uuid=suggestion.suggestion_uuid)


@pytest.mark.parametrize("is_named", [False, True])
async def test_tell_sends_as_many_statements_for_two_hundred_runs_as_for_one(
    store, user_uuid, exp_uuid, taken, statements, is_named
):
    suggestions = await taken(201)
    runs = [
        named(suggestion) if is_named else Told(covars=suggestion.covars, response=1.0) for suggestion in suggestions
    ]
    counts = []
    for part in (runs[:1], runs[1:]):
        statements.clear()
        await tell(store, user_uuid, exp_uuid, part)
        counts.append(len(statements))
    # Read and lock the experiment with what is pending, list what is named, change all, send the notices that are left.
    assert counts == ([4, 4] if is_named else [3, 3])
    async with store.work() as work:
        assert {suggestion.suggestion_uuid for suggestion in await list_pending(work, exp_uuid)}.isdisjoint(
            suggestion.suggestion_uuid for suggestion in suggestions
        )


async def test_what_is_pending_is_read_with_the_experiment_as_it_is_listed(store, user_uuid, exp_uuid, taken):
    (suggestion,) = await taken(1)
    rich = replace(
        suggestion,
        suggestion_uuid=uuid4(),
        seq=7,
        covars={"whole": 8, "exact": 8.0, "text": "8", "größe": 1e-300},
        mean=2.0,
        predictions={"yield": {"mean": 0.1, "sd": 1e300}},
        fixed={"text": "8"},
        fixed_key="k",
        lease_by="bench 2",
        lease_until=suggestion.created_at + timedelta(microseconds=1),
    )
    async with store.work() as work:
        await work.run(insert_suggestions([rich]))
        row, pending = await get_experiment_and_pending(work, exp_uuid, user_uuid)
        assert [one.seq for one in pending] == [2, 7, 100]
        assert repr(pending) == repr(await list_pending(work, exp_uuid))  # 8 is no 8.0
        assert row == await get_experiment(work, exp_uuid, user_uuid)


async def test_tell_sees_what_was_told_while_it_waited_for_the_experiment(store, database, user_uuid, exp_uuid, taken):
    (suggestion,) = await taken(1)
    run = Told(covars=suggestion.covars, response=1.0)
    async with database.transaction():
        await database.execute("UPDATE experiments SET updated_at = updated_at")
        telling = asyncio.create_task(tell(store, user_uuid, exp_uuid, [run]))
        await until_another_waits(database)
        await database.execute("UPDATE suggestions SET state = 'told' WHERE seq = $1", suggestion.seq)
    (told,) = (await telling).observations
    assert told.suggestion_uuid is None


async def test_named_run_belongs_to_its_suggestion_and_an_equal_one_to_another(store, user_uuid, exp_uuid, taken):
    first, second = await taken(2)
    other = Told(covars=first.covars, response=2.0, suggestion_uuid=second.suggestion_uuid)
    reply = await tell(store, user_uuid, exp_uuid, [other, Told(covars=first.covars, response=1.0)])
    assert [run.suggestion_uuid for run in reply.observations] == [second.suggestion_uuid, first.suggestion_uuid]


async def test_suggestion_of_another_experiment_is_refused_with_its_place(store, user_uuid, exp_uuid, taken):
    other = await create_experiment(store, user_uuid, NewExperiment(name="other", covars=SPACE, seed=1))
    first, second = await taken(2)
    with pytest.raises(InvalidError) as caught:
        await tell(store, user_uuid, other.exp_uuid, [Told(covars=GUESS, response=1.0), named(first)])
    (problem,) = caught.value.errors
    assert (problem.field, problem.value) == ("observations.1.suggestion_uuid", str(first.suggestion_uuid))
    with pytest.raises(AlreadyToldError, match="twice"):
        await tell(store, user_uuid, exp_uuid, [named(first), named(second), named(first)])
    await tell(store, user_uuid, exp_uuid, [named(second, response=7.5)])
    with pytest.raises(AlreadyToldError, match=r"7\.5") as caught:
        await tell(store, user_uuid, exp_uuid, [named(first), named(second)])
    assert [problem.field for problem in caught.value.errors] == ["observations.1.suggestion_uuid"]


async def test_first_wrong_run_decides_what_a_tell_is_refused_for(store, user_uuid, exp_uuid, taken):
    (told,) = await taken(1)
    await tell(store, user_uuid, exp_uuid, [named(told)])
    wrong = Told(covars=GUESS | {"weight": "heavy"}, response=1.0)
    with pytest.raises(InvalidError) as caught:
        await tell(store, user_uuid, exp_uuid, [wrong, named(told)])
    assert [problem.field for problem in caught.value.errors] == ["observations.0.covars.weight"]
    with pytest.raises(AlreadyToldError):
        await tell(store, user_uuid, exp_uuid, [named(told), wrong])
