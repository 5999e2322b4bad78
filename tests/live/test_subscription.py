import asyncio
import random
from uuid import uuid4

import pytest

from autotune_service.domain.access import OPERATOR
from autotune_service.domain.errors import NotFoundError, UnavailableError
from autotune_service.live.hub import Hub
from autotune_service.live.subscription import subscribe
from autotune_service.live.tail import Tail
from autotune_service.store.server.epoch import Log
from autotune_service.tuning.experiments import create_experiment
from autotune_service.tuning.lifecycle import delete
from autotune_service.tuning.tell import tell
from autotune_wire.changes import Delete
from autotune_wire.experiments import NewExperiment
from autotune_wire.observations import Told
from support import GUESS, SPACE


@pytest.fixture
async def exp_uuid(store, user_uuid):
    return (await create_experiment(store, user_uuid, NewExperiment(name="s", covars=SPACE, seed=1))).exp_uuid


async def collect(store, hub, user_uuid, exp_uuid, after, count):
    seqs = []
    async with asyncio.timeout(30):
        async for event in subscribe(store, hub, user_uuid, exp_uuid, after, store.log.epoch):
            seqs.append(event.seq)
            if len(seqs) == count:
                break
    return seqs


def run(n):
    return Told(covars=GUESS | {"weight": float(n)}, response=-float(n))


async def test_subscription_replays_what_is_there(store, hub, user_uuid, exp_uuid):
    assert await collect(store, hub, user_uuid, exp_uuid, 0, 2) == [1, 2]


async def test_subscription_goes_on_live(store, hub, user_uuid, exp_uuid):
    collecting = asyncio.create_task(collect(store, hub, user_uuid, exp_uuid, 2, 3))
    await asyncio.sleep(0)
    await tell(store, user_uuid, exp_uuid, [run(1)])
    await tell(store, user_uuid, exp_uuid, [run(2)])
    assert await collecting == [3, 4, 5]


async def test_subscriber_that_is_cut_at_random_sees_every_event_once(store, hub, user_uuid, exp_uuid):
    n_events = 2 + 2 + 80  # made, guess; the first tell, which is the best; the rest

    async def write(part):
        for n in range(20):
            await tell(store, user_uuid, exp_uuid, [run(1 + part * 20 + n)])

    async def read():
        chance, seqs = random.Random(7), []
        while len(seqs) < n_events:
            count = min(chance.randint(1, 9), n_events - len(seqs))
            seqs += await collect(store, hub, user_uuid, exp_uuid, seqs[-1] if seqs else 0, count)
        return seqs

    await tell(store, user_uuid, exp_uuid, [run(0)])
    reading = asyncio.create_task(read())
    await asyncio.gather(*(write(part) for part in range(4)))
    assert await reading == list(range(1, n_events + 1))


async def test_watchers_far_apart_are_all_served_by_their_own_reads(store, user_uuid, exp_uuid):
    """A read that serves one who is far behind does not come to the end, and says nothing about it."""
    for _ in range(2):
        await tell(store, user_uuid, exp_uuid, [run(n / 10) for n in range(700)])
    tail, end = Tail(store, exp_uuid), 2 + 1 + 1400  # made, guess, best; the runs
    served = await asyncio.gather(*(tail.after(seq, store.log.epoch) for seq in (1, 600, 1200, end)))
    assert [frames[0].seq if frames else None for frames in served] == [2, 601, 1201, None]


async def test_hub_wakes_after_its_connection_was_lost(store, hub, cluster, database_url, user_uuid, exp_uuid):
    collecting = asyncio.create_task(collect(store, hub, user_uuid, exp_uuid, 2, 2))
    await asyncio.sleep(0)
    await cluster.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE application_name = 'autotune-listen' AND datname = '{database_url.split('/')[3].split('?')[0]}'"
    )
    await tell(store, user_uuid, exp_uuid, [run(1)])
    assert await collecting == [3, 4]


def test_hub_understands_a_service_of_the_version_before():
    hub, exp_uuid = Hub("postgresql://nobody@127.0.0.1:1/none", Log()), uuid4()
    with hub.watch(exp_uuid) as wake:
        hub._notified(f"{exp_uuid}:7")
        assert wake.is_set()


async def test_hub_gives_up_at_the_deadline():
    hub = Hub("postgresql://nobody@127.0.0.1:1/none", Log())

    async def nothing():
        return None

    assert await hub.until(uuid4(), nothing, 0.01) is None


async def test_hub_forgets_who_stopped_watching():
    hub = Hub("postgresql://nobody@127.0.0.1:1/none", Log())
    with hub.watch(uuid4()):
        pass
    assert not hub._watches


async def test_whoever_waits_is_told_when_the_process_stops(store, hub, exp_uuid):
    async def nothing():
        return None

    waiting = asyncio.create_task(hub.until(exp_uuid, nothing, 30))
    await asyncio.sleep(0)
    hub.close()
    with pytest.raises(UnavailableError):
        await waiting


async def test_subscription_ends_when_the_experiment_is_deleted(store, hub, user_uuid, exp_uuid):
    collecting = asyncio.create_task(collect(store, hub, user_uuid, exp_uuid, 0, 3))
    await asyncio.sleep(0)
    await delete(store, OPERATOR, user_uuid, exp_uuid, Delete(name="s"))
    with pytest.raises(NotFoundError, match="was deleted"):
        await collecting
