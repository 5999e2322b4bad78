"""Whatever comes in, what goes out is a problem document that says what is wrong."""

import asyncio
import json

import pytest

from support import GUESS, SPACE, UNKNOWN_UUID, make_experiment

BAD_BODIES = [
    b"",
    b"null",
    b"[]",
    b"7",
    b'"text"',
    b"{",
    b'{"covars": {"v1": 2,}}',
    b"\xff\xfe{\x00}\x00",
    "{}".encode("utf-16"),
    b"\xef\xbb\xbf{}",
    b'{"covars": "\xff"}',
    b"[" * 300_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    b'{"covars": {"v1": 2, "color": "red", "weight": 1e999}, "response": 1}',
    b'{"covars": {"v1": 2, "color": "red", "weight": NaN}, "response": 1}',
    b'{"covars": {"v1": 2, "color": "red", "weight": 1}, "response": -Infinity}',
    b'{"covars": {"v1": 2, "color": "\\ud800", "weight": 1}, "response": 1}',
    b'{"covars": {"v1": 2, "color": "red\\u0000", "weight": 1}, "response": 1}',
    b'{"covars": {"v1": 99999999999999999999999999, "color": "red", "weight": 1}, "response": 1}',
    b'{"covars": {"v1": 2, "color": "red", "weight": 1}, "response": 1' + b"0" * 400 + b"}",
    b'{"covars": {"v1": true, "color": "red", "weight": 1}, "response": 1}',
    b'{"covars": {"v1": null, "color": "red", "weight": 1}, "response": 1}',
    b'{"covars": {"v1": [2], "color": "red", "weight": 1}, "response": 1}',
    b'{"covars": {"v1": 2, "color": "red", "weight": 1}, "response": "1"}',
    b'{"covars": {"v1": 2, "color": "red", "weight": 1}, "response": true}',
    b'{"covars": {"v1": 2, "color": "red", "weight": 1}, "response": 1, "extra": 1}',
    b'{"covars": {"v1": 2, "color": "red", "weight": 1}, "response": 1, "suggestion_uuid": "x"}',
    b'{"covars_tell": "[{\\"v1\\": 2}]", "response_tell": "[{\\"Response\\": 1}]"}',
    b'{"covars_tell": "nonsense", "response_tell": "nonsense"}',
]


@pytest.fixture
async def exp_uuid(client, headers):
    return (await make_experiment(client, headers))["exp_uuid"]


async def problem_of(reply):
    assert 400 <= reply.status_code < 500
    assert reply.headers["Content-Type"] == "application/problem+json"
    problem = json.loads(await reply.get_data())
    assert problem["status"] == reply.status_code
    assert problem["code"]
    assert problem["detail"]
    return problem


@pytest.mark.parametrize("body", BAD_BODIES, ids=lambda body: repr(body[:40]))
async def test_bad_body_is_a_problem(client, headers, exp_uuid, body):
    json_headers = headers | {"Content-Type": "application/json"}
    for url in (f"/experiment/tell/{exp_uuid}", "/experiment/new"):
        await problem_of(await client.post(url, data=body, headers=json_headers))


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"v1": 5.5}, "covars.v1", "a whole number"),
        ({"color": "pink"}, "covars.color", "one of red, green, blue"),
        ({"weight": "-4"}, "covars.weight", "a number"),
        ({"shade": 1}, "covars.shade", "is not a covariate"),
    ],
)
async def test_bad_value_is_named_with_what_is_allowed(client, headers, exp_uuid, change, field, says):
    body = {"covars": GUESS | change, "response": 1}
    problem = await problem_of(await client.post(f"/experiment/tell/{exp_uuid}", json=body, headers=headers))
    assert problem["errors"][0]["field"] == field
    assert says in problem["errors"][0]["message"]
    if field != "covars.shade":
        assert problem["errors"][0]["value"] == next(iter(change.values()))


async def test_missing_covariate_is_named(client, headers, exp_uuid):
    body = {"covars": {"v1": 2, "color": "red"}, "response": 1}
    problem = await problem_of(await client.post(f"/experiment/tell/{exp_uuid}", json=body, headers=headers))
    assert problem["errors"][0]["field"] == "covars.weight"


