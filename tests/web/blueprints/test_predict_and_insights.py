import json
from urllib.parse import quote
from uuid import uuid4

import pytest

from calling import get, post
from support import GUESS, SPACE, make_experiment

OVEN = {"oven": {"vtype": "cat", "guess": "a", "options": ["a", "b"], "role": "context"}}


@pytest.fixture
async def exp_uuid(client, headers):
    return (await make_experiment(client, headers))["exp_uuid"]


@pytest.fixture
async def with_context(client, headers):
    return (await make_experiment(client, headers, covars=SPACE | OVEN))["exp_uuid"]


async def tell(client, headers, exp_uuid, *weights):
    many = [{"covars": GUESS | {"weight": weight}, "response": weight} for weight in weights]
    status, reply = await post(client, f"/experiment/tell/{exp_uuid}", headers, {"observations": many})
    assert status == 202
    return reply["observations"]


async def test_predict_gives_each_configuration_its_prediction(client, headers, fake_pool, exp_uuid):
    await tell(client, headers, exp_uuid, 1.0)
    body = {"configurations": [GUESS | {"weight": 3.0}, GUESS | {"weight": 4.0}]}
    status, reply = await post(client, f"/experiment/{exp_uuid}/predict", headers, body)
    assert (status, reply["data_rev"]) == (200, 1)
    assert [one["Response"] for one in reply["predictions"]] == [{"mean": 3.0, "sd": 0.5}, {"mean": 4.0, "sd": 0.5}]


async def test_predict_says_why_a_configuration_would_not_be_suggested(client, headers, fake_pool):
    limit = {"ctype": "linear", "weights": {"weight": 1.0, "v1": 2.0}, "relation": "<=", "bound": 50.0}
    exp_uuid = (await make_experiment(client, headers, constraints=[limit]))["exp_uuid"]
    await tell(client, headers, exp_uuid, 1.0)
    asked = [GUESS, GUESS | {"weight": 300.0}, GUESS | {"weight": 48.0}]
    _, reply = await post(client, f"/experiment/{exp_uuid}/predict", headers, {"configurations": asked})
    assert reply["why_not"] == [
        None,
        "weight must be a number from -3.0 to 200.0",
        "weight + 2 v1 is 52, and must be <= 50",
    ]


async def test_insights_say_how_many_runs_the_model_cannot_use(client, headers, fake_pool):
    rate = {"vtype": "cont", "guess": 1.0, "min": 0.1, "max": 100.0, "log": True}
    exp_uuid = (await make_experiment(client, headers, covars={"rate": rate}))["exp_uuid"]
    runs = [{"covars": {"rate": value}, "response": 1.0} for value in (1.0, 0.0)]
    await post(client, f"/experiment/tell/{exp_uuid}", headers, {"observations": runs})
    status, reply = await get(client, f"/experiment/{exp_uuid}/insights", headers)
    assert (status, reply["n_observations"]) == (200, 2)
    assert reply["health"][0]["kind"] == "not_modelled"
    assert reply["health"][0]["finding"].startswith("1 run is not used by the model: ")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "configurations"),
        ({"configurations": []}, "configurations"),
        ({"configurations": [GUESS] * 1001}, "configurations"),
        ({"configurations": [GUESS, GUESS | {"v1": 9.5}]}, "configurations.1.v1"),
        ({"configurations": [{"v1": 2}]}, "configurations.0.color"),
        ({"configurations": [GUESS | {"weight": True}]}, "configurations.0.weight"),
    ],
)
async def test_predict_names_the_wrong_value(client, headers, exp_uuid, body, field):
    status, problem = await post(client, f"/experiment/{exp_uuid}/predict", headers, body)
    assert status == 422
    assert problem["errors"][0]["field"].startswith(field)


async def test_insights_tell_what_the_model_has_learnt(client, headers, fake_pool, exp_uuid):
    observations = await tell(client, headers, exp_uuid, 1.0, 2.0)
    status, reply = await get(client, f"/experiment/{exp_uuid}/insights", headers)
    assert (status, reply["data_rev"], reply["n_observations"]) == (200, 2, 2)
    uuids = [one["observation_uuid"] for one in observations]
    assert [one["observation_uuid"] for one in reply["leave_one_out"]["Response"]] == uuids
    assert reply["importance"] == {"Response": {"weight": 0.75, "v1": 0.25}}
    assert reply["slices"]["Response"]["weight"] == [{"value": 6.6, "mean": 1.0, "sd": 0.5, "why_not": None}]
    assert [one["observation_uuid"] for one in reply["pareto"]] == uuids[:1]
    assert (reply["best_observed"]["response"], reply["best_predicted"]["mean"]) == (2.0, 2.0)
    assert (reply["feasible_share"], reply["hypervolume"], reply["reference"]) == (None, None, None)


