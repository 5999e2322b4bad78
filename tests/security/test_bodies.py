"""Bodies that could hold up everybody: long ones are checked in other processes, and most calls take no long ones."""

import asyncio
import json
import threading
import time

import psutil
import pytest
from quart import request

from autotune_service.domain.errors import InvalidError, MalformedError, UnavailableError
from autotune_service.web.checking.bodies import SMALL, Bodies
from autotune_service.web.requests import MAX_SHORT_BYTES, MAX_SIGN_IN_BYTES
from support import GUESS, make_experiment

TELL = "autotune_wire.observations:Tell"
RUN = {"covars": GUESS, "response": 1.0}


@pytest.fixture
def bodies():
    bodies = Bodies()
    yield bodies
    bodies.stop()


def the_process(bodies):
    (process,) = bodies._processes
    return process


async def test_right_body_is_read_as_what_it_must_be(bodies):
    tell = await bodies.read(TELL, json.dumps({"observations": [RUN] * 1000}).encode())
    assert len(tell.observations) == 1000
    assert tell.observations[-1].covars == GUESS


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        (b"[" * 100_000, MalformedError, "the body is not valid JSON"),
        (b'{"csv": "\xff"}', MalformedError, "the body is not valid JSON"),
        (b'{"a": 1, "a": 1}', MalformedError, "the name a twice"),
        (b"{}", InvalidError, "body: give exactly one of these"),
        (b'{"observations": [' + b"{}," * 300_000 + b"{}]}", InvalidError, "must have at most 1000 members"),
    ],
)
async def test_wrong_body_is_refused_with_what_is_wrong(bodies, body, kind, says):
    with pytest.raises(kind) as caught:
        await bodies.read(TELL, body)
    assert says in caught.value.detail


async def test_process_that_ends_is_replaced(bodies):
    body = json.dumps(RUN).encode()
    await bodies.read(TELL, body)
    the_process(bodies).kill()
    with pytest.raises(UnavailableError):
        await bodies.read(TELL, body)
    await bodies.read(TELL, body)


async def test_process_that_hangs_is_ended(bodies, monkeypatch):
    body = json.dumps(RUN).encode()
    await bodies.read(TELL, body)
    psutil.Process(the_process(bodies).pid).suspend()
    monkeypatch.setattr("autotune_service.web.checking.bodies._DEADLINE_S", 0.1)
    with pytest.raises(UnavailableError):
        await bodies.read(TELL, body)


async def test_body_of_a_request_that_is_refused_is_not_kept(app, client):
    bodies = []

    async def note(response):
        bodies.append(request.body)
        return response

    app.after_request(note)
    reply = await client.post("/experiment/import", data=b"x" * 2_000_000, headers={"Content-Type": "application/json"})
    assert reply.status_code == 401
    bodies[0].append(b"what comes after the answer")
    assert [bytes(body._data) for body in bodies] == [b""]


