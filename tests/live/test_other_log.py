"""Watchers of a database that is replaced by one whose log ends earlier and goes on otherwise, as at a failover."""

import asyncio
import json
from contextlib import aclosing, asynccontextmanager

import pytest

from autotune_service.domain.errors import NotFoundError, UnavailableError
from autotune_service.live import tail as tail_module
from autotune_service.live.subscription import Following, subscribe
from autotune_service.store.rows.events import OtherLogError
from autotune_service.tuning.experiments import create_experiment
from autotune_service.tuning.tell import tell
from autotune_wire.experiments import NewExperiment
from autotune_wire.observations import Told
from raw_database import execute, fetch
from support import GUESS, SPACE

WITHIN_S = 30
END_CONNECTIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture
def make(store, user_uuid):
    async def make():
        return (await create_experiment(store, user_uuid, NewExperiment(name="s", covars=SPACE, seed=1))).exp_uuid

    return make


@pytest.fixture
def run(store, user_uuid):
    """Tell runs, each an event; the first is the best of all, so that it alone is two."""

    async def run(exp_uuid, *weights):
        await tell(store, user_uuid, exp_uuid, [Told(covars=GUESS | {"weight": w}, response=-w) for w in weights])

    return run


def forget_after(seq):
    """The SQL that takes back all that came after a seq, in every experiment."""
    lost = "; ".join(f"DELETE FROM {table} WHERE seq > {seq}" for table in ("observations", "events"))
    return f"{lost}; UPDATE experiments SET last_seq = {seq} WHERE last_seq > {seq}"


@pytest.fixture
def replace(database_url, hub):
    """Replace the log by one that ends after a seq, as the process notices at its next connection."""

    async def replace(seq, *more):
        await execute(
            database_url, "; ".join([forget_after(seq), "UPDATE log_epoch SET epoch = gen_random_uuid()", *more])
        )
        await hub.look()

    return replace


@asynccontextmanager
async def subscribed(store, hub, user_uuid, exp_uuid, after=0, epoch=None):
    """Give a function that waits for the next frames of a subscription."""
    async with aclosing(subscribe(store, hub, user_uuid, exp_uuid, after, epoch or store.log.epoch)) as frames:
        yield reader(frames)


@asynccontextmanager
async def following(store, hub, user_uuid):
    """Give a function that waits for the next frames of all of a user's experiments."""
    async with aclosing(Following(store, hub, user_uuid, store.log.epoch).frames()) as frames:
        yield reader(frames)


def reader(frames):
    async def read(n=1):
        async with asyncio.timeout(WITHIN_S):
            return [json.loads((await anext(frames)).text) for _ in range(n)]

    return read


async def logged(database_url, exp_uuid, after=0):
    query = f"SELECT seq, data::text FROM events WHERE exp_uuid = '{exp_uuid}' AND seq > {after} ORDER BY seq"
    return [(row["seq"], json.loads(row["data"])) for row in await fetch(database_url, query)]


def shown(frames):
    return [(frame["seq"], frame["data"]) for frame in frames]


async def test_open_subscription_is_reset_and_goes_on_in_the_new_log(
    store, hub, user_uuid, database_url, make, run, replace
):
    exp_uuid = await make()
    await run(exp_uuid, 1.0, 2.0, 3.0)
    async with subscribed(store, hub, user_uuid, exp_uuid) as read:
        assert [frame["seq"] for frame in await read(6)] == [1, 2, 3, 4, 5, 6]
        before = store.log.epoch
        await replace(4)
        (reset,) = await read()
        assert (reset["type"], reset["seq"], reset["data"]["epoch"]) == ("reset", 4, store.log.epoch)
        assert reset["data"]["epoch"] != before
        assert reset["data"]["experiment"]["last_seq"] == 4
        await run(exp_uuid, 7.0, 8.0)
        assert shown(await read(2)) == await logged(database_url, exp_uuid, 4)


async def test_watcher_of_all_experiments_gets_a_reset_of_each(store, hub, user_uuid, database_url, make, run, replace):
    kept, lost = await make(), await make()
    await run(kept, 1.0, 2.0)
    async with following(store, hub, user_uuid) as read:
        assert await read() == [{"positions": {str(lost): 2, str(kept): 5}}]
        await replace(3, f"DELETE FROM experiments WHERE exp_uuid = '{lost}'")
        frames = {frame["exp_uuid"]: frame for frame in await read(2)}
        assert frames[str(lost)]["type"] == "experiment_deleted"
        reset = frames[str(kept)]
        assert (reset["type"], reset["seq"], reset["data"]["epoch"]) == ("reset", 3, store.log.epoch)
        await run(kept, 7.0)
        assert shown(await read()) == await logged(database_url, kept, 3)
        created = await make()
        assert {frame["exp_uuid"] for frame in await read(2)} == {str(created)}


