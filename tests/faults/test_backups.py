"""A backup that is restored elsewhere is the same service, with another log."""

import asyncio
import json

import websockets.sync.client
from rounds import history, make

from autotune_service.store.embedded import EmbeddedPostgres
from autotune_wire.frames import EPOCH_HEADER
from processes import run_autotune, wait_until
from raw_database import epoch_of

RUNS = [
    {"covars": {"v1": n % 6, "color": color, "weight": 20.0 * n}, "response": float(n * (7 - n))}
    for n, color in enumerate(["red", "green", "blue", "red", "green", "blue", "red", "green"])
]
LATER = {"covars": {"v1": 3, "color": "red", "weight": 150.0}, "response": 20.0}


async def test_promise_29_restored_backup_goes_on_as_the_original_would(start_service, tmp_path):
    old, new, file = tmp_path / "old", tmp_path / "new", tmp_path / "one.backup"
    service = start_service(data=old)
    with service.client() as client:
        exp_uuid = make(client)
        assert client.post(f"/experiment/tell/{exp_uuid}", json={"observations": RUNS}).status_code == 202
        before = state_of(client, exp_uuid)
    made = run_autotune("backup", str(file), "--data", str(old))
    assert made.returncode == 0, made.stderr
    restored = run_autotune("restore", str(file), "--data", str(new))
    assert restored.returncode == 0, restored.stderr
    other = start_service(data=new)
    with service.client() as client, other.client() as other_client:
        assert state_of(other_client, exp_uuid) == before
        assert after_one_more(other_client, exp_uuid) == after_one_more(client, exp_uuid)
        with watching(service, client, f"/{exp_uuid}?after=1") as socket:
            epoch = socket.response.headers[EPOCH_HEADER]
        with watching(other, other_client, f"/{exp_uuid}?after=1&epoch={epoch}") as socket:
            assert event_of(socket)["type"] == "reset"
    assert await epoch_in(old) != await epoch_in(new)


def test_promise_15_watchers_resume_or_are_reset(start_service, database_url, tmp_path):
    """By epoch and seq: what was missed of the same log, and of another log the experiment as it stands there."""
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url)
    with service.client() as client:
        exp_uuid = make(client)
        tell(client, exp_uuid, RUNS[0])
        with watching(service, client, f"/{exp_uuid}?after=2") as socket:
            epoch = socket.response.headers[EPOCH_HEADER]
            assert event_of(socket)["type"] == "observation_added"
        tell(client, exp_uuid, RUNS[1])
        last_seq = client.get(f"/experiment/{exp_uuid}").json()["last_seq"]
    service.kill()
    service.start()
    with service.client() as client, watching(service, client, f"/{exp_uuid}?after=3&epoch={epoch}") as socket:
        assert [event_of(socket)["seq"] for _ in range(last_seq - 3)] == list(range(4, last_seq + 1))

    file = str(tmp_path / "one.backup")
    assert run_autotune("backup", file, AUTOTUNE_DATABASE_URL=database_url).returncode == 0
    with service.client() as client:
        for run in RUNS[2:]:
            tell(client, exp_uuid, run)
        seen = client.get(f"/experiment/{exp_uuid}").json()["last_seq"]
    service.stop()
    restored = run_autotune("restore", file, "--replace", "--yes", AUTOTUNE_DATABASE_URL=database_url)
    assert restored.returncode == 0, restored.stderr
    service.start()
    with (
        service.client() as client,
        watching(service, client, f"/{exp_uuid}?after={seen}&epoch={epoch}") as one,
        watching(service, client, "") as every,
    ):
        assert json.loads(every.recv(timeout=10)) == {"positions": {exp_uuid: last_seq}}
        every.send(json.dumps({"op": "resume", "id": 1, "positions": {exp_uuid: seen}, "epoch": epoch}))
        for reset in (event_of(one), event_of(every)):
            assert (reset["type"], reset["seq"]) == ("reset", last_seq)
            assert reset["data"]["epoch"] != epoch
            assert reset["data"]["experiment"]["n_observations"] == 2
        tell(client, exp_uuid, LATER)
        assert [event_of(socket)["seq"] for socket in (one, every)] == [last_seq + 1] * 2


def tell(client, exp_uuid, run):
    assert client.post(f"/experiment/tell/{exp_uuid}", json=run).status_code == 202


def watching(service, client, place):
    url = f"{service.url.replace('http', 'ws')}/experiment/stream{place}"
    headers = {"Authorization": client.headers["Authorization"]}
    return websockets.sync.client.connect(url, additional_headers=headers)


def event_of(socket):
    """The next event; answers to frames come in between."""
    while True:
        frame = json.loads(socket.recv(timeout=20))
        if "seq" in frame:
            return frame


def state_of(client, exp_uuid):
    """What a user sees: the experiment, all that was told, and what to try next."""
    asked = asked_of(client, exp_uuid)
    return client.get(f"/experiment/{exp_uuid}").json(), history(client, exp_uuid), asked


def after_one_more(client, exp_uuid):
    assert client.post(f"/experiment/tell/{exp_uuid}", json=LATER).status_code == 202
    asked = asked_of(client, exp_uuid)
    assert asked["source"] == "model"
    return {name: asked[name] for name in ("covars", "mean", "sd", "reason", "seed", "data_rev")}


def asked_of(client, exp_uuid):
    def ask():
        reply = client.get(f"/experiment/ask/{exp_uuid}")
        return reply.json()["suggestions"][0] if reply.status_code == 200 else None

    return wait_until(ask, 120)


async def epoch_in(data):
    postgres = EmbeddedPostgres(data / "postgres", shares=True)
    url = await asyncio.to_thread(postgres.start)
    try:
        return await epoch_of(url)
    finally:
        await asyncio.to_thread(postgres.stop)
