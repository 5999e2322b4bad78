"""Notes and tags on runs, and why runs failed, on a real database."""

import pytest

from autotune_service.domain.errors import NotFoundError
from autotune_service.store.rows.events import list_events
from autotune_service.tuning.correct import correct, read_versions
from autotune_service.tuning.experiments import close_experiment, create_experiment, history_page, read_experiment
from autotune_service.tuning.notes import note
from autotune_service.tuning.once import Once
from autotune_service.tuning.portable import export_experiment, import_experiment
from autotune_service.tuning.tell import tell
from autotune_service.tuning.undo import undo
from autotune_wire.changes import Undo
from autotune_wire.experiments import NewExperiment, PageQuery
from autotune_wire.observations import Correction, NoteEdit, Observation, Told
from support import GUESS, SPACE, UNKNOWN_UUID, joined

BOILED = "it boiled over"
FAILED = Told(covars=GUESS, status="failed", failed_because=BOILED)


@pytest.fixture
async def exp_uuid(store, user_uuid):
    return (await create_experiment(store, user_uuid, NewExperiment(name="e", covars=SPACE, seed=1))).exp_uuid


@pytest.fixture
async def failed(store, user_uuid, exp_uuid):
    """The uuid of a run that failed with a reason."""
    return (await tell(store, user_uuid, exp_uuid, [FAILED])).observations[0].observation_uuid


async def stored(store, user_uuid, exp_uuid):
    return (await history_page(store, user_uuid, exp_uuid, PageQuery())).observations[0]


async def last_event(store, exp_uuid):
    return (await list_events(store, exp_uuid, 0, 100))[-1]


async def test_reason_of_a_failed_run_is_kept_and_announced(store, user_uuid, exp_uuid, failed):
    assert (await stored(store, user_uuid, exp_uuid)).failed_because == BOILED
    assert (await last_event(store, exp_uuid)).data["failed_because"] == BOILED


async def test_reason_goes_with_the_version_in_which_the_run_failed(store, user_uuid, exp_uuid, failed):
    await correct(store, user_uuid, exp_uuid, failed, Correction(version=1, reason="it did not", response=2.0))
    assert (await stored(store, user_uuid, exp_uuid)).failed_because is None
    again = Correction(version=2, reason="it did", status="failed", failed_because="it burnt")
    await correct(store, user_uuid, exp_uuid, failed, again)
    versions = (await read_versions(store, user_uuid, exp_uuid, failed)).versions
    assert [one.failed_because for one in versions] == [BOILED, None, "it burnt"]


async def test_reason_stays_where_the_run_is_undone(store, user_uuid, exp_uuid, failed):
    await undo(store, user_uuid, exp_uuid, Undo())
    assert (await stored(store, user_uuid, exp_uuid)).failed_because == BOILED
    versions = (await read_versions(store, user_uuid, exp_uuid, failed)).versions
    assert [one.failed_because for one in versions] == [BOILED] * 2


async def test_reason_that_a_service_of_before_left_behind_is_not_shown(store, user_uuid, exp_uuid, failed):
    async with store.work() as work:
        await work._connection.execute(
            """UPDATE autotune.observations SET status = 'ok', response = 1, responses = '{"Response": 1}'"""
        )
    assert (await stored(store, user_uuid, exp_uuid)).failed_because is None


async def test_note_changes_no_version_and_calls_for_no_fit(store, user_uuid, exp_uuid, failed):
    before = await read_experiment(store, user_uuid, exp_uuid)
    noted = await note(store, user_uuid, exp_uuid, failed, NoteEdit(note="cloudy", tags=["slow", "batch 7", "slow"]))
    assert (noted.note, noted.tags, noted.noted_by, noted.version) == ("cloudy", ["slow", "batch 7"], user_uuid, 1)
    event = await last_event(store, exp_uuid)
    data = {"observation_uuid": str(failed), "note": "cloudy", "tags": ["slow", "batch 7"]}
    assert (event.type, event.data, event.at) == ("observation_noted", data, noted.time_noted)
    after = await read_experiment(store, user_uuid, exp_uuid)
    assert (after.data_rev, after.last_seq) == (before.data_rev, before.last_seq + 1)


