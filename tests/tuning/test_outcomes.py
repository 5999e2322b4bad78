"""Several responses, partial and failed runs, and which of them is the best."""

import json

import pytest

from autotune_service.domain.errors import AlreadyToldError, InvalidError
from autotune_service.store.rows.events import list_events
from autotune_service.tuning.ask import current_suggestion
from autotune_service.tuning.correct import correct
from autotune_service.tuning.experiments import (
    close_experiment,
    create_experiment,
    history_page,
    read_experiment,
    show_experiment,
)
from autotune_service.tuning.listing import Listing
from autotune_service.tuning.tell import tell
from autotune_wire.experiments import NewExperiment, PageQuery
from autotune_wire.observations import MAX_TELL, Correction, Told
from support import GUESS, SPACE, best_of

RESPONSES = {
    "yield": {"goal": "maximize"},
    "cost": {"goal": "minimize"},
    "heat": {"goal": "<=", "bound": 80.0},
}


@pytest.fixture
async def exp_uuid(store, user_uuid):
    new = NewExperiment(name="several", covars=SPACE, seed=1, responses=RESPONSES)
    return (await create_experiment(store, user_uuid, new)).exp_uuid


def run(weight, **outcome):
    return Told(covars=GUESS | {"weight": weight}, **outcome)


async def test_all_responses_are_kept_and_the_primary_one_is_the_response(store, user_uuid, exp_uuid):
    told = {"cost": 2, "yield": 5.0, "heat": 70.0}
    taken = await tell(store, user_uuid, exp_uuid, [run(7, responses=told, sds={"yield": 0.5})])
    page = await history_page(store, user_uuid, exp_uuid, PageQuery())
    assert page.observations == taken.observations
    one = page.observations[0]
    assert list(one.responses.items()) == [("yield", 5.0), ("cost", 2.0), ("heat", 70.0)]
    assert (one.response, one.sds, one.status) == (5.0, {"yield": 0.5}, "ok")


async def test_best_is_the_best_primary_response_among_runs_that_meet_every_threshold(store, user_uuid, exp_uuid):
    runs = [
        run(1, responses={"yield": 5.0, "heat": 80.0}),
        run(2, responses={"yield": 9.0, "heat": 80.1}),
        run(3, responses={"yield": 8.0}),
        run(4, responses={"cost": 0.0, "heat": 1.0}),
        run(5, status="failed"),
    ]
    taken = await tell(store, user_uuid, exp_uuid, runs)
    assert (best_of(taken), json.loads(taken.covars_best_response)["weight"]["0"], taken.covars_sampled_iter) == (
        5.0,
        1.0,
        5,
    )


async def test_best_is_shown_with_all_its_responses_as_they_were_corrected(store, user_uuid, exp_uuid):
    taken = await tell(store, user_uuid, exp_uuid, [run(1, responses={"yield": 5.0, "cost": 3.0, "heat": 70.0})])
    best = (await show_experiment(store, user_uuid, exp_uuid)).to_wire().best
    assert best.responses == {"yield": 5.0, "cost": 3.0, "heat": 70.0}
    correction = Correction(version=1, reason="misread", responses={"yield": 5.0, "cost": 2.0, "heat": 75.0})
    await correct(store, user_uuid, exp_uuid, taken.observations[0].observation_uuid, correction)
    best = (await show_experiment(store, user_uuid, exp_uuid)).to_wire().best
    assert best.responses == {"yield": 5.0, "cost": 2.0, "heat": 75.0}
    [listed] = json.loads(await Listing().page(store, user_uuid, PageQuery()))["experiments"]
    assert listed["best"]["responses"] == best.responses
    assert (await close_experiment(store, user_uuid, exp_uuid)).best == best


@pytest.mark.parametrize(
    ("correction", "responses", "sds"),
    [
        ({"responses": {"cost": 2.0}}, {"yield": 5.0, "cost": 2.0, "heat": 70.0}, {"yield": 0.5}),
        ({"responses": {"yield": 6.0}}, {"yield": 6.0, "cost": 3.0, "heat": 70.0}, {}),
        ({"responses": {"cost": 2.0}, "sds": {"cost": 0.1}}, {"yield": 5.0, "cost": 2.0, "heat": 70.0},
         {"yield": 0.5, "cost": 0.1}),
        ({"responses": {"cost": None, "heat": 71.0}}, {"yield": 5.0, "heat": 71.0}, {"yield": 0.5}),
        ({"responses": {"yield": None}}, {"cost": 3.0, "heat": 70.0}, {}),
        ({"status": "failed"}, {}, {}),
    ],
)  # fmt: skip
async def test_correction_changes_the_responses_that_it_names(store, user_uuid, exp_uuid, correction, responses, sds):
    measured = {"responses": {"yield": 5.0, "cost": 3.0, "heat": 70.0}, "sds": {"yield": 0.5}}
    [told] = (await tell(store, user_uuid, exp_uuid, [run(1, **measured)])).observations
    body = Correction(version=1, reason="misread", **correction)
    corrected = await correct(store, user_uuid, exp_uuid, told.observation_uuid, body)
    assert (corrected.version, corrected.responses, corrected.sds) == (2, responses, sds)
    assert corrected.response == responses.get("yield")
    assert list(corrected.responses) == list(responses)


