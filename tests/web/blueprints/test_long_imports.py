"""Imports of large documents are answered at once and can be followed; what comes of them is as with small ones."""

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from tempfile import SpooledTemporaryFile
from uuid import UUID, uuid4

import pytest

from autotune_service.domain.limits import Limits
from calling import get
from raw_database import connect
from support import UNKNOWN_UUID

PAD = " " * 1_000_001
"""Makes any document a large one."""


@pytest.fixture(scope="session")
def large(root):
    return (root / "tests" / "exports" / "1.json").read_text() + PAD


@pytest.fixture
async def hold(database_url):
    """Hold up whoever writes events; what came before the events is written by then."""

    @asynccontextmanager
    async def hold():
        connection = await connect(database_url)
        async with connection.transaction():
            await connection.execute("LOCK TABLE events IN EXCLUSIVE MODE")
            yield
        await connection.close()

    return hold


async def send(client, headers, text, key=None, **more):
    own = {**headers, "Content-Type": "application/json", **more} | ({"Idempotency-Key": key} if key else {})
    reply = await client.post("/experiment/import", data=text, headers=own)
    return reply.status_code, await reply.get_json(), reply.headers


async def state_of(client, headers, exp_uuid):
    _, state = await get(client, f"/experiment/import/{exp_uuid}", headers)
    return state


async def over(client, headers, exp_uuid):
    """Wait until an import is over, and return what became of it."""
    task = client.app.extensions["autotune"].imports._tasks.get(UUID(exp_uuid))
    if task is not None:
        await asyncio.wait([task], timeout=60)
    return await state_of(client, headers, exp_uuid)


async def experiments(client, headers):
    return [one["exp_uuid"] for one in (await get(client, "/experiment/all", headers))[1]["experiments"]]


async def test_large_import_is_answered_at_once_and_followed(client, headers, large, hold):
    async with hold():
        status, begun, sent = await send(client, headers, large)
        assert (status, begun["state"]) == (202, "running")
        assert sent["Location"] == f"/experiment/import/{begun['exp_uuid']}"
        assert await experiments(client, headers) == []
        assert (await get(client, f"/experiment/{begun['exp_uuid']}", headers))[0] == 404
    state = await over(client, headers, begun["exp_uuid"])
    assert (state["state"], state["progress"], state["problem"]) == ("done", 1.0, None)
    assert state["experiment"] == (await get(client, f"/experiment/{begun['exp_uuid']}", headers))[1]
    assert await experiments(client, headers) == [begun["exp_uuid"]]


async def test_progress_is_told_while_it_runs(client, headers, large, hold):
    async with hold():
        _, begun, _ = await send(client, headers, large)
        async with asyncio.timeout(30):
            while not (state := await state_of(client, headers, begun["exp_uuid"]))["progress"]:
                await asyncio.sleep(0.05)
                state = await state_of(client, headers, begun["exp_uuid"])
        assert state["state"] == "running"
        assert 0 < state["progress"] < 1
    assert (await over(client, headers, begun["exp_uuid"]))["state"] == "done"


async def test_same_key_finds_the_import_that_is_running_and_then_what_came_of_it(client, headers, large, hold):
    async with hold():
        _, begun, _ = await send(client, headers, large, "k")
        status, again, _ = await send(client, headers, large, "k")
        assert (status, again["exp_uuid"]) == (202, begun["exp_uuid"])
        status, problem, _ = await send(client, headers, large + " ", "k")
        assert (status, problem["code"]) == (422, "key_reused")
    state = await over(client, headers, begun["exp_uuid"])
    status, again, _ = await send(client, headers, large, "k")
    assert (status, again) == (201, state["experiment"])
    status, problem, _ = await send(client, headers, large + " ", "k")
    assert (status, problem["code"]) == (422, "key_reused")
    assert await experiments(client, headers) == [begun["exp_uuid"]]


@pytest.mark.parametrize("damage", [("seed", -1), ("n_observations", 1), ("name", "a\x00b")])
async def test_what_does_not_fit_is_refused_as_in_a_small_document(client, headers, large, damage):
    export = json.loads(large)
    export["experiment"][damage[0]] = damage[1]
    status, problem, _ = await send(client, headers, json.dumps(export))
    assert status == 422
    assert (await send(client, headers, json.dumps(export) + PAD, Prefer="wait=60"))[:2] == (status, problem)
    _, begun, _ = await send(client, headers, json.dumps(export) + PAD)
    told = (await over(client, headers, begun["exp_uuid"]))["problem"]
    assert told == {**problem, "current": None, "retry_after_s": None}
    assert await experiments(client, headers) == []


