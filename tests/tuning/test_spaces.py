"""A space that changes under way, on a real database, the engine's part played by the test."""

from datetime import timedelta
from uuid import uuid4

import pytest

from autotune_service.compute.translation import engine_input_of
from autotune_service.domain.errors import ExperimentClosedError, InvalidError, NotFoundError
from autotune_service.store.rows.events import list_events
from autotune_service.tuning.ask import current_suggestion, lease_suggestions
from autotune_service.tuning.experiments import close_experiment, create_experiment, read_experiment
from autotune_service.tuning.fit import claim_fit, commit_fit
from autotune_service.tuning.new_suggestions import EngineRun, NewSuggestion
from autotune_service.tuning.spaces import edit_space, list_revisions
from autotune_service.tuning.tell import tell
from autotune_wire.experiments import NewExperiment, SpaceEdit
from autotune_wire.observations import Told
from support import GUESS, SPACE

LEASE = timedelta(seconds=30)
TIME = {"time": {"vtype": "int", "guess": 30, "min": 10, "max": 60}}
WIDER = SPACE | TIME | {"color": {"vtype": "cat", "guess": "green", "options": ["green", "blue"]}}


@pytest.fixture
async def exp_uuid(store, user_uuid):
    return (await create_experiment(store, user_uuid, NewExperiment(name="s", covars=SPACE, seed=1))).exp_uuid


@pytest.fixture
def edit(store, user_uuid, exp_uuid):
    async def edit(covars=WIDER, **more):
        return await edit_space(store, user_uuid, exp_uuid, SpaceEdit(covars=covars, **more))

    return edit


def run(weight, response=1.0, **more):
    return Told(covars=GUESS | {"weight": weight} | more, response=response)


async def test_edit_makes_a_revision_and_an_event(store, user_uuid, exp_uuid, edit):
    guess = (await current_suggestion(store, user_uuid, exp_uuid, 0)).suggestions[0]
    told = await edit(backfill={"time": 25})
    assert (told.space_revision, list(told.covars), told.last_seq) == (1, ["v1", "color", "weight", "time"], 3)
    event = (await list_events(store, exp_uuid, 2, 10))[0]
    assert (event.seq, event.type, event.data["revision"]) == (3, "space_changed", 1)
    assert event.data["superseded"] == [str(guess.suggestion_uuid)]
    assert any("time: new" in change for change in event.data["changes"])
    assert any("options dropped: red" in change for change in event.data["changes"])
    revisions = (await list_revisions(store, user_uuid, exp_uuid)).spaces
    assert [(one.revision, one.seq, one.backfill) for one in revisions] == [(0, 1, {}), (1, 3, {"time": 25})]
    assert list(revisions[0].covars) == list(SPACE)


async def test_edit_makes_work_for_the_engine(store, user_uuid, exp_uuid, edit):
    await edit(backfill={"time": 25})
    row = await read_experiment(store, user_uuid, exp_uuid)
    assert (row.data_rev, row.n_observations, row.n_open) == (1, 0, 0)
    assert await current_suggestion(store, user_uuid, exp_uuid, row.data_rev) is None
    fit = await claim_fit(store, "a", LEASE)
    assert (fit.n, fit.pending) == (1, [])


async def test_engine_reads_old_runs_with_what_was_added_and_what_is_retired(store, user_uuid, exp_uuid, edit):
    await tell(store, user_uuid, exp_uuid, [run(7)])
    await edit(backfill={"time": 25})
    await tell(store, user_uuid, exp_uuid, [run(8, color="blue", time=40)])
    problem = engine_input_of((await claim_fit(store, "a", LEASE)).snapshot)
    assert [one.covars.get("time") for one in problem.runs] == [25, 40]
    assert problem.retired == {"color": ["red"]}
    assert list(problem.space) == list(WIDER)


async def test_fit_of_the_space_before_proposes_nothing(store, user_uuid, exp_uuid, edit):
    await tell(store, user_uuid, exp_uuid, [run(7)])
    fit = await claim_fit(store, "a", LEASE)
    await edit(backfill={"time": 25})
    assert await commit_fit(store, fit, EngineRun([NewSuggestion(GUESS | {"weight": 50.0}, "model", "because")]))
    assert (await list_events(store, exp_uuid, 0, 100))[-1].type == "space_changed"
    assert (await claim_fit(store, "a", LEASE)).experiment.space_revision == 1


