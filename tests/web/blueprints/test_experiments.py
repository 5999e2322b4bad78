import asyncio
import json
from datetime import timedelta
from uuid import UUID, uuid4

import pandas as pd
import pytest

from autotune_service.store.rows.experiments import get_standing
from autotune_service.tuning.fit import claim_fit, commit_fit
from autotune_service.tuning.new_suggestions import EngineRun, NewSuggestion
from calling import get, post
from support import GUESS, MANY_OPTIONS, SPACE, make_experiment


@pytest.fixture
async def experiment(client, headers):
    return await make_experiment(client, headers)


@pytest.fixture
def ask_url(experiment):
    return f"/experiment/ask/{experiment['exp_uuid']}"


@pytest.fixture
def tell_url(experiment):
    return f"/experiment/tell/{experiment['exp_uuid']}"


async def test_new_echoes_the_experiment_with_its_covariates_in_order(experiment):
    told = {name: {field: told[field] for field in SPACE[name]} for name, told in experiment["covars"].items()}
    assert told == SPACE
    assert list(experiment["covars"]) == list(SPACE)
    assert experiment["state"] == "active"
    assert experiment["best"] is None


async def test_new_draws_a_seed_and_tells_it(client, headers):
    assert isinstance((await make_experiment(client, headers, seed=None))["seed"], int)


async def test_new_advises_on_a_space_that_is_hard_to_search(client, headers):
    made = await make_experiment(client, headers, covars=SPACE | {"catalyst": MANY_OPTIONS})
    (sentence,) = made["advice"]
    assert sentence.startswith("catalyst has 72 options without order")
    assert (await get(client, f"/experiment/{made['exp_uuid']}", headers))[1] == made
    assert (await get(client, "/experiment/all", headers))[1]["experiments"] == [made]


async def test_space_that_is_easy_to_search_needs_no_advice(experiment):
    assert experiment["advice"] == []


async def test_direction_of_a_target_is_one_that_every_client_knows(client, headers):
    responses = {"pH": {"goal": "match", "target": 7.4}}
    made = await make_experiment(client, headers, responses=responses)
    assert (made["direction"], made["responses"]) == ("minimize", responses)
    _, page = await get(client, "/experiment/all", headers)
    assert [one["direction"] for one in page["experiments"]] == ["minimize"]


async def test_ask_gives_the_guess_as_text_and_as_data(client, headers, ask_url):
    status, reply = await get(client, ask_url, headers)
    assert status == 200
    assert json.loads(reply["covars_next_exp"]) == [GUESS]
    assert reply["suggestions"][0]["covars"] == GUESS
    assert reply["suggestions"][0]["source"] == "guess"
    assert reply["suggestions"][0]["mean"] is None


async def test_ask_again_gives_the_same_suggestion(client, headers, ask_url):
    assert await get(client, ask_url, headers) == await get(client, ask_url, headers)


async def test_ask_reads_as_a_frame(client, headers, ask_url):
    _, reply = await get(client, ask_url, headers)
    assert pd.DataFrame(json.loads(reply["covars_next_exp"])).to_dict("records") == [GUESS]


@pytest.mark.parametrize("orient", ["records", "columns", "list"])
async def test_tell_takes_what_pandas_writes(client, headers, tell_url, orient):
    covars, response = pd.DataFrame([GUESS]), pd.DataFrame({"Response": [1.5]})
    if orient == "list":
        body = {"covars_tell": covars.to_dict("list"), "response_tell": response.to_dict("list")}
    else:
        body = {"covars_tell": covars.to_json(orient=orient), "response_tell": response.to_json(orient=orient)}
    status, reply = await post(client, tell_url, headers, body)
    assert status == 202
    assert reply["best_response"] == response.to_json()
    assert reply["covars_best_response"] == covars.to_json()
    assert json.loads(reply["covars_tell"]) == [GUESS]
    assert json.loads(reply["response_tell"]) == [{"Response": 1.5}]
    assert (reply["covars_sampled_iter"], reply["response_sampled_iter"]) == (1, 1)


async def test_tell_takes_the_native_form_and_links_its_suggestion(client, headers, ask_url, tell_url):
    _, asked = await get(client, ask_url, headers)
    uuid = asked["suggestions"][0]["suggestion_uuid"]
    body = {"suggestion_uuid": uuid, "covars": GUESS, "response": 1}
    status, reply = await post(client, tell_url, headers, body)
    assert status == 202
    assert reply["observations"][0]["suggestion_uuid"] == uuid


async def test_tell_takes_many_at_once(client, headers, tell_url):
    many = [{"covars": GUESS | {"v1": n}, "response": float(n)} for n in range(5)]
    status, reply = await post(client, tell_url, headers, {"observations": many})
    assert status == 202
    assert reply["covars_sampled_iter"] == 5
    assert json.loads(reply["best_response"]) == {"Response": {"0": 4.0}}


