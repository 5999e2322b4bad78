"""Each line says which request or job it belongs to, and none says a secret."""

import io
import json
import logging
import re

import pytest

from autotune_service.compute.worker import Worker
from autotune_service.observing import logs
from autotune_service.web.door import open_to_all
from fake_pool import FakePool
from support import GUESS, PASSWORD, make_experiment, running

ASK = "/experiment/ask/<uuid:exp_uuid>"


class Written(logging.Handler):
    """Keeps what is logged, as it would be written."""

    def __init__(self, *, is_json):
        super().__init__()
        self.setFormatter(logs.formatter(is_json=is_json))
        self._text = io.StringIO()

    def emit(self, record):
        self._text.write(self.format(record) + "\n")

    @property
    def text(self):
        return self._text.getvalue()

    @property
    def lines(self):
        return [json.loads(line) for line in self.text.splitlines()]

    def of(self, event):
        return [line for line in self.lines if line["event"] == event]


@pytest.fixture
def written():
    handler, root = Written(is_json=True), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    handler.addFilter(logs.may_be_written)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


async def test_request_is_one_line_with_its_rule_and_its_experiment(client, headers, written):
    exp_uuid = (await make_experiment(client, headers))["exp_uuid"]
    reply = await client.get(f"/experiment/ask/{exp_uuid}", headers=headers)
    (line,) = [line for line in written.of("request") if line["rule"] == ASK]
    assert line["method"] == "GET"
    assert line["status"] == reply.status_code == 200
    assert line["level"] == "info"
    assert line["exp_uuid"] == exp_uuid
    assert line["request_id"] == reply.headers["X-Request-ID"]
    assert 0 < line["seconds"] < 20


async def test_id_of_the_caller_is_kept(client, written):
    reply = await client.get("/nothing", headers={"X-Request-ID": "lab-7.run_3"})
    assert reply.headers["X-Request-ID"] == "lab-7.run_3"
    assert written.of("request")[0]["request_id"] == "lab-7.run_3"


@pytest.mark.parametrize("bad", ["", "a" * 65, "a b", "é", "a\nb", 'a"b', "a;b", "a\n"])
async def test_id_that_could_do_harm_is_replaced(bad):
    assert re.fullmatch("[0-9a-f]{32}", logs.begin_request(bad))
    logs.end_request()


async def test_each_request_has_an_id_of_its_own(client, written):
    await client.get("/nothing", headers={"X-Request-ID": "first"})
    reply = await client.get("/nothing")
    assert reply.headers["X-Request-ID"] != "first"
    assert [line["request_id"] for line in written.of("request")] == ["first", reply.headers["X-Request-ID"]]
    assert "exp_uuid" not in written.of("request")[1]


async def test_every_line_within_a_request_has_its_id(app, client, headers, written):
    async def fail():
        raise RuntimeError("broken")

    app.view_functions["health.live"] = open_to_all(fail)
    reply = await client.get("/health/live")
    assert reply.status_code == 500
    (line,) = [line for line in written.lines if line["level"] == "error"]
    assert line["request_id"] == reply.headers["X-Request-ID"]
    assert line["event"].removeprefix("error ") in (await reply.get_json())["detail"]
    assert "RuntimeError: broken" in line["exception"]


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
async def test_what_machines_ask_all_the_time_is_logged_at_debug(client, written, path):
    await client.get(path)
    assert [line["level"] for line in written.of("request")] == ["debug"]


async def test_websocket_is_one_line_with_its_code(client, headers, written):
    exp_uuid = (await make_experiment(client, headers))["exp_uuid"]
    async with client.websocket(f"/experiment/stream/{exp_uuid}", headers=headers) as socket:
        await socket.receive()
    (line,) = written.of("websocket closed")
    assert (line["exp_uuid"], line["code"]) == (exp_uuid, 1006)
    assert line["rule"] == "/experiment/stream/<uuid:exp_uuid>"
    assert line["request_id"]


@pytest.mark.parametrize("is_json", [True, False])
def test_traceback_shows_no_values_of_variables(is_json):
    password = "-".join(["canary", "local"])
    handler = Written(is_json=is_json)
    try:
        _fail(password)
    except RuntimeError as error:
        trace = (type(error), error, error.__traceback__)
        handler.handle(logging.LogRecord("x", logging.ERROR, __file__, 1, "it broke", (), trace))
    assert "RuntimeError: no" in handler.text
    assert "_fail" in handler.text
    assert password not in handler.text


def _fail(password):
    raise RuntimeError("no")


def test_fields_of_libraries_are_not_written():
    handler = Written(is_json=True)
    logger = logging.getLogger("some.library")
    logger.addHandler(handler)
    logger.warning("called", extra={"authorization": "canary", "status": 3})
    logger.removeHandler(handler)
    assert handler.lines[0]["status"] == 3
    assert "canary" not in handler.text


def test_line_cannot_be_broken_by_what_is_logged():
    handler = Written(is_json=True)
    logger = logging.getLogger("some.library")
    logger.addHandler(handler)
    logger.warning("one\n%s", '{"event": "forged"}')
    logger.removeHandler(handler)
    assert len(handler.lines) == 1


async def test_promise_22_secrets_are_in_no_line(client, headers, written):
    token = headers["Authorization"].removeprefix("Bearer ")
    exp_uuid = (await make_experiment(client, headers))["exp_uuid"]
    await client.get(f"/experiment/{exp_uuid}?token={token}", headers=headers)
    await client.get("/experiment/all", headers={"Authorization": "Bearer canary-token"})
    await client.post("/auth/token", form={"username": "ada@example.org", "password": PASSWORD})
    await client.post("/auth/token", form={"username": "ada@example.org", "password": "canary-wrong"})
    await client.post("/user/signup", json={"email": "canary@example.org", "password": "canary-new-password"})
    async with client.websocket(f"/experiment/stream/{exp_uuid}") as socket:
        await socket.send(json.dumps({"op": "auth", "token": token}))
        await socket.receive()
    assert len(written.of("request")) >= 6
    for canary in (token, PASSWORD, "canary", "ada@example.org", "token="):
        assert canary not in written.text


async def test_lines_of_a_job_name_the_worker_and_the_experiment(client, headers, store, database_url, written):
    exp_uuid = (await make_experiment(client, headers))["exp_uuid"]
    pool = FakePool("suggest")
    async with running(Worker("worker-of-tests", store, database_url, pool).run()):
        await client.post(f"/experiment/tell/{exp_uuid}", json={"covars": GUESS, "response": 1.0}, headers=headers)
        await client.get(f"/experiment/ask/{exp_uuid}", headers=headers)
    (line,) = [line for line in written.lines if "engine failed" in line["event"]]
    assert line["worker"] == "worker-of-tests"
    assert line["exp_uuid"] == exp_uuid
    assert "request_id" not in line


async def test_job_that_breaks_the_worker_names_its_experiment(client, headers, store, database_url, written):
    class BrokenPool(FakePool):
        async def work(self, job, within_s=None):
            raise ZeroDivisionError

    exp_uuid = (await make_experiment(client, headers))["exp_uuid"]
    async with running(Worker("worker-of-tests", store, database_url, BrokenPool()).run()):
        await client.post(f"/experiment/tell/{exp_uuid}", json={"covars": GUESS, "response": 1.0}, headers=headers)
        await client.get(f"/experiment/ask/{exp_uuid}", headers=headers)
    line = next(line for line in written.lines if line["level"] == "error")
    assert "ZeroDivisionError" in line["exception"]
    assert (line["worker"], line["exp_uuid"]) == ("worker-of-tests", exp_uuid)
