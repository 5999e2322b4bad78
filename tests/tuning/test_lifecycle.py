"""Another name for an experiment, its reopening, and its end for good."""

from datetime import timedelta

import pytest

from autotune_service.domain.access import OPERATOR
from autotune_service.domain.candidates import Block
from autotune_service.domain.errors import ExperimentStoppedError, InvalidError, NotFoundError
from autotune_service.store.rows.candidates import insert_blocks
from autotune_service.store.rows.deletion import delete_experiment
from autotune_service.store.rows.earlier import EarlierRun, insert_earlier
from autotune_service.store.rows.events import list_events
from autotune_service.store.tables import metadata
from autotune_service.tuning.ask import current_suggestion
from autotune_service.tuning.correct import correct
from autotune_service.tuning.experiments import close_experiment, create_experiment, read_experiment
from autotune_service.tuning.fit import claim_fit, commit_fit
from autotune_service.tuning.lifecycle import delete, rename, reopen
from autotune_service.tuning.new_suggestions import EngineRun, NewSuggestion
from autotune_service.tuning.once import Once
from autotune_service.tuning.questions import insights_question, reply_to
from autotune_service.tuning.report import report
from autotune_service.tuning.sharing import share
from autotune_service.tuning.tell import tell
from autotune_wire.access import Share
from autotune_wire.changes import Delete, Deleted, Rename
from autotune_wire.experiments import NewExperiment
from autotune_wire.observations import Correction, Told
from autotune_wire.reports import Report
from support import GUESS, SPACE


@pytest.fixture
def make(store, user_uuid):
    async def make(name="brownies", **fields):
        new = NewExperiment(name=name, covars=SPACE, seed=1, **fields)
        return (await create_experiment(store, user_uuid, new)).exp_uuid

    return make


async def types_of(store, exp_uuid):
    return [event.type for event in await list_events(store, exp_uuid, 0, 100)]


async def test_renamed_experiment_has_its_new_name_everywhere(make, store, user_uuid):
    exp_uuid = await make()
    assert (await rename(store, user_uuid, exp_uuid, Rename(name="cookies"))).name == "cookies"
    assert (await read_experiment(store, user_uuid, exp_uuid)).name == "cookies"
    renamed = (await list_events(store, exp_uuid, 0, 100))[-1]
    assert (renamed.type, renamed.data) == ("experiment_renamed", {"name": "cookies"})


async def test_same_name_is_no_change(make, store, user_uuid):
    exp_uuid = await make()
    await rename(store, user_uuid, exp_uuid, Rename(name="brownies"))
    assert "experiment_renamed" not in await types_of(store, exp_uuid)


async def test_closed_experiment_can_be_renamed(make, store, user_uuid):
    exp_uuid = await make()
    await close_experiment(store, user_uuid, exp_uuid)
    assert (await rename(store, user_uuid, exp_uuid, Rename(name="cookies"))).state == "closed"


@pytest.mark.parametrize("name", ["", " ", "a\x00", "a\nb", "a\u202eb", "x" * 201])
def test_name_that_a_new_experiment_must_not_have_is_refused(name):
    with pytest.raises(ValueError, match="name"):
        Rename(name=name)


async def test_reopened_experiment_takes_asks_and_tells(make, store, user_uuid):
    exp_uuid = await make()
    await close_experiment(store, user_uuid, exp_uuid)
    assert (await reopen(store, user_uuid, exp_uuid)).state == "active"
    asked = await current_suggestion(store, user_uuid, exp_uuid, 0)
    assert asked.suggestions[0].covars == GUESS
    await tell(store, user_uuid, exp_uuid, [Told(covars=GUESS, response=1.0)])
    assert (await types_of(store, exp_uuid))[2:4] == ["experiment_closed", "experiment_reopened"]


@pytest.mark.parametrize("is_closed", [False, True])
async def test_reopen_ends_a_stop_too(make, store, user_uuid, is_closed):
    exp_uuid = await make(stop={"budget": 1})
    await tell(store, user_uuid, exp_uuid, [Told(covars=GUESS, response=1.0)])
    with pytest.raises(ExperimentStoppedError):
        await current_suggestion(store, user_uuid, exp_uuid, 0)
    if is_closed:
        await close_experiment(store, user_uuid, exp_uuid)
    reopened = await reopen(store, user_uuid, exp_uuid)
    assert (reopened.state, reopened.stopped, reopened.stop.budget) == ("active", None, 1)
    assert (await types_of(store, exp_uuid))[-1] == "experiment_resumed"


