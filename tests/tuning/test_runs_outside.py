"""Runs whose values the space does not allow, on a real database: stored, marked by the space as it is, told apart."""

from datetime import timedelta

import pytest

from autotune_service.domain.errors import InvalidError, VersionConflictError
from autotune_service.store.rows.events import list_events
from autotune_service.store.rows.suggestions import list_pending
from autotune_service.tuning.conditional import current_conditional
from autotune_service.tuning.correct import correct
from autotune_service.tuning.experiments import create_experiment, history_page
from autotune_service.tuning.fit import claim_fit
from autotune_service.tuning.portable import export_experiment, import_experiment
from autotune_service.tuning.spaces import edit_space
from autotune_service.tuning.tell import tell
from autotune_wire.experiments import NewExperiment, PageQuery, SpaceEdit
from autotune_wire.observations import Correction, Told
from support import joined

T = {"vtype": "cont", "guess": 60.0, "min": 20.0, "max": 100.0, "step": 5.0}
RATE = {"vtype": "cont", "guess": 0.1, "min": 0.01, "max": 1.0, "log": True}
HUMIDITY = {"vtype": "cont", "guess": 40.0, "min": 20.0, "max": 60.0, "role": "context"}
SPACE = {"t": T, "n": {"vtype": "int", "guess": 10, "min": 0, "max": 100, "step": 10}, "rate": RATE}
RUN = {"t": 60.0, "n": 10, "rate": 0.1}


@pytest.fixture
async def exp_uuid(store, user_uuid):
    return (await create_experiment(store, user_uuid, NewExperiment(name="o", covars=SPACE, seed=1))).exp_uuid


@pytest.fixture
def told(store, user_uuid, exp_uuid):
    async def told(*changes, **more):
        return await tell(store, user_uuid, exp_uuid, [Told(covars=RUN | change, response=1.0) for change in changes])

    return told


async def test_run_outside_is_stored_as_measured_marked_and_noted(told, store, user_uuid, exp_uuid):
    reply = await told({"t": 62.4, "n": 12}, {})
    assert [one.covars for one in reply.observations] == [RUN | {"t": 62.4, "n": 12}, RUN]
    assert [one.outside for one in reply.observations] == [["t", "n"], []]
    assert reply.notes == [
        "t = 62.4 is off its steps of 5 from 20; stored as measured",
        "n = 12 is off its steps of 10 from 0; stored as measured",
    ]
    page = await history_page(store, user_uuid, exp_uuid, PageQuery())
    assert page.observations == reply.observations
    added = [event.data["outside"] for event in await list_events(store, exp_uuid, 0, 99) if "outside" in event.data]
    assert added == [["t", "n"], []]


async def test_run_outside_is_none_of_the_pending_suggestions_unless_it_names_one(told, store, user_uuid, exp_uuid):
    async with store.work() as work:
        (guess,) = await list_pending(work, exp_uuid)
    (stray,) = (await told({"t": 62.4})).observations
    assert stray.suggestion_uuid is None
    named = Told(covars=RUN | {"t": 58.9}, response=2.0, suggestion_uuid=guess.suggestion_uuid)
    (observation,) = (await tell(store, user_uuid, exp_uuid, [named])).observations
    assert (observation.suggestion_uuid, observation.covars["t"]) == (guess.suggestion_uuid, 58.9)


@pytest.mark.parametrize("change", [{"t": "hot"}, {"n": 12.5}, {"rate": "x"}, {"stir": 1}])
async def test_what_no_run_can_have_is_refused_and_nothing_is_stored(told, store, user_uuid, exp_uuid, change):
    with pytest.raises(InvalidError) as caught:
        await told({}, change)
    assert [problem.field for problem in caught.value.errors] == [f"observations.1.covars.{next(iter(change))}"]
    assert not (await history_page(store, user_uuid, exp_uuid, PageQuery())).observations