@pytest.mark.parametrize("path", ["/user/signup", "/user/reset", "/auth/refresh"])
@pytest.mark.parametrize("body", ['{"CANARY": 1, "CANARY": 2}', '{"email": {"CANARY": 1, "CANARY": 2}}'])
async def test_secret_that_is_the_name_of_two_fields_does_not_come_back(client, path, body):
    reply = await client.post(path, data=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == 400
    assert "has a name twice" in (text := await reply.get_data(as_text=True))
    assert "CANARY" not in text


async def test_processes_are_few_and_know_no_secret(bodies, monkeypatch):
    monkeypatch.setenv("AUTOTUNE_SECRET", "canary")
    body = json.dumps({"observations": [RUN] * 100}).encode()
    await asyncio.gather(*(bodies.read(TELL, body) for _ in range(8)))
    assert 1 <= len(bodies._processes) <= 2
    for process in bodies._processes:
        assert "canary" not in psutil.Process(process.pid).environ().values()


async def test_long_body_is_answered_like_a_short_one(client, headers):
    exp_uuid = (await make_experiment(client, headers))["exp_uuid"]

    async def told(n):
        runs = [RUN] * n + [{**RUN, "response": "high"}]
        reply = await client.post(f"/experiment/tell/{exp_uuid}", json={"observations": runs}, headers=headers)
        return reply.status_code, await reply.get_json()

    n_long = SMALL // 60
    (status, short), (status_of_long, long) = await told(0), await told(n_long)
    assert status == status_of_long == 422
    assert short["errors"][0] == {"field": "observations.0.response", "message": "must be a number", "value": "high"}
    assert long["errors"] == [{**short["errors"][0], "field": f"observations.{n_long}.response"}]


async def test_long_tell_is_worked_on_beside_the_event_loop(client, headers, monkeypatch):
    exp_uuid = (await make_experiment(client, headers))["exp_uuid"]
    threads = set()

    def seen(*arguments, **options):
        threads.add(threading.current_thread() is threading.main_thread())
        return checked_run(*arguments, **options)

    from autotune_service.tuning.links import checked_run

    monkeypatch.setattr("autotune_service.tuning.links.checked_run", seen)
    for n, on_loop in ((1, True), (900, False)):
        threads.clear()
        reply = await client.post(f"/experiment/tell/{exp_uuid}", json={"observations": [RUN] * n}, headers=headers)
        assert reply.status_code == 202
        assert threads == {on_loop}


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/auth/refresh", MAX_SIGN_IN_BYTES),
        ("/user/signup", MAX_SIGN_IN_BYTES),
        ("/experiment/{exp_uuid}/renew", MAX_SHORT_BYTES),
        ("/experiment/ask/{exp_uuid}", MAX_SHORT_BYTES),
        ("/experiment/new", 100_000),
        ("/experiment/tell/{exp_uuid}", 100_000),
    ],
)
async def test_body_may_be_no_longer_than_its_call_needs(client, headers, path, most):
    path = path.format(exp_uuid=(await make_experiment(client, headers))["exp_uuid"])
    for n_bytes, is_too_large in ((most, False), (most + 1, True)):
        text = b'{"a": "' + b"x" * (n_bytes - 9) + b'"}'
        reply = await client.post(path, data=text, headers=headers | {"Content-Type": "application/json"})
        problem = await reply.get_json()
        assert (problem["code"] == "too_large") == is_too_large
    assert f"at most {most} bytes" in problem["detail"]


async def test_body_too_long_for_its_call_is_answered_when_it_has_come(client):
    """Whoever is answered while still sending may see a broken connection in place of the answer."""
    sent = {"Content-Type": "application/json", "Content-Length": "50000"}
    async with client.request("/auth/refresh", method="POST", headers=sent) as sending:
        for _ in range(5):
            await sending.send(b"x" * 10_000)
            await asyncio.sleep(0.01)
            assert sending.status_code is None
        await sending.send_complete()
    assert sending.status_code == 413


@pytest.mark.parametrize(
    ("length", "is_sent", "connection"), [(9, True, None), (9, False, "close"), (99_999, False, "close")]
)
async def test_refusal_at_the_door_waits_a_moment_for_a_short_body_or_says_that_the_connection_ends(
    client, length, is_sent, connection
):
    """A connection ends after an answer that came before the whole request, and the client has to know."""
    sent = {"Content-Type": "application/json", "Content-Length": str(length)}
    began_s = time.monotonic()
    async with client.request("/experiment/new", method="POST", headers=sent) as sending:
        if is_sent:
            await asyncio.sleep(0.05)
            await sending.send(b"not JSON!")
            await sending.send_complete()
        while sending.status_code is None:  # noqa: ASYNC110 -- the connection of tests has no event for it
            await asyncio.sleep(0.01)
    assert (sending.status_code, sending.headers.get("Connection")) == (401, connection)
    assert time.monotonic() - began_s < 3


async def test_form_of_many_fields_is_not_read(client):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = await client.post("/auth/token", data=b"a=1&" * 10_000, headers=form)
    assert reply.status_code == 413
