"""Taking back what was told by accident: what counts then, what can be told again, and what is kept."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from autotune_service.domain.errors import ExperimentClosedError, NothingToUndoError
from autotune_service.store.rows.events import list_events
from autotune_service.store.rows.observations import list_observations
from autotune_service.store.rows.suggestions import get_suggestion
from autotune_service.tuning.ask import current_suggestion
from autotune_service.tuning.correct import correct, read_versions
from autotune_service.tuning.experiments import (
    close_experiment,
    create_experiment,
    history_of_one,
    history_page,
    read_experiment,
)
from autotune_service.tuning.fit import claim_fit
from autotune_service.tuning.once import Once
from autotune_service.tuning.portable import export_experiment, import_experiment
from autotune_service.tuning.tell import tell
from autotune_service.tuning.undo import undo
from autotune_wire.changes import Undo, Undone
from autotune_wire.experiments import NewExperiment, PageQuery
from autotune_wire.observations import Correction, Told
from support import GUESS, SPACE, joined


@pytest.fixture
async def exp_uuid(store, user_uuid):
    return (await create_experiment(store, user_uuid, NewExperiment(name="slips", covars=SPACE, seed=1))).exp_uuid


@pytest.fixture
async def suggestion(store, user_uuid, exp_uuid):
    return (await current_suggestion(store, user_uuid, exp_uuid, 0)).suggestions[0]


@pytest.fixture
def say(store, user_uuid, exp_uuid):
    """Tell responses, one tell each; the first for the suggestion, if one is given."""

    async def say(*responses, of=None):
        told = []
        for response in responses:
            run = Told(covars=GUESS, response=response, suggestion_uuid=of and of.suggestion_uuid)
            told += (await tell(store, user_uuid, exp_uuid, [run])).observations
        return told

    return say


@pytest.fixture
def take_back(store, user_uuid, exp_uuid):
    async def take_back(n=1, once=Once()):  # noqa: B008 -- it has no state
        return await undo(store, user_uuid, exp_uuid, Undo(n=n), once)

    return take_back


async def test_newest_observation_counts_no_more(say, take_back, suggestion, store, user_uuid, exp_uuid):
    await say(0.7, of=suggestion)
    _, slip = await say(0.9, 80.0)
    undone = await take_back()
    assert [(one.observation_uuid, one.version, one.is_excluded) for one in undone.observations] == [
        (slip.observation_uuid, 2, True)
    ]
    row = await read_experiment(store, user_uuid, exp_uuid)
    assert (row.best_response, row.data_rev, row.n_observations) == (0.9, 4, 3)
    fit = await claim_fit(store, "a", timedelta(seconds=9))
    assert [one.response for one in fit.observations] == [0.7, 0.9]


async def test_undo_again_takes_back_the_one_before(say, take_back, store, user_uuid, exp_uuid):
    await say(1.0, 2.0, 3.0)
    assert [one.response for one in (await take_back()).observations] == [3.0]
    assert [one.response for one in (await take_back(2)).observations] == [2.0, 1.0]
    assert (await read_experiment(store, user_uuid, exp_uuid)).best_observation_uuid is None
    with pytest.raises(NothingToUndoError, match=r"none of your observations .*\(slips\) counts any more"):
        await take_back()


async def test_more_than_there_are_are_refused_whole(say, take_back, store, user_uuid, exp_uuid):
    await say(1.0, 2.0)
    with pytest.raises(NothingToUndoError, match=r"2 of your observations .* still count: undo at most 2, not 3"):
        await take_back(3)
    assert (await read_experiment(store, user_uuid, exp_uuid)).best_response == 2.0


async def test_suggestion_of_what_was_undone_can_be_told_again(say, take_back, suggestion, store, exp_uuid):
    await say(80.0, of=suggestion)
    undone = await take_back()
    assert [(one.suggestion_uuid, one.state) for one in undone.suggestions] == [
        (suggestion.suggestion_uuid, "superseded")
    ]
    assert undone.observations[0].suggestion_uuid is None
    (again,) = await say(0.8, of=suggestion)
    assert again.suggestion_uuid == suggestion.suggestion_uuid
    async with store.work() as work:
        assert (await get_suggestion(work, exp_uuid, suggestion.suggestion_uuid)).state == "told"


async def test_restored_observation_counts_again_as_a_run_of_its_own(
    say, take_back, suggestion, store, user_uuid, exp_uuid
):
    (slip,) = await say(80.0, of=suggestion)
    await take_back()
    await say(0.8, of=suggestion)
    body = Correction(version=2, reason="it was right", is_excluded=False)
    restored = await correct(store, user_uuid, exp_uuid, slip.observation_uuid, body)
    assert (restored.is_excluded, restored.suggestion_uuid) == (False, None)
    assert (await read_experiment(store, user_uuid, exp_uuid)).best_response == 80.0


async def test_versions_say_that_it_was_undone(say, take_back, store, user_uuid, exp_uuid):
    (first, second) = await say(1.0, 2.0)
    body = Correction(version=1, reason="a slip", response=3.0)
    await correct(store, user_uuid, exp_uuid, second.observation_uuid, body)
    await take_back(2)
    found = [
        (await read_versions(store, user_uuid, exp_uuid, one.observation_uuid)).versions for one in (first, second)
    ]
    assert [[(one.version, one.response, one.reason) for one in versions] for versions in found] == [
        [(1, 1.0, None), (2, 1.0, "undone")],
        [(1, 2.0, None), (2, 3.0, "a slip"), (3, 3.0, "undone")],
    ]
    seqs = {event.seq: event.data for event in await list_events(store, exp_uuid, 0, 100)}
    assert [seqs[versions[-1].seq]["observation_uuid"] for versions in found] == [
        str(first.observation_uuid),
        str(second.observation_uuid),
    ]


async def test_watchers_see_what_was_undone(say, take_back, suggestion, store, exp_uuid):
    (slip,) = await say(80.0, of=suggestion)
    await take_back()
    corrected, superseded, best = (await list_events(store, exp_uuid, 0, 100))[-3:]
    assert (corrected.type, corrected.data["observation_uuid"], corrected.data["reason"]) == (
        "observation_corrected",
        str(slip.observation_uuid),
        "undone",
    )
    assert (superseded.type, superseded.data) == (
        "suggestion_superseded",
        {"superseded": [str(suggestion.suggestion_uuid)]},
    )
    assert (best.type, best.data["response"]) == ("best_changed", None)


async def test_observations_that_another_user_told_stay(say, take_back, store, exp_uuid):
    mine, theirs = await say(1.0, 2.0)
    async with store.work() as work:
        await work._connection.execute(
            "UPDATE autotune.observations SET told_by = $1 WHERE observation_uuid = $2",
            uuid4(),
            theirs.observation_uuid,
        )
    assert [one.observation_uuid for one in (await take_back()).observations] == [mine.observation_uuid]


async def test_observation_of_which_nobody_knows_who_told_it_counts_as_ones_own(say, take_back, store, exp_uuid):
    """A service of the version before writes no user while both run: its newest observation must not be passed over."""
    _, newest = await say(1.0, 2.0)
    async with store.work() as work:
        await work._connection.execute(
            "UPDATE autotune.observations SET told_by = NULL WHERE observation_uuid = $1", newest.observation_uuid
        )
    assert [one.observation_uuid for one in (await take_back()).observations] == [newest.observation_uuid]


async def test_closed_experiment_undoes_nothing(say, take_back, store, user_uuid, exp_uuid):
    await say(1.0)
    await close_experiment(store, user_uuid, exp_uuid)
    with pytest.raises(ExperimentClosedError, match="reopen it"):
        await take_back()


async def test_undo_that_is_sent_again_undoes_once(say, take_back, store, user_uuid, exp_uuid):
    await say(1.0, 2.0)
    replies = []
    for _ in range(2):
        once = Once(user_uuid, "a key", b"body")
        replies.append(await once.reply(Undone, take_back(once=once)))
    assert replies[0] == replies[1]
    async with store.work() as work:
        stored = await list_observations(work, exp_uuid)
    assert [one.is_excluded for one in stored] == [False, True]


async def test_export_after_an_undo_is_imported(say, take_back, suggestion, store, user_uuid, exp_uuid):
    await say(80.0, of=suggestion)
    await take_back()
    await say(0.8, of=suggestion)
    text = await joined(export_experiment(store, user_uuid, exp_uuid))
    assert str(user_uuid).encode() not in text
    made = await import_experiment(store, user_uuid, text)
    assert made.best.response == 0.8
    page = await history_page(store, user_uuid, made.exp_uuid, PageQuery())
    assert [(one.response, one.is_excluded, one.told_by) for one in page.observations] == [
        (80.0, True, None),
        (0.8, False, None),
    ]


async def test_history_names_who_told_it(say, store, user_uuid, exp_uuid):
    (told,) = await say(1.0)
    assert told.told_by == user_uuid
    page = await history_page(store, user_uuid, exp_uuid, PageQuery())
    assert page.observations[0].told_by == user_uuid
    assert page.tellers == {user_uuid: "ada@example.org"}
    assert isinstance(page.observations[0].told_by, UUID)
    assert all("told_by" not in event.data for event in await list_events(store, exp_uuid, 0, 100))


async def test_observations_are_found_by_their_number(say, take_back, store, user_uuid, exp_uuid):
    await say(1.0, 2.0, 3.0)
    await take_back()
    await say(4.0)
    found = [await history_of_one(store, user_uuid, exp_uuid, number) for number in (1, 3, 4, 5)]
    assert [[one.response for one in page.observations] for page in found] == [[1.0], [3.0], [4.0], []]
    assert [page.next for page in found] == [None] * 4
    assert found[1].tellers == {user_uuid: "ada@example.org"}