async def test_large_body_is_refused_with_the_limit(client, headers, exp_uuid):
    body = b'{"description": "' + b"x" * 2_000_000 + b'"}'
    json_headers = headers | {"Content-Type": "application/json"}
    problem = await problem_of(await client.post("/experiment/new", data=body, headers=json_headers))
    assert problem["code"] == "too_large"
    assert "100000 bytes" in problem["detail"]


async def test_large_body_of_unknown_length_is_refused_before_its_end(client, headers):
    json_headers = headers | {"Content-Type": "application/json"}
    async with asyncio.timeout(30), client.request("/experiment/new", method="POST", headers=json_headers) as sending:
        await sending.send(b'{"description": "' + b"x" * 100_000)
    assert (await problem_of(await sending.as_response()))["code"] == "too_large"


async def test_other_content_type_is_refused(client, headers):
    problem = await problem_of(await client.post("/experiment/new", data=b"x=1", headers=headers))
    assert problem["code"] == "malformed"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nowhere", 404),
        ("/experiment/not-a-uuid", 404),
        ("/static/" + "x" * 3000, 404),
        (f"/experiment/{UNKNOWN_UUID}", 404),
        (f"/experiment/ask/{UNKNOWN_UUID}", 404),
        ("/experiment/new", 405),
        ("/experiment/all?limit=0", 422),
        ("/experiment/all?limit=many", 422),
        ("/experiment/all?after=-1", 422),
        ("/experiment/all?page=2", 422),
        ("/experiment/all?limit=1&limit=2", 422),
    ],
)
async def test_bad_path_or_query_is_a_problem(client, headers, path, status):
    reply = await client.get(path, headers=headers)
    assert reply.status_code == status
    await problem_of(reply)


async def test_unforeseen_error_tells_an_id_and_nothing_else(client, headers, app, caplog):
    @app.get("/broken")
    async def broken():
        raise RuntimeError("the secret inside")

    reply = await client.get("/broken")
    problem = json.loads(await reply.get_data())
    assert reply.status_code == 500
    assert "secret" not in json.dumps(problem)
    error_id = problem["detail"].split()[-1]
    assert any(error_id in record.getMessage() for record in caplog.records)


async def test_too_many_covariates_are_refused(client, headers):
    covars = {f"v{n}": SPACE["v1"] for n in range(101)}
    problem = await problem_of(
        await client.post("/experiment/new", json={"name": "x", "covars": covars}, headers=headers)
    )
    assert problem["errors"][0]["field"] == "covars"


async def test_problem_stays_small_however_much_is_wrong(client, headers):
    covars = {f"{n:03}" + "x" * 190: SPACE["v1"] for n in range(100)}
    reply = await client.post("/experiment/new", json={"name": "x", "covars": covars}, headers=headers)
    exp_uuid = (await reply.get_json())["exp_uuid"]
    body = {"covars": {f"unknown {n}": 1 for n in range(4000)}, "response": 1}
    reply = await client.post(f"/experiment/tell/{exp_uuid}", json=body, headers=headers)
    assert reply.status_code == 422
    assert len(await reply.get_data()) < 100_000


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"observations": [{"covars": GUESS | {"v1": 9.5}, "response": 1}]}, "observations.0.covars.v1"),
        ({"covars_tell": [GUESS | {"v1": 9.5}], "response_tell": [{"Response": 1}]}, "covars_tell.0.v1"),
        ({"covars_tell": [GUESS | {"v1": True}], "response_tell": [{"Response": 1}]}, "covars_tell.0.v1"),
        ({"covars_tell": [GUESS], "response_tell": [{"Response": "1"}]}, "response_tell.0.Response"),
    ],
)
async def test_field_is_named_as_the_body_has_it(client, headers, exp_uuid, body, field):
    problem = await problem_of(await client.post(f"/experiment/tell/{exp_uuid}", json=body, headers=headers))
    assert problem["errors"][0]["field"] == field