async def test_correction_takes_what_was_really_run(told, store, user_uuid, exp_uuid):
    (observation,) = (await told({})).observations
    body = Correction(version=1, reason="the oven's own log", covars=RUN | {"t": 62.4})
    corrected = await correct(store, user_uuid, exp_uuid, observation.observation_uuid, body)
    assert (corrected.covars["t"], corrected.outside) == (62.4, ["t"])
    with pytest.raises(VersionConflictError) as caught:
        await correct(store, user_uuid, exp_uuid, observation.observation_uuid, body)
    assert caught.value.current["outside"] == ["t"]
    with pytest.raises(InvalidError):
        wrong = Correction(version=2, reason="no", covars=RUN | {"t": "warm"})
        await correct(store, user_uuid, exp_uuid, observation.observation_uuid, wrong)


async def test_mark_follows_the_space_as_it_is(told, store, user_uuid, exp_uuid):
    await told({"t": 100.6}, {"t": 30.0})

    async def marks(t):
        await edit_space(store, user_uuid, exp_uuid, SpaceEdit(covars=SPACE | {"t": T | t}))
        page = await history_page(store, user_uuid, exp_uuid, PageQuery())
        return [observation.outside for observation in page.observations]

    assert await marks({"min": 60.0, "max": 60.0}) == [["t"], ["t"]]  # held at one value
    assert await marks({"min": 20.0, "max": 120.0}) == [["t"], []]
    assert await marks({"max": 120.0, "step": None}) == [[], []]


async def test_run_without_a_place_on_a_logarithmic_scale_is_kept_from_the_model(told, store):
    reply = await told({"rate": 0.0}, {"rate": 5.0}, {"rate": -1.0}, {})
    assert [one.outside for one in reply.observations] == [["rate"], ["rate"], ["rate"], []]
    assert reply.notes[0].endswith("stored as measured, and left out of the model")
    fit = await claim_fit(store, "a", timedelta(seconds=9))
    assert [one.covars["rate"] for one in fit.observations] == [5.0, 0.1]


async def test_first_ask_of_a_context_outside_its_range_is_the_guess_in_that_context(store, user_uuid):
    new = NewExperiment(name="o", covars=SPACE | {"humidity": HUMIDITY}, seed=1)
    exp_uuid = (await create_experiment(store, user_uuid, new)).exp_uuid
    asked = await current_conditional(store, user_uuid, exp_uuid, 0, {"humidity": 71})
    (guess,) = asked.suggestions
    assert (guess.source, guess.covars) == ("guess", RUN | {"humidity": 71.0})
    with pytest.raises(InvalidError):
        await current_conditional(store, user_uuid, exp_uuid, 0, {"humidity": 71, "t": 62.4})


async def test_export_of_runs_and_asks_outside_is_imported(store, user_uuid):
    new = NewExperiment(name="o", covars=SPACE | {"humidity": HUMIDITY}, seed=1)
    exp_uuid = (await create_experiment(store, user_uuid, new)).exp_uuid
    await current_conditional(store, user_uuid, exp_uuid, 0, {"humidity": 71})
    run = Told(covars=RUN | {"humidity": 72.0, "t": 62.4}, response=1.0)
    (observation,) = (await tell(store, user_uuid, exp_uuid, [run])).observations
    body = Correction(version=1, reason="misread", covars=run.covars | {"n": 12})
    await correct(store, user_uuid, exp_uuid, observation.observation_uuid, body)
    document = await joined(export_experiment(store, user_uuid, exp_uuid))
    copy = await import_experiment(store, user_uuid, document)
    (copied,) = (await history_page(store, user_uuid, copy.exp_uuid, PageQuery())).observations
    assert (copied.covars, copied.outside) == (run.covars | {"n": 12}, ["t", "n", "humidity"])


async def test_run_that_violates_a_constraint_is_stored_and_noted(store, user_uuid):
    share = {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}
    total = {"ctype": "linear", "weights": {"a": 1.0, "b": 1.0}, "relation": "==", "bound": 1.0}
    new = NewExperiment(name="blend", covars={"a": share, "b": share}, constraints=[total], seed=1)
    blend = (await create_experiment(store, user_uuid, new)).exp_uuid
    runs = [Told(covars={"a": 0.9, "b": b}, response=1.0) for b in (0.1, 0.9)]
    reply = await tell(store, user_uuid, blend, runs)
    assert reply.notes == ["a + b is 1.8, and must be == 1; stored as measured"]