async def test_what_is_not_given_stays_and_what_is_empty_goes(store, user_uuid, exp_uuid, failed):
    place = (store, user_uuid, exp_uuid, failed)
    await note(*place, NoteEdit(note="cloudy", tags=["slow"]))
    assert (await note(*place, NoteEdit(note="clear"))).tags == ["slow"]
    kept = await note(*place, NoteEdit(tags=None))
    assert (kept.note, kept.tags) == ("clear", [])
    assert (await note(*place, NoteEdit(note=""))).note is None


async def test_same_note_again_is_no_event(store, user_uuid, exp_uuid, failed):
    place = (store, user_uuid, exp_uuid, failed)
    first = await note(*place, NoteEdit(note="cloudy"))
    again = await note(*place, NoteEdit(note="cloudy", tags=[]))
    assert again == first
    assert [event.type for event in await list_events(store, exp_uuid, 0, 100)].count("observation_noted") == 1


async def test_note_stays_where_the_run_is_corrected(store, user_uuid, exp_uuid, failed):
    await note(store, user_uuid, exp_uuid, failed, NoteEdit(note="cloudy", tags=["slow"]))
    await correct(store, user_uuid, exp_uuid, failed, Correction(version=1, reason="it did not", response=2.0))
    assert "noted_by" not in (await last_event(store, exp_uuid)).data
    found = await stored(store, user_uuid, exp_uuid)
    assert (found.note, found.tags, found.response) == ("cloudy", ["slow"], 2.0)


async def test_closed_experiment_takes_notes(store, user_uuid, exp_uuid, failed):
    await close_experiment(store, user_uuid, exp_uuid)
    assert (await note(store, user_uuid, exp_uuid, failed, NoteEdit(note="cloudy"))).note == "cloudy"


async def test_note_on_what_is_not_there_is_refused(store, user_uuid, exp_uuid):
    with pytest.raises(NotFoundError, match="has no observation"):
        await note(store, user_uuid, exp_uuid, UNKNOWN_UUID, NoteEdit(note="cloudy"))


async def test_note_that_is_sent_again_has_its_reply(store, user_uuid, exp_uuid, failed):
    once = Once(user_uuid, "key", b"body")
    place = (store, user_uuid, exp_uuid, failed, NoteEdit(note="cloudy"))
    first = await once.reply(Observation, note(*place, once))
    await note(*place[:-1], NoteEdit(note="clear"))
    assert await once.reply(Observation, note(*place, once)) == first
    assert (await stored(store, user_uuid, exp_uuid)).note == "clear"


async def test_remarks_move_with_the_experiment_and_name_no_user(store, user_uuid, exp_uuid, failed):
    await note(store, user_uuid, exp_uuid, failed, NoteEdit(note="cloudy", tags=["slow"]))
    await correct(store, user_uuid, exp_uuid, failed, Correction(version=1, reason="a slip", is_excluded=True))
    document = await joined(export_experiment(store, user_uuid, exp_uuid))
    assert str(user_uuid).encode() not in document
    copy = await import_experiment(store, user_uuid, document)
    own, theirs = [await stored(store, user_uuid, uuid) for uuid in (exp_uuid, copy.exp_uuid)]
    assert (theirs.failed_because, theirs.note, theirs.tags) == (BOILED, "cloudy", ["slow"])
    assert (theirs.noted_by, theirs.time_noted) == (None, own.time_noted)
    versions = (await read_versions(store, user_uuid, copy.exp_uuid, theirs.observation_uuid)).versions
    assert [one.failed_because for one in versions] == [BOILED] * 2
