"""Tells of several responses, of failed runs, and as CSV, over the API."""

import json

import pandas as pd
import pytest

from calling import get, post
from support import GUESS, SPACE, make_experiment

RESPONSES = {"yield": {"goal": "maximize"}, "cost": {"goal": "minimize"}}
TIME = {"time": {"vtype": "int", "guess": 3, "min": 1, "max": 9, "active_if": {"covariate": "v1", "values": [2, 3]}}}


@pytest.fixture
def make(client, headers):
    async def make(**fields):
        told = await make_experiment(client, headers, **fields)
        return f"/experiment/tell/{told['exp_uuid']}"

    return make


async def test_tell_of_several_responses_comes_back_by_name(client, headers, make):
    url = await make(responses=RESPONSES)
    body = {"covars": GUESS, "responses": {"cost": 2, "yield": 5}, "sds": {"cost": 0.5}}
    status, reply = await post(client, url, headers, body)
    assert status == 202
    assert json.loads(reply["response_tell"]) == [{"yield": 5.0, "cost": 2.0}]
    assert json.loads(reply["best_response"]) == {"yield": {"0": 5.0}}
    one = reply["observations"][0]
    assert (one["responses"], one["sds"], one["response"]) == ({"yield": 5.0, "cost": 2.0}, {"cost": 0.5}, 5.0)


async def test_tell_of_a_failed_run_is_stored_and_leaves_no_best(client, headers, make):
    url = await make()
    status, reply = await post(client, url, headers, {"covars": GUESS, "status": "failed"})
    assert status == 202
    assert json.loads(reply["response_tell"]) == [{"Response": None}]
    empty = pd.DataFrame([dict.fromkeys(SPACE)])
    assert reply["best_response"] == pd.DataFrame([{"Response": None}]).to_json()
    assert reply["covars_best_response"] == empty.to_json()
    _, experiment = await get(client, url.replace("/tell", ""), headers)
    assert (experiment["n_observations"], experiment["best"]) == (1, None)


async def test_tell_in_tables_has_a_column_per_response(client, headers, make):
    url = await make(responses=RESPONSES)
    covars = pd.DataFrame([GUESS, GUESS | {"weight": 7.0}])
    response = pd.DataFrame({"yield": [1.0, None], "cost": [None, 2.0]})
    body = {"covars_tell": covars.to_json(), "response_tell": response.to_json()}
    status, reply = await post(client, url, headers, body)
    assert status == 202
    assert [one["responses"] for one in reply["observations"]] == [{"yield": 1.0}, {"cost": 2.0}]
    assert reply["best_response"] == '{"yield":{"0":1.0}}'


async def test_tell_takes_csv_with_a_covariate_that_plays_no_part(client, headers, make):
    url = await make(covars=SPACE | TIME)
    csv = "v1,color,weight,time,Response,sd,status\n2,red,7,5,1.5,0.1,\n1,red,8,,,,failed\n"
    status, reply = await post(client, url, headers, {"csv": csv})
    assert status == 202
    first, second = reply["observations"]
    assert (first["covars"]["time"], first["sds"]) == (5, {"Response": 0.1})
    assert ("time" in second["covars"], second["status"]) == (False, "failed")


async def test_tell_takes_the_csv_of_a_spreadsheet(client, headers, make):
    kb = {"vtype": "cat", "guess": "128", "options": ["128", "256"]}
    url = await make(covars=SPACE | TIME | {"kb": kb}, responses=RESPONSES)
    csv = "sep=;\r\nname;v1;color;weight;time;kb;Yield;cost\r\na;1;red;7,5;5;256.0;1.050;N/A\r\n"
    status, reply = await post(client, url, headers, {"csv": csv, "ignore": ["name"]})
    assert status == 202
    [observation] = reply["observations"]
    assert observation["covars"] == {"v1": 1, "color": "red", "weight": 7.5, "kb": "256"}
    assert observation["responses"] == {"yield": 1050.0}


async def test_tell_in_tables_gets_the_options_that_pandas_made_numbers_of(client, headers, make):
    kb = {"vtype": "cat", "guess": "128", "options": ["128", "256"]}
    url = await make(covars={"kb": kb})
    body = {"covars_tell": '{"kb":{"0":128}}', "response_tell": [{"response": 1}]}
    status, reply = await post(client, url, headers, body)
    assert (status, reply["observations"][0]["covars"]) == (202, {"kb": "128"})
    status, problem = await post(client, url, headers, {"covars": {"kb": 128}, "response": 1})
    assert (status, problem["errors"][0]["message"]) == (422, "must be a text, one of 128, 256")


OUTSIDE = GUESS | {"v1": 9, "weight": 900.5}


@pytest.mark.parametrize(
    "body",
    [
        {"covars": OUTSIDE, "response": 1},
        {"observations": [{"covars": OUTSIDE, "response": 1}]},
        {"covars_tell": [OUTSIDE], "response_tell": [{"Response": 1}]},
        {"covars_tell": pd.DataFrame([OUTSIDE]).to_json(), "response_tell": '{"Response":{"0":1}}'},
        {"csv": "v1,color,weight,Response\n9,red,900.5,1\n"},
    ],
)
async def test_tell_in_every_form_takes_what_was_really_run(client, headers, make, body):
    url = await make()
    status, reply = await post(client, url, headers, body)
    assert status == 202
    (observation,) = reply["observations"]
    assert (observation["covars"], observation["outside"]) == (OUTSIDE, ["v1", "weight"])
    assert reply["notes"] == [
        "v1 = 9 lies outside its range, 0 to 5; stored as measured",
        "weight = 900.5 lies outside its range, -3 to 200; stored as measured",
    ]
    _, page = await get(client, f"{url.replace('/tell', '')}/history", headers)
    assert page["observations"] == [observation]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"csv": "v1,color,weight,Response\n2,red,7,1\n2,pink,900,1\n"}, "csv.line 3.color"),
        ({"csv": "v1,color,weight,Response\n2,red,x,1\n"}, "csv.line 2.weight"),
        ({"csv": "v1,color,weight,taste\n2,red,7,1\n"}, "csv.line 1"),
        ({"csv": "v1,color,weight,Response,taste\n2,red,7,1,2\n"}, "csv.line 1.taste"),
        ({"csv": "v1,color,Response\n2,red,7\n"}, "csv.line 1.weight"),
        ({"csv": "v1,color,weight,Response\n2,red,-,7\n"}, "csv.line 2.weight"),
        ({"csv": "v1;color;weight;Response\n2;red;1,050;7\n"}, "csv.line 2.weight"),
        ({"csv": "v1,color,weight,Response\n2,red,7,1\n", "decimal": ";"}, "decimal"),
        ({"csv": ""}, "csv"),
        ({"csv": "v1\x00"}, "csv"),
        ({"csv": 7}, "csv"),
        ({"covars": GUESS, "responses": {"taste": 1}}, "responses.taste"),
        ({"covars": GUESS, "response": 1, "sd": -1}, "sd"),
        ({"covars": GUESS, "status": "lost"}, "status"),
        ({"observations": [{"covars": GUESS}]}, "observations.0.response"),
        ({"covars_tell": [GUESS], "response_tell": [{"taste": 1}]}, "response_tell"),
        ({"csv": "v1", "covars": GUESS}, ""),
    ],
)
async def test_bad_tell_names_its_field(client, headers, make, body, field):
    status, problem = await post(client, await make(), headers, body)
    assert status == 422
    assert problem["errors"][0]["field"] == field