async def test_tell_of_another_experiments_uuid_is_refused(client, headers, tell_url):
    body = {"exp_uuid": str(uuid4()), "covars": GUESS, "response": 1}
    status, reply = await post(client, tell_url, headers, body)
    assert status == 422
    assert reply["errors"][0]["field"] == "exp_uuid"


async def test_second_tell_of_a_suggestion_is_a_conflict(client, headers, ask_url, tell_url):
    _, asked = await get(client, ask_url, headers)
    body = {"suggestion_uuid": asked["suggestions"][0]["suggestion_uuid"], "covars": GUESS, "response": 1}
    await post(client, tell_url, headers, body)
    status, reply = await post(client, tell_url, headers, body)
    assert (status, reply["code"]) == (409, "already_told")
    assert "was told already, with response 1.0; to record this measurement as a run of its own" in reply["detail"]
    del body["suggestion_uuid"]  # as the detail says
    status, reply = await post(client, tell_url, headers, body)
    assert (status, reply["observations"][0]["suggestion_uuid"]) == (202, None)


async def test_suggestion_told_twice_in_one_request_is_a_conflict_that_says_what_to_do(
    client, headers, ask_url, tell_url
):
    _, asked = await get(client, ask_url, headers)
    run = {"suggestion_uuid": asked["suggestions"][0]["suggestion_uuid"], "covars": GUESS, "response": 1}
    status, reply = await post(client, tell_url, headers, {"observations": [run, run]})
    assert (status, reply["code"]) == (409, "already_told")
    assert "as a run of its own" in reply["detail"]


async def test_history_pages_oldest_first(client, headers, experiment, tell_url):
    many = [{"covars": GUESS | {"v1": n}, "response": float(n)} for n in range(5)]
    await post(client, tell_url, headers, {"observations": many})
    seen, url, cursor = [], f"/experiment/{experiment['exp_uuid']}/history?limit=2", ""
    while cursor is not None:
        _, page = await get(client, url + (f"&after={cursor}" if cursor else ""), headers)
        assert len(page["observations"]) <= 2
        seen += [one["response"] for one in page["observations"]]
        cursor = page["next"]
    assert seen == [0.0, 1.0, 2.0, 3.0, 4.0]


async def test_all_pages_newest_first(client, headers):
    names = [f"e{n}" for n in range(5)]
    for name in names:
        await make_experiment(client, headers, name=name)
    _, first = await get(client, "/experiment/all?limit=3", headers)
    _, second = await get(client, f"/experiment/all?limit=3&after={first['next']}", headers)
    assert [one["name"] for one in first["experiments"] + second["experiments"]] == names[::-1]
    assert second["next"] is None


async def test_list_tells_how_each_experiment_stands_now(client, headers, experiment, tell_url):
    async def listed():
        _, page = await get(client, "/experiment/all", headers)
        return page["experiments"]

    other = await make_experiment(client, headers, name="never touched, \N{MICRO SIGN}")
    before = await listed()
    assert await listed() == before == [other, experiment]
    await post(client, tell_url, headers, {"covars": GUESS, "response": 2})
    path = f"/experiment/{experiment['exp_uuid']}"
    for change in (None, "/close"):
        if change is not None:
            await post(client, path + change, headers, {})
        assert await listed() == [other, (await get(client, path, headers))[1]]
    assert [one["state"] for one in await listed()] == ["active", "closed"]


async def test_read_tells_how_the_experiment_stands(client, headers, experiment, tell_url):
    await post(client, tell_url, headers, {"covars": GUESS, "response": 2})
    _, reply = await get(client, f"/experiment/{experiment['exp_uuid']}", headers)
    assert reply["n_observations"] == 1
    assert (reply["best"]["response"], reply["best"]["covars"]) == (2.0, GUESS)


@pytest.mark.parametrize("path", ["/experiment/{}", "/experiment/ask/{}", "/experiment/{}/history"])
async def test_another_users_experiment_does_not_exist(client, stranger, experiment, path):
    status, reply = await get(client, path.format(experiment["exp_uuid"]), stranger)
    assert (status, reply["code"]) == (404, "not_found")


async def test_closed_experiment_refuses_ask_and_tell(client, headers, experiment, ask_url, tell_url):
    status, reply = await post(client, f"/experiment/{experiment['exp_uuid']}/close", headers, {})
    assert (status, reply["state"]) == (200, "closed")
    for status, reply in (
        await get(client, ask_url, headers),
        await post(client, ask_url, headers, {"n": 1}),
        await post(client, tell_url, headers, {"covars": GUESS, "response": 1}),
    ):
        assert (status, reply["code"]) == (409, "experiment_closed")


async def test_ask_after_a_tell_waits_for_the_engine(client, headers, worker, ask_url, tell_url):
    await post(client, tell_url, headers, {"covars": GUESS, "response": 1})
    status, reply = await get(client, ask_url, headers)
    assert status == 200
    assert (reply["suggestions"][0]["source"], reply["suggestions"][0]["data_rev"]) == ("sobol", 1)


