"""Stop rules, on a real database, the engine's part played by the test."""

from datetime import timedelta
from uuid import uuid4

import pytest

from autotune_service.domain.errors import ExperimentStoppedError, InvalidError, NotFoundError
from autotune_service.store.rows.events import list_events
from autotune_service.tuning.ask import current_suggestion, lease_suggestions
from autotune_service.tuning.conditional import current_conditional
from autotune_service.tuning.correct import correct
from autotune_service.tuning.experiments import create_experiment, read_experiment
from autotune_service.tuning.fit import claim_fit, commit_fit
from autotune_service.tuning.new_suggestions import EngineRun, NewSuggestion
from autotune_service.tuning.spaces import edit_space
from autotune_service.tuning.stopping import resume
from autotune_service.tuning.tell import tell
from autotune_service.tuning.undo import undo
from autotune_wire.changes import Resume, Undo
from autotune_wire.experiments import NewExperiment, SpaceEdit
from autotune_wire.observations import Correction, Told
from autotune_wire.stopping import StopRules
from support import GUESS, SPACE

LEASE = timedelta(seconds=30)


@pytest.fixture
def make(store, user_uuid):
    async def make(**stop):
        new = NewExperiment(name="stop", covars=SPACE, seed=1, stop=stop or None)
        return (await create_experiment(store, user_uuid, new)).exp_uuid

    return make


def run(weight, response=1.0):
    return Told(covars=GUESS | {"weight": weight}, response=response)


def engine_run(weight, acquisition=None, kind="expected_improvement"):
    covars = GUESS | {"weight": weight}
    return EngineRun([NewSuggestion(covars, "model", "because", acquisition=acquisition, acquisition_kind=kind)])


async def types(store, exp_uuid):
    return [event.type for event in await list_events(store, exp_uuid, 0, 1000)]


async def test_rule_that_the_data_meet_stops_the_experiment(store, user_uuid, make):
    exp_uuid = await make(budget=2)
    await tell(store, user_uuid, exp_uuid, [run(7)])
    assert (await read_experiment(store, user_uuid, exp_uuid)).stopped is None
    await tell(store, user_uuid, exp_uuid, [run(8)])
    event = (await list_events(store, exp_uuid, 0, 100))[-1]
    assert (event.type, event.data["rule"]) == ("stop_rule_fired", "budget")
    row = await read_experiment(store, user_uuid, exp_uuid)
    assert (row.stopped.rule, row.stopped.reason) == ("budget", event.data["reason"])
    assert await claim_fit(store, "a", LEASE) is None
    for ask in (
        current_suggestion(store, user_uuid, exp_uuid, 0),
        lease_suggestions(store, user_uuid, exp_uuid, 0, 1),
        current_conditional(store, user_uuid, exp_uuid, 0, {"v1": 2}),
    ):
        with pytest.raises(ExperimentStoppedError, match="2 runs were told"):
            await ask


async def test_fit_under_way_when_the_rule_is_met_proposes_nothing(store, user_uuid, make):
    exp_uuid = await make(budget=2)
    await tell(store, user_uuid, exp_uuid, [run(7)])
    fit = await claim_fit(store, "a", LEASE)
    await tell(store, user_uuid, exp_uuid, [run(8)])
    assert await commit_fit(store, fit, engine_run(50.0))
    assert (await types(store, exp_uuid))[-1] == "stop_rule_fired"


async def test_stopped_experiment_takes_tells_and_stops_once(store, user_uuid, make):
    exp_uuid = await make(target=5.0)
    await tell(store, user_uuid, exp_uuid, [run(7, 6.0)])
    await tell(store, user_uuid, exp_uuid, [run(8, 7.0)])
    assert (await types(store, exp_uuid)).count("stop_rule_fired") == 1
    assert (await read_experiment(store, user_uuid, exp_uuid)).best_response == 7.0


