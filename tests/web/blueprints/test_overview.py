"""An experiment at a glance says what all its events together say."""

import json

import pytest

from autotune.panel.opening import state_of
from autotune.panel.state import PanelState, with_event
from autotune_service.store.rows.events import list_events
from autotune_wire.overviews import Overview
from calling import get, post
from support import GUESS, SPACE, make_experiment

RESPONSES = {
    "yield": {"goal": "maximize"},
    "cost": {"goal": "minimize"},
    "impurity": {"goal": "<=", "bound": 5},
}


async def _state_after_all_events(store, made) -> PanelState:
    shown = Overview.model_validate({
        "experiment": made, "suggestions": [], "changes": [], "seqs": [], "responses": {"yield": []}, "failed": [],
        "excluded": [], "modelled": [],
    })  # fmt: skip
    state = PanelState(made["name"], made["direction"], shown.experiment.responses)
    for event in await list_events(store, made["exp_uuid"], 0, 1000):
        state = with_event(state, event)
    return state


def _compared(state: PanelState) -> dict[str, object]:
    """What both ways to the state know: events have the configuration of each run besides."""
    return {
        "dots": [
            (dot.seq, dot.response, dot.measured, dot.is_failed, dot.is_broken, dot.is_excluded) for dot in state.dots
        ],
        "modelled": [dot.source == "model" for dot in state.dots],
        "best": None if state.best is None else (state.best.observation_uuid, state.best.response, state.best.covars),
        "measured": state.best_measured,
        "pending": (list(state.waiting), list(state.taken)),
        "rest": (state.name, state.is_closed, state.stopped, state.changes, state.progress, state.last_seq),
    }


async def test_overview_says_what_all_events_say(client, headers, store, fake_pool):
    made = await make_experiment(client, headers, responses=RESPONSES, stop={"budget": 6})
    exp_uuid = made["exp_uuid"]
    told = []
    for values in ({"yield": 1, "cost": 4, "impurity": 1}, {"yield": 3, "cost": 5, "impurity": 9}, {"yield": 2}, None):
        outcome = {"status": "failed"} if values is None else {"responses": values}
        _, reply = await post(client, f"/experiment/tell/{exp_uuid}", headers, {"covars": GUESS, **outcome})
        told += reply["observations"]
    for place, change in ((0, {"is_excluded": True}), (2, {"responses": {"yield": 7, "cost": 2, "impurity": 0}})):
        correction = {"version": 1, "reason": "a slip", **change}
        url = f"/experiment/{exp_uuid}/observation/{told[place]['observation_uuid']}"
        assert (await post(client, url, headers, correction))[0] == 200
    wider = SPACE | {"weight": SPACE["weight"] | {"max": 300.0}}
    await post(client, f"/experiment/{exp_uuid}/space", headers, {"covars": wider})
    _, asked = await post(client, f"/experiment/ask/{exp_uuid}", headers, {"n": 2})
    run = asked["suggestions"][0]
    body = {"covars": run["covars"], "suggestion_uuid": run["suggestion_uuid"]}
    await post(
        client, f"/experiment/tell/{exp_uuid}", headers, body | {"responses": {"yield": 8, "cost": 9, "impurity": 1}}
    )
    await get(client, f"/experiment/ask/{exp_uuid}", headers)  # the worker is at rest

    status, reply = await get(client, f"/experiment/{exp_uuid}/overview", headers)
    assert status == 200
    state = state_of(Overview.model_validate(reply))
    assert _compared(state) == _compared(await _state_after_all_events(store, made))
    assert len(state.dots) == 5
    assert [len(state.changes), len(state.taken), len(state.progress.front)] == [1, 1, 2]


async def test_overview_of_a_new_experiment_has_no_runs(client, headers):
    made = await make_experiment(client, headers)
    _, reply = await get(client, f"/experiment/{made['exp_uuid']}/overview", headers)
    assert (reply["seqs"], reply["responses"], reply["failed"]) == ([], {"Response": []}, [])
    assert [one["source"] for one in reply["suggestions"]] == ["guess"]


async def test_overview_of_the_newest_runs_keeps_their_numbers(client, headers):
    """Runs 1 and 4 are excluded and run 2 has failed."""
    made = await make_experiment(client, headers)
    outcomes = [{"response": 1}, {"status": "failed"}, {"response": 3}, {"response": 4}]
    runs = {"observations": [{"covars": GUESS, **outcome} for outcome in outcomes]}
    _, reply = await post(client, f"/experiment/tell/{made['exp_uuid']}", headers, runs)
    told = reply["observations"]
    for place in (0, 3):
        url = f"/experiment/{made['exp_uuid']}/observation/{told[place]['observation_uuid']}"
        await post(client, url, headers, {"version": 1, "reason": "a slip", "is_excluded": True})
    seqs = [one["seq"] for one in told]
    for newest, columns in (
        (0, ([], [], [], [])),
        (2, (seqs[2:], [3, 4], [], [4])),
        (3, (seqs[1:], [None, 3, 4], [2], [4])),
        (4, (seqs, [1, None, 3, 4], [2], [1, 4])),
        (9, (seqs, [1, None, 3, 4], [2], [1, 4])),
    ):
        _, shown = await get(client, f"/experiment/{made['exp_uuid']}/overview?newest={newest}", headers)
        assert (shown["seqs"], shown["responses"]["Response"], shown["failed"], shown["excluded"]) == columns
        assert shown["experiment"]["n_observations"] == 4


@pytest.mark.parametrize("newest", ["-1", "x", "1.5", str(2**53 + 1)])
async def test_overview_of_no_number_names_its_field(client, headers, newest):
    made = await make_experiment(client, headers)
    status, problem = await get(client, f"/experiment/{made['exp_uuid']}/overview?newest={newest}", headers)
    assert (status, problem["errors"][0]["field"]) == (422, "newest")


async def test_overview_of_somebody_else_is_not_found(client, headers, stranger):
    made = await make_experiment(client, headers)
    assert (await get(client, f"/experiment/{made['exp_uuid']}/overview", stranger))[0] == 404


async def test_overview_has_the_words_of_users_as_they_are(client, headers):
    """A name with a quote or a percent sign is the name of a column of the result's."""
    name = "yield \" % ' :x"
    made = await make_experiment(client, headers, responses={name: {"goal": "maximize"}})
    body = {"covars": GUESS, "responses": {name: 0.5}}
    await post(client, f"/experiment/tell/{made['exp_uuid']}", headers, body)
    _, reply = await get(client, f"/experiment/{made['exp_uuid']}/overview", headers)
    assert json.dumps(reply["responses"]) == json.dumps({name: [0.5]})