async def test_loop_reaches_the_model(client, headers, worker, ask_url, tell_url):
    for n in range(8):
        _, asked = await get(client, ask_url, headers)
        covars = asked["suggestions"][0]["covars"]
        await post(client, tell_url, headers, {"covars": covars, "response": float(n)})
    _, asked = await get(client, ask_url, headers)
    suggestion = asked["suggestions"][0]
    assert suggestion["source"] == "model"
    assert isinstance(suggestion["mean"], float)
    assert suggestion["sd"] > 0


async def test_post_ask_gives_each_caller_its_own(client, headers, worker, ask_url):
    replies = await asyncio.gather(*(post(client, ask_url, headers, {"n": 4}) for _ in range(5)))
    uuids = [one["suggestion_uuid"] for _, reply in replies for one in reply["suggestions"]]
    points = [json.dumps(one["covars"]) for _, reply in replies for one in reply["suggestions"]]
    assert [status for status, _ in replies] == [200] * 5
    assert len(uuids) == len(set(uuids)) == 20
    assert len(set(points)) == 20


async def test_ask_that_the_engine_leaves_waiting_is_told_when_to_come_back(client, headers, app, ask_url, tell_url):
    object.__setattr__(app.extensions["autotune"], "ask_wait_s", 0.05)
    await post(client, tell_url, headers, {"covars": GUESS, "response": 1})
    reply = await client.get(ask_url, headers=headers)
    assert reply.status_code == 503
    assert int(reply.headers["Retry-After"]) >= 1
    assert (await reply.get_json())["code"] == "suggestion_pending"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_ask_whose_engine_fails_is_told_so_at_once(client, headers, fake_pool, ask_url, tell_url, method):
    fake_pool.fails_on |= {"suggest", "explore"}
    await post(client, tell_url, headers, {"covars": GUESS, "response": 1})
    async with asyncio.timeout(8):  # the ask itself would wait for 10 s
        reply = await client.open(ask_url, method=method, headers=headers, json={} if method == "POST" else None)
    problem = await reply.get_json()
    assert (reply.status_code, problem["code"]) == (503, "engine_failing")
    assert "NotPSDError: no" in problem["detail"]
    assert f"tried again in {reply.headers['Retry-After']} s" in problem["detail"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("others_tell", [True, False])
async def test_ask_gets_what_came_meanwhile_where_others_tell_faster_than_the_engine_computes(
    client, headers, store, app, ask_url, tell_url, method, others_tell, monkeypatch
):
    """Who asked again would want still newer data; where nobody told anything since, the next ask gets it."""
    await post(client, tell_url, headers, {"covars": GUESS, "response": 1})
    fit = await claim_fit(store, "a", timedelta(seconds=15))
    await post(client, tell_url, headers, {"covars": GUESS, "response": 2})

    async def until(_exp_uuid, attempt, _within_s):
        assert await attempt() is None
        if others_tell:
            await post(client, tell_url, headers, {"covars": GUESS, "response": 3})
        await commit_fit(store, fit, EngineRun([NewSuggestion(GUESS | {"weight": 33.0}, "model", "because")]))
        assert await attempt() is None  # it knows one tell alone
        return

    monkeypatch.setattr(app.extensions["autotune"].hub, "until", until)
    reply = await client.open(ask_url, method=method, headers=headers, json={} if method == "POST" else None)
    body = await reply.get_json()
    if others_tell:
        assert (reply.status_code, body["suggestions"][0]["covars"]["weight"]) == (200, 33.0)
    else:
        assert (reply.status_code, body["code"]) == (503, "suggestion_pending")


async def test_one_fit_serves_all_who_wait(client, headers, store, user_uuid, experiment, ask_url):
    asking = [asyncio.create_task(post(client, ask_url, headers, {"worker": f"robot {k}"})) for k in range(5)]

    async with asyncio.timeout(20):
        n_wanted = 0
        while n_wanted < 5:  # one of them got the guess, and one suggestion is kept ready
            async with store.work() as work:
                n_wanted = (await get_standing(work, UUID(experiment["exp_uuid"]), user_uuid)).n_wanted
        fit = None
        while fit is None:  # none is there while somebody holds the row
            fit = await claim_fit(store, "a", timedelta(seconds=15))
    assert 5 <= fit.n <= 6  # who just gets the guess may be counted still
    given = [NewSuggestion(GUESS | {"weight": 10.0 + k}, "model", "because") for k in range(5)]
    assert await commit_fit(store, fit, EngineRun(given))
    replies = await asyncio.gather(*asking)
    assert [status for status, _ in replies] == [200] * 5
    weights = [reply["suggestions"][0]["covars"]["weight"] for _, reply in replies]
    assert len(set(weights)) == 5
