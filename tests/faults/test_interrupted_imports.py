"""An import that is interrupted leaves nothing behind, and the same request does it after all."""

import pytest

from processes import wait_until
from raw_database import connect


@pytest.fixture
def document(root):
    """A document so padded with blanks that it counts as a large one."""
    return (root / "tests" / "exports" / "1.json").read_text() + " " * 1_000_001


def send(client, document):
    headers = {"Content-Type": "application/json", "Idempotency-Key": "move"}
    return client.post("/experiment/import", content=document, headers=headers)


async def test_import_whose_service_is_killed_is_done_by_the_next_try(start_service, database_url, document):
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url)
    connection = await connect(database_url)
    with service.client() as client:
        async with connection.transaction():
            await connection.execute("LOCK TABLE events IN EXCLUSIVE MODE")
            begun = send(client, document)
            assert begun.status_code == 202, begun.text
            followed = begun.headers["Location"]
            wait_until(lambda: client.get(followed).json()["progress"])  # all but the events is written
            service.kill()
        service.start()
        assert client.get("/experiment/all").json()["experiments"] == []
        # As if its process had said nothing for longer than one that works may.
        await connection.execute("UPDATE answered_requests SET created_at = created_at - interval '15 seconds'")
        found = client.get(followed).json()
        assert (found["state"], found["problem"]["code"]) == ("failed", "unavailable")
        for table in ("experiments", "suggestions", "observations", "events"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
        again = send(client, document)
        assert (again.status_code, again.headers["Location"]) == (202, followed)
        done = wait_until(lambda: not_running(client, followed))
        assert done["state"] == "done"
        assert send(client, document).json() == done["experiment"]
        assert [one["exp_uuid"] for one in client.get("/experiment/all").json()["experiments"]] == [done["exp_uuid"]]
    await connection.close()


def not_running(client, followed):
    found = client.get(followed).json()
    return None if found["state"] == "running" else found
