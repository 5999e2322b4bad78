"""Pauses, on a real database, the engine's part played by the test."""

import asyncio
from datetime import timedelta

import pytest

from autotune_service.domain.errors import ExperimentClosedError, ExperimentPausedError, ExperimentStoppedError
from autotune_service.store.rows.events import list_events
from autotune_service.tuning.ask import current_suggestion, lease_suggestions
from autotune_service.tuning.conditional import checked_ask, current_conditional
from autotune_service.tuning.experiments import close_experiment, create_experiment, read_experiment
from autotune_service.tuning.fit import claim_fit, commit_fit
from autotune_service.tuning.lifecycle import reopen
from autotune_service.tuning.new_suggestions import EngineRun, NewSuggestion
from autotune_service.tuning.pausing import pause
from autotune_service.tuning.portable import export_experiment, import_experiment
from autotune_service.tuning.stopping import resume
from autotune_service.tuning.tell import tell
from autotune_wire.changes import Resume
from autotune_wire.experiments import NewExperiment
from autotune_wire.observations import Told
from autotune_wire.pausing import Pause
from support import GUESS, SPACE, joined

LEASE = timedelta(seconds=30)
CLEANING = Pause(reason="the oven is being cleaned")
RUN = Told(covars=GUESS, response=1.0)


@pytest.fixture
def make(store, user_uuid):
    async def make(**fields):
        new = NewExperiment(name="brownies", covars=SPACE, seed=1, **fields)
        return (await create_experiment(store, user_uuid, new)).exp_uuid

    return make


@pytest.fixture
async def paused(store, user_uuid, make):
    exp_uuid = await make(stop={"budget": 3})
    await pause(store, user_uuid, exp_uuid, CLEANING)
    return exp_uuid


async def types(store, exp_uuid):
    return [event.type for event in await list_events(store, exp_uuid, 0, 1000)]


async def test_pause_keeps_who_made_it_when_and_why(store, user_uuid, make):
    exp_uuid = await make()
    shown = await pause(store, user_uuid, exp_uuid, CLEANING)
    event = (await list_events(store, exp_uuid, 0, 100))[-1]
    assert (event.type, event.data) == ("experiment_paused", {"reason": CLEANING.reason})
    assert (shown.state, shown.paused.reason, shown.paused.by) == ("active", CLEANING.reason, user_uuid)
    assert shown.paused.at == event.at


async def test_paused_experiment_refuses_asks_of_every_kind_and_says_why(store, user_uuid, paused):
    row = await read_experiment(store, user_uuid, paused)
    for ask in (
        current_suggestion(store, user_uuid, paused, 0),
        lease_suggestions(store, user_uuid, paused, 0, 1),
        current_conditional(store, user_uuid, paused, 0, {"v1": 2}),
        checked_ask(store, row, {}),
    ):
        with pytest.raises(ExperimentPausedError, match=f"is paused since .* UTC \\({CLEANING.reason}\\); resume it"):
            await ask


async def test_paused_experiment_takes_tells_and_computes_nothing_until_it_is_resumed(store, user_uuid, paused):
    await tell(store, user_uuid, paused, [RUN])
    assert await claim_fit(store, "a", LEASE) is None
    resumed = await resume(store, user_uuid, paused, Resume())
    assert (resumed.paused, resumed.n_observations) == (None, 1)
    fit = await claim_fit(store, "a", LEASE)
    assert [one.covars for one in fit.observations] == [GUESS]
    assert (await types(store, paused))[2:] == ["experiment_paused", "observation_added", "best_changed", "pause_ended"]


async def test_fit_under_way_at_the_pause_suggests_nothing_and_is_made_again(store, user_uuid, make):
    exp_uuid = await make()
    await tell(store, user_uuid, exp_uuid, [RUN])
    fit = await claim_fit(store, "a", LEASE)
    await pause(store, user_uuid, exp_uuid, Pause())
    run = EngineRun([NewSuggestion(GUESS | {"weight": 9}, "model", "because")])
    assert await commit_fit(store, fit, run)
    assert (await types(store, exp_uuid))[-1] == "experiment_paused"
    await resume(store, user_uuid, exp_uuid, Resume())
    assert (await claim_fit(store, "a", LEASE)).experiment.data_rev == 1