async def test_reopening_what_is_open_changes_nothing(make, store, user_uuid):
    exp_uuid = await make()
    before = await read_experiment(store, user_uuid, exp_uuid)
    await reopen(store, user_uuid, exp_uuid)
    assert await read_experiment(store, user_uuid, exp_uuid) == before


@pytest.fixture
async def full(make, store, user_uuid):
    """An experiment with rows in every table that an experiment has rows in."""
    exp_uuid = await make()
    (guess,) = (await current_suggestion(store, user_uuid, exp_uuid, 0)).suggestions
    await report(store, user_uuid, exp_uuid, Report(suggestion_uuid=guess.suggestion_uuid, step=1, value=1.0))
    told = await tell(store, user_uuid, exp_uuid, [Told(covars=GUESS, response=n) for n in (1.0, 2.0)])
    body = Correction(version=1, reason="a slip", response=3.0)
    await correct(store, user_uuid, exp_uuid, told.observations[0].observation_uuid, body)
    assert await reply_to(store, user_uuid, exp_uuid, insights_question(), 0) is None
    await share(store, OPERATOR, user_uuid, exp_uuid, Share(email="bob@example.org", role="viewer"))
    async with store.work() as work:
        await work.run(insert_earlier(exp_uuid, [EarlierRun(0, GUESS, {"Response": 1.0}, {})] * 3))
        await work.run(insert_blocks(exp_uuid, [Block(1, 1, '{"weight": [1.0]}', '{"bottle": ["A"]}', [], [7])]))
    return exp_uuid


async def rows_of(store, exp_uuid):
    async with store.work() as work:
        return {
            table.name: await work._connection.fetchval(
                f"SELECT count(*) FROM {table.fullname} WHERE exp_uuid = $1", exp_uuid
            )
            for table in metadata.sorted_tables
            if "exp_uuid" in table.columns and table.name != "audit"  # which outlives what it is about
        }


async def test_deleted_experiment_leaves_no_row(full, make, store, user_uuid):
    other = await make("cookies")
    before = await rows_of(store, other)
    assert all((await rows_of(store, full)).values())
    deleted = await delete(store, OPERATOR, user_uuid, full, Delete(name="brownies"))
    assert deleted == Deleted(exp_uuid=full, name="brownies", n_observations=2)
    assert set((await rows_of(store, full)).values()) == {0}
    assert await rows_of(store, other) == before
    with pytest.raises(NotFoundError):
        await read_experiment(store, user_uuid, full)


async def test_delete_needs_the_name(full, store, user_uuid):
    before = await rows_of(store, full)
    with pytest.raises(InvalidError, match="must be the experiment's name, 'brownies'") as caught:
        await delete(store, OPERATOR, user_uuid, full, Delete(name="cookies"))
    assert caught.value.errors[0].field == "name"
    assert await rows_of(store, full) == before


async def test_delete_that_is_sent_again_has_its_reply(full, store, user_uuid):
    replies = []
    for _ in range(2):
        once = Once(user_uuid, "a key", b"body")
        replies.append(
            await once.reply(Deleted, delete(store, OPERATOR, user_uuid, full, Delete(name="brownies"), once))
        )
    assert replies[0] == replies[1]


async def test_experiment_is_deleted_in_steps(full, store, user_uuid, monkeypatch):
    """The rows of a large experiment are more than one statement can delete before it times out."""
    monkeypatch.setattr("autotune_service.store.rows.deletion._STEP", 2)
    async with store.work() as work:
        await delete_experiment(work, full, (await read_experiment(store, user_uuid, full)).last_seq)
    assert set((await rows_of(store, full)).values()) == {0}


async def test_log_of_a_deleted_experiment_is_not_found(full, store, user_uuid):
    await delete(store, OPERATOR, user_uuid, full, Delete(name="brownies"))
    with pytest.raises(NotFoundError, match="was deleted"):
        await list_events(store, full, 0, 100)


async def test_fit_of_an_experiment_that_is_deleted_meanwhile_is_dropped(full, store, user_uuid):
    fit = await claim_fit(store, "a", timedelta(seconds=9))
    assert fit.experiment.exp_uuid == full
    await delete(store, OPERATOR, user_uuid, full, Delete(name="brownies"))
    assert not await commit_fit(store, fit, EngineRun([NewSuggestion(GUESS, "model", "because")]))
