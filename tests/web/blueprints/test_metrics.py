import asyncio
import re
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from autotune_service.compute.worker import Worker
from autotune_service.observing.metrics import Load, exposition, serve_metrics
from autotune_service.observing.pushes import Pushes
from autotune_service.store.database import Store
from autotune_service.store.embedded import EmbeddedPostgres
from autotune_service.store.migrate import upgrade
from autotune_service.store.rows.load import read_load
from autotune_service.web.quart_app import create_app
from fake_pool import FakePool
from support import GUESS, PASSWORD, SECRET, make_experiment, running

ASK = "/experiment/ask/<uuid:exp_uuid>"
NOTHING = Load(0, 0, 0, 0, 0)


def samples(text):
    """The values of a scrape, by name and labels."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def now():
    return samples(exposition(NOTHING).decode())


def value(found, name, **labels):
    return found.get((name, *sorted(labels.items())), 0.0)


@pytest.fixture
def gained():
    """How much a value has grown since the test began; other tests count in the same process."""
    before = now()
    return lambda name, **labels: value(now(), name, **labels) - value(before, name, **labels)


async def scrape(client):
    reply = await client.get("/metrics")
    assert reply.status_code == 200
    return await reply.get_data(as_text=True)


async def until(found, within_s=20):
    async with asyncio.timeout(within_s):
        while not found():  # noqa: ASYNC110 -- a counter wakes nobody
            await asyncio.sleep(0.01)


async def test_request_is_counted_by_its_rule(client, headers, gained):
    exp_uuid = (await make_experiment(client, headers))["exp_uuid"]
    await client.get(f"/experiment/ask/{exp_uuid}", headers=headers)
    assert gained("autotune_requests_total", method="GET", rule=ASK, status="200") == 1
    assert gained("autotune_request_seconds_count", method="GET", rule=ASK, outcome="ok") == 1
    assert 0 < gained("autotune_request_seconds_sum", method="GET", rule=ASK, outcome="ok") < 20
    await client.get(f"/experiment/ask/{uuid4()}", headers=headers)
    assert gained("autotune_request_seconds_count", method="GET", rule=ASK, outcome="refused") == 1


async def test_whatever_comes_makes_no_new_labels(client, headers):
    """Paths, methods and close codes are the client's to choose; a label for each would fill the memory."""
    before = set(now())
    for _ in range(3):
        await client.get(f"/nothing/{uuid4()}")
        await client.open("/health/live", method=f"M{uuid4().hex[:8]}".upper())
        await client.get(f"/experiment/{uuid4()}", headers=headers)
    added = {key for key in set(now()) - before if key[0] == "autotune_requests_total"}
    labels = {tuple(value for _, value in key[1:]) for key in added}
    assert labels <= {
        ("GET", "none", "404"),
        ("OTHER", "none", "405"),
        ("GET", "/experiment/<uuid:exp_uuid>", "404"),
    }


async def test_client_that_hangs_up_is_counted(app, client, headers, gained):
    exp_uuid = (await make_experiment(client, headers))["exp_uuid"]
    await client.post(f"/experiment/tell/{exp_uuid}", json={"covars": GUESS, "response": 1.0}, headers=headers)
    async with app.test_client().request(f"/experiment/ask/{exp_uuid}", headers=headers) as waiting:
        await waiting.send_complete()
        await asyncio.sleep(0)
        await waiting.disconnect()
    await until(lambda: gained("autotune_requests_total", method="GET", rule=ASK, status="499") == 1)


async def test_websocket_is_open_until_it_is_closed_with_its_code(client, headers, gained):
    exp_uuid = (await make_experiment(client, headers))["exp_uuid"]
    async with client.websocket(f"/experiment/stream/{exp_uuid}", headers=headers) as socket:
        await socket.receive()
        assert gained("autotune_websockets_open") == 1
    assert gained("autotune_websockets_open") == 0
    assert gained("autotune_websocket_closes_total", code="1006") == 1


async def test_websocket_that_the_service_ends_is_counted_by_that_code(client, headers, gained):
    exp_uuid = (await make_experiment(client, headers))["exp_uuid"]
    async with client.websocket(f"/experiment/stream/{exp_uuid}") as socket:
        await socket.send('{"op": "auth", "token": "none"}')
        await until(lambda: gained("autotune_websocket_closes_total", code="4401") == 1)
    assert gained("autotune_websocket_closes_total", code="1006") == 0


async def test_refused_handshake_is_a_request(client, headers, gained):
    rule = "/experiment/stream/<uuid:exp_uuid>"
    async with client.websocket(f"/experiment/stream/{uuid4()}", headers=headers) as socket:
        with pytest.raises(Exception, match="404"):
            await socket.receive()
    assert gained("autotune_requests_total", method="GET", rule=rule, status="404") == 1
    assert gained("autotune_websockets_open") == 0