@pytest.mark.parametrize(
    ("responses", "message"),
    [
        ({"yield": None}, "responses: no response would be left: set status to failed, or exclude the observation"),
        ({"yeild": None}, "responses.yeild: is not a response of this experiment"),
        ({"yeild": 5.0}, "responses.yeild: is not a response of this experiment"),
    ],
)
async def test_correction_that_leaves_no_response_or_names_another_one_is_refused(
    store, user_uuid, exp_uuid, responses, message
):
    [told] = (await tell(store, user_uuid, exp_uuid, [run(1, responses={"yield": 5.0})])).observations
    body = Correction(version=1, reason="misread", responses=responses)
    with pytest.raises(InvalidError) as caught:
        await correct(store, user_uuid, exp_uuid, told.observation_uuid, body)
    assert message in str(caught.value)
    history = await history_page(store, user_uuid, exp_uuid, PageQuery())
    assert history.observations == [told]


async def test_experiment_without_a_best_is_shown_without(store, user_uuid, exp_uuid):
    await tell(store, user_uuid, exp_uuid, [run(1, responses={"yield": 5.0, "heat": 99.0})])
    assert (await show_experiment(store, user_uuid, exp_uuid)).to_wire().best is None


async def test_failed_run_is_an_observation_and_no_best(store, user_uuid, exp_uuid):
    taken = await tell(store, user_uuid, exp_uuid, [run(7, status="failed")])
    assert (best_of(taken), json.loads(taken.covars_best_response)["weight"]["0"]) == (None, None)
    one = taken.observations[0]
    assert (one.response, one.responses, one.status) == (None, {}, "failed")
    row = await read_experiment(store, user_uuid, exp_uuid)
    assert (row.n_observations, row.data_rev, row.best_observation_uuid) == (1, 1, None)
    event = (await list_events(store, exp_uuid, 2, 10))[0]
    assert (event.type, event.data["status"], event.data["response"]) == ("observation_added", "failed", None)


async def test_one_response_is_told_by_its_name_or_without(store, user_uuid):
    new = NewExperiment(name="one", covars=SPACE, responses={"taste": {"goal": "minimize"}})
    exp_uuid = (await create_experiment(store, user_uuid, new)).exp_uuid
    taken = await tell(store, user_uuid, exp_uuid, [run(7, response=2, sd=0.5), run(8, responses={"taste": 1.0})])
    assert [one.responses for one in taken.observations] == [{"taste": 2.0}, {"taste": 1.0}]
    assert taken.observations[0].sds == {"taste": 0.5}
    assert best_of(taken) == 1.0


@pytest.mark.parametrize(
    ("outcome", "field"),
    [
        ({"response": 1.0}, "observations.0.response"),
        ({"responses": {"taste": 1.0}}, "observations.0.responses.taste"),
    ],
)
async def test_response_that_is_not_the_experiments_is_named(store, user_uuid, exp_uuid, outcome, field):
    with pytest.raises(InvalidError) as caught:
        await tell(store, user_uuid, exp_uuid, [run(7, **outcome)])
    assert caught.value.errors[0].field == field
    assert "yield, cost, heat" in caught.value.errors[0].message


async def test_second_tell_of_a_failed_suggestion_says_that_it_failed(store, user_uuid, exp_uuid):
    uuid = (await current_suggestion(store, user_uuid, exp_uuid, 0)).suggestions[0].suggestion_uuid
    await tell(store, user_uuid, exp_uuid, [run(6.6, status="failed", suggestion_uuid=uuid)])
    with pytest.raises(AlreadyToldError, match="failure"):
        await tell(store, user_uuid, exp_uuid, [run(6.6, responses={"yield": 1.0}, suggestion_uuid=uuid)])


async def test_a_thousand_runs_are_stored_at_once(store, user_uuid, exp_uuid, statements):
    runs = [run(n / 10, responses={"yield": float(n), "heat": 1.0}) for n in range(MAX_TELL)]
    statements.clear()
    taken = await tell(store, user_uuid, exp_uuid, runs)
    # Each run is a new best one, so there are two events per run: all of them go with one statement, as few would.
    assert statements == ["one", "change", "change"]
    assert (taken.covars_sampled_iter, best_of(taken)) == (MAX_TELL, MAX_TELL - 1.0)
