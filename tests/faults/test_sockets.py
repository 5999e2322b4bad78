"""Watchers that stop, stall, flood or inflate: they are closed, and nobody else notices."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import zlib
from contextlib import asynccontextmanager

import psutil
import pytest
import websockets
from websockets.asyncio.client import connect

from autotune_wire.frames import CLOSE_TOO_MUCH, CLOSE_TOO_SLOW
from processes import wait_until
from support import SPACE

MIB = 2**20
BIG = {
    f"a covariate with a long name, number {n}": {"vtype": "cont", "guess": 0.5, "min": 0, "max": 1} for n in range(60)
}


class Watched:
    """A service with one experiment, and how to watch it."""

    def __init__(self, service, client, covars=SPACE):
        self.service, self.client = service, client
        body = {"name": "watched", "covars": covars, "seed": 1}
        self.exp_uuid = client.post("/experiment/new", json=body).json()["exp_uuid"]
        self.guess = {name: one["guess"] for name, one in covars.items()}
        self.url = f"{service.url.replace('http', 'ws')}/experiment/stream/{self.exp_uuid}"
        self.headers = {"Authorization": client.headers["Authorization"]}
        self.process = psutil.Process(service.pid)

    def tell(self, n=1):
        runs = [{"covars": self.guess, "response": 0.0}] * n
        reply = self.client.post(f"/experiment/tell/{self.exp_uuid}", json={"observations": runs})
        assert reply.status_code == 202, reply.text

    def rss(self):
        return self.process.memory_info().rss

    def n_connections(self):
        return sum(one.status == psutil.CONN_ESTABLISHED for one in self.process.net_connections("tcp"))

    def socket(self, **options):
        return connect(self.url, additional_headers=self.headers, **options)


@pytest.fixture
def watched(start_service, database_url):
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url)
    with service.client() as client:
        yield Watched(service, client)


async def receive(stream, count):
    async with asyncio.timeout(60):
        return [json.loads(await stream.recv()) for _ in range(count)]


@asynccontextmanager
async def raw(watched, receive_buffer=4096, **options):
    """A websocket whose kernel takes little, so that what is not read is soon the service's to keep."""
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    host, port = watched.service.url.removeprefix("http://").split(":")
    own.connect((host, int(port)))
    own.setblocking(False)
    stream = await watched.socket(sock=own, compression=None, max_queue=1, close_timeout=1, **options)
    try:
        yield stream
    finally:
        await stream.close()


async def test_promise_17_subscriber_that_stops_reading_is_closed_and_costs_the_others_nothing(
    start_service, database_url
):
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url)
    with service.client() as client:
        watched = Watched(service, client, BIG)
        async with watched.socket() as other, raw(watched) as stalled:
            await receive(other, 2)
            await receive(stalled, 2)
            for _ in range(10):
                await asyncio.to_thread(watched.tell, 50)
            await receive(other, 501)  # the first tell brings the best one too
            before, n_bytes, full_at = watched.rss(), 0, None
            while full_at is None or time.monotonic() - full_at < 13:
                n_told = 50 if full_at is None else 1
                await asyncio.to_thread(watched.tell, n_told)
                n_bytes += sum(len(json.dumps(one)) for one in await receive(other, n_told))
                # By now the kernel's buffers between the two are certainly full.
                if full_at is None and n_bytes > 10 * MIB:
                    full_at = time.monotonic()
            assert watched.rss() - before < 5 * MIB
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await receive(stalled, 10**6)
            # The farewell stands behind what was not read; where the kernel gave up first, there is none.
            assert closed.value.rcvd is None or closed.value.rcvd.code == CLOSE_TOO_SLOW
        wait_until(lambda: watched.n_connections() <= 1)


WATCHER = """
import asyncio, sys
from websockets.asyncio.client import connect
async def main():
    async with connect(sys.argv[1], additional_headers={"Authorization": sys.argv[2]}, ping_interval=None) as stream:
        async for _ in stream:
            print("seen", flush=True)
asyncio.run(main())
"""