async def test_plateau_looks_at_the_runs_before(store, user_uuid, make):
    exp_uuid = await make(plateau={"n_runs": 2, "min_gain": 0.5})
    for weight, response in ((1, 1.0), (2, 2.0), (3, 2.1)):
        await tell(store, user_uuid, exp_uuid, [run(weight, response)])
    assert (await read_experiment(store, user_uuid, exp_uuid)).stopped is None
    await tell(store, user_uuid, exp_uuid, [run(4, 2.2)])
    assert (await read_experiment(store, user_uuid, exp_uuid)).stopped.rule == "plateau"


@pytest.mark.parametrize(
    ("acquisition", "kind", "rule"),
    [
        (0.05, "expected_improvement", "min_expected_gain"),
        (0.2, "expected_improvement", None),
        (0.05, "aimed_higher", None),
        (None, None, None),
    ],
)
async def test_small_expected_gain_stops_the_experiment(store, user_uuid, make, acquisition, kind, rule):
    exp_uuid = await make(min_expected_gain=0.1)
    await tell(store, user_uuid, exp_uuid, [run(7)])
    await commit_fit(store, await claim_fit(store, "a", LEASE), engine_run(50.0, acquisition, kind))
    stopped = (await read_experiment(store, user_uuid, exp_uuid)).stopped
    assert (None if stopped is None else stopped.rule) == rule
    assert ("stop_rule_fired" in await types(store, exp_uuid)) is (rule is not None)


async def test_resumed_experiment_goes_on_with_its_new_rules(store, user_uuid, make):
    exp_uuid = await make(budget=1)
    await tell(store, user_uuid, exp_uuid, [run(7)])
    told = await resume(store, user_uuid, exp_uuid, Resume(stop={"budget": 2}))
    assert (told.stopped, told.stop.budget) == (None, 2)
    assert (await types(store, exp_uuid))[-1] == "experiment_resumed"
    await commit_fit(store, await claim_fit(store, "a", LEASE), engine_run(50.0))
    assert await current_suggestion(store, user_uuid, exp_uuid, 1) is not None
    await tell(store, user_uuid, exp_uuid, [run(8)])
    assert (await read_experiment(store, user_uuid, exp_uuid)).stopped.rule == "budget"


async def test_resume_without_rules_keeps_them_and_with_null_drops_them(store, user_uuid, make):
    exp_uuid = await make(budget=1)
    assert (await resume(store, user_uuid, exp_uuid, Resume())).stop.budget == 1
    assert (await resume(store, user_uuid, exp_uuid, Resume(stop=None))).stop is None
    await tell(store, user_uuid, exp_uuid, [run(7)])
    assert (await read_experiment(store, user_uuid, exp_uuid)).stopped is None


async def test_resume_refuses_rules_that_do_not_fit(store, user_uuid):
    responses = {"yield": {"goal": "maximize"}, "cost": {"goal": "minimize"}}
    new = NewExperiment(name="two", covars=SPACE, responses=responses)
    exp_uuid = (await create_experiment(store, user_uuid, new)).exp_uuid
    with pytest.raises(InvalidError) as caught:
        await resume(store, user_uuid, exp_uuid, Resume(stop={"target": 1.0}))
    assert caught.value.errors[0].field == "stop.target"


async def test_stranger_resumes_nothing(store, make):
    with pytest.raises(NotFoundError):
        await resume(store, uuid4(), await make(budget=1), Resume())


async def test_runs_outside_a_narrowed_space_hide_no_progress(store, user_uuid, make):
    exp_uuid = await make(plateau={"n_runs": 2, "min_gain": 0.5})
    await tell(store, user_uuid, exp_uuid, [run(190, 100.0), run(7, 1.0)])
    narrowed = SPACE | {"weight": SPACE["weight"] | {"max": 50.0}}
    await edit_space(store, user_uuid, exp_uuid, SpaceEdit(covars=narrowed))
    await tell(store, user_uuid, exp_uuid, [run(8, 2.0)])
    await tell(store, user_uuid, exp_uuid, [run(9, 3.0)])
    assert (await read_experiment(store, user_uuid, exp_uuid)).stopped is None  # 1, then 2 and 3: a gain of 2
    await tell(store, user_uuid, exp_uuid, [run(10, 3.1), run(11, 3.2)])
    stopped = (await read_experiment(store, user_uuid, exp_uuid)).stopped
    assert (stopped.rule, stopped.reason) == ("plateau", "the last 2 runs gained 0.2, no more than 0.5")


