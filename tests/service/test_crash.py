"""Nothing acknowledged is lost, whatever ends the service."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError

import httpx2
import psutil
import pytest
import websockets.sync.client

from processes import is_gone, wait_until
from support import GUESS, SPACE
from watching import Watcher


def ask_and_tell(client, exp_uuid, response):
    """One round; gives the observation's uuid once it is acknowledged, None where the service went away."""
    try:
        suggestion = client.get(f"/experiment/ask/{exp_uuid}").json()["suggestions"][0]
        body = {"covars": suggestion["covars"], "response": response}
        reply = client.post(f"/experiment/tell/{exp_uuid}", json=body)
        assert reply.status_code == 202
        return reply.json()["observations"][0]["observation_uuid"]
    except httpx2.TransportError:
        return None


def test_killed_service_keeps_every_acknowledged_observation_and_the_stream_resumes(start_service):
    service = start_service()
    with service.client() as client:
        headers = {"Authorization": client.headers["Authorization"]}
        body = {"name": "crash", "covars": SPACE, "seed": 1}
        exp_uuid = client.post("/experiment/new", json=body).json()["exp_uuid"]
        watcher = Watcher(service, exp_uuid, headers["Authorization"])
        acknowledged = []
        for round_ in range(3):
            killer = threading.Timer(0.15 * (round_ + 1), service.kill)
            killer.start()
            while killer.is_alive() or psutil.pid_exists(service.pid):
                acknowledged.append(ask_and_tell(client, exp_uuid, float(len(acknowledged))))
                if acknowledged[-1] is None:
                    break
            killer.join()
            service.start()
        for _ in range(3):
            acknowledged.append(ask_and_tell(client, exp_uuid, float(len(acknowledged))))
        acknowledged = [uuid for uuid in acknowledged if uuid is not None]
        history = client.get(f"/experiment/{exp_uuid}/history?limit=1000").json()["observations"]
        stored = [one["observation_uuid"] for one in history]
        assert set(acknowledged) <= set(stored)
        # At most the one tell that each kill cut off was stored without having been acknowledged.
        assert len(stored) <= len(acknowledged) + 3
        last_seq = client.get(f"/experiment/{exp_uuid}").json()["last_seq"]
        wait_until(lambda: watcher.events and watcher.events[-1].seq >= last_seq)
        watcher.stop()
    assert [event.seq for event in watcher.events] == list(range(1, len(watcher.events) + 1))
    told = [event.data["observation_uuid"] for event in watcher.events if event.type == "observation_added"]
    assert told == stored


def test_tell_is_stored_when_the_service_is_killed_right_after_its_answer(start_service):
    service = start_service("--no-worker")
    for n in range(5):
        with service.client() as client:
            if n == 0:
                body = {"name": "crash", "covars": SPACE, "seed": 1}
                exp_uuid = client.post("/experiment/new", json=body).json()["exp_uuid"]
            reply = client.post(f"/experiment/tell/{exp_uuid}", json={"covars": GUESS, "response": float(n)})
            service.kill()
            assert reply.status_code == 202
        service.start()
    with service.client() as client:
        history = client.get(f"/experiment/{exp_uuid}/history").json()["observations"]
    assert [one["response"] for one in history] == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_stopped_service_exits_in_order_and_stops_its_postgres(start_service, tmp_path):
    service = start_service()
    postmaster = int((tmp_path / "data" / "postgres" / "postmaster.pid").read_text().split()[0])
    assert psutil.pid_exists(postmaster)
    assert service.stop() == 0
    wait_until(lambda: is_gone(postmaster))


def test_killed_service_does_not_keep_postgres_alive_for_ever(start_service, tmp_path):
    service = start_service("--no-worker")
    service.kill()
    service.start()
    postmaster = int((tmp_path / "data" / "postgres" / "postmaster.pid").read_text().split()[0])
    service.stop()
    wait_until(lambda: is_gone(postmaster))


def test_promise_20_stopped_service_closes_its_sockets_and_leaves_no_trace_of_trouble(start_service, database_url):
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url)
    with service.client() as client:
        exp_uuid = client.post("/experiment/new", json={"name": "stop", "covars": SPACE}).json()["exp_uuid"]
        url = f"{service.url.replace('http', 'ws')}/experiment/stream/{exp_uuid}?after=1"
        headers = {"Authorization": client.headers["Authorization"]}
        with websockets.sync.client.connect(url, additional_headers=headers) as watching:
            watching.recv()
            assert service.stop() == 0
            with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
                watching.recv()
    assert closed.value.rcvd.code == 1012
    assert "Traceback" not in service.log()


def test_promise_20_stopped_service_waits_for_no_peer_that_takes_nothing(start_service, database_url):
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url)
    with service.client() as client:
        exp_uuid = client.post("/experiment/new", json={"name": "stop", "covars": SPACE}).json()["exp_uuid"]
        many = [{"covars": GUESS, "response": float(n)} for n in range(1000)]
        for _ in range(12):  # more than the buffers between the two hold
            client.post(f"/experiment/tell/{exp_uuid}", json={"observations": many}).raise_for_status()
        path, token = f"/experiment/stream/{exp_uuid}?after=0", client.headers["Authorization"]
        host, _, port = service.url.removeprefix("http://").partition(":")
        head = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {token}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        with socket.socket() as stalled:
            stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            stalled.connect((host, int(port)))
            stalled.sendall(head.encode())
            assert stalled.recv(12) == b"HTTP/1.1 101"
            time.sleep(1)  # until all buffers are full
            at = time.monotonic()
            assert service.stop() == 0
            assert time.monotonic() - at < 10
    assert "Traceback" not in service.log()


def test_stopped_service_tells_whoever_waits_to_come_back(start_service, database_url):
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url)
    with service.client() as client, ThreadPoolExecutor() as threads:
        body = {"name": "stop", "covars": SPACE, "seed": 1}
        exp_uuid = client.post("/experiment/new", json=body).json()["exp_uuid"]
        client.post(f"/experiment/tell/{exp_uuid}", json={"covars": GUESS, "response": 1.0})
        asking = threads.submit(client.get, f"/experiment/ask/{exp_uuid}")  # nobody computes it
        with pytest.raises(FutureTimeoutError):
            asking.result(timeout=1)
        assert service.stop() == 0
        reply = asking.result()
    assert reply.status_code == 503
    assert int(reply.headers["Retry-After"]) > 0
    assert "Traceback" not in service.log()