def test_promise_18_peer_that_answers_no_ping_is_dropped(start_service, database_url):
    pings = {"AUTOTUNE_PING_S": "0.5", "AUTOTUNE_SILENT_S": "1.5", "AUTOTUNE_SOCKETS_PER_USER": "1"}
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url, **pings)
    with service.client() as client:
        watched = Watched(service, client)
        command = [sys.executable, "-c", WATCHER, watched.url, watched.headers["Authorization"]]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as watcher:
            watcher.stdout.readline()
            n_connections = watched.n_connections()
            time.sleep(3)  # twice as long as a silent peer is kept: this one answers
            assert watched.n_connections() == n_connections
            os.kill(watcher.pid, signal.SIGSTOP)
            wait_until(lambda: watched.n_connections() < n_connections, 10)
            with subprocess.Popen(command, stdout=subprocess.PIPE) as other:  # in the place of the one that was dropped
                assert other.stdout.readline()
                other.kill()
            os.kill(watcher.pid, signal.SIGKILL)


def frame(opcode, payload, *, fin=True, compressed=False):
    """A masked frame; the mask is 0, so that the payload is what it is."""
    first = (0x80 if fin else 0) | (0x40 if compressed else 0) | opcode
    length = bytes([0xFF]) + len(payload).to_bytes(8, "big")
    return bytes([first]) + length + bytes(4) + payload


async def pour(stream, parts, within_s=20):
    """Send until the service ends the connection; give how much it took."""
    n_bytes, transport = 0, stream.transport
    with_deadline = time.monotonic() + within_s
    for part in parts:
        if transport.is_closing() or time.monotonic() > with_deadline:
            break
        transport.write(part)
        n_bytes += len(part)
        for _ in range(2000):
            if transport.get_write_buffer_size() < MIB or transport.is_closing():
                break
            await asyncio.sleep(0.01)
    return n_bytes


async def test_promise_19_flood_of_fragments_is_closed_and_costs_little(watched):
    async with watched.socket(compression=None) as stream:
        await receive(stream, 2)
        before = watched.rss()
        fragment = frame(0, b"x" * MIB, fin=False)
        await pour(stream, [frame(1, b"x" * MIB, fin=False), *[fragment] * 200])
        assert watched.rss() - before < 20 * MIB
        await asyncio.wait_for(stream.wait_closed(), 20)
    assert watched.client.get("/health/ready").status_code == 200


async def test_promise_19_message_that_inflates_is_closed_and_costs_little(watched):
    packer = zlib.compressobj(wbits=-15)
    bomb = packer.compress(b"0" * (200 * MIB)) + packer.flush(zlib.Z_SYNC_FLUSH)
    assert len(bomb) < MIB
    async with watched.socket() as stream:
        await receive(stream, 2)
        before = watched.rss()
        stream.transport.write(frame(1, bomb, compressed=True))
        await asyncio.wait_for(stream.wait_closed(), 20)
        assert watched.rss() - before < 20 * MIB


async def test_promise_19_flood_of_messages_is_closed_and_costs_little(watched):
    async with watched.socket(compression=None) as stream:
        await receive(stream, 2)
        before = watched.rss()
        await pour(stream, [frame(1, b'{"op":"ask","id":1}')] * 20_000)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await receive(stream, 10**6)
        assert closed.value.rcvd is None or closed.value.rcvd.code == CLOSE_TOO_MUCH
        assert watched.rss() - before < 20 * MIB


async def test_user_has_so_many_sockets_and_no_more(start_service, database_url):
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url, AUTOTUNE_SOCKETS_PER_USER="2")
    with service.client() as client:
        watched = Watched(service, client)
        async with watched.socket() as first, watched.socket() as second:
            await receive(first, 2)
            await receive(second, 2)
            with pytest.raises(websockets.InvalidStatus) as refused:
                await watched.socket().__aenter__()
            assert refused.value.response.status_code == 429
            assert json.loads(refused.value.response.body)["code"] == "too_many"
            assert int(refused.value.response.headers["Retry-After"]) > 0
            await first.close()
            await asyncio.sleep(0)
            for _ in range(50):
                try:
                    async with watched.socket() as again:
                        assert await receive(again, 2)
                        break
                except websockets.InvalidStatus:
                    await asyncio.sleep(0.1)  # the service has not noticed yet that the first one left
            else:
                raise AssertionError("the slot of a closed socket was not freed")