async def test_what_is_no_json_is_refused_as_in_a_small_document(client, headers):
    status, problem, _ = await send(client, headers, '{"format": NaN}')
    assert (status, problem["code"]) == (400, "malformed")
    assert (await send(client, headers, '{"format": NaN}' + PAD, Prefer="wait=60"))[:2] == (status, problem)


async def test_refused_import_may_be_sent_again_with_its_key(client, headers, large, app):
    object.__setattr__(app.extensions["autotune"], "limits", Limits(experiments=0))
    status, problem, _ = await send(client, headers, large, "k", Prefer="wait=60")
    assert (status, problem["code"]) == (409, "limit_reached")
    object.__setattr__(app.extensions["autotune"], "limits", Limits())
    assert (await send(client, headers, large, "k", Prefer="respond-async, wait=60"))[0] == 201


async def test_import_is_nobody_elses(client, headers, stranger, large):
    _, begun, _ = await send(client, headers, large)
    for own, exp_uuid in ((stranger, begun["exp_uuid"]), (headers, UNKNOWN_UUID)):
        status, problem = await get(client, f"/experiment/import/{exp_uuid}", own)
        assert (status, problem["code"]) == (404, "not_found")
    await over(client, headers, begun["exp_uuid"])


async def test_no_user_has_more_than_four_at_a_time(client, headers, stranger, large, hold):
    async with hold():
        begun = [await send(client, headers, large) for _ in range(5)]
        assert [status for status, _, _ in begun] == [202] * 4 + [503]
        assert begun[4][1]["code"] == "busy"
        status, others, _ = await send(client, stranger, large)
        assert status == 202
    for _, one, _ in begun[:4]:
        assert (await over(client, headers, one["exp_uuid"]))["state"] == "done"
    assert (await over(client, stranger, others["exp_uuid"]))["state"] == "done"


async def test_imports_that_come_at_once_are_no_more_than_four(client, headers, large, hold):
    async with hold():
        begun = await asyncio.gather(*(send(client, headers, large) for _ in range(12)))
        assert sorted(status for status, _, _ in begun) == [202] * 4 + [503] * 8
    for status, state, _ in begun:
        if status == 202:
            assert (await over(client, headers, state["exp_uuid"]))["state"] == "done"
    assert len(await experiments(client, headers)) == 4


async def test_documents_that_come_at_once_are_no_more_than_four(client, headers, stranger, large, app, monkeypatch):
    """Each is a file of the service, before anything is known of the import."""
    more, arrived, imports = (
        {"Content-Type": "application/json"},
        asyncio.Semaphore(0),
        app.extensions["autotune"].imports,
    )
    coming = imports.coming

    @contextmanager
    def told(*given, **named):
        with coming(*given, **named):
            arrived.release()
            yield

    monkeypatch.setattr(imports, "coming", told)
    async with AsyncExitStack() as stack:
        slow = []
        for _ in range(4):
            sending = client.request("/experiment/import", method="POST", headers={**headers, **more})
            slow.append(await stack.enter_async_context(sending))
            await slow[-1].send(PAD.encode())
            async with asyncio.timeout(30):
                await arrived.acquire()
        for key in (None, "k"):
            status, problem, _ = await send(client, headers, large, key)
            assert (status, problem["code"]) == (503, "busy")
        assert (await send(client, headers, large.strip()))[0] == 201  # kept in memory
        assert (await send(client, stranger, large, Prefer="wait=60"))[0] == 201
        for connection in slow:
            await connection.send(b"x")
            await connection.send_complete()
    for connection in slow:
        reply = await connection.as_response()
        state = await over(client, headers, (await reply.get_json())["exp_uuid"])
        assert state["problem"]["code"] == "malformed"
    assert (await send(client, headers, large, Prefer="wait=60"))[0] == 201


async def test_import_too_many_is_refused_before_it_has_come_unless_it_may_be_running(client, headers, large, hold):
    async with hold():
        begun = [await send(client, headers, large, f"k{number}") for number in range(4)]
        status, again, _ = await send(client, headers, large, "k0")
        assert (status, again["exp_uuid"]) == (202, begun[0][1]["exp_uuid"])
        assert (await send(client, headers, large, "k4"))[1]["code"] == "busy"
        own = {**headers, "Content-Type": "application/json"}
        connection = client.request("/experiment/import", method="POST", headers=own)
        async with asyncio.timeout(10), connection:  # which ends with the reply
            await connection.send(PAD.encode())
        reply = await connection.as_response()
        assert (reply.status_code, (await reply.get_json())["code"]) == (503, "busy")
    for _, state, _ in begun:
        await over(client, headers, state["exp_uuid"])


