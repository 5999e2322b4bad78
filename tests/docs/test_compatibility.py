"""Calls of earlier versions, as docs/compatibility.md lists them: a test for each row, and for each difference."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
from documented import ROOT

from processes import DEV_USER, ServiceProcess

PAGE = (ROOT / "docs" / "compatibility.md").read_text()
EXPERIMENT: dict[str, Any] = {
    "name": "some_name",
    "description": "some_description",
    "covars": {
        "v1": {"vtype": "int", "guess": 2, "min": 0, "max": 5},
        "color": {"vtype": "cat", "guess": "red", "options": ["red", "green", "blue"]},
        "weight": {"vtype": "cont", "guess": 6.6, "min": -3.0, "max": 200.0},
    },
    "model_type": "SingleTaskGP",
    "acq_func": "ExpectedImprovement",
}
GUESS = {"v1": 2, "color": "red", "weight": 6.6}
PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
async def service(cluster, template, tmp_path_factory) -> AsyncIterator[ServiceProcess]:
    async with cluster.database(template) as url:
        service = ServiceProcess(tmp_path_factory.mktemp("earlier") / "data", AUTOTUNE_DATABASE_URL=url).start()
        yield service
        service.close()


@pytest.fixture
def stranger(service: ServiceProcess) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=service.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def client(service: ServiceProcess) -> Iterator[httpx2.Client]:
    with service.client() as client:
        yield client


def _new(client: httpx2.Client) -> str:
    return str(client.post("/experiment/new", json=EXPERIMENT).json()["exp_uuid"])


def test_s1_token_is_given_for_name_and_password(stranger: httpx2.Client):
    reply = stranger.post("/auth/token", data=DEV_USER)
    assert reply.status_code == 200
    assert reply.json()["token_type"] == "bearer"
    assert reply.json()["access_token"]
    assert reply.json()["refresh_token"]


def test_s2_wrong_password_is_refused(stranger: httpx2.Client):
    reply = stranger.post("/auth/token", data={**DEV_USER, "password": "wrong"})
    assert (reply.status_code, reply.headers["content-type"]) == (401, PROBLEM)


def test_s3_new_experiment_is_answered_with_its_uuid_and_what_was_sent(client: httpx2.Client):
    reply = client.post("/experiment/new", json=EXPERIMENT)
    assert reply.status_code == 201
    assert reply.json()["exp_uuid"]
    assert {name: reply.json()[name] for name in EXPERIMENT if name != "covars"} == {
        name: value for name, value in EXPERIMENT.items() if name != "covars"
    }


def test_s4_ask_shows_the_guess_until_an_observation_is_told(client: httpx2.Client):
    uuid = _new(client)
    replies = [client.get(f"/experiment/ask/{uuid}").json() for _ in range(2)]
    assert replies[0]["exp_uuid"] == uuid
    assert replies[0]["time_updated"]
    assert [json.loads(reply["covars_next_exp"]) for reply in replies] == [[GUESS], [GUESS]]


def test_s5_header_me_knows_whose_token_it_is(client: httpx2.Client, stranger: httpx2.Client):
    reply = client.post("/auth/header-me").json()
    assert reply["username"] == DEV_USER["username"]
    assert reply["access_token"]
    assert stranger.post("/auth/header-me", headers={"Authorization": "Bearer nonsense"}).status_code == 401


def test_s6_login_is_remembered_by_a_cookie(stranger: httpx2.Client):
    assert stranger.get("/auth/me").status_code == 401
    assert stranger.post("/auth/login", data=DEV_USER).status_code == 200
    assert stranger.get("/auth/me").json()["email"] == DEV_USER["username"]


def test_s7_new_experiment_without_a_token_is_refused(stranger: httpx2.Client):
    assert stranger.post("/experiment/new", json=EXPERIMENT).status_code == 401


def test_s8_comma_after_the_last_entry_is_refused(client: httpx2.Client):
    covars = json.dumps(EXPERIMENT["covars"])[:-1] + ",}"
    body = f'{{"name": "x", "covars": {covars}}}'
    reply = client.post("/experiment/new", content=body, headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.headers["content-type"]) == (400, PROBLEM)


def test_s9_options_in_curly_brackets_are_refused_by_name(client: httpx2.Client):
    color = {"vtype": "cat", "guess": "red", "options": {"red": 1}}
    reply = client.post("/experiment/new", json={**EXPERIMENT, "covars": {**EXPERIMENT["covars"], "color": color}})
    assert reply.status_code == 422
    assert [error["field"] for error in reply.json()["errors"]] == ["covars.color.options"]


def test_s10_openapi_describes_these_calls(stranger: httpx2.Client):
    document = stranger.get("/openapi.json").json()
    assert document["openapi"].startswith("3.")
    named = set(re.findall(r"`(?:GET|POST) (/(?:auth|user|experiment)[\w/{}-]*)", PAGE))
    assert len(named) > 6
    assert named <= set(document["paths"])


def test_s11_docs_shows_swagger(stranger: httpx2.Client):
    reply = stranger.get("/docs")
    assert reply.status_code == 200
    assert "swagger" in reply.text.lower()


def test_loop_with_tables_of_pandas_goes_on_to_the_next_suggestion(client: httpx2.Client):
    uuid = _new(client)
    told = {
        "exp_uuid": uuid,
        "covars_tell": client.get(f"/experiment/ask/{uuid}").json()["covars_next_exp"],
        "response_tell": '[{"Response": -1.78}]',
    }
    reply = client.post(f"/experiment/tell/{uuid}", json=told)
    assert reply.status_code == 202
    assert json.loads(reply.json()["best_response"]) == {"Response": {"0": -1.78}}
    assert json.loads(reply.json()["covars_best_response"]) == {name: {"0": value} for name, value in GUESS.items()}
    assert (reply.json()["covars_sampled_iter"], reply.json()["response_sampled_iter"]) == (1, 1)
    assert json.loads(client.get(f"/experiment/ask/{uuid}").json()["covars_next_exp"]) != [GUESS]


def test_differences_are_as_the_page_tells(client: httpx2.Client, stranger: httpx2.Client):
    unknown = client.post("/experiment/new", json={**EXPERIMENT, "aqc_func": "auto"})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "invalid")
    assert client.post("/experiment/new", json={**EXPERIMENT, "direction": "minimize"}).status_code == 201

    other = {"email": "something@test.com", "password": "something"}
    assert stranger.post("/user/signup", json=other).status_code == 422
    other["password"] = "several words are best"
    user = stranger.post("/user/signup", json=other).json()
    assert {"uuid", "email", "time_created", "active"} <= user.keys()
    assert "id" not in user
    stranger.post("/auth/login", data={"username": other["email"], "password": other["password"]})
    assert stranger.get("/user/").status_code == 403
    assert stranger.get(f"/user/{user['uuid']}").json()["email"] == other["email"]
    assert stranger.get(f"/experiment/ask/{_new(client)}").status_code == 404


def test_each_row_of_the_page_has_a_test():
    rows = re.findall(r"^\| S(\d+) \|", PAGE, re.MULTILINE)
    assert rows == [str(number) for number in range(1, 12)]
    assert [row for row in rows if not any(name.startswith(f"test_s{row}_") for name in globals())] == []