async def test_real_engine_predicts_and_gives_insights(client, headers, worker):
    responses = {"yield": {"goal": "maximize"}, "cost": {"goal": "minimize"}, "heat": {"goal": "<=", "bound": 80}}
    exp_uuid = (await make_experiment(client, headers, responses=responses))["exp_uuid"]
    url = f"/experiment/{exp_uuid}"
    status, reply = await get(client, f"{url}/insights", headers)
    assert (status, reply["n_observations"], reply["leave_one_out"], reply["pareto"]) == (200, 0, {}, [])
    many = [
        {"covars": GUESS | {"weight": w}, "responses": {"yield": w, "cost": (w - 60) ** 2, "heat": w}}
        for w in (10.0, 30.0, 50.0, 70.0, 90.0, 110.0)
    ]
    many += [{"covars": GUESS | {"v1": 5}, "status": "failed"}, {"covars": GUESS, "responses": {"yield": 6.6}}]
    status, told = await post(client, f"/experiment/tell/{exp_uuid}", headers, {"observations": many})
    uuids = [one["observation_uuid"] for one in told["observations"]]
    status, reply = await get(client, f"{url}/insights", headers)
    assert (status, reply["data_rev"], reply["n_observations"]) == (200, 8, 8)
    assert [one["observation_uuid"] for one in reply["leave_one_out"]["heat"]] == uuids[:6]
    assert [one["observation_uuid"] for one in reply["leave_one_out"]["yield"]] == [*uuids[:6], uuids[7]]
    # 50 and 70 cost the same and 70 yields more; 90 and 110 are too hot; 10 and 30 yield less and cost more.
    assert [one["observation_uuid"] for one in reply["pareto"]] == [uuids[3]]
    assert reply["best_observed"]["observation_uuid"] == uuids[3]
    assert reply["best_predicted"]["covars"]["weight"] == 70.0
    assert 0 < reply["feasible_share"] < 1
    assert reply["slices"]["yield"].keys() == SPACE.keys()
    status, reply = await post(client, f"{url}/predict", headers, {"configurations": [GUESS | {"weight": 60.0}]})
    assert status == 200
    # The yield is the weight itself, within the scatter of a model of seven points.
    assert abs(reply["predictions"][0]["yield"]["mean"] - 60) < 10


async def test_engine_that_cannot_answer_says_why(client, headers, fake_pool, exp_uuid):
    fake_pool.fails_on.add("insights")
    status, problem = await get(client, f"/experiment/{exp_uuid}/insights", headers)
    assert (status, problem["code"]) == (503, "engine_failed")
    assert "NotPSDError: no" in problem["detail"]


async def test_question_that_no_worker_answers_says_when_to_come_back(client, headers, app, exp_uuid):
    object.__setattr__(app.extensions["autotune"], "ask_wait_s", 0.05)
    reply = await client.get(f"/experiment/{exp_uuid}/insights", headers=headers)
    assert (reply.status_code, (await reply.get_json())["code"]) == (503, "suggestion_pending")
    assert int(reply.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("path", ["predict", "insights"])
async def test_stranger_learns_nothing(client, stranger, exp_uuid, path):
    for uuid in (exp_uuid, uuid4()):
        url = f"/experiment/{uuid}/{path}"
        call = get(client, url, stranger) if path == "insights" else None
        status, problem = await (call or post(client, url, stranger, {"configurations": [GUESS]}))
        assert (status, problem["code"]) == (404, "not_found")


def fixed_url(exp_uuid, fixed):
    return f"/experiment/ask/{exp_uuid}?fixed={quote(json.dumps(fixed))}"


async def test_ask_with_fixed_values_gives_the_same_until_something_is_told(client, headers, fake_pool, exp_uuid):
    url = fixed_url(exp_uuid, {"color": "blue"})
    status, first = await get(client, url, headers)
    assert status == 200
    assert first["suggestions"][0]["covars"]["color"] == "blue"
    assert first["suggestions"][0]["fixed"] == {"color": "blue"}
    assert (await get(client, url, headers))[1]["suggestions"] == first["suggestions"]
    await tell(client, headers, exp_uuid, 7.0)
    _, second = await get(client, url, headers)
    assert second["suggestions"][0]["suggestion_uuid"] != first["suggestions"][0]["suggestion_uuid"]
    assert second["suggestions"][0]["data_rev"] == 1


async def test_post_ask_with_fixed_values_takes_as_many_as_are_wanted(client, headers, fake_pool, exp_uuid):
    body = {"n": 10, "fixed": {"color": "blue"}}
    status, reply = await post(client, f"/experiment/ask/{exp_uuid}", headers, body)
    assert status == 200
    uuids = {one["suggestion_uuid"] for one in reply["suggestions"]}
    assert (len(uuids), {one["covars"]["color"] for one in reply["suggestions"]}) == (10, {"blue"})


async def test_first_ask_with_a_context_gives_the_guess_there(client, headers, with_context):
    status, reply = await get(client, fixed_url(with_context, {"oven": "b"}), headers)
    assert (status, reply["suggestions"][0]["covars"]) == (200, GUESS | {"oven": "b"})


@pytest.mark.parametrize(
    ("fixed", "field"),
    [({}, "fixed.oven"), ({"oven": "c"}, "fixed.oven"), ({"oven": "a", "x": 1}, "fixed.x"), ([1], "fixed")],
)
async def test_ask_names_what_is_wrong_with_the_fixed_values(client, headers, with_context, fixed, field):
    for status, problem in (
        await get(client, fixed_url(with_context, fixed), headers),
        await post(client, f"/experiment/ask/{with_context}", headers, {"fixed": fixed}),
    ):
        assert status == 422
        assert problem["errors"][0]["field"] == field


@pytest.mark.parametrize("query", ["fixed=", "fixed={", "fixed=7", 'fixed={"v1":NaN}', "fixed={}&fixed={}"])
async def test_ask_refuses_a_query_that_is_no_json_object(client, headers, exp_uuid, query):
    status, problem = await get(client, f"/experiment/ask/{exp_uuid}?{query}", headers)
    assert (status, problem["code"]) == (422, "invalid")
    assert problem["errors"][0]["field"].startswith("fixed")