async def test_nobody_gets_what_only_memory_has(store, hub, user_uuid, database_url, make, run, replace):
    """A watcher that stays keeps the newest events in memory, for others who come."""
    exp_uuid = await make()
    await run(exp_uuid, 1.0, 2.0, 3.0)
    async with subscribed(store, hub, user_uuid, exp_uuid) as stays:
        await stays(6)
        await replace(3)
        await run(exp_uuid, 7.0, 8.0, 9.0)
        async with subscribed(store, hub, user_uuid, exp_uuid) as comes:
            assert shown(await comes(6)) == await logged(database_url, exp_uuid)


async def test_rest_of_a_batch_is_not_sent_after_the_log_has_changed(store, hub, user_uuid, make, run, replace):
    exp_uuid, other = await make(), await make()
    await run(exp_uuid, 1.0, 2.0, 3.0)
    async with (
        subscribed(store, hub, user_uuid, exp_uuid) as one,
        following(store, hub, user_uuid) as every,
    ):
        await one(2)
        await every()
        await run(exp_uuid, 4.0, 5.0)
        assert [frame["seq"] for frame in await every()] == [7]
        await replace(3)
        assert [(frame["type"], frame["seq"]) for frame in await one()] == [("reset", 3)]
        resets = {frame["exp_uuid"]: (frame["type"], frame["seq"]) for frame in await every(2)}
        assert resets == {str(exp_uuid): ("reset", 3), str(other): ("reset", 2)}


async def test_watcher_of_an_experiment_that_the_new_log_lacks_is_told_so(store, hub, user_uuid, make, replace):
    exp_uuid = await make()
    async with subscribed(store, hub, user_uuid, exp_uuid) as read:
        await read(2)
        await replace(9, f"DELETE FROM experiments WHERE exp_uuid = '{exp_uuid}'")
        with pytest.raises(NotFoundError):
            await read()


async def test_read_that_the_change_of_the_log_overtakes_is_thrown_away(
    store, hub, user_uuid, database_url, make, run, replace, monkeypatch
):
    """The events come out of the old database just before the process learns of the new one."""
    exp_uuid = await make()
    await run(exp_uuid, 1.0, 2.0)
    list_events, is_first = tail_module.list_events, True

    async def overtaken(*arguments):
        nonlocal is_first
        events = await list_events(*arguments)
        if is_first:
            is_first = False
            await replace(3)
            tail.drop()  # as another watcher would, who comes at this moment
        return events

    epoch = store.log.epoch
    monkeypatch.setattr(tail_module, "list_events", overtaken)
    with hub.tail(store, exp_uuid) as tail:
        with pytest.raises(OtherLogError):
            await tail.after(0, epoch)
        frames = await tail.after(0, store.log.epoch)
    assert shown(json.loads(frame.text) for frame in frames) == await logged(database_url, exp_uuid)


async def test_log_that_was_put_back_under_the_same_name_resets_whoever_is_past_its_end(
    store, hub, user_uuid, database_url, make, run
):
    """As when the server's files are exchanged for an older copy: its name for the log is the same."""
    exp_uuid = await make()
    await run(exp_uuid, 1.0, 2.0, 3.0)
    epoch = store.log.epoch
    async with (
        subscribed(store, hub, user_uuid, exp_uuid) as one,
        following(store, hub, user_uuid) as every,
    ):
        await one(6)
        await every()
        await execute(database_url, forget_after(4))
        await execute(database_url, END_CONNECTIONS)
        (reset,) = await one()
        assert (reset["type"], reset["seq"], reset["data"]["epoch"]) == ("reset", 4, epoch)
        await run(exp_uuid, 7.0)
        assert shown(await one()) == await logged(database_url, exp_uuid, 4)


async def test_nobody_gets_what_memory_has_of_a_server_that_went_away(store, hub, user_uuid, database_url, make, run):
    exp_uuid = await make()
    await run(exp_uuid, 1.0)
    async with subscribed(store, hub, user_uuid, exp_uuid) as stays:
        await stays(4)
        await execute(database_url, "UPDATE events SET data = '{}' WHERE seq > 2")
        with hub.watch(exp_uuid) as wake:
            await execute(database_url, END_CONNECTIONS)
            async with asyncio.timeout(WITHIN_S):
                await wake.wait()
        async with subscribed(store, hub, user_uuid, exp_uuid) as comes:
            assert shown(await comes(4)) == await logged(database_url, exp_uuid)


async def test_request_that_waits_is_told_to_come_again(hub, make, replace):
    exp_uuid = await make()

    async def nothing():
        return None

    waiting = asyncio.create_task(hub.until(exp_uuid, nothing, WITHIN_S))
    await asyncio.sleep(0)
    await replace(1)
    with pytest.raises(UnavailableError, match="replaced by another one"):
        await waiting