@pytest.mark.parametrize(
    ("stop", "responses"),
    [({"target": 5.0}, (80.0,)), ({"budget": 2}, (1.0, 80.0)), ({"plateau": {"n_runs": 1}}, (1.0, 1.0))],
)
async def test_undo_of_what_stopped_the_experiment_lets_it_go_on(store, user_uuid, make, stop, responses):
    exp_uuid = await make(**stop)
    for weight, response in enumerate(responses, start=7):
        await tell(store, user_uuid, exp_uuid, [run(weight, response)])
    assert (await read_experiment(store, user_uuid, exp_uuid)).stopped is not None
    await undo(store, user_uuid, exp_uuid, Undo())
    row = await read_experiment(store, user_uuid, exp_uuid)
    assert (row.stopped, row.stop) == (None, StopRules.model_validate(stop))
    event = (await list_events(store, exp_uuid, 0, 100))[-1]
    assert (event.type, event.data) == ("experiment_resumed", {"stop": row.stop.model_dump(mode="json")})
    await commit_fit(store, await claim_fit(store, "a", LEASE), engine_run(50.0))
    assert (await current_suggestion(store, user_uuid, exp_uuid, 0)).suggestions


@pytest.mark.parametrize("change", [{"response": 0.8}, {"is_excluded": True}, {"status": "failed"}])
async def test_corrected_slip_lets_the_experiment_go_on(store, user_uuid, make, change):
    exp_uuid = await make(target=5.0)
    (slip,) = (await tell(store, user_uuid, exp_uuid, [run(7, 80.0)])).observations
    await correct(store, user_uuid, exp_uuid, slip.observation_uuid, Correction(version=1, reason="a slip", **change))
    assert (await read_experiment(store, user_uuid, exp_uuid)).stopped is None
    assert await claim_fit(store, "a", LEASE) is not None


async def test_correction_that_meets_a_rule_still_keeps_the_experiment_stopped(store, user_uuid, make):
    exp_uuid = await make(target=5.0, budget=2)
    told = (await tell(store, user_uuid, exp_uuid, [run(7, 80.0), run(8, 1.0)])).observations
    before = (await read_experiment(store, user_uuid, exp_uuid)).stopped
    body = Correction(version=1, reason="a slip", response=1.5)
    await correct(store, user_uuid, exp_uuid, told[1].observation_uuid, body)
    assert (await read_experiment(store, user_uuid, exp_uuid)).stopped == before  # the target is reached as it was
    await correct(store, user_uuid, exp_uuid, told[0].observation_uuid, body)
    stopped = (await read_experiment(store, user_uuid, exp_uuid)).stopped
    assert (stopped.rule, stopped.reason) == ("budget", "2 runs were told, the budget is 2")
    assert [kind for kind in await types(store, exp_uuid) if kind in {"stop_rule_fired", "experiment_resumed"}] == [
        "stop_rule_fired",
        "stop_rule_fired",
    ]
    assert await claim_fit(store, "a", LEASE) is None


async def test_small_gain_that_the_model_expected_of_other_data_stops_nothing(store, user_uuid, make):
    exp_uuid = await make(min_expected_gain=0.1)
    await tell(store, user_uuid, exp_uuid, [run(7)])
    await commit_fit(store, await claim_fit(store, "a", LEASE), engine_run(50.0, 0.05, "expected_improvement"))
    await undo(store, user_uuid, exp_uuid, Undo())
    assert (await read_experiment(store, user_uuid, exp_uuid)).stopped is None
    assert await claim_fit(store, "a", LEASE) is not None
