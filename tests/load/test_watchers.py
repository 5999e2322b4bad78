"""Many watchers of one experiment: all get all, in order, and cost little; `bench/service` tells how fast."""

import asyncio
import json
import resource
from contextlib import contextmanager

import psutil
from websockets.asyncio.client import connect

from support import GUESS, SPACE

MIB = 2**20


@contextmanager
def few_descriptors(n):
    """Start what the block starts with a soft limit of n descriptors; the watchers in this process get more."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (n, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))


async def test_promise_16_many_subscribers_get_every_event(start_service, database_url, pytestconfig):
    n_watchers, n_tells = (1000, 300) if pytestconfig.getoption("--soak") else (150, 15)
    with few_descriptors(n_watchers - 22):
        service = start_service(
            "--no-worker", AUTOTUNE_DATABASE_URL=database_url, AUTOTUNE_SOCKETS_PER_USER=str(n_watchers)
        )
    with service.client() as client:
        body = {"name": "watched", "covars": SPACE, "seed": 1}
        exp_uuid = client.post("/experiment/new", json=body).json()["exp_uuid"]
        url = f"{service.url.replace('http', 'ws')}/experiment/stream/{exp_uuid}?after=2"
        headers = {"Authorization": client.headers["Authorization"]}
        last_seq = 2 + n_tells + 1  # the first tell brings the best one too

        async def watch(opened):
            async with connect(url, additional_headers=headers, open_timeout=120, ping_interval=None) as stream:
                opened.release()
                return [json.loads(await stream.recv())["seq"] for _ in range(n_tells + 1)]

        opened, watching = asyncio.Semaphore(0), []
        async with asyncio.timeout(150):
            for n in range(n_watchers):
                watching.append(asyncio.create_task(watch(opened)))
                if n % 50 == 49:
                    for _ in range(50):
                        await opened.acquire()
        for _ in range(n_tells):
            run = {"covars": GUESS, "response": 1.0}
            reply = await asyncio.to_thread(client.post, f"/experiment/tell/{exp_uuid}", json=run)
            assert reply.status_code == 202
        async with asyncio.timeout(300):
            seen = await asyncio.gather(*watching)
        rss = psutil.Process(service.pid).memory_info().rss
    assert all(seqs == list(range(3, last_seq + 1)) for seqs in seen)
    assert rss < 200 * MIB