async def test_pausing_again_changes_nothing(store, user_uuid, paused):
    before = await read_experiment(store, user_uuid, paused)
    again = await pause(store, user_uuid, paused, Pause(reason="another"))
    assert again.paused.reason == CLEANING.reason
    assert await read_experiment(store, user_uuid, paused) == before


async def test_stop_rule_that_is_met_in_a_pause_holds_after_it_only_without_resume(store, user_uuid, paused):
    await tell(store, user_uuid, paused, [RUN] * 3)
    row = await read_experiment(store, user_uuid, paused)
    assert (row.paused.reason, row.stopped.rule) == (CLEANING.reason, "budget")
    resumed = await resume(store, user_uuid, paused, Resume())
    assert (resumed.paused, resumed.stopped) == (None, None)
    assert (await types(store, paused))[-2:] == ["pause_ended", "experiment_resumed"]


async def test_resume_of_a_stop_alone_announces_no_end_of_a_pause(store, user_uuid, make):
    exp_uuid = await make(stop={"budget": 1})
    await tell(store, user_uuid, exp_uuid, [RUN])
    with pytest.raises(ExperimentStoppedError):
        await current_suggestion(store, user_uuid, exp_uuid, 0)
    await resume(store, user_uuid, exp_uuid, Resume())
    assert "pause_ended" not in await types(store, exp_uuid)


async def test_close_ends_a_pause_and_a_closed_experiment_cannot_be_paused(store, user_uuid, paused):
    closed = await close_experiment(store, user_uuid, paused)
    assert (closed.state, closed.paused) == ("closed", None)
    with pytest.raises(ExperimentClosedError):
        await pause(store, user_uuid, paused, Pause())
    reopened = await reopen(store, user_uuid, paused)
    assert (reopened.state, reopened.paused) == ("active", None)
    assert (await current_suggestion(store, user_uuid, paused, 0)).suggestions[0].covars == GUESS


async def test_reopen_ends_a_pause_too(store, user_uuid, paused):
    assert (await reopen(store, user_uuid, paused)).paused is None
    assert (await types(store, paused))[-1] == "pause_ended"


async def test_copy_of_a_paused_experiment_is_paused_by_nobody_known(store, user_uuid, paused):
    document = await joined(export_experiment(store, user_uuid, paused))
    assert str(user_uuid).encode() not in document
    copy = await import_experiment(store, user_uuid, document)
    assert (copy.paused.reason, copy.paused.by) == (CLEANING.reason, None)
    with pytest.raises(ExperimentPausedError):
        await current_suggestion(store, user_uuid, copy.exp_uuid, 0)


async def test_pause_and_asks_at_once_leave_no_suggestion_leased_after_it(store, user_uuid, make):
    exp_uuid = await make()
    pausing = [pause(store, user_uuid, exp_uuid, Pause()) for _ in range(2)]
    asking = [lease_suggestions(store, user_uuid, exp_uuid, 0, 1) for _ in range(4)]
    await asyncio.gather(*asking, *pausing, return_exceptions=True)
    found = await types(store, exp_uuid)
    assert found.count("experiment_paused") == 1
    assert found[-1] == "experiment_paused"


async def test_what_a_service_of_before_makes_of_a_pause_is_no_pause(store, user_uuid, paused):
    """A service that knows no pauses closes and reopens the experiment, and leaves the columns."""
    async with store.work() as work:
        await work._connection.execute("UPDATE autotune.experiments SET state = 'active'")
    assert (await read_experiment(store, user_uuid, paused)).paused is None
    assert (await current_suggestion(store, user_uuid, paused, 0)).suggestions