async def test_import_of_who_has_as_many_experiments_as_allowed_is_refused_at_once(client, headers, large, app):
    """And as often as it is sent: what is refused takes no place from those that run."""
    object.__setattr__(app.extensions["autotune"], "limits", Limits(experiments=0))
    for _ in range(5):
        status, problem, _ = await send(client, headers, large)
        assert (status, problem["code"]) == (409, "limit_reached")


async def test_users_take_turns(client, headers, stranger, large, hold, database_url):
    async with hold():
        _, first, _ = await send(client, headers, large)
        _, second, _ = await send(client, headers, large)
        _, others, _ = await send(client, stranger, large)
    assert (await over(client, stranger, others["exp_uuid"]))["state"] == "done"
    assert (await over(client, headers, second["exp_uuid"]))["state"] == "done"
    connection = await connect(database_url)
    order = [str(row["exp_uuid"]) for row in await connection.fetch("SELECT exp_uuid FROM experiments ORDER BY number")]
    await connection.close()
    assert order == [first["exp_uuid"], others["exp_uuid"], second["exp_uuid"]]


async def test_import_that_was_stopped_has_failed_and_left_nothing(client, headers, large, hold, app):
    async with hold():
        _, begun, _ = await send(client, headers, large, "k")
        await app.extensions["autotune"].imports.stop()
        state = await state_of(client, headers, begun["exp_uuid"])
        assert (state["state"], state["problem"]["code"]) == ("failed", "unavailable")
    assert await experiments(client, headers) == []
    status, made, _ = await send(client, headers, large, "k", Prefer="wait=60")
    assert (status, made["exp_uuid"]) == (201, begun["exp_uuid"])


async def test_small_import_with_its_key_sent_twice_at_once_is_one(client, headers, large):
    small = large.strip()
    first, second = await asyncio.gather(*(send(client, headers, small, "k") for _ in range(2)))
    assert first[:2] == second[:2]
    assert await experiments(client, headers) == [first[1]["exp_uuid"]]


async def test_state_of_an_import_asks_who_is_there(client):
    assert (await get(client, f"/experiment/import/{uuid4()}", {}))[0] == 401


async def test_post_is_unaffected_by_a_preference_that_is_no_number(client, headers, large):
    status, begun, _ = await send(client, headers, large, Prefer="wait=soon")
    assert status == 202
    await over(client, headers, begun["exp_uuid"])


async def test_preference_for_the_longest_wait_may_have_any_number_of_digits(client, headers, large):
    assert (await send(client, headers, large, Prefer=f"wait={'9' * 5000}"))[0] == 201


async def test_document_that_comes_in_pieces_is_read_whole(client, headers, large):
    """The last piece is a few bytes: they must not stay behind in a buffer of this process."""
    body = large.strip().replace("{", "{" + PAD, 1).encode()
    own = {**headers, "Content-Type": "application/json", "Prefer": "wait=60"}
    async with client.request("/experiment/import", method="POST", headers=own) as connection:
        for piece in (body[:700_000], body[700_000:-3], body[-3:]):
            await connection.send(piece)
            await asyncio.sleep(0.1)
        await connection.send_complete()
    reply = await connection.as_response()
    assert reply.status_code == 201, await reply.get_data()


async def test_import_larger_than_any_may_be_is_refused_while_it_comes(client, headers):
    own = {**headers, "Content-Type": "application/json"}
    async with client.request("/experiment/import", method="POST", headers=own) as connection:
        for _ in range(65):
            await connection.send(b" " * 2**20)
            await asyncio.sleep(0)
        await connection.send_complete()
    reply = await connection.as_response()
    assert (reply.status_code, (await reply.get_json())["code"]) == (413, "too_large")


async def test_import_that_finds_no_room_on_the_disk_is_to_be_tried_again(client, headers, large, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SpooledTemporaryFile, "write", full)
    status, problem, sent = await send(client, headers, large)
    assert (status, problem["code"], "Retry-After" in sent) == (503, "unavailable", True)
    assert "No space left on device" in problem["detail"]