def test_live_event_has_its_lag_and_a_replayed_one_has_none(gained):
    at = datetime.now(UTC)
    pushes = Pushes()
    with pushes.sending(at - timedelta(days=1)):
        pass
    assert gained("autotune_events_pushed_total", push="replayed") == 1
    assert gained("autotune_event_lag_seconds_count") == 0
    live_at = datetime.now(UTC)
    with pushes.sending(live_at):
        assert gained("autotune_events_pushed_total", push="live") == 0
    assert gained("autotune_events_pushed_total", push="live") == 1
    assert 0 <= gained("autotune_event_lag_seconds_sum") < 1


def test_event_that_could_not_be_sent_is_not_counted(gained):
    with pytest.raises(ConnectionError), Pushes().sending(datetime.now(UTC)):
        raise ConnectionError
    assert gained("autotune_events_pushed_total", push="live") == 0


async def test_engine_runs_are_counted_by_outcome(client, headers, store, database_url, gained):
    exp_uuid = (await make_experiment(client, headers))["exp_uuid"]
    pool = FakePool("suggest")
    async with running(Worker("tests", store, database_url, pool).run()):
        body = {"covars": GUESS, "response": 1.0}
        await client.post(f"/experiment/tell/{exp_uuid}", json=body, headers=headers)
        await until(lambda: gained("autotune_engine_runs_total", kind="suggest", outcome="explored") == 1)
        assert gained("autotune_engine_runs_total", kind="suggest", outcome="failed") == 1
        pool.fails_on.clear()
        await client.post(f"/experiment/tell/{exp_uuid}", json=body, headers=headers)
        await until(lambda: gained("autotune_engine_runs_total", kind="suggest", outcome="ok") == 1)
    for outcome in ("failed", "explored", "ok"):
        assert gained("autotune_engine_seconds_count", kind="suggest", outcome=outcome) == 1
    assert gained("autotune_engine_runs_total", kind="suggest", outcome="timeout") == 0


async def test_work_that_waits_is_counted_from_the_database(client, headers):
    before = samples(await scrape(client))
    exp_uuid = (await make_experiment(client, headers))["exp_uuid"]
    await client.post(f"/experiment/tell/{exp_uuid}", json={"covars": GUESS, "response": 1.0}, headers=headers)
    after = samples(await scrape(client))
    assert value(before, "autotune_experiments_due") == 0
    assert value(after, "autotune_experiments_due") == 1
    assert value(after, "autotune_questions_waiting") == 0
    assert value(after, "autotune_database_up") == 1
    assert value(after, "autotune_database_connections_max") == 10
    assert value(after, "autotune_database_connections", state="in_use") == 0
    assert value(after, "autotune_database_connections", state="idle") >= 1


async def test_connections_are_counted_by_what_they_do(store):
    async with store.work(), store.work():
        assert store.connections() == (2, 0, 10)
    assert store.connections() == (0, 2, 10)


async def test_scrape_is_answered_without_a_database(app, client, tmp_path):
    postgres = EmbeddedPostgres(tmp_path / "postgres")
    url = await asyncio.to_thread(postgres.start)
    await upgrade(url)
    store = Store(url, pool_size=2, timeout_s=2)
    await store.connect()
    object.__setattr__(app.extensions["autotune"], "store", store)
    await asyncio.to_thread(postgres.stop)
    found = samples(await scrape(client))
    assert value(found, "autotune_database_up") == 0
    assert not [key for key in found if key[0] == "autotune_experiments_due"]
    assert [key for key in found if key[0] == "process_resident_memory_bytes"]
    await store.disconnect()


async def test_metrics_are_not_there_unless_they_are_wanted(app):
    services = app.extensions["autotune"]
    closed = create_app(services, secret=SECRET, is_https=True, max_body_bytes=100_000)
    assert (await closed.test_client().get("/metrics")).status_code == 404


async def test_metrics_tell_of_nobody(client, headers, gained):
    token = headers["Authorization"].removeprefix("Bearer ")
    exp_uuid = (await make_experiment(client, headers, name="canary-name"))["exp_uuid"]
    await client.post("/auth/token", form={"username": "canary@example.org", "password": PASSWORD})
    await client.get(f"/experiment/{exp_uuid}?token={token}", headers=headers)
    async with client.websocket(f"/experiment/stream/{exp_uuid}", headers=headers) as socket:
        await socket.receive()
    text = await scrape(client)
    for canary in (token, exp_uuid, PASSWORD, "canary", "example.org", "token="):
        assert canary not in text
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}", text)


async def test_port_of_its_own_answers_a_scrape(store, unused_tcp_port):
    loop = asyncio.get_running_loop()

    def read():
        return asyncio.run_coroutine_threadsafe(read_load(store), loop).result(5)

    stop = serve_metrics("127.0.0.1", unused_tcp_port, read)
    try:
        async with get_from(unused_tcp_port) as text:
            found = samples(text)
        assert value(found, "autotune_database_up") == 1
        assert value(found, "autotune_experiments_due") == 0
    finally:
        await asyncio.to_thread(stop)
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", unused_tcp_port)


@asynccontextmanager
async def get_from(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
    answer = (await reader.read()).decode()
    head, _, text = answer.partition("\r\n\r\n")
    assert " 200 " in head.splitlines()[0]
    yield text
    writer.close()
