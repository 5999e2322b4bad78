"""A database that is up but refuses is a 503 and costs no socket; everything goes on by itself when it is over."""

import asyncio
import json
from uuid import uuid4

import asyncpg
import pytest
from rounds import make

from autotune_wire.base import IDEMPOTENCY_HEADER
from processes import wait_until
from raw_database import connect
from support import GUESS
from watching import Watcher

KICK = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app' AND pid <> pg_backend_pid()"
RAISES = """
CREATE OR REPLACE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = '{code}'; END $$
"""
FAILS = "CREATE TRIGGER fails BEFORE INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION fails()"
SCHEMA = "SELECT set_config('search_path', schemaname, false) FROM pg_tables WHERE tablename = 'observations'"
RELOAD = "SELECT pg_reload_conf()"


def raised(code):
    """A refusal that nothing here can bring about in earnest, such as a full disk."""
    return "autotune", [SCHEMA, RAISES.format(code=code), FAILS], [SCHEMA, "DROP TRIGGER fails ON events"]


REFUSALS = {
    "read-only": (
        "postgres",
        ["ALTER SYSTEM SET default_transaction_read_only = on", RELOAD],
        ["ALTER SYSTEM RESET default_transaction_read_only", RELOAD],
    ),
    "login refused": ("postgres", ["ALTER ROLE app NOLOGIN", KICK], ["ALTER ROLE app LOGIN"]),
    "renamed": ("postgres", ["ALTER DATABASE autotune RENAME TO gone"], ["ALTER DATABASE gone RENAME TO autotune"]),
    "no connections": (
        "postgres",
        ["ALTER ROLE app CONNECTION LIMIT 0", KICK],
        ["ALTER ROLE app CONNECTION LIMIT -1"],
    ),
    "privilege revoked": (
        "autotune",
        [SCHEMA, "ALTER TABLE observations OWNER TO postgres"],
        [SCHEMA, "ALTER TABLE observations OWNER TO app"],
    ),
    "disk full": raised("53100"),
    "out of memory": raised("53200"),
    "I/O error": raised("58030"),
    "an error that nobody knows": raised("ZZ999"),
}
"""By name: the database in which a refusal begins and ends, and the statements for both."""


def run(url, statements):
    async def each():
        connection = await connect(url)
        try:
            for statement in statements:
                await done(connection, statement)
        finally:
            await connection.close()

    asyncio.run(each())


async def done(connection, statement):
    """Run a statement; a database can be renamed only in a moment in which nobody is connected to it."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await connection.execute(statement)
            except asyncpg.ObjectInUseError:
                await connection.execute(KICK)


@pytest.fixture
def url_of(postgres):
    """Return the URL of a database for a user."""
    url = postgres.start()
    run(url, ["CREATE ROLE app LOGIN", "CREATE DATABASE autotune OWNER app"])
    return lambda user, name: url.replace("postgres:@", f"{user}:@").replace("/postgres?", f"/{name}?")


def tell(client, exp_uuid):
    body = {"covars": GUESS, "response": 1.0}
    return client.post(f"/experiment/tell/{exp_uuid}", json=body, headers={IDEMPOTENCY_HEADER: uuid4().hex})


def is_unavailable(reply):
    return reply.status_code == 503 and reply.json()["code"] == "unavailable" and int(reply.headers["Retry-After"]) > 0


def test_promise_32_database_that_refuses_is_unavailable_and_costs_no_socket(start_service, url_of, times):
    variables = {"AUTOTUNE_DATABASE_URL": url_of("app", "autotune"), "AUTOTUNE_LOG_FORMAT": "json"}
    service = start_service(**variables, AUTOTUNE_DATABASE_POOL_SIZE="4")
    with service.client() as client:
        exp_uuid = make(client)
        watcher = Watcher(service, exp_uuid, client.headers["Authorization"])
        wait_until(lambda: watcher.seq >= 2)
        for name, (database, begin, end) in list(REFUSALS.items()) * times(1, 10):
            run(url_of("postgres", database), begin)
            wait_until(lambda: tell(client, exp_uuid).status_code != 202, 10)
            replies = [tell(client, exp_uuid) for _ in range(5)]
            assert all(map(is_unavailable, replies)), f"{name}: {replies[-1].text}"
            assert is_unavailable(client.get("/health/ready")), name
            assert client.get("/health/live").status_code == 200
            run(url_of("postgres", database), end)
            wait_until(lambda: tell(client, exp_uuid).status_code == 202, 20)
            wait_until(lambda: client.get("/health/ready").status_code == 200, 5)
        last_seq = client.get(f"/experiment/{exp_uuid}").json()["last_seq"]
        wait_until(lambda: watcher.seq >= last_seq, 20)
        watcher.stop()
        assert watcher.n_connects == 1, "the socket did not stay"
    assert [event.seq for event in watcher.events] == list(range(1, watcher.seq + 1))
    lines = [json.loads(line) for line in service.log().splitlines() if line.startswith("{")]
    assert [line["event"] for line in lines if line["level"] == "error"] == []
