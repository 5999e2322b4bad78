"""Changes of a list of candidates while others work on its experiment; the engine's part is played by the test."""

from datetime import timedelta
from uuid import uuid4

import pytest

from autotune_service.compute.translation import engine_input_of
from autotune_service.domain.access import OPERATOR
from autotune_service.domain.errors import ExperimentClosedError, NotFoundError
from autotune_service.store.rows.candidates import list_blocks
from autotune_service.store.rows.events import list_events
from autotune_service.tuning.ask import current_suggestion, lease_suggestions
from autotune_service.tuning.candidates import edit_candidates
from autotune_service.tuning.experiments import close_experiment, create_experiment, read_experiment
from autotune_service.tuning.fit import claim_fit, commit_fit
from autotune_service.tuning.lifecycle import delete
from autotune_service.tuning.new_suggestions import EngineRun, NewSuggestion
from autotune_service.tuning.tell import tell
from autotune_wire.candidates import CandidatesEdit
from autotune_wire.changes import Delete
from autotune_wire.experiments import NewExperiment
from autotune_wire.observations import Told

LEASE = timedelta(seconds=30)
SPACE = {"t": {"vtype": "int", "guess": 1, "min": 0, "max": 99}}
ROWS = [{"t": t, "bottle": f"b{t}"} for t in range(10)]


@pytest.fixture
async def exp_uuid(store, user_uuid):
    new = NewExperiment(name="s", covars=SPACE, candidates=ROWS, seed=1)
    return (await create_experiment(store, user_uuid, new)).exp_uuid


async def suggested(store, number):
    """Claim the fit that is due, and suggest a row; return whether it was taken, and what the engine was given."""
    fit = await claim_fit(store, "w", LEASE)
    return await committed(store, fit, number), engine_input_of(fit.snapshot, n=fit.n)


async def committed(store, fit, number):
    row = fit.snapshot.row_of(number).covars
    return await commit_fit(store, fit, EngineRun([NewSuggestion(row, "sobol", "because", candidate=number)]))


async def test_new_list_has_work_for_the_engine_at_once(store, user_uuid, exp_uuid):
    _, given = await suggested(store, 4)
    assert [block.first for block in given.candidates.blocks] == [1]
    assert (given.n, given.candidates.used) == (1, [])
    (one,) = (await current_suggestion(store, user_uuid, exp_uuid, 0)).suggestions
    assert (one.covars, one.candidate) == ({"t": 3}, {"number": 4, "details": {"bottle": "b3"}})


async def test_row_that_was_withdrawn_during_the_fit_is_not_suggested(store, user_uuid, exp_uuid):
    fit = await claim_fit(store, "w", LEASE)
    await edit_candidates(store, user_uuid, exp_uuid, CandidatesEdit(withdraw=[4]))
    await committed(store, fit, 4)
    row = await read_experiment(store, user_uuid, exp_uuid)
    assert (row.n_open, row.fit_rev < row.data_rev) == (0, True)
    _, given = await suggested(store, 5)
    assert given.candidates.blocks[0].withdrawn == [4]
    (one,) = (await current_suggestion(store, user_uuid, exp_uuid, 1)).suggestions
    assert one.number == 5


async def test_change_replaces_open_suggestions_and_leaves_those_that_are_taken(store, user_uuid, exp_uuid):
    await suggested(store, 4)
    taken = (await lease_suggestions(store, user_uuid, exp_uuid, 0, 1)).suggestions[0]
    await suggested(store, 5)
    await edit_candidates(store, user_uuid, exp_uuid, CandidatesEdit(withdraw=[4, 5]))
    event = (await list_events(store, exp_uuid, 0, 100))[-1]
    assert event.type == "candidates_changed"
    assert (event.data["withdrawn"], len(event.data["superseded"])) == ([4, 5], 1)
    reply = await tell(
        store, user_uuid, exp_uuid, [Told(suggestion_uuid=taken.suggestion_uuid, covars=taken.covars, response=1)]
    )
    assert reply.observations[0].candidate == 4


async def test_bytes_of_a_list_count_and_go_with_the_experiment(store, user_uuid, exp_uuid):
    before = (await read_experiment(store, user_uuid, exp_uuid)).n_bytes
    more = [{"t": 5, "bottle": "x" * 200}] * 1500
    await edit_candidates(store, user_uuid, exp_uuid, CandidatesEdit(add=more))
    assert (await read_experiment(store, user_uuid, exp_uuid)).n_bytes > before + 1500 * 200
    await delete(store, OPERATOR, user_uuid, exp_uuid, Delete(name="s"))
    async with store.work() as work:
        assert await list_blocks(work, exp_uuid) == []


async def test_closed_experiment_and_strangers_change_no_rows(store, user_uuid, exp_uuid):
    with pytest.raises(NotFoundError):
        await edit_candidates(store, uuid4(), exp_uuid, CandidatesEdit(withdraw=[1]))
    await close_experiment(store, user_uuid, exp_uuid)
    with pytest.raises(ExperimentClosedError):
        await edit_candidates(store, user_uuid, exp_uuid, CandidatesEdit(withdraw=[1]))


async def test_withdrawn_and_told_row_is_left_once(store, user_uuid, exp_uuid):
    await tell(store, user_uuid, exp_uuid, [Told(covars={"t": t}, response=1) for t in (0, 1, 1)])
    edited = await edit_candidates(store, user_uuid, exp_uuid, CandidatesEdit(withdraw=[2, 3]))
    assert (edited.candidates.n, edited.candidates.n_withdrawn, edited.candidates.n_left) == (10, 2, 7)
    other = NewExperiment(name="other", covars=SPACE, candidates=ROWS, seed=1)
    other_uuid = (await create_experiment(store, user_uuid, other)).exp_uuid
    await edit_candidates(store, user_uuid, other_uuid, CandidatesEdit(withdraw=[1]))
    again = await edit_candidates(store, user_uuid, exp_uuid, CandidatesEdit(withdraw=[2]))
    assert again.candidates.n_left == 7