async def test_suggestion_taken_before_is_told_late_and_linked(store, user_uuid, exp_uuid, edit):
    taken = (await lease_suggestions(store, user_uuid, exp_uuid, 0, 1)).suggestions[0]
    await edit(backfill={"time": 25})
    late = Told(covars=taken.covars, response=2.0, suggestion_uuid=taken.suggestion_uuid)
    stored = (await tell(store, user_uuid, exp_uuid, [late])).observations[0]
    assert (stored.suggestion_uuid, stored.covars) == (taken.suggestion_uuid, GUESS | {"time": 25})


async def test_suggestion_taken_before_is_linked_by_what_it_is_in_the_new_space(store, user_uuid, exp_uuid, edit):
    taken = (await lease_suggestions(store, user_uuid, exp_uuid, 0, 1)).suggestions[0]
    await edit(backfill={"time": 25})
    other = await tell(store, user_uuid, exp_uuid, [Told(covars=taken.covars | {"time": 26}, response=2.0)])
    same = await tell(store, user_uuid, exp_uuid, [Told(covars=taken.covars | {"time": 25}, response=2.0)])
    assert other.observations[0].suggestion_uuid is None
    assert same.observations[0].suggestion_uuid == taken.suggestion_uuid


async def test_suggestion_taken_before_is_no_longer_pending_where_it_lies_outside(store, user_uuid, exp_uuid, edit):
    await lease_suggestions(store, user_uuid, exp_uuid, 0, 1)
    await edit(SPACE | TIME, backfill={"time": 25})
    fit = await claim_fit(store, "a", timedelta(0))
    assert engine_input_of(fit.snapshot).pending == [GUESS | {"time": 25}]
    await edit(WIDER)
    fit = await claim_fit(store, "a", LEASE)
    assert engine_input_of(fit.snapshot).pending == []


async def test_new_run_must_have_what_was_added(store, user_uuid, exp_uuid, edit):
    await edit(backfill={"time": 25})
    with pytest.raises(InvalidError) as caught:
        await tell(store, user_uuid, exp_uuid, [run(7)])
    assert caught.value.errors[0].field == "observations.0.covars.time"


async def test_edit_that_changes_nothing_is_none(exp_uuid, edit):
    assert (await edit(SPACE)).space_revision == 0


async def test_constraints_stay_unless_they_are_given(store, user_uuid, exp_uuid, edit):
    light = {"ctype": "linear", "weights": {"weight": 1}, "relation": "<=", "bound": 100}
    assert len((await edit(SPACE, constraints=[light])).constraints) == 1
    assert len((await edit(backfill={"time": 25})).constraints) == 1
    assert (await edit(constraints=[])).constraints == []


@pytest.mark.parametrize(
    ("covars", "more", "field"),
    [
        (WIDER, {}, "backfill.time"),
        ({"v1": SPACE["v1"]}, {}, "covars.color"),
        (
            SPACE,
            {"constraints": [{"ctype": "linear", "weights": {"v1": 1}, "relation": ">=", "bound": 9}]},
            "constraints.0",
        ),
    ],
)
async def test_edit_that_the_runs_or_the_constraints_forbid_is_refused(edit, covars, more, field):
    with pytest.raises(InvalidError) as caught:
        await edit(covars, **more)
    assert caught.value.errors[0].field == field


@pytest.mark.parametrize("left", [{}, {"v1": {"vtype": "cat", "guess": "a", "options": ["a", "b"]}}])
async def test_edit_without_what_the_kept_constraints_are_about_is_refused(edit, left):
    await edit(SPACE, constraints=[{"ctype": "linear", "weights": {"v1": 1}, "relation": "<=", "bound": 4}])
    with pytest.raises(InvalidError) as refused:
        await edit({name: covariate for name, covariate in SPACE.items() if name != "v1"} | left)
    assert [problem.field for problem in refused.value.errors] == ["covars.v1.vtype" if left else "covars.v1"]


async def test_added_context_ends_what_is_precomputed(store, user_uuid, exp_uuid, edit):
    await edit(
        SPACE | {"oven": {"vtype": "cat", "guess": "a", "options": ["a", "b"], "role": "context"}},
        backfill={"oven": "a"},
    )
    assert await claim_fit(store, "a", LEASE) is None


async def test_closed_experiment_and_stranger_change_nothing(store, user_uuid, exp_uuid, edit):
    with pytest.raises(NotFoundError):
        await edit_space(store, uuid4(), exp_uuid, SpaceEdit(covars=SPACE))
    with pytest.raises(NotFoundError):
        await list_revisions(store, uuid4(), exp_uuid)
    await close_experiment(store, user_uuid, exp_uuid)
    with pytest.raises(ExperimentClosedError):
        await edit(backfill={"time": 25})
