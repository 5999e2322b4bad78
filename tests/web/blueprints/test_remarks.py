"""Why runs failed, notes and tags, and pauses, over the API."""

import asyncio
from uuid import uuid4

import pytest

from autotune_service.tuning.experiments import read_experiment
from calling import get, post
from support import GUESS, make_experiment


@pytest.fixture
async def exp_uuid(client, headers):
    return (await make_experiment(client, headers))["exp_uuid"]


async def test_reason_of_a_failed_run_is_in_the_history(client, headers, exp_uuid):
    body = {"covars": GUESS, "status": "failed", "failed_because": "it boiled over"}
    status, reply = await post(client, f"/experiment/tell/{exp_uuid}", headers, body)
    assert (status, reply["observations"][0]["failed_because"]) == (202, "it boiled over")
    _, page = await get(client, f"/experiment/{exp_uuid}/history", headers)
    assert page["observations"][0]["failed_because"] == "it boiled over"


async def test_csv_has_reasons_in_a_column(client, headers, exp_uuid):
    csv = "v1,color,weight,Response,status,failed_because\n2,red,6,,failed,it burnt\n2,red,7,1.5,ok,\n"
    _, reply = await post(client, f"/experiment/tell/{exp_uuid}", headers, {"csv": csv})
    assert [one["failed_because"] for one in reply["observations"]] == ["it burnt", None]


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ({"response": 1.0, "failed_because": "no"}, "set status to failed"),
        ({"status": "failed", "failed_because": ""}, "must not be empty"),
        ({"status": "failed", "failed_because": "x" * 1001}, "at most 1000 characters"),
        ({"status": "failed", "failed_because": "a\x00b"}, "NUL"),
        ({"status": "failed", "failed_because": 7}, "must be a text"),
    ],
)
async def test_reason_that_cannot_be_is_refused_by_its_field(client, headers, exp_uuid, outcome, said):
    for path, body in (
        (f"/experiment/tell/{exp_uuid}", {"covars": GUESS}),
        (f"/experiment/{exp_uuid}/observation/{uuid4()}", {"version": 1, "reason": "a slip"}),
    ):
        status, problem = await post(client, path, headers, body | outcome)
        assert (status, problem["errors"][0]["field"]) == (422, "failed_because")
        assert said in problem["errors"][0]["message"]


@pytest.fixture
async def note_path(client, headers, exp_uuid):
    _, told = await post(client, f"/experiment/tell/{exp_uuid}", headers, {"covars": GUESS, "response": 1.0})
    return f"/experiment/{exp_uuid}/observation/{told['observations'][0]['observation_uuid']}/note"


async def test_note_says_who_wrote_it_and_when(client, headers, exp_uuid, note_path):
    status, noted = await post(client, note_path, headers, {"note": "cloudy", "tags": ["slow"]})
    assert (status, noted["note"], noted["tags"]) == (200, "cloudy", ["slow"])
    _, page = await get(client, f"/experiment/{exp_uuid}/history", headers)
    [run] = page["observations"]
    assert (run["note"], run["time_noted"]) == ("cloudy", noted["time_noted"])
    assert "@" in page["tellers"][run["noted_by"]]


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({}, "", "give note, tags or both"),
        ({"note": "x" * 5001}, "note", "at most 5000 characters"),
        ({"note": 7}, "note", "must be a text"),
        ({"tags": [f"t{n}" for n in range(11)]}, "tags", "at most 10 members"),
        ({"tags": ["x" * 41]}, "tags.0", "at most 40 characters"),
        ({"tags": ["fine", ""]}, "tags.1", "must not be empty"),
        ({"tags": ["a, b"]}, "tags.0", "comma"),
        ({"tags": [" a"]}, "tags.0", "blank"),
        ({"tags": ["a\nb"]}, "tags.0", "line break"),
        ({"tags": "slow"}, "tags", "must be a list"),
        ({"text": "cloudy"}, "text", "is not a field here"),
    ],
)
async def test_note_that_cannot_be_is_refused_by_its_field(client, headers, note_path, body, field, said):
    status, problem = await post(client, note_path, headers, body)
    assert (status, problem["errors"][0]["field"]) == (422, field)
    assert said in problem["errors"][0]["message"]


async def test_stranger_notes_and_pauses_nothing(client, headers, stranger, exp_uuid, note_path):
    for path, body in ((note_path, {"note": "x"}), (f"/experiment/{exp_uuid}/pause", {})):
        assert (await post(client, path, stranger, body))[0] == 404
    _, shown = await get(client, f"/experiment/{exp_uuid}", headers)
    assert shown["paused"] is None


async def test_paused_experiment_answers_asks_with_409_and_takes_tells(client, headers, fake_pool, exp_uuid):
    status, paused = await post(client, f"/experiment/{exp_uuid}/pause", headers, {"reason": "cleaning"})
    assert (status, paused["state"], paused["paused"]["reason"]) == (200, "active", "cleaning")
    for status, problem in (
        await get(client, f"/experiment/ask/{exp_uuid}", headers),
        await post(client, f"/experiment/ask/{exp_uuid}", headers, {"n": 1}),
        await post(client, f"/experiment/ask/{exp_uuid}", headers, {"fixed": {"v1": 2}}),
    ):
        assert (status, problem["code"]) == (409, "experiment_paused")
        assert "(cleaning); resume it" in problem["detail"]
    told = await post(client, f"/experiment/tell/{exp_uuid}", headers, {"covars": GUESS, "response": 1})
    assert told[0] == 202
    status, resumed = await post(client, f"/experiment/{exp_uuid}/resume", headers, {})
    assert (status, resumed["paused"]) == (200, None)
    status, reply = await get(client, f"/experiment/ask/{exp_uuid}", headers)
    assert (status, reply["suggestions"][0]["data_rev"]) == (200, 1)


async def test_ask_that_waits_hears_of_the_pause_at_once(client, headers, store, user_uuid, exp_uuid):
    """No worker computes the suggestion here: without the pause the ask would wait to its end, and get a 503."""
    await post(client, f"/experiment/tell/{exp_uuid}", headers, {"covars": GUESS, "response": 1})
    waiting = asyncio.ensure_future(post(client, f"/experiment/ask/{exp_uuid}", headers, {"n": 1}))
    while (await read_experiment(store, user_uuid, exp_uuid)).n_wanted < 2:  # noqa: ASYNC110 -- an ask tells nothing
        await asyncio.sleep(0.01)
    await post(client, f"/experiment/{exp_uuid}/pause", headers, {})
    status, problem = await waiting
    assert (status, problem["code"]) == (409, "experiment_paused")
