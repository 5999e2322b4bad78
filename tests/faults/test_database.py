"""A database that goes away, refuses or stalls costs a request at most, and no connection of the pool."""

import asyncio
import socket
import time
from uuid import uuid4

import httpx2
from rounds import history, make

from processes import wait_until
from raw_database import execute, fetch
from support import GUESS, SECRET
from watching import Watcher


def backends(cluster_url):
    """How many backends of the service stand in which state."""
    query = "SELECT state, count(*) AS n FROM pg_stat_activity WHERE application_name = 'autotune' GROUP BY state"
    return {row["state"]: row["n"] for row in asyncio.run(fetch(cluster_url, query))}


def test_promise_04_clients_that_hang_up_leave_the_pool_whole(start_service, database_url):
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url, AUTOTUNE_DATABASE_POOL_SIZE="5")
    with service.client() as client:
        exp_uuid = make(client)
        host, port = service.url.removeprefix("http://").split(":")
        body = b'{"covars":{"v1":2,"color":"red","weight":6.6},"response":1.0}'
        head = (
            f"POST /experiment/tell/{exp_uuid} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Authorization: {client.headers['Authorization']}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        for n in range(250):
            with socket.create_connection((host, int(port))) as caller:
                caller.sendall(head + body)
                time.sleep(0.001 * (n % 10))  # at one moment or another of the request
        wait_until(lambda: "idle in transaction" not in backends(database_url), 5)
        wait_until(lambda: backends(database_url).get("active", 0) == 0, 5)
        in_use = 'autotune_database_connections{state="in_use"} 0.0'
        wait_until(lambda: in_use in client.get("/metrics").text, 5)
        assert client.get("/health/ready").status_code == 200
        n_stored = len(history(client, exp_uuid))
        reply = client.post(f"/experiment/tell/{exp_uuid}", json={"covars": GUESS, "response": 2.0})
        assert reply.status_code == 202
        assert len(history(client, exp_uuid)) == n_stored + 1


KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'autotune%'"


def test_promise_05_killed_backends_cost_no_more_than_the_request_under_way(start_service, database_url):
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url, AUTOTUNE_DATABASE_POOL_SIZE="3")
    with service.client() as client:
        exp_uuid = make(client)
        for n in range(10):
            asyncio.run(execute(database_url, KILL))
            replies = [client.get(f"/experiment/{exp_uuid}").status_code for _ in range(4)]
            assert set(replies) <= {200, 503}
            assert replies[-1] == 200, f"round {n}: {replies}"
        assert client.post(f"/experiment/tell/{exp_uuid}", json={"covars": GUESS, "response": 1.0}).status_code == 202


FAILING = """
CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'on purpose' USING ERRCODE = '{code}';
END $$;
CREATE CONSTRAINT TRIGGER fails AFTER INSERT ON observations DEFERRABLE INITIALLY {when}
FOR EACH ROW EXECUTE FUNCTION fails();
"""


def test_promise_05_failing_statements_and_commits_leave_nothing_behind(start_service, database_url):
    """A deferred trigger fails at COMMIT; nothing of the tell is kept, not even its key."""
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url, AUTOTUNE_DATABASE_POOL_SIZE="3")
    tell, key = {"covars": GUESS, "response": 1.0}, {"Idempotency-Key": "k"}
    serialization, deadlock, unforeseen = "40001", "40P01", "23505"
    with service.client() as client:
        exp_uuid = make(client)
        for code, status in ((serialization, 503), (deadlock, 503), (unforeseen, 500)):
            for when in ("IMMEDIATE", "DEFERRED"):
                asyncio.run(execute(database_url, FAILING.format(code=code, when=when)))
                for _ in range(4):  # more often than the pool has connections
                    reply = client.post(f"/experiment/tell/{exp_uuid}", json=tell, headers=key)
                    assert reply.status_code == status, (code, when)
                    assert client.get(f"/experiment/{exp_uuid}").json()["last_seq"] == 2
                asyncio.run(execute(database_url, "DROP FUNCTION fails CASCADE"))
        assert client.post(f"/experiment/tell/{exp_uuid}", json=tell, headers=key).status_code == 202
        assert len(history(client, exp_uuid)) == 1
        assert "idle in transaction" not in backends(database_url)


def test_promise_06_service_outlives_a_database_that_is_gone(start_service, postgres, times):
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=postgres.start(), AUTOTUNE_SECRET=SECRET)
    with service.client() as client:
        exp_uuid = make(client)
        watcher = Watcher(service, exp_uuid, client.headers["Authorization"])
        wait_until(lambda: watcher.seq == 2)
        postgres.stop()
        gone_at = time.monotonic()
        while time.monotonic() - gone_at < times(5, 30):
            for call in (
                lambda: client.get("/health/ready"),
                lambda: client.get(f"/experiment/{exp_uuid}"),
                lambda: client.post(f"/experiment/tell/{exp_uuid}", json={"covars": GUESS, "response": 1.0}),
            ):
                at = time.monotonic()
                reply = call()
                assert time.monotonic() - at < 3
                assert reply.status_code == 503
                assert reply.headers["content-type"] == "application/problem+json"
                assert int(reply.headers["Retry-After"]) > 0
            assert client.get("/health/live").status_code == 200
        postgres.start()
        wait_until(lambda: client.get("/health/ready").status_code == 200, 5)
        reply = client.post(f"/experiment/tell/{exp_uuid}", json={"covars": GUESS, "response": 1.0})
        assert reply.status_code == 202
        wait_until(lambda: watcher.seq >= 3, 10)
        watcher.stop()
        assert watcher.n_connects == 1, "the socket did not stay"
    assert [event.seq for event in watcher.events] == list(range(1, watcher.seq + 1))


def test_promise_03_same_key_is_one_request(start_service, database_url):
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url)
    with service.client() as client:
        exp_uuid = make(client)
        url, key = f"{service.url}/experiment/tell/{exp_uuid}", uuid4().hex
        headers = {"Authorization": client.headers["Authorization"], "Idempotency-Key": key}

        async def at_once():
            async with httpx2.AsyncClient(headers=headers, timeout=30) as caller:
                body = {"covars": GUESS, "response": 1.0}
                return await asyncio.gather(*(caller.post(url, json=body) for _ in range(20)))

        replies = asyncio.run(at_once())
        statuses = {reply.status_code for reply in replies}
        assert 202 in statuses
        assert statuses <= {202, 409}
        assert {reply.json()["code"] for reply in replies if reply.status_code == 409} <= {"request_running"}
        (answer,) = {reply.content for reply in replies if reply.status_code == 202}
        again = client.post(url, json={"covars": GUESS, "response": 1.0}, headers={"Idempotency-Key": key})
        assert (again.status_code, again.content) == (202, answer)
        assert len(history(client, exp_uuid)) == 1
        changed = client.post(url, json={"covars": GUESS, "response": 9.0}, headers={"Idempotency-Key": key})
        assert (changed.status_code, changed.json()["code"]) == (422, "key_reused")
        bad = client.post(url, json={"covars": GUESS, "response": 1.0}, headers={"Idempotency-Key": "two words"})
        assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
